//! The database file: making, connecting, migrating, and what a first start puts into it.

use super::failure::is_busy;
use crate::{
    model::Epoch,
    settings::{self, Synchronous},
    storage::{
        StoreError, migrations,
        sql::{self, Db, corrupt},
    },
};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long a statement waits for another process that writes.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Larger files are opened unchecked.
const MAX_CHECKED_BYTES: u64 = 1 << 30;
/// Marks the file as ours, in SQLite's header: "SWBD".
const APPLICATION_ID: u32 = 0x5357_4244;

/// Where the store is.
pub(super) fn file(dir: &Path) -> PathBuf {
    dir.join("switchboard.db")
}

/// Makes the data directory and the file, readable by nobody else, unless they are there.
pub(super) fn prepare_file(dir: &Path) -> Result<PathBuf, StoreError> {
    let path = file(dir);
    let prepare = || -> io::Result<()> {
        let (mut folder, mut file) = (fs::DirBuilder::new(), fs::OpenOptions::new());
        #[cfg(unix)]
        {
            use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
            folder.mode(0o700);
            file.mode(0o600); // SQLite gives its -wal and -shm files the same mode
        }
        folder.recursive(true).create(dir)?;
        file.create(true).append(true).open(&path).map(drop)
    };
    prepare().map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))?;
    Ok(path)
}

/// The connection that writes.
pub(super) fn connect_writer(path: &Path, settings: &settings::Storage) -> Result<Connection, StoreError> {
    let db = connect(path)?;
    let synchronous = match settings.synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    prepare_to_write(&db, synchronous)?;
    Ok(db)
}

/// What every connection that writes begins with.
pub(super) fn prepare_to_write(db: &Connection, synchronous: &str) -> Result<(), StoreError> {
    use_wal(db)?;
    db.pragma_update(None, "synchronous", synchronous)?;
    db.pragma_update(None, "cache_size", -16_000)?; // KiB
    db.pragma_update(None, "wal_autocheckpoint", 0)?; // the writer sees to it, when nobody waits for an answer
    db.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?; // a burst's WAL shrinks again
    Ok(())
}

/// One that reads.
pub(super) fn connect_reader(path: &Path) -> Result<Connection, StoreError> {
    let db = connect(path)?;
    db.pragma_update(None, "cache_size", -8_000)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    // A connection is used by one thread at a time, so it needs no lock of its own.
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY_WAIT)?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.set_prepared_statement_cache_capacity(64);
    // Plans must not depend on bound values: otherwise every new bound of a range parses its statement again.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(db)
}

/// The change to WAL takes a lock that the busy timeout does not wait for.
fn use_wal(db: &Connection) -> Result<(), StoreError> {
    let deadline = Instant::now() + BUSY_WAIT;
    loop {
        let mode = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(StoreError::Unavailable(format!("journal mode {mode}: this disk has no WAL")));
            }
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Refuses a damaged file. A large one is not looked at: nobody wants to wait minutes for a server.
pub(super) fn check_whole(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes > MAX_CHECKED_BYTES {
        tracing::info!(store.bytes = bytes, "the store is over 1 GiB, so it is opened without looking for damage");
        return Ok(());
    }
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(corrupt(verdict)) }
}

/// Refuses somebody else's file and one that a newer program wrote; brings ours up to date.
/// Several processes may do so at once.
pub(super) fn migrate(db: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    // Asked inside a transaction: another process may migrate between two statements.
    while pending(&*db.transaction()?, migrations)?.is_some() {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Asked again under the lock: the other process may have been faster.
        let Some((version, text)) = pending(&tx, migrations)? else { continue };
        tx.execute_batch(text)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
    }
    Ok(())
}

/// The next schema's number and text.
fn pending<'m>(db: &Connection, migrations: &[&'m str]) -> Result<Option<(u32, &'m str)>, StoreError> {
    let found = version(db)?;
    migrations::check_known(found, migrations)?;
    Ok(migrations.get(found as usize).map(|text| (found + 1, *text)))
}

/// The number of the schema that is there; 0: none. Refuses somebody else's file.
pub(super) fn version(db: &Connection) -> Result<u32, StoreError> {
    let (found, owner): (u32, u32) = db.query_row(
        "SELECT user_version, application_id FROM pragma_user_version, pragma_application_id",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let ours = match found {
        0 => !Db::Sqlite(db).any("SELECT 1 FROM sqlite_schema", ())?,
        _ => owner == APPLICATION_ID,
    };
    if !ours {
        return Err(corrupt("it is another program's database"));
    }
    Ok(found)
}

/// The store's identity; a store without one gets it, and the room everyone is in.
pub(super) fn first_start(db: &mut Connection) -> Result<Epoch, StoreError> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let epoch = sql::first_start(Db::Sqlite(&tx))?;
    tx.commit()?;
    Ok(epoch)
}
