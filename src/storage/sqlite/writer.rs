//! The one thread that writes. Jobs are done in the order they came, and those that wait
//! together share a transaction: its fsync costs more than they do.

use super::{
    seen::Seen,
    sessions,
    sql::{Failure, Sql},
};
use crate::{
    model::{SessionId, UnixMillis},
    storage::StoreError,
};
use rusqlite::{Connection, TransactionBehavior};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Jobs that may wait; the journal sends one batch at a time, so these are account changes.
const QUEUE: usize = 256;
/// Jobs in one transaction: few enough that a batch of the journal does not wait long behind them.
const MAX_GROUP: usize = 64;
/// How long it may take until a used session is noted in the store, and how many are at once.
const SEEN_DELAY: Duration = Duration::from_secs(2);
const MAX_SEEN: usize = 500;

/// Pages in the WAL that the database lacks before they are moved there: it costs two fsyncs, so not too often.
const CHECKPOINT_PAGES: i64 = 4_000;
/// A WAL of so many pages is moved after every transaction until it can start anew.
const MAX_WAL_PAGES: i64 = 16_000;

const LOST_SYNC: &str = "the disk failed to confirm a write";

enum Order {
    Do {
        job: Box<dyn Job>,
        sharing: Sharing,
        /// In the queue.
        _place: OwnedSemaphorePermit,
    },
    /// A session was used: note it before long.
    Note,
    Close(oneshot::Sender<()>),
}

/// Whether a job may share its transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// With other such jobs, each in a savepoint of its own.
    Shared,
    /// For what changes many rows: a savepoint would keep a copy of each page.
    Alone,
}

/// The handle. Dropping it lets the thread finish what waits and end by itself.
pub(super) struct Writer {
    orders: mpsc::Sender<Order>,
    /// Closed when the writer is.
    places: Arc<Semaphore>,
    seen: Arc<Seen>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(db: Connection) -> Result<Self, StoreError> {
        let (orders, waiting) = mpsc::channel();
        let seen = Arc::new(Seen::default());
        let pen = Pen { db, broken: None, seen: seen.clone(), note_at: None };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || pen.work(waiting));
        let thread = thread.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { orders, places: Arc::new(Semaphore::new(QUEUE)), seen, thread: Mutex::new(Some(thread)) })
    }

    /// Does `work` in a durable transaction, perhaps with others' work; an error undoes it alone.
    ///
    /// # Cancel safety
    /// Once queued it is done, whether or not anybody waits for the answer.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue(work, Sharing::Shared).await
    }

    /// As [`Self::run`], in a transaction of its own: for what changes many rows.
    pub(super) async fn run_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue(work, Sharing::Alone).await
    }

    async fn queue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
        sharing: Sharing,
    ) -> Result<T, StoreError> {
        let place = self.places.clone().acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        let job = Task { work: Some(work), done: None, answer };
        self.orders.send(Order::Do { job: Box::new(job), sharing, _place: place }).map_err(|_| StoreError::Closed)?;
        // Without an answer: it was queued while the writer closed.
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Notes a session's use, in memory at first: nobody waits for it.
    pub(super) fn note_seen(&self, session: SessionId, now: UnixMillis) {
        if self.seen.note(session, now) {
            let _ = self.orders.send(Order::Note); // once closed there is nobody to note it
        }
    }

    /// What was noted and perhaps not stored yet.
    pub(super) fn seen(&self) -> &Arc<Seen> {
        &self.seen
    }

    pub(super) fn is_closed(&self) -> bool {
        self.places.is_closed()
    }

    /// Jobs queued or under way.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        QUEUE - self.places.available_permits()
    }

    /// Finishes what waits, moves the WAL into the database and ends the thread.
    pub(super) async fn close(&self) {
        self.places.close();
        let (answer, answered) = oneshot::channel();
        if self.orders.send(Order::Close(answer)).is_ok() {
            let _ = answered.await; // an error says the same: the thread has ended
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join(); // its last act was the answer, so this does not block
        }
    }
}

/// Work whose answer waits until its transaction has ended.
trait Job: Send {
    /// Does the work in an open transaction; an error asks for it to be undone.
    fn work(&mut self, db: &Connection) -> Result<(), StoreError>;
    /// Tells whoever waits, now that the transaction has ended so.
    fn answer(self: Box<Self>, ended: Result<(), StoreError>);
}

