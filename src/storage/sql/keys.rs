//! API keys.

use super::{
    db::{Db, Row, corrupt},
    sessions::count_revocation,
};
use crate::{
    model::{ApiKey, KeyId, KeyName, UnixMillis},
    storage::{NewKey, StoreError, TokenHash},
};

pub(super) fn create(db: Db<'_>, key: NewKey) -> Result<ApiKey, StoreError> {
    if db.any("SELECT 1 FROM api_key WHERE name_key = $1", [key.name.key()])? {
        return Err(StoreError::NameTaken);
    }
    let NewKey { name, token_hash, hint, scopes, expires_at, at } = key;
    let stored = scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let id = db.insert(
        "INSERT INTO api_key (name, name_key, token_hash, hint, scopes, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        (name.as_str(), name.key(), token_hash, &hint, stored, at, expires_at),
    )?;
    Ok(ApiKey { id: KeyId(id), name, hint, scopes, created_at: at, last_used: None, expires_at })
}

pub(super) fn find(db: Db<'_>, token_hash: TokenHash, now: UnixMillis) -> Result<Option<ApiKey>, StoreError> {
    db.one(
        "SELECT id, name, hint, scopes, created_at, last_used, expires_at FROM api_key \
         WHERE token_hash = $1 AND (expires_at IS NULL OR expires_at > $2)",
        (token_hash, now),
        read,
    )
}

/// All keys, by name.
pub(super) fn list(db: Db<'_>) -> Result<Vec<ApiKey>, StoreError> {
    db.all("SELECT id, name, hint, scopes, created_at, last_used, expires_at FROM api_key ORDER BY name_key", (), read)
}

/// Notes a use; one that was revoked meanwhile stays gone.
pub(super) fn touch(db: Db<'_>, key: KeyId, now: UnixMillis) -> Result<(), StoreError> {
    let sql = "UPDATE api_key SET last_used = $1 WHERE id = $2 AND (last_used IS NULL OR last_used < $1)";
    db.run(sql, (now, key.0)).map(drop)
}

pub(super) fn revoke(db: Db<'_>, key: KeyId) -> Result<bool, StoreError> {
    let revoked = db.run("DELETE FROM api_key WHERE id = $1", [key.0])? > 0;
    if revoked {
        count_revocation(db)?;
    }
    Ok(revoked)
}

/// Which of `keys` are still good.
pub(super) fn live(db: Db<'_>, mut keys: Vec<KeyId>, now: UnixMillis) -> Result<Vec<KeyId>, StoreError> {
    let good = keys.iter().map(|key| is_live(db, *key, now)).collect::<Result<Vec<_>, _>>()?;
    let mut good = good.into_iter();
    keys.retain(|_| good.next() == Some(true));
    Ok(keys)
}

pub(super) fn is_live(db: Db<'_>, key: KeyId, now: UnixMillis) -> Result<bool, StoreError> {
    db.any("SELECT 1 FROM api_key WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)", (key.0, now))
}

fn read(row: &Row<'_>) -> Result<ApiKey, StoreError> {
    let scopes = row.text(3)?;
    Ok(ApiKey {
        id: KeyId(row.get(0)?),
        name: KeyName::parse(row.text(1)?).map_err(corrupt)?,
        hint: row.get(2)?,
        scopes: scopes.split_whitespace().map(str::parse).collect::<Result<_, _>>().map_err(corrupt)?,
        created_at: row.get(4)?,
        last_used: row.get(5)?,
        expires_at: row.get(6)?,
    })
}
