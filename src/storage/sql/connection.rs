//! What an engine gives us: connections with transactions.

use super::db::Db;
use crate::storage::StoreError;

/// A connection, held by the writer or by a reader. What was opened for reading opens snapshots.
pub(in crate::storage) trait Connection: Send {
    /// Opens a transaction, on a new connection if the last was lost. After an error none is open.
    fn begin(&mut self) -> Result<(), StoreError>;

    /// For the work inside an open transaction.
    fn db(&self) -> Db<'_>;

    /// Ends the transaction; all of it is durable now. After an error, [`Self::roll_back`] must follow.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Ends the transaction without a trace, because of `error` if there is any.
    fn roll_back(&mut self, error: Option<&StoreError>);

    /// Whether what follows can still be undone alone, by [`Self::back_to_savepoint`]: after some failures the whole
    /// transaction is gone.
    fn is_open(&self) -> bool;

    /// From here on, what is done can be undone alone.
    fn savepoint(&self) -> Result<(), StoreError> {
        self.db().run("SAVEPOINT job", ()).map(drop)
    }

    /// Undoes everything since [`Self::savepoint`], which stays.
    fn back_to_savepoint(&self) -> Result<(), StoreError> {
        self.db().run("ROLLBACK TO SAVEPOINT job", ()).map(drop)
    }

    /// What was done since [`Self::savepoint`] belongs to the transaction like the rest.
    fn release_savepoint(&self) -> Result<(), StoreError> {
        self.db().run("RELEASE SAVEPOINT job", ()).map(drop)
    }

    /// What can be done while nobody waits for an answer.
    fn tidy_up(&mut self) {}

    /// The last thing that is done.
    fn close(self: Box<Self>) {}
}
