//! Running statements: cached, bound in the order `$1`, `$2` …, failures sorted.

use crate::storage::StoreError;
use rusqlite::{CachedStatement, Connection, ErrorCode, Params, Row, ffi};

/// What stops a transaction: the engine, or our own reading of what it said.
#[derive(Debug)]
pub(super) enum Failure {
    Sql(rusqlite::Error),
    Store(StoreError),
}

impl Failure {
    /// Whether the disk failed to confirm a write. The kernel may have dropped the pages it
    /// could not write and call the next fsync a success, so nothing later can be trusted.
    fn is_lost_sync(error: &rusqlite::Error) -> bool {
        let code = error.sqlite_error().map(|error| error.extended_code);
        matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
    }

    pub(super) fn is_busy(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let error = match failure {
            Failure::Store(error) => return error,
            Failure::Sql(error) => error,
        };
        match error.sqlite_error_code() {
            // What was to be confirmed had been written, the end of its transaction perhaps included.
            _ if Failure::is_lost_sync(&error) => Self::InDoubt(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            Some(_) => Self::Unavailable(error.to_string()),
            // The engine was content: a column holds what no column of ours may.
            None => Self::Corrupt(error.to_string()),
        }
    }
}

/// For what a column holds and no constructor accepts.
pub(super) fn corrupt(error: impl std::fmt::Display) -> Failure {
    Failure::Store(StoreError::Corrupt(error.to_string()))
}

/// Statements are written for PostgreSQL too, hence `$n`.
pub(super) trait Sql {
    /// Prepares, or finds the prepared one. Parameters must first appear in the order of
    /// their numbers: SQLite takes `$n` for a name and counts appearances.
    fn statement(&self, sql: &str) -> Result<CachedStatement<'_>, Failure>;

    /// How many rows changed.
    fn run(&self, sql: &str, params: impl Params) -> Result<usize, Failure> {
        Ok(self.statement(sql)?.execute(params)?)
    }

    /// The id of the inserted row.
    fn insert(&self, sql: &str, params: impl Params) -> Result<i64, Failure> {
        Ok(self.statement(sql)?.insert(params)?)
    }

    /// The first row, if there is any.
    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(read).transpose()
    }

    /// Every row.
    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        self.statement(sql)?.query_and_then(params, read)?.collect()
    }

    /// Rows up to `limit` and until `size` of them comes to more than `max_bytes`, the first
    /// in any case; and whether there are more.
    fn page<T>(
        &self,
        sql: &str,
        params: impl Params,
        (limit, max_bytes): (u32, usize),
        size: impl Fn(&T) -> usize,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<(Vec<T>, bool), Failure> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params)?;
        let (mut page, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            if page.len() >= limit as usize {
                return Ok((page, true));
            }
            let item = read(row)?;
            bytes += size(&item);
            if bytes > max_bytes && !page.is_empty() {
                return Ok((page, true));
            }
            page.push(item);
        }
        Ok((page, false))
    }

    /// Whether there is a row.
    fn any(&self, sql: &str, params: impl Params) -> Result<bool, Failure> {
        Ok(self.statement(sql)?.exists(params)?)
    }
}

impl Sql for Connection {
    fn statement(&self, sql: &str) -> Result<CachedStatement<'_>, Failure> {
        let statement = self.prepare_cached(sql)?;
        debug_assert!(
            (1..=statement.parameter_count()).all(|n| statement.parameter_name(n) == Some(&format!("${n}"))),
            "parameters out of order in {sql}"
        );
        Ok(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> Failure {
        Failure::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn only_a_failed_fsync_leaves_a_doubt() {
        assert!(matches!(failure(ffi::SQLITE_IOERR_FSYNC).into(), StoreError::InDoubt(_)));
        assert!(matches!(failure(ffi::SQLITE_IOERR_DIR_FSYNC).into(), StoreError::InDoubt(_)));
        assert!(matches!(failure(ffi::SQLITE_IOERR_WRITE).into(), StoreError::Unavailable(_)));
    }

    #[test]
    fn a_full_disk_is_unavailable_and_a_bad_page_is_corrupt() {
        assert!(matches!(failure(ffi::SQLITE_FULL).into(), StoreError::Unavailable(_)));
        assert!(matches!(failure(ffi::SQLITE_BUSY).into(), StoreError::Unavailable(_)));
        assert!(matches!(failure(ffi::SQLITE_CORRUPT).into(), StoreError::Corrupt(_)));
        assert!(matches!(failure(ffi::SQLITE_NOTADB).into(), StoreError::Corrupt(_)));
    }
}
