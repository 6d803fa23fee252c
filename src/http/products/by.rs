//! Who may read and write products: members, and back ends with the scope.

use super::ProductsState;
use crate::{
    events::Author,
    http::{ApiError, author::author},
    model::{ApiKey, Scope, UserId},
};
use axum::{extract::FromRequestParts, http::request::Parts};

/// Who sends the request: only those come this far who may.
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

impl FromRequestParts<ProductsState> for By {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ProductsState) -> Result<Self, ApiError> {
        let opens = |key: &ApiKey| key.has(&Scope::Products);
        author(parts, &state.keys, &state.door, &state.settings, opens).await.map(Self)
    }
}
