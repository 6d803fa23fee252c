//! What a new store begins with.

use super::db::Db;
use crate::{
    model::{Epoch, GENERAL},
    storage::{StoreError, now},
};

/// The row of `meta` that says so, while a copy into the store is unfinished.
pub(in crate::storage) const UNFINISHED: &str = "unfinished_copy";

/// From what the store is copied, unless it is whole.
pub(in crate::storage) fn unfinished_from(db: Db<'_>) -> Result<Option<String>, StoreError> {
    db.one("SELECT value FROM meta WHERE name = $1", [UNFINISHED], |row| row.get(0))
}

/// The store's identity; a store without one gets it, and the room everyone is in. The caller's transaction keeps others
/// from doing so at the same time.
///
/// # Errors
/// [`StoreError::UnfinishedCopy`] besides the engine's.
pub(in crate::storage) fn first_start(db: Db<'_>) -> Result<Epoch, StoreError> {
    if unfinished_from(db)?.is_some() {
        return Err(StoreError::UnfinishedCopy);
    }
    if let Some(epoch) = epoch(db)? {
        return Ok(epoch);
    }
    let epoch = format!("{:016x}", rand::random::<u64>());
    db.run("INSERT INTO meta (name, value) VALUES ('epoch', $1), ('revocations', '0')", [&epoch])?;
    let topic = db.insert("INSERT INTO topic (name) VALUES ($1)", [format!("room.{GENERAL}")])?;
    let room = "INSERT INTO room (name, title, public, topic_id, created_at) VALUES ($1, 'General', 1, $2, $3)";
    db.run(room, (GENERAL, topic, now()))?;
    Ok(Epoch::new(&epoch))
}

/// The store's identity, if it has one.
pub(in crate::storage) fn epoch(db: Db<'_>) -> Result<Option<Epoch>, StoreError> {
    db.one("SELECT value FROM meta WHERE name = 'epoch'", (), |row| Ok(Epoch::new(row.text(0)?)))
}
