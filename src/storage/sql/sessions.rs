//! Sessions and the devices that signed in before.

use super::{
    accounts,
    db::{Db, corrupt},
};
use crate::{
    model::{SessionId, UnixMillis, UserId},
    storage::{NewSession, Session, SessionLimits, StoreError, SweepLimits, TokenHash},
};

/// How stale `last_seen` may become, in milliseconds: a note per request would be a write each.
const SEEN_EVERY_MS: i64 = 60_000;

pub(super) fn create(db: Db<'_>, session: &NewSession) -> Result<SessionId, StoreError> {
    let id = db.insert(
        "INSERT INTO session (account_id, token_hash, created_at, last_seen) VALUES ($1, $2, $3, $3)",
        (session.user.0, session.token_hash, session.at),
    )?;
    Ok(SessionId(id))
}

/// A session and what it is judged by.
pub(super) struct Found {
    pub(super) session: Session,
    created_at: UnixMillis,
    pub(super) last_seen: UnixMillis,
}

impl Found {
    pub(super) fn is_good(&self, now: UnixMillis, limits: SessionLimits) -> bool {
        let (age, idle) = (now.saturating_sub(self.created_at), now.saturating_sub(self.last_seen));
        age < limits.absolute_ms && idle < limits.idle_ms
    }

    /// Whether its use is to be noted.
    pub(super) fn is_stale(&self, now: UnixMillis) -> bool {
        now.saturating_sub(self.last_seen) >= SEEN_EVERY_MS
    }
}

/// The session with this token, good or not, if its account is.
pub(super) fn find(db: Db<'_>, token_hash: TokenHash) -> Result<Option<Found>, StoreError> {
    db.one(
        "SELECT session.id, session.created_at, session.last_seen, account.id, account.name, account.role \
         FROM session JOIN account ON account.id = session.account_id \
         WHERE session.token_hash = $1 AND account.disabled = 0",
        [token_hash],
        |row| {
            let session = Session { id: SessionId(row.get(0)?), user: accounts::user(row, 3)? };
            Ok(Found { session, created_at: row.get(1)?, last_seen: row.get(2)? })
        },
    )
}

/// Notes when sessions were used; those that have ended meanwhile stay ended.
pub(super) fn mark_seen(db: Db<'_>, seen: &[(SessionId, UnixMillis)]) -> Result<(), StoreError> {
    let sql = "UPDATE session SET last_seen = $1 WHERE id = $2 AND last_seen < $1";
    seen.iter().try_for_each(|(session, at)| db.run(sql, (*at, session.0)).map(drop))
}

pub(super) fn end(db: Db<'_>, session: SessionId) -> Result<(), StoreError> {
    match db.run("DELETE FROM session WHERE id = $1", [session.0])? {
        0 => Ok(()),
        _ => count_revocation(db),
    }
}

/// Ends every session of an account.
pub(super) fn end_all(db: Db<'_>, user: UserId) -> Result<(), StoreError> {
    db.run("DELETE FROM session WHERE account_id = $1", [user.0])?;
    count_revocation(db)
}

/// Marks `connected` as seen and deletes what has expired.
pub(super) fn sweep(
    db: Db<'_>,
    connected: &[SessionId],
    now: UnixMillis,
    limits: SweepLimits,
) -> Result<(), StoreError> {
    let connected: Vec<_> = connected.iter().map(|session| (*session, now)).collect();
    mark_seen(db, &connected)?;
    let SessionLimits { idle_ms, absolute_ms } = limits.sessions;
    let expired = "DELETE FROM session WHERE last_seen <= $1 OR created_at <= $2";
    if db.run(expired, (now.saturating_sub(idle_ms), now.saturating_sub(absolute_ms)))? > 0 {
        count_revocation(db)?;
    }
    db.run("DELETE FROM device WHERE last_seen <= $1", [now.saturating_sub(limits.device_ms)])?;
    db.run("DELETE FROM publish_receipt WHERE created_at <= $1", [now.saturating_sub(limits.receipt_ms)])?;
    db.run("DELETE FROM invitation WHERE expires_at <= $1 OR uses_left = 0", [now]).map(drop)
}

pub(super) fn count_revocation(db: Db<'_>) -> Result<(), StoreError> {
    db.run("UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'revocations'", ())?;
    Ok(())
}

pub(super) fn revocations(db: Db<'_>) -> Result<i64, StoreError> {
    let sql = "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'revocations'";
    db.one(sql, (), |row| row.get(0))?.ok_or_else(|| corrupt("there is no count of revocations"))
}

/// Which of `sessions` are still good.
pub(super) fn live(db: Db<'_>, mut sessions: Vec<SessionId>) -> Result<Vec<SessionId>, StoreError> {
    let sql = "SELECT 1 FROM session JOIN account ON account.id = session.account_id \
               WHERE session.id = $1 AND account.disabled = 0";
    let good = sessions.iter().map(|session| db.any(sql, [session.0])).collect::<Result<Vec<_>, _>>()?;
    let mut good = good.into_iter();
    sessions.retain(|_| good.next() == Some(true));
    Ok(sessions)
}

pub(super) fn remember_device(
    db: Db<'_>,
    user: UserId,
    token_hash: TokenHash,
    now: UnixMillis,
) -> Result<(), StoreError> {
    db.run(
        "INSERT INTO device (account_id, token_hash, last_seen) VALUES ($1, $2, $3) \
         ON CONFLICT (account_id, token_hash) DO UPDATE SET last_seen = excluded.last_seen",
        (user.0, token_hash, now),
    )
    .map(drop)
}

pub(super) fn knows_device(db: Db<'_>, user: UserId, token_hash: TokenHash) -> Result<bool, StoreError> {
    db.any("SELECT 1 FROM device WHERE account_id = $1 AND token_hash = $2", (user.0, token_hash))
}
