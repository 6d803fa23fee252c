//! The one thread that writes. Jobs are done in the order they came, and those that wait
//! together share a transaction: its fsync costs more than they do.

use super::{connection::Connection, db::Db, seen::Seen, sessions};
use crate::{
    model::{SessionId, UnixMillis},
    storage::StoreError,
};
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
pub(in crate::storage) struct Writer {
    orders: mpsc::Sender<Order>,
    /// Closed when the writer is.
    places: Arc<Semaphore>,
    seen: Arc<Seen>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Box<dyn Connection>) -> Result<Self, StoreError> {
        let (orders, waiting) = mpsc::channel();
        let seen = Arc::new(Seen::default());
        let pen = Pen { connection, seen: seen.clone(), note_at: None };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || pen.work(waiting));
        let thread = thread.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { orders, places: Arc::new(Semaphore::new(QUEUE)), seen, thread: Mutex::new(Some(thread)) })
    }

    /// Does `work` in a durable transaction, perhaps with others' work; an error undoes it alone.
    ///
    /// # Cancel safety
    /// Once queued it is done, whether or not anybody waits for the answer.
    pub(in crate::storage) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(Db<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue(work, Sharing::Shared).await
    }

    /// As [`Self::run`], in a transaction of its own: for what changes many rows.
    pub(in crate::storage) async fn run_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(Db<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue(work, Sharing::Alone).await
    }

    async fn queue<T: Send + 'static>(
        &self,
        work: impl FnOnce(Db<'_>) -> Result<T, StoreError> + Send + 'static,
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
    pub(in crate::storage) fn seen(&self) -> &Arc<Seen> {
        &self.seen
    }

    pub(super) fn is_closed(&self) -> bool {
        self.places.is_closed()
    }

    /// Jobs queued or under way.
    #[cfg(test)]
    pub(in crate::storage) fn waiting(&self) -> usize {
        QUEUE - self.places.available_permits()
    }

    /// Finishes what waits, tidies up and ends the thread.
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
    fn work(&mut self, db: Db<'_>) -> Result<(), StoreError>;
    /// Tells whoever waits, now that the transaction has ended so.
    fn answer(self: Box<Self>, ended: Result<(), StoreError>);
}

struct Task<T, W> {
    work: Option<W>,
    done: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, W: FnOnce(Db<'_>) -> Result<T, StoreError> + Send> Job for Task<T, W> {
    fn work(&mut self, db: Db<'_>) -> Result<(), StoreError> {
        let bug = || StoreError::Unavailable("a bug ended the write; nothing was stored".into());
        let Some(work) = self.work.take() else { return Err(bug()) };
        // A panic is one job's.
        let done = catch_unwind(AssertUnwindSafe(|| work(db))).unwrap_or_else(|_| Err(bug()));
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
    connection: Box<dyn Connection>,
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
            self.connection.tidy_up();
        };
        drop(orders);
        while self.store_seen() {}
        match closing {
            Some(_) => self.connection.close(),
            None => drop(self.connection),
        }
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
        let ended = self.in_transaction(|connection| match &mut jobs[..] {
            [job] => job.work(connection.db()), // its error undoes the whole
            jobs => jobs.iter_mut().try_for_each(|job| in_savepoint(connection, &mut **job)),
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
        let stored = self.in_transaction(|connection| sessions::mark_seen(connection.db(), &some));
        let more = stored.is_ok() && !self.seen.forget(&some);
        if more {
            self.note_at = Some(Instant::now());
        } else if stored.is_err() {
            // A full disk signs nobody out: what was seen stays in memory and counts from there.
            self.note_at = Some(Instant::now() + SEEN_DELAY);
        }
        more
    }

    fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&dyn Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connection.begin()?;
        let done = work(&*self.connection).and_then(|answer| self.connection.commit().map(|()| answer));
        if let Err(error) = &done {
            self.connection.roll_back(Some(error));
        }
        done
    }
}

/// Does one job of several; its own error undoes it alone. What is returned is everybody's.
fn in_savepoint(connection: &dyn Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    connection.savepoint()?;
    if let Err(error) = job.work(connection.db()) {
        // After a failed write the engine itself may have rolled back everything; a lost sync concerns everyone.
        if !connection.is_open() || matches!(error, StoreError::InDoubt(_)) {
            return Err(error);
        }
        connection.back_to_savepoint()?;
    }
    connection.release_savepoint()
}
