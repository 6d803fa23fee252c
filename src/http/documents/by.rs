//! Who may ask for documents: members, and back ends with a scope of theirs. Which ones, is judged with each.

use super::DocumentsState;
use crate::{
    events::Author,
    http::{ApiError, author::author},
    model::{ApiKey, Scope, UserId},
};
use axum::{extract::FromRequestParts, http::request::Parts};

/// Who sends the request.
pub(super) struct By(Author);

impl By {
    pub(super) fn author(&self) -> &Author {
        &self.0
    }

    /// The member, if it is one.
    pub(super) fn member(&self) -> Option<UserId> {
        self.0.member().map(|user| user.id)
    }
}

impl FromRequestParts<DocumentsState> for By {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &DocumentsState) -> Result<Self, ApiError> {
        let opens = |key: &ApiKey| key.scopes.iter().any(|scope| matches!(scope, Scope::Documents(_)));
        author(parts, &state.keys, &state.door, &state.settings, opens).await.map(Self)
    }
}
