//! The one thread that writes. Jobs are done in the order they came, a transaction each.

use super::sql::Failure;
use crate::storage::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
};
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait; the journal sends one batch at a time, so these are account changes.
const QUEUE: usize = 256;

enum Job {
    Work(Box<dyn FnOnce(&mut Pen) + Send>),
    Close(oneshot::Sender<()>),
}

/// The handle. Dropping it lets the thread finish what waits and end by itself.
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(db: Connection) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let thread =
            thread::Builder::new().name("store-writer".into()).spawn(move || Pen { db, broken: None }.work(waiting));
        let thread = thread.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { jobs, thread: Mutex::new(Some(thread)) })
    }

    /// Does `work` in one durable transaction; an error rolls it back.
    ///
    /// # Cancel safety
    /// Once queued it is done, whether or not anybody waits for the answer.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Work(Box::new(move |pen| {
            // Nobody waits any more: the work is done all the same.
            let _ = answer.send(pen.transact(work));
        }));
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or_else(|_| match self.jobs.is_closed() {
            true => Err(StoreError::Closed),
            false => Err(StoreError::Unavailable("a bug ended the write; nothing was stored".into())),
        })
    }

    /// Finishes what waits, moves the WAL into the database and ends the thread.
    pub(super) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.jobs.send(Job::Close(answer)).await.is_ok() {
            let _ = answered.await; // an error says the same: the thread has ended
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join(); // its last act was the answer, so this does not block
        }
    }
}

/// What the thread holds.
struct Pen {
    db: Connection,
    /// Why nothing can be written until a restart.
    broken: Option<String>,
}

impl Pen {
    fn work(mut self, mut waiting: mpsc::Receiver<Job>) {
        let mut closing = None;
        while let Some(job) = waiting.blocking_recv() {
            match job {
                // A panic is one job's: its transaction rolled back as the stack unwound.
                Job::Work(work) => drop(catch_unwind(AssertUnwindSafe(|| work(&mut self)))),
                Job::Close(answer) => {
                    closing = Some(answer);
                    break;
                }
            }
        }
        drop(waiting);
        if closing.is_some() && self.broken.is_none() {
            // Only for tidiness: what the WAL holds is durable, and the next start reads it.
            let _ = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        drop(self.db);
        if let Some(answer) = closing {
            let _ = answer.send(());
        }
    }

    fn transact<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, StoreError> {
        if let Some(why) = &self.broken {
            return Err(StoreError::Unavailable(format!("{why}; restart the server")));
        }
        let done = self.try_transact(work);
        if let Err(failure) = &done {
            if failure.is_lost_sync() {
                self.broken = Some("the disk failed to confirm a write".into());
            }
            // The guard's own rollback can fail on a sick disk; an open transaction would refuse every later one.
            if !self.db.is_autocommit() {
                let _ = self.db.execute_batch("ROLLBACK");
            }
        }
        Ok(done?)
    }

    fn try_transact<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = work(&tx)?;
        tx.commit()?;
        Ok(answer)
    }
}
