//! A few connections that read beside the one that writes.

use super::sql::Failure;
use crate::storage::StoreError;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
};

/// As many permits as connections: who has one finds a connection.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    count: u32,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let count = connections.len();
        Self {
            idle: Arc::new(Mutex::new(connections)),
            permits: Arc::new(Semaphore::new(count)),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }
    }

    /// Does `work` on one snapshot of the store, off the async threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let mut reader = Reader::take(&self.idle, permit)?;
        let read = task::spawn_blocking(move || reader.read(work));
        // It panicked, or the runtime is going down.
        read.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }

    /// Waits for reads under way; later ones fail.
    pub(super) async fn close(&self) {
        let all = self.permits.acquire_many(self.count).await;
        self.permits.close();
        drop(all);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A connection on loan; it goes home when dropped, after a panic too.
struct Reader {
    db: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    /// Given back last, so that whoever gets it finds the connection.
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    fn take(idle: &Arc<Mutex<Vec<Connection>>>, permit: OwnedSemaphorePermit) -> Result<Self, StoreError> {
        let db = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Self { db: Some(db.ok_or(StoreError::Closed)?), idle: idle.clone(), _permit: permit })
    }

    fn read<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, StoreError> {
        let db = self.db.as_mut().ok_or(StoreError::Closed)?;
        let snapshot = db.transaction().map_err(Failure::from)?;
        let answer = work(&snapshot)?;
        snapshot.finish().map_err(Failure::from)?; // rolls back: there is nothing to commit
        Ok(answer)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(db) = self.db.take() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        }
    }
}
