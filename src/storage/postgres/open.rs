//! Reaching the database, bringing its schema up to date, and what a first start puts into it.

use super::{
    client::{Client, NoConnection},
    connection::{LOCK, Link, Purpose, TRY_SHARE},
};
use crate::{
    model::Epoch,
    settings::{self, Database},
    storage::{
        StoreError, migrations,
        sql::{self, Connection, Db, SqlStore},
    },
};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// How long between two attempts to reach it at the start.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

pub(super) fn open(
    database: &Database,
    settings: &settings::Storage,
    patience: Duration,
) -> Result<SqlStore, StoreError> {
    let mut client = reach(database, patience)?;
    client.be_patient();
    check_encoding(&client)?;
    lock(&client, TRY_SHARE, patience)?;
    migrate(&client, migrations::POSTGRES)?;
    let epoch = first_start(&client)?;
    drop(client);
    let database = Arc::new(database.clone());
    let link = |purpose| -> Result<Box<dyn Connection>, StoreError> {
        let client = Client::connect(&database).map_err(|error| StoreError::Unavailable(error.why))?;
        Ok(Box::new(Link::new(database.clone(), purpose, client)?))
    };
    let readers = (0..settings.readers.max(1)).map(|_| link(Purpose::Read)).collect::<Result<_, _>>()?;
    SqlStore::new(epoch, link(Purpose::Write(settings.synchronous))?, readers)
}

/// Waits for a database that is away, starting perhaps, but not for one that refuses us.
pub(super) fn reach(database: &Database, patience: Duration) -> Result<Client, StoreError> {
    let deadline = Instant::now() + patience;
    let mut told = false;
    loop {
        match Client::connect(database) {
            Ok(client) => return Ok(client),
            Err(NoConnection { why, for_good }) if for_good || Instant::now() >= deadline => {
                return Err(StoreError::Unavailable(why));
            }
            Err(NoConnection { why, .. }) if !told => {
                told = true;
                tracing::warn!(error = why, "the database is away; trying for {} s", patience.as_secs());
            }
            Err(_) => {}
        }
        thread::sleep(RETRY_PAUSE);
    }
}

/// Waits for a lock that somebody else has: a program that was killed is soon found dead.
pub(super) fn lock(client: &Client, sql: &'static str, patience: Duration) -> Result<(), StoreError> {
    let deadline = Instant::now() + patience;
    // No answer: there is no schema, which is found out when its version is asked for.
    while Db::Postgres(client).one(sql, (), |row| row.get::<Option<bool>>(0))?.flatten() == Some(false) {
        if Instant::now() >= deadline {
            return Err(StoreError::InUse);
        }
        thread::sleep(RETRY_PAUSE);
    }
    Ok(())
}

/// What people write has every character there is.
pub(super) fn check_encoding(client: &Client) -> Result<(), StoreError> {
    let db = Db::Postgres(client);
    let encoding = db.one("SELECT current_setting('server_encoding')", (), |row| row.get::<String>(0))?;
    match encoding.as_deref() {
        Some("UTF8") => Ok(()),
        other => Err(StoreError::Unavailable(format!(
            "the database's encoding is {}: make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
            other.unwrap_or("unknown")
        ))),
    }
}

/// Refuses a schema that a newer program made; brings ours up to date, each step in a transaction of its own. Several
/// servers may do so at once.
pub(super) fn migrate(client: &Client, migrations: &[&str]) -> Result<(), StoreError> {
    while in_transaction(client, |db| {
        let found = version(db)?;
        migrations::check_known(found, migrations)?;
        let Some(text) = migrations.get(found as usize) else { return Ok(false) };
        client.script(text)?;
        db.run("DELETE FROM schema_version", ())?;
        db.run("INSERT INTO schema_version (version) VALUES ($1)", [found + 1])?;
        Ok(true)
    })? {}
    Ok(())
}

/// The number of the schema that is there; 0: none.
pub(super) fn version(db: Db<'_>) -> Result<u32, StoreError> {
    let schema = db.one("SELECT current_schema()::text", (), |row| row.get::<Option<String>>(0))?.flatten();
    if schema.is_none() {
        let why = "the schema that `search_path` names does not exist: CREATE SCHEMA makes it".to_owned();
        return Err(StoreError::Unavailable(why));
    }
    let there =
        "SELECT 1 FROM pg_class WHERE relname = 'schema_version' AND relnamespace = current_schema()::regnamespace";
    if !db.any(there, ())? {
        return Ok(0);
    }
    Ok(db.one("SELECT version FROM schema_version", (), |row| row.get(0))?.unwrap_or(0))
}

/// The store's identity; a store without one gets it, and the room everyone is in.
fn first_start(client: &Client) -> Result<Epoch, StoreError> {
    in_transaction(client, sql::first_start)
}

/// Under the lock that all who write take.
fn in_transaction<T>(client: &Client, work: impl FnOnce(Db<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
    client.script(&format!("BEGIN; {LOCK}"))?;
    let done = work(Db::Postgres(client)).and_then(|answer| client.commit().map(|()| answer));
    if done.is_err() {
        let _ = client.script("ROLLBACK"); // the connection is given up in any case
    }
    done
}
