//! A few connections that read beside the one that writes.

use super::{connection::Connection, db::Db};
use crate::storage::StoreError;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
};

type Idle = Arc<Mutex<Vec<Box<dyn Connection>>>>;

/// As many permits as connections: who has one finds a connection.
pub(in crate::storage) struct Readers {
    idle: Idle,
    permits: Arc<Semaphore>,
    count: u32,
}

impl Readers {
    pub(super) fn new(connections: Vec<Box<dyn Connection>>) -> Self {
        let count = connections.len();
        Self {
            idle: Arc::new(Mutex::new(connections)),
            permits: Arc::new(Semaphore::new(count)),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }
    }

    /// Does `work` on one snapshot of the store, off the async threads.
    pub(in crate::storage) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(Db<'_>) -> Result<T, StoreError> + Send + 'static,
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
    connection: Option<Box<dyn Connection>>,
    idle: Idle,
    /// Given back last, so that whoever gets it finds the connection.
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    fn take(idle: &Idle, permit: OwnedSemaphorePermit) -> Result<Self, StoreError> {
        let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Self { connection: Some(connection.ok_or(StoreError::Closed)?), idle: idle.clone(), _permit: permit })
    }

    fn read<T>(&mut self, work: impl FnOnce(Db<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let connection = self.connection.as_mut().ok_or(StoreError::Closed)?;
        connection.begin()?;
        let answer = work(connection.db())?;
        connection.commit()?;
        Ok(answer)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.roll_back(None); // unless the read came to its end
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}
