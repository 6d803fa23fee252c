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

/// Whether trying again later cannot help: the user, the password or the database is wrong.
pub(super) fn is_for_good(error: &Error) -> bool {
    let code = |db: &DbError| db.code().code().starts_with("28") || *db.code() == SqlState::INVALID_CATALOG_NAME;
    error.as_db_error().is_some_and(code)
}
