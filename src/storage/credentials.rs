//! Accounts and what lets people and back ends in.

use crate::model::{InvitationId, KeyName, Role, Scope, SessionId, UnixMillis, User, UserId, UserName};
use serde::Serialize;
use utoipa::ToSchema;

/// SHA-256 of a secret token; the token itself is never stored.
pub type TokenHash = [u8; 32];

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The handle.
    pub name: UserName,
    /// What it may do.
    pub role: Role,
    /// Argon2id in PHC string form.
    pub password_hash: String,
    /// Now.
    pub at: UnixMillis,
}

/// A session to be opened.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Whose.
    pub user: UserId,
    /// Of its token.
    pub token_hash: TokenHash,
    /// Now.
    pub at: UnixMillis,
}

/// How long sessions live, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Since it was last used.
    pub idle_ms: i64,
    /// Since it was opened.
    pub absolute_ms: i64,
}

/// How long things live that [`super::Store::sweep`] throws away.
#[derive(Debug, Clone, Copy)]
pub struct SweepLimits {
    /// Of sessions.
    pub sessions: SessionLimits,
    /// Of devices since they last signed in, in milliseconds.
    pub device_ms: i64,
    /// Of answers to requests with an idempotency key, in milliseconds.
    pub receipt_ms: i64,
}

/// A good session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: User,
}

/// An invitation to be made.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Of its token.
    pub token_hash: TokenHash,
    /// What its accounts may do.
    pub role: Role,
    /// How many accounts it may make.
    pub uses: u32,
    /// When it ends.
    pub expires_at: UnixMillis,
    /// Who made it; `None` on the command line.
    pub created_by: Option<UserId>,
    /// Now.
    pub at: UnixMillis,
}

/// An invitation that can still be used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Invitation {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: InvitationId,
    /// What its accounts may do.
    pub role: Role,
    /// How many more accounts it may make.
    pub uses_left: u32,
    /// When it ends, in milliseconds since 1970-01-01 UTC.
    #[schema(value_type = i64)]
    pub expires_at: UnixMillis,
    /// Who made it; `None` when it was made on the command line.
    #[schema(value_type = Option<String>)]
    pub created_by: Option<UserName>,
}

/// An API key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its name for people.
    pub name: KeyName,
    /// Of its secret.
    pub token_hash: TokenHash,
    /// How the secret begins.
    pub hint: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it ends; `None`: when it is revoked.
    pub expires_at: Option<UnixMillis>,
    /// Now.
    pub at: UnixMillis,
}
