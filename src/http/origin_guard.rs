//! Keeps foreign pages out: `Origin` must be ours, and a request with the session's cookie must come from a page of
//! ours. CORS stays off, so foreign pages cannot read answers either.

use super::{ApiError, host, session_cookie};
use crate::{auth::origin::OurOrigins, protocol::ErrorCode, settings::Settings};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// The page a request comes from, as [`guard`] has found it good; in the request's extensions.
#[derive(Debug, Clone, Default)]
pub struct Page(pub Option<String>);

/// The request's `Origin`, if it has one: ours, or one of `http.allowed_origins`.
///
/// # Errors
/// `forbidden_origin` for any other, for `null`, and for several.
pub fn check_origin(
    headers: &HeaderMap,
    authority: Option<&str>,
    settings: &Settings,
) -> Result<Option<String>, ApiError> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(None) };
    let origin = origin.to_str().ok().filter(|_| origins.next().is_none()).ok_or_else(forbidden)?;
    OurOrigins::new(settings).check(origin, authority).map_err(|_| forbidden())?;
    Ok(Some(origin.to_owned()))
}

/// The request's `Origin` when it is one of `http.allowed_origins` and not our own, as the value of a header.
#[must_use]
pub fn guest(headers: &HeaderMap, authority: Option<&str>, settings: &Settings) -> Option<HeaderValue> {
    let origin = check_origin(headers, authority, settings).ok()??;
    let is_guest = OurOrigins::new(settings).is_guest(&origin, authority);
    if is_guest { HeaderValue::from_str(&origin).ok() } else { None }
}

/// A request that carries the session's cookie and changes something must say that a page of ours sent it: by its
/// `Origin`, checked before, or by `Sec-Fetch-Site: same-origin`.
///
/// # Errors
/// `forbidden_origin`.
pub fn require_page(headers: &HeaderMap, origin: Option<&str>) -> Result<(), ApiError> {
    let same_origin = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    if origin.is_some() || same_origin || !session_cookie::is_present(headers) { Ok(()) } else { Err(forbidden()) }
}

/// Middleware for everything that reads or sets cookies. Leaves the [`Page`] in the extensions.
pub async fn guard(State(settings): State<Arc<Settings>>, mut request: Request, next: Next) -> Response {
    match check(&request, &settings) {
        Ok(origin) => {
            request.extensions_mut().insert(Page(origin));
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn check(request: &Request, settings: &Settings) -> Result<Option<String>, ApiError> {
    let headers = request.headers();
    let origin = check_origin(headers, host::authority(request.uri(), headers), settings)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        require_page(headers, origin.as_deref())?;
    }
    Ok(origin)
}

fn forbidden() -> ApiError {
    ApiError::new(ErrorCode::ForbiddenOrigin, "this page is not one of this server's")
}
