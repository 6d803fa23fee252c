//! Who sends a request that a member or a back end may send.

use super::{ApiError, bearer, client_address::client_address, session_cookie};
use crate::{
    auth::{Door, Keys},
    events::Author,
    model::ApiKey,
    settings::Settings,
};
use axum::http::request::Parts;

/// Who sends it: the key that is presented counts before the session, and must be one that `opens` what is asked for.
///
/// # Errors
/// Those of a session or of a key; `forbidden` for a key that opens something else.
pub(super) async fn author(
    parts: &Parts,
    keys: &Keys,
    door: &Door,
    settings: &Settings,
    opens: impl Fn(&ApiKey) -> bool,
) -> Result<Author, ApiError> {
    bearer::refuse_in_url(&parts.uri)?;
    let address = client_address(&parts.extensions, &parts.headers, settings)?;
    let (key, session) = (bearer::key(&parts.headers), session_cookie::session(&parts.headers));
    if let (None, Some(session)) = (&key, session) {
        return Ok(Author::Member(door.session(Some(&session)).await?.user));
    }
    let key = keys.authenticate(key.as_ref(), address).await?;
    if opens(&key) { Ok(Author::Key(key)) } else { Err(keys.forbidden(address).into()) }
}
