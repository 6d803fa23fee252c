//! Who may read and write products: members, and back ends with the scope.

use super::ProductsState;
use crate::{
    events::Author,
    http::{ApiError, bearer, client_address::client_address, session_cookie},
    model::{Scope, UserId},
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

    /// The key that is presented counts before the session.
    async fn from_request_parts(parts: &mut Parts, state: &ProductsState) -> Result<Self, ApiError> {
        bearer::refuse_in_url(&parts.uri)?;
        let address = client_address(&parts.extensions, &parts.headers, &state.settings)?;
        let (key, session) = (bearer::key(&parts.headers), session_cookie::session(&parts.headers));
        if let (None, Some(session)) = (&key, session) {
            return Ok(Self(Author::Member(state.door.session(Some(&session)).await?.user)));
        }
        let key = state.keys.authenticate(key.as_ref(), address).await?;
        if key.has(&Scope::Products) { Ok(Self(Author::Key(key))) } else { Err(state.keys.forbidden(address).into()) }
    }
}
