//! What PostgreSQL's failures mean for the store.

use crate::storage::StoreError;
use tokio_postgres::{
    Error,
    error::{DbError, Severity, SqlState},
};

/// For people; without the values that the database's details may hold.
#[must_use]
pub fn text(error: &Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => error.to_string(),
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.as_db_error() {
            Some(db) if [&SqlState::DATA_CORRUPTED, &SqlState::INDEX_CORRUPTED].contains(&db.code()) => {
                Self::Corrupt(text(&error))
            }
            _ => Self::Unavailable(text(&error)),
        }
    }
}

/// Whether the database has ended the connection, or will.
#[must_use]
pub fn ends_connection(error: &Error) -> bool {
    match error.as_db_error() {
        Some(db) => matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic)),
        None => true,
    }
}

/// What a failed COMMIT means: the database may say that it did not commit, but when it is gone, nobody knows.
pub(super) fn of_commit(error: Error) -> StoreError {
    if ends_connection(&error) { StoreError::InDoubt(text(&error)) } else { error.into() }
}

/// Why a piece of work was undone alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::storage) enum Undone {
    /// Somebody else has locked what it needs.
    Locked,
    /// The database does not take these values: a constraint or a trigger is against them.
    Rejected,
    /// The database cannot.
    Failed,
}

impl Undone {
    pub(super) fn by(error: &Error) -> Self {
        let Some(db) = error.as_db_error() else { return Self::Failed };
        // The classes "data exception", "integrity constraint violation", "triggered data change violation", "WITH CHECK
        // OPTION violation" and "PL/pgSQL error" (PostgreSQL's documentation, appendix A).
        match db.code().code().get(..2) {
            _ if *db.code() == SqlState::LOCK_NOT_AVAILABLE => Self::Locked,
            Some("22" | "23" | "27" | "44" | "P0") => Self::Rejected,
            _ => Self::Failed,
        }
    }
}

/// Whether trying again later cannot help: the user, the password or the database is wrong.
pub(super) fn is_for_good(error: &Error) -> bool {
    let code = |db: &DbError| db.code().code().starts_with("28") || *db.code() == SqlState::INVALID_CATALOG_NAME;
    error.as_db_error().is_some_and(code)
}
