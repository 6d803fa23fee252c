//! What SQLite's failures mean for the store.

use crate::storage::StoreError;
use rusqlite::{ErrorCode, ffi};

/// Whether the disk failed to confirm a write. The kernel may have dropped the pages it
/// could not write and call the next fsync a success, so nothing later can be trusted.
fn is_lost_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}

/// Whether another process had what was needed.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // What was to be confirmed had been written, the end of its transaction perhaps included.
            _ if is_lost_sync(&error) => Self::InDoubt(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            Some(_) => Self::Unavailable(error.to_string()),
            // The engine was content: a column holds what no column of ours may.
            None => Self::Corrupt(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> StoreError {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
    }

    #[test]
    fn only_a_failed_fsync_leaves_a_doubt() {
        assert!(matches!(failure(ffi::SQLITE_IOERR_FSYNC), StoreError::InDoubt(_)));
        assert!(matches!(failure(ffi::SQLITE_IOERR_DIR_FSYNC), StoreError::InDoubt(_)));
        assert!(matches!(failure(ffi::SQLITE_IOERR_WRITE), StoreError::Unavailable(_)));
    }

    #[test]
    fn a_full_disk_is_unavailable_and_a_bad_page_is_corrupt() {
        assert!(matches!(failure(ffi::SQLITE_FULL), StoreError::Unavailable(_)));
        assert!(matches!(failure(ffi::SQLITE_BUSY), StoreError::Unavailable(_)));
        assert!(matches!(failure(ffi::SQLITE_CORRUPT), StoreError::Corrupt(_)));
        assert!(matches!(failure(ffi::SQLITE_NOTADB), StoreError::Corrupt(_)));
    }
}
