//! SQLite, embedded: a file in the data directory.
//!
//! Several processes may have the same store open; SQLite's locks keep their writes apart.

pub(super) mod alone;
mod connection;
mod failure;
mod open;
pub(super) mod statement;
#[cfg(test)]
pub(super) mod tests;

use super::{
    Check, StoreError, migrations,
    sql::{Connection, SqlStore, corrupt},
};
use crate::settings;
use connection::{Reading, Writing};
use std::path::Path;

/// Opens `switchboard.db` in the data directory `dir`, making what is missing. It blocks,
/// with [`Check::Whole`] for about a second per 200 MB.
///
/// # Errors
/// [`StoreError::Corrupt`] when the file is damaged or no store of ours,
/// [`StoreError::NewerSchema`], [`StoreError::UnfinishedCopy`], [`StoreError::Unavailable`] when it cannot be opened.
pub fn open(dir: &Path, settings: &settings::Storage, check: Check) -> Result<SqlStore, StoreError> {
    let path = open::prepare_file(dir)?;
    let mut db = open::connect_writer(&path, settings)?;
    if check == Check::Whole {
        open::check_whole(&db, &path)?;
    }
    open::migrate(&mut db, migrations::SQLITE)?;
    let epoch = open::first_start(&mut db)?;
    let reader = || Ok(Box::new(Reading(open::connect_reader(&path)?)) as Box<dyn Connection>);
    let readers = (0..settings.readers.max(1)).map(|_| reader()).collect::<Result<_, StoreError>>()?;
    SqlStore::new(epoch, Box::new(Writing::new(db)), readers)
}
