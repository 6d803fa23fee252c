//! Numbered schema changes, applied in order, each in its own transaction; forward only.

use super::StoreError;

/// SQLite's: the file `NNNN_*.sql` takes a store from schema `NNNN - 1` to `NNNN`.
pub(super) const SQLITE: &[&str] = &[
    include_str!("migrations/sqlite/0001_start.sql"),
    include_str!("migrations/sqlite/0002_channels.sql"),
    include_str!("migrations/sqlite/0003_feed.sql"),
    include_str!("migrations/sqlite/0004_documents.sql"),
];

/// PostgreSQL's: the same numbers, for the same tables.
pub(super) const POSTGRES: &[&str] = &[
    include_str!("migrations/postgres/0001_start.sql"),
    include_str!("migrations/postgres/0002_channels.sql"),
    include_str!("migrations/postgres/0003_feed.sql"),
    include_str!("migrations/postgres/0004_documents.sql"),
];

/// Refuses what a newer program made: it has more `migrations` than we know.
pub(super) fn check_known(found: u32, migrations: &[&str]) -> Result<(), StoreError> {
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    if found > known { Err(StoreError::NewerSchema { found, known }) } else { Ok(()) }
}