struct Task<T, W> {
    work: Option<W>,
    done: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, W: FnOnce(&Connection) -> Result<T, Failure> + Send> Job for Task<T, W> {
    fn work(&mut self, db: &Connection) -> Result<(), StoreError> {
        let bug = || StoreError::Unavailable("a bug ended the write; nothing was stored".into());
        let Some(work) = self.work.take() else { return Err(bug()) };
        // A panic is one job's.
        let done = catch_unwind(AssertUnwindSafe(|| work(db))).map_or_else(|_| Err(bug()), |done| Ok(done?));
        let went = done.as_ref().map(drop).map_err(Clone::clone);
        self.done = Some(done);
        went
    }

    fn answer(self: Box<Self>, ended: Result<(), StoreError>) {
        let Self { done, answer, .. } = *self;
        if let Some(done) = ended.map_or_else(|error| Some(Err(error)), |()| done) {
            let _ = answer.send(done); // nobody waits any more: the work is done all the same
        }
    }
}

/// What the thread holds.
struct Pen {
    db: Connection,
    /// Why nothing can be written until a restart.
    broken: Option<&'static str>,
    seen: Arc<Seen>,
    /// When to store what has been seen.
    note_at: Option<Instant>,
}

impl Pen {
    fn work(mut self, orders: mpsc::Receiver<Order>) {
        let mut ahead = None; // taken from the queue, to be done next
        let closing = loop {
            let Some(order) = ahead.take().or_else(|| self.wait(&orders)) else { break None };
            match order {
                Order::Do { job, sharing: Sharing::Alone, .. } => self.transact(vec![job]),
                Order::Do { job, sharing: Sharing::Shared, .. } => {
                    let mut group = vec![job];
                    while group.len() < MAX_GROUP {
                        match orders.try_recv() {
                            Ok(Order::Do { job, sharing: Sharing::Shared, .. }) => group.push(job),
                            Ok(other) => {
                                ahead = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.transact(group);
                }
                Order::Note => {
                    self.note_at.get_or_insert_with(|| Instant::now() + SEEN_DELAY);
                }
                Order::Close(answer) => break Some(answer),
            }
            if self.note_at.is_some_and(|at| at <= Instant::now()) {
                self.store_seen();
            }
            self.checkpoint();
        };
        drop(orders);
        while self.store_seen() {}
        if closing.is_some() && self.broken.is_none() {
            // Only for tidiness: what the WAL holds is durable, and the next start reads it.
            let _ = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        drop(self.db);
        if let Some(answer) = closing {
            let _ = answer.send(());
        }
    }

    /// The next order; `None` when nobody can give one any more.
    fn wait(&mut self, orders: &mpsc::Receiver<Order>) -> Option<Order> {
        loop {
            let Some(at) = self.note_at else { return orders.recv().ok() };
            match orders.recv_timeout(at.saturating_duration_since(Instant::now())) {
                Ok(order) => return Some(order),
                Err(RecvTimeoutError::Timeout) => drop(self.store_seen()),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Does jobs in one transaction and answers them.
    fn transact(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let ended = self.in_transaction(|db| match &mut jobs[..] {
            [job] => job.work(db), // its error undoes the whole
            jobs => jobs.iter_mut().try_for_each(|job| in_savepoint(db, &mut **job)),
        });
        for job in jobs {
            job.answer(ended.clone());
        }
    }

    /// Stores some of what has been seen. `true`: there is more.
    fn store_seen(&mut self) -> bool {
        self.note_at = None;
        let some = self.seen.some(MAX_SEEN);
        if some.is_empty() {
            return false;
        }
        let stored = self.in_transaction(|db| Ok(sessions::mark_seen(db, &some)?));
        let more = stored.is_ok() && !self.seen.forget(&some);
        if more {
            self.note_at = Some(Instant::now());
        } else if stored.is_err() && self.broken.is_none() {
            // A full disk signs nobody out: what was seen stays in memory and counts from there.
            self.note_at = Some(Instant::now() + SEEN_DELAY);
        }
        more
    }

    /// Moves the WAL into the database when it has grown. SQLite would do so within a commit, and
    /// not say when an fsync failed.
    fn checkpoint(&mut self) {
        let wal = |db: &Connection, how| {
            let sql = format!("PRAGMA wal_checkpoint({how})");
            db.query_row(&sql, [], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
        };
        if self.broken.is_some() {
            return;
        }
        let Ok((pages, moved)) = wal(&self.db, "NOOP") else { return };
        if pages - moved < CHECKPOINT_PAGES && (pages < MAX_WAL_PAGES || pages == moved) {
            return;
        }
        // Readers and other writers go on meanwhile; what it cannot move now it will the next time.
        if let Err(error) = wal(&self.db, "PASSIVE") {
            let error = StoreError::from(Failure::from(error));
            tracing::error!(%error, "the WAL was not moved into the database");
            if matches!(error, StoreError::InDoubt(_)) {
                self.broken = Some(LOST_SYNC);
            }
        }
    }

    fn in_transaction<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some(why) = self.broken {
            return Err(StoreError::Unavailable(format!("{why}; restart the server")));
        }
        let done = self.try_in_transaction(work);
        if let Err(error) = &done {
            if matches!(error, StoreError::InDoubt(_)) {
                self.broken = Some(LOST_SYNC);
            }
            // The guard's own rollback can fail on a sick disk; an open transaction would refuse every later one.
            if !self.db.is_autocommit() {
                let _ = self.db.execute_batch("ROLLBACK");
            }
        }
        done
    }

    fn try_in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Failure::from)?;
        let answer = work(&tx)?;
        tx.commit().map_err(Failure::from)?;
        Ok(answer)
    }
}

/// Does one job of several; its own error undoes it alone. What is returned is everybody's.
fn in_savepoint(db: &Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    db.run("SAVEPOINT job", [])?;
    if let Err(error) = job.work(db) {
        // After a failed write SQLite itself may have rolled back everything; a lost sync concerns everyone.
        if db.is_autocommit() || matches!(error, StoreError::InDoubt(_)) {
            return Err(error);
        }
        db.run("ROLLBACK TO job", [])?;
    }
    db.run("RELEASE job", [])?;
    Ok(())
}
