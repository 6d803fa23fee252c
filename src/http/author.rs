//! Who sends a request that a member or a back end may send.

use super::{ApiError, bearer, client_address::client_address, session_cookie};
use crate::{
    auth::{Door, Keys},
    events::Author,
    model::{ApiKey, UserId},
    settings::Settings,
};
use axum::{extract::FromRequestParts, http::request::Parts};

/// What members and back ends may ask for.
pub(super) trait AskedByAuthors: Send + Sync {
    /// Judges keys.
    fn keys(&self) -> &Keys;
    /// Judges sessions.
    fn door(&self) -> &Door;
    /// Says which proxies are trusted.
    fn settings(&self) -> &Settings;
    /// Whether a key opens it; what of it, is judged later.
    fn opens(key: &ApiKey) -> bool;
}

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

impl<S: AskedByAuthors> FromRequestParts<S> for By {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        author(parts, state).await.map(Self)
    }
}

/// Who sends it: the key that is presented counts before the session, and must be one that `opens` what is asked for.
///
/// # Errors
/// Those of a session or of a key; `forbidden` for a key that opens something else.
async fn author<S: AskedByAuthors>(parts: &Parts, state: &S) -> Result<Author, ApiError> {
    bearer::refuse_in_url(&parts.uri)?;
    let address = client_address(&parts.extensions, &parts.headers, state.settings())?;
    let (key, session) = (bearer::key(&parts.headers), session_cookie::session(&parts.headers));
    if let (None, Some(session)) = (&key, session) {
        return Ok(Author::Member(state.door().session(Some(&session)).await?.user));
    }
    let key = state.keys().authenticate(key.as_ref(), address).await?;
    if S::opens(&key) { Ok(Author::Key(key)) } else { Err(state.keys().forbidden(address).into()) }
}
