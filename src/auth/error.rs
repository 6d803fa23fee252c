//! Why the door stays shut.

use super::WeakPassword;
use crate::{model::InvalidName, storage::StoreError};
use std::time::Duration;

/// A refusal or failure of the door. None of its texts holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Unknown user, wrong password or disabled account: one answer for all.
    #[error("unknown user or wrong password")]
    BadCredentials,
    /// Failed too often.
    #[error("too many failed attempts")]
    TooManyAttempts {
        /// Until it may be tried again.
        retry_after: Duration,
    },
    /// More passwords wait to be hashed than is allowed.
    #[error("too many logins at once")]
    Busy {
        /// Until it is worth another try.
        retry_after: Duration,
    },
    /// No session, or an expired or ended one.
    #[error("there is no such session")]
    Unauthorized,
    /// No API key, or a wrong, revoked or expired one: one answer for all.
    #[error("the API key is missing, wrong, revoked or expired")]
    BadKey,
    /// The role, or the key's scopes, do not allow it.
    #[error("your role or your key does not allow this")]
    Forbidden,
    /// The setup or invitation link is wrong, expired or used up.
    #[error("this link cannot be used")]
    BadToken,
    /// Not a user name.
    #[error("a user name {0}")]
    BadName(#[from] InvalidName),
    /// Another account, or another key, has this name.
    #[error("this name is taken")]
    NameTaken,
    /// The password is not good enough.
    #[error("{0}")]
    WeakPassword(#[from] WeakPassword),
    /// A field's value is out of its range.
    #[error("`{field}`: {problem}")]
    BadField {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What was to be revoked is not there.
    #[error("there is no such invitation")]
    NoSuchInvitation,
    /// There is no key to be revoked.
    #[error("there is no such key")]
    NoSuchKey,
    /// The operating system gives no randomness; nothing weaker is used instead.
    #[error("the operating system gives no randomness: {0}")]
    NoEntropy(String),
    /// A hash could not be computed, or the settings for it are not accepted.
    #[error("a password could not be hashed: {0}")]
    Hash(String),
    /// The store's.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for AuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NameTaken => Self::NameTaken,
            StoreError::AlreadySetUp | StoreError::InvitationSpent => Self::BadToken,
            other @ (StoreError::Unavailable(_)
            | StoreError::InDoubt(_)
            | StoreError::Corrupt(_)
            | StoreError::NewerSchema { .. }
            | StoreError::UnfinishedCopy
            | StoreError::InUse
            | StoreError::Closed) => Self::Store(other),
        }
    }
}
