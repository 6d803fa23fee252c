//! Why a handler refuses an event.

use super::Refused;
use crate::{
    protocol::{DecodeError, ErrorCode},
    storage::{Refusal, StoreError},
};
use std::sync::Arc;

/// What an event was refused with.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The payload is not what the event type takes.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// No handler is registered for it.
    #[error("there is no event type `{0}`")]
    UnknownEvent(String),
    /// It does not exist, or not for this user: one answer, so that nobody can probe for rooms.
    #[error("there is no such room, or it is not open to you")]
    NoSuchRoom,
    /// An external user asks for what needs an account.
    #[error("only members of this server may do this")]
    MembersOnly,
    /// A family's own reason.
    #[error("{message}")]
    Denied {
        /// What the client may branch on.
        code: ErrorCode,
        /// For people.
        message: String,
    },
    /// Whoever asks may read the document and nothing else.
    #[error("you may read this document, not write in it")]
    ReadOnly,
    /// Whoever asks has not made the document and does not run the server.
    #[error("only who made this document, or an admin, may do this")]
    NotTheirDocument,
    /// What the document would become is more than one may be.
    #[error("this document would be larger than one may be")]
    DocumentFull,
    /// What is stored of the document cannot be read.
    #[error("this document is damaged: the operator's log says more")]
    DocumentDamaged,
    /// Something about the request that its types cannot say.
    #[error("`{field}`: {problem}")]
    BadField {
        /// Dotted path below `payload`.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The store refused this change.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error("storage failed")]
    Store(#[from] StoreError),
    /// A commit failed, for everyone whose change was in it; the journal has logged why.
    #[error("storage failed")]
    Commit(Arc<StoreError>),
    /// The server stops; the change may be stored or not.
    #[error("the server is about to stop, try again in a moment")]
    Stopping,
    /// A handler broke its own rules.
    #[error("{0}")]
    Internal(&'static str),
}

impl HandlerError {
    /// What the client may branch on; the text beside it is for people and may change.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Decode(error) => error.code(),
            Self::UnknownEvent(_) => ErrorCode::UnknownEvent,
            Self::NoSuchRoom | Self::Refused(Refusal::NoSuchRoom) => ErrorCode::NoSuchRoom,
            Self::MembersOnly | Self::NotTheirDocument => ErrorCode::Forbidden,
            Self::ReadOnly => ErrorCode::ReadOnly,
            Self::DocumentFull => ErrorCode::DocumentFull,
            Self::DocumentDamaged => ErrorCode::DocumentDamaged,
            Self::Denied { code, .. } => *code,
            Self::BadField { .. } => ErrorCode::BadPayload,
            Self::Refused(Refusal::RoomExists) => ErrorCode::RoomExists,
            Self::Refused(Refusal::TooManyRooms) => ErrorCode::TooManyRooms,
            Self::Refused(Refusal::Conflict) => ErrorCode::Conflict,
            Self::Refused(Refusal::KeyEnded) => ErrorCode::BadKey,
            Self::Refused(Refusal::NoSuchProduct) => ErrorCode::NotFound,
            Self::Refused(Refusal::Changed) => ErrorCode::PreconditionFailed,
            Self::Refused(Refusal::RowLocked) => ErrorCode::Unavailable,
            Self::Refused(Refusal::Rejected) => ErrorCode::Conflict,
            Self::Refused(Refusal::CannotStore) => ErrorCode::StorageUnavailable,
            Self::Refused(Refusal::NoSuchDocument) => ErrorCode::NoSuchDocument,
            Self::Refused(Refusal::DocumentExists) => ErrorCode::DocumentExists,
            Self::Refused(Refusal::TooManyDocuments) => ErrorCode::TooManyDocuments,
            Self::Refused(Refusal::NoSuchVersion) => ErrorCode::NoSuchVersion,
            Self::Refused(Refusal::TooManyVersions) => ErrorCode::TooManyVersions,
            // No client asks for it.
            Self::Refused(Refusal::NotTheNextBatch) => ErrorCode::Internal,
            Self::Store(error) => store_code(error),
            Self::Commit(error) => store_code(error),
            Self::Internal(_) => ErrorCode::Internal,
            Self::Stopping => ErrorCode::Unavailable,
        }
    }

    /// What the client is told beside the code: our own troubles stay in the log.
    #[must_use]
    pub fn public_message(&self) -> String {
        match self.code() {
            ErrorCode::StorageUnavailable if self.is_in_doubt() => {
                "it may or may not be stored: send it again with the same client_id or Idempotency-Key".to_owned()
            }
            ErrorCode::StorageUnavailable => "nothing was stored, try again".to_owned(),
            ErrorCode::Internal => "something went wrong on our side".to_owned(),
            // To the byte the same from every layer, so that nobody can probe for rooms.
            ErrorCode::NoSuchRoom => Self::NoSuchRoom.to_string(),
            _ => self.to_string(),
        }
    }

    fn is_in_doubt(&self) -> bool {
        match self {
            Self::Store(error) => matches!(error, StoreError::InDoubt(_)),
            Self::Commit(error) => matches!(**error, StoreError::InDoubt(_)),
            _ => false,
        }
    }

    /// Whether nobody has logged it yet and somebody should.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Internal(_))
    }

    /// Whether the client broke the protocol, as opposed to asking for what it cannot have.
    #[must_use]
    pub fn is_bad_event(&self) -> bool {
        matches!(self, Self::Decode(_) | Self::UnknownEvent(_) | Self::BadField { .. })
    }
}

impl From<Refused> for HandlerError {
    fn from(Refused { code, message }: Refused) -> Self {
        Self::Denied { code, message }
    }
}

fn store_code(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::Unavailable(_) | StoreError::InDoubt(_) => ErrorCode::StorageUnavailable,
        StoreError::Closed => ErrorCode::Unavailable,
        _ => ErrorCode::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_in_doubt_is_not_called_unstored() {
        let doubt = StoreError::InDoubt("disk I/O error".into());
        let unstored = StoreError::Unavailable("disk full".into());
        for (error, says) in [(doubt, "may or may not be stored"), (unstored, "nothing was stored")] {
            for error in [HandlerError::Store(error.clone()), HandlerError::Commit(Arc::new(error))] {
                assert_eq!(error.code(), ErrorCode::StorageUnavailable);
                assert!(error.public_message().contains(says), "{}", error.public_message());
            }
        }
    }
}
