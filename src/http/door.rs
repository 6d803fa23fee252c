//! Signing in and out, and the OTP for the next socket. See `docs/protocol.md`, sections 1 and 8.

use super::{
    ApiError, client_address::client_address, error, invitations, json_body::read_json, origin_guard,
    origin_guard::Page, session_cookie, setup,
};
use crate::{
    auth::{AuthError, Door, LoginOutcome, LoginRequest, Secret, SignedIn, Visitor},
    metrics::{Metrics, Otp},
    model::{Resume, SessionId, User},
    settings::Settings,
};
use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// Largest body of what anybody may send, in bytes; `/otp`, which takes a session, has `http.max_body_bytes`.
pub(super) const MAX_BODY_BYTES: usize = 4096;

/// What the handlers of the door share.
#[derive(Clone)]
pub struct DoorState {
    /// Who decides.
    pub door: Arc<Door>,
    /// Limits, origins, proxies.
    pub settings: Arc<Settings>,
    /// Closes the sockets of a session that has ended.
    pub on_session_end: Arc<dyn Fn(SessionId) + Send + Sync>,
    /// Tells the others that somebody new is here.
    pub on_newcomer: Arc<dyn Fn(&User) + Send + Sync>,
    /// Where logins and OTPs are counted.
    pub metrics: Arc<Metrics>,
}

/// All that belongs to the door, guarded against foreign pages and never cached.
pub fn routes(state: DoorState) -> Router {
    let settings = state.settings.clone();
    Router::new()
        .route("/login", post(login))
        .route("/logout", post(logout))
        .route("/otp", post(otp))
        .route("/setup", get(setup::needed).post(setup::setup))
        .route("/invitations", get(invitations::list).post(invitations::create))
        .route("/invitations/{id}", delete(invitations::revoke))
        .route("/invitations/check", post(invitations::check))
        .route("/invitations/accept", post(invitations::accept))
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(middleware::from_fn_with_state(settings, origin_guard::guard))
        .layer(middleware::map_response(no_store))
        .with_state(state)
}

#[derive(Deserialize)]
struct Login {
    username: Secret,
    password: Secret,
    resume: Option<Resume>,
}

async fn login(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let visitor = visitor(&request, &state)?;
    let body: Login = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let Login { username, password, resume } = body;
    let result = state.door.login(LoginRequest { username, password, resume, visitor }).await;
    state.metrics.login(LoginOutcome::from(&result).as_str());
    signed_in(&state, result)
}

#[derive(Deserialize)]
struct Nothing {}

async fn logout(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let token = session_cookie::session(request.headers());
    let Nothing {} = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let session = state.door.logout(token.as_ref()).await?;
    (state.on_session_end)(session);
    let mut response = StatusCode::NO_CONTENT.into_response();
    session_cookie::clear(response.headers_mut());
    Ok(response)
}

#[derive(Deserialize)]
struct FreshOtp {
    resume: Option<Resume>,
}

async fn otp(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let token = session_cookie::session(request.headers());
    // Only a session may send a large body.
    state.door.session(token.as_ref()).await?;
    let Page(origin) = request.extensions().get().cloned().unwrap_or_default();
    let http = &state.settings.http;
    let FreshOtp { resume } = read_json(request, http.max_body_bytes, http.body_wait).await?;
    let issued = state.door.otp(token.as_ref(), resume, origin).await?;
    Ok(admitted(&state, &issued.otp, issued.expires_in, &issued.user))
}

/// From where a request comes.
pub(super) fn visitor(request: &Request, state: &DoorState) -> Result<Visitor, ApiError> {
    let Page(origin) = request.extensions().get().cloned().unwrap_or_default();
    let address = client_address(request.extensions(), request.headers(), &state.settings)?;
    Ok(Visitor { address, device: session_cookie::device(request.headers()), origin })
}

/// The answer to whoever has just signed in, by whatever way.
pub(super) fn signed_in(state: &DoorState, result: Result<SignedIn, AuthError>) -> Result<Response, ApiError> {
    let signed_in = result?;
    let mut response = admitted(state, &signed_in.otp, signed_in.expires_in, &signed_in.user);
    let session_max = state.settings.auth.session_max;
    session_cookie::set(response.headers_mut(), &signed_in.session_token, session_max, &signed_in.device_token);
    Ok(response)
}

fn admitted(state: &DoorState, otp: &Secret, expires_in: Duration, user: &User) -> Response {
    #[derive(Serialize)]
    struct Admitted<'a> {
        otp: &'a str,
        expires_in: serde_json::Value,
        user: &'a User,
    }
    state.metrics.otp(Otp::Issued);
    // A whole number whenever it is one.
    let expires_in = match expires_in.subsec_nanos() {
        0 => expires_in.as_secs().into(),
        _ => expires_in.as_secs_f64().into(),
    };
    Json(Admitted { otp: otp.expose(), expires_in, user }).into_response()
}

pub(super) async fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
