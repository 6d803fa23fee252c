//! SQLite's transactions, and when the WAL moves into the database.

use crate::storage::{
    StoreError,
    sql::{Connection, Db},
};

/// Pages in the WAL that the database lacks before they are moved there: it costs two fsyncs, so not too often.
const CHECKPOINT_PAGES: i64 = 4_000;
/// A WAL of so many pages is moved after every transaction until it can start anew.
const MAX_WAL_PAGES: i64 = 16_000;

const LOST_SYNC: &str = "the disk failed to confirm a write";

/// The connection that writes.
pub(super) struct Writing {
    db: rusqlite::Connection,
    /// Why nothing can be written until a restart.
    broken: Option<&'static str>,
}

/// One that reads.
pub(super) struct Reading(pub(super) rusqlite::Connection);

impl Writing {
    pub(super) fn new(db: rusqlite::Connection) -> Self {
        Self { db, broken: None }
    }

    fn notice(&mut self, error: &StoreError) {
        if matches!(error, StoreError::InDoubt(_)) {
            self.broken = Some(LOST_SYNC);
        }
    }

    /// Pages in the WAL, and how many of them the database has.
    fn checkpoint(&self, how: &str) -> Result<(i64, i64), StoreError> {
        let sql = format!("PRAGMA wal_checkpoint({how})");
        Ok(self.db.query_row(&sql, [], |row| Ok((row.get(1)?, row.get(2)?)))?)
    }
}

impl Connection for Writing {
    fn begin(&mut self) -> Result<(), StoreError> {
        match self.broken {
            Some(why) => Err(StoreError::Unavailable(format!("{why}; restart the server"))),
            None => Ok(self.db.execute_batch("BEGIN IMMEDIATE")?),
        }
    }

    fn db(&self) -> Db<'_> {
        Db::Sqlite(&self.db)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        Ok(self.db.execute_batch("COMMIT")?)
    }

    fn roll_back(&mut self, error: Option<&StoreError>) {
        if let Some(error) = error {
            self.notice(error);
        }
        // A sick disk may have ended it already; one that stayed open would refuse every later one.
        if !self.db.is_autocommit() {
            let _ = self.db.execute_batch("ROLLBACK");
        }
    }

    fn is_open(&self) -> bool {
        !self.db.is_autocommit()
    }

    /// Moves the WAL into the database when it has grown. SQLite would do so within a commit, and
    /// not say when an fsync failed.
    fn tidy_up(&mut self) {
        if self.broken.is_some() {
            return;
        }
        let Ok((pages, moved)) = self.checkpoint("NOOP") else { return };
        if pages - moved < CHECKPOINT_PAGES && (pages < MAX_WAL_PAGES || pages == moved) {
            return;
        }
        // Readers and other writers go on meanwhile; what it cannot move now it will the next time.
        if let Err(error) = self.checkpoint("PASSIVE") {
            tracing::error!(%error, "the WAL was not moved into the database");
            self.notice(&error);
        }
    }

    /// Only for tidiness: what the WAL holds is durable, and the next start reads it.
    fn close(self: Box<Self>) {
        if self.broken.is_none() {
            let _ = self.checkpoint("TRUNCATE");
        }
    }
}

impl Connection for Reading {
    fn begin(&mut self) -> Result<(), StoreError> {
        Ok(self.0.execute_batch("BEGIN")?)
    }

    fn db(&self) -> Db<'_> {
        Db::Sqlite(&self.0)
    }

    /// There is nothing to commit.
    fn commit(&mut self) -> Result<(), StoreError> {
        Ok(self.0.execute_batch("ROLLBACK")?)
    }

    fn roll_back(&mut self, _error: Option<&StoreError>) {
        if self.is_open() {
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }

    fn is_open(&self) -> bool {
        !self.0.is_autocommit()
    }
}
