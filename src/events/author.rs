//! Who asks for a change over HTTP.

use crate::model::{ApiKey, KeyId, User};

/// Who asks for a change; whoever makes one has checked the key or the session.
#[derive(Debug, Clone)]
pub enum Author {
    /// A back end.
    Key(ApiKey),
    /// Somebody with an account.
    Member(User),
}

impl Author {
    /// Whose idempotency keys are whose.
    pub(crate) fn issuer(&self) -> String {
        match self {
            Self::Key(key) => format!("key {}", key.id),
            Self::Member(user) => format!("user {}", user.id),
        }
    }

    /// The key, which must still be good when the change is committed.
    pub(crate) fn key(&self) -> Option<KeyId> {
        match self {
            Self::Key(key) => Some(key.id),
            Self::Member(_) => None,
        }
    }

    /// The member, if it is one.
    #[must_use]
    pub fn member(&self) -> Option<&User> {
        match self {
            Self::Key(_) => None,
            Self::Member(user) => Some(user),
        }
    }
}
