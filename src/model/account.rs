//! Accounts and what they may do.

use super::{UserId, UserName};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// What an account may do; each role may do all that the ones below it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Talks.
    Member,
    /// Invites members.
    Admin,
    /// Invites admins; the first account is one.
    Owner,
}

impl Role {
    /// The role as it is stored, sent and typed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "member" => Ok(Self::Member),
            "admin" => Ok(Self::Admin),
            "owner" => Ok(Self::Owner),
            _ => Err(format!("`{text}` is not a role: owner, admin or member")),
        }
    }
}

/// Who somebody is, as every client may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Stable for ever.
    #[schema(value_type = i64)]
    pub id: UserId,
    /// The handle; fixed.
    #[schema(value_type = String)]
    pub name: UserName,
    /// What they may do.
    pub role: Role,
}

/// A user with what the door and the operator need to know. Never sent to a client.
#[derive(Debug, Clone)]
pub struct Account {
    /// The public part.
    pub user: User,
    /// Argon2id in PHC string form.
    pub password_hash: String,
    /// A disabled account cannot sign in and has no sockets.
    pub disabled: bool,
    /// When it was made.
    pub created_at: super::UnixMillis,
}
