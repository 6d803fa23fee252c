//! The file for one process alone: for a copy into it or out of it.
//!
//! SQLite in exclusive mode: whoever has the file open, a server that has nothing to do included, keeps us out, and we
//! keep everybody out until the connection is gone, however it goes.

use super::{
    connection::{Reading, Writing},
    failure, open,
};
use crate::storage::{Alone, StoreError, migrations, sql::Db};
use rusqlite::Connection;
use std::path::Path;

/// Opens the store in `dir` to read it; makes nothing. `None`: there is none.
pub(in crate::storage) fn to_read(dir: &Path) -> Result<Option<Alone>, StoreError> {
    let path = open::file(dir);
    if !path.try_exists().map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))? {
        return Ok(None);
    }
    let db = take(&path)?;
    db.pragma_update(None, "query_only", true)?;
    let schema = open::version(&db)?;
    Ok(Some(Alone { connection: Box::new(Reading(db)), schema }))
}

/// Opens the store in `dir` to write it; where there is none, makes one with tables and nothing in them.
pub(in crate::storage) fn to_write(dir: &Path) -> Result<Alone, StoreError> {
    let mut db = take(&open::prepare_file(dir)?)?;
    let found = open::version(&db)?;
    migrations::check_known(found, migrations::SQLITE)?;
    open::prepare_to_write(&db, "FULL")?;
    // Whatever holds something has a row there.
    if found == 0 || !Db::Sqlite(&db).any("SELECT 1 FROM meta", ())? {
        open::migrate(&mut db, migrations::SQLITE)?;
    }
    let schema = open::version(&db)?;
    Ok(Alone { connection: Box::new(Writing::new(db)), schema })
}

/// Asked for before the first look at the file, the lock is had with it.
fn take(path: &Path) -> Result<Connection, StoreError> {
    let db = open::connect(path)?;
    db.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    match db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)) {
        Ok(_) => Ok(db),
        Err(error) if failure::is_busy(&error) => Err(StoreError::InUse),
        Err(error) => Err(error.into()),
    }
}
