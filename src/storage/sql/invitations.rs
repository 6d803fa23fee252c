//! Invitations.

use super::{
    accounts,
    db::{Db, Row, corrupt},
};
use crate::{
    model::{InvitationId, UnixMillis, User, UserName},
    storage::{Invitation, NewAccount, NewInvitation, StoreError, TokenHash, role_from_text},
};

pub(super) fn create(db: Db<'_>, invitation: &NewInvitation) -> Result<InvitationId, StoreError> {
    let id = db.insert(
        "INSERT INTO invitation (token_hash, role, uses_left, expires_at, created_by, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        (
            invitation.token_hash,
            invitation.role.as_str(),
            invitation.uses,
            invitation.expires_at,
            invitation.created_by.map(|user| user.0),
            invitation.at,
        ),
    )?;
    Ok(InvitationId(id))
}

/// Invitations that can still be used, oldest first.
pub(super) fn usable(db: Db<'_>, now: UnixMillis) -> Result<Vec<Invitation>, StoreError> {
    db.all(
        "SELECT invitation.id, invitation.role, invitation.uses_left, invitation.expires_at, account.name \
         FROM invitation LEFT JOIN account ON account.id = invitation.created_by \
         WHERE invitation.uses_left > 0 AND invitation.expires_at > $1 ORDER BY invitation.id",
        [now],
        read,
    )
}

pub(super) fn find(db: Db<'_>, token_hash: TokenHash, now: UnixMillis) -> Result<Option<Invitation>, StoreError> {
    db.one(
        "SELECT invitation.id, invitation.role, invitation.uses_left, invitation.expires_at, account.name \
         FROM invitation LEFT JOIN account ON account.id = invitation.created_by \
         WHERE invitation.token_hash = $1 AND invitation.uses_left > 0 AND invitation.expires_at > $2",
        (token_hash, now),
        read,
    )
}

pub(super) fn revoke(db: Db<'_>, id: InvitationId) -> Result<bool, StoreError> {
    Ok(db.run("DELETE FROM invitation WHERE id = $1", [id.0])? > 0)
}

/// Spends one use and makes the account; the transaction makes it both or neither.
pub(super) fn accept(db: Db<'_>, token_hash: TokenHash, account: &NewAccount) -> Result<User, StoreError> {
    let invitation = find(db, token_hash, account.at)?.ok_or(StoreError::InvitationSpent)?;
    db.run("UPDATE invitation SET uses_left = uses_left - 1 WHERE id = $1", [invitation.id.0])?;
    accounts::create(db, account, invitation.role)
}

fn read(row: &Row<'_>) -> Result<Invitation, StoreError> {
    let created_by = row.get::<Option<String>>(4)?;
    Ok(Invitation {
        id: InvitationId(row.get(0)?),
        role: role_from_text(row.text(1)?)?,
        uses_left: row.get(2)?,
        expires_at: row.get(3)?,
        created_by: created_by.map(|name| UserName::parse(&name)).transpose().map_err(corrupt)?,
    })
}
