//! Signing in and out, and the OTP for the next socket. See `docs/protocol.md`, sections 1, 6 and 9.

use super::{
    ApiError, bearer,
    client_address::client_address,
    external::{Voucher, Wanted, WantedDocuments, WantedUser},
    guarded::guarded,
    invitations,
    json_body::read_json,
    origin_guard::Page,
    refusals::{BODY, DOOR, PASSWORD, refusals},
    session_cookie, setup,
};
use crate::{
    auth::{AuthError, Door, Keys, LoginOutcome, LoginRequest, Secret, SignedIn, Visitor},
    documents::Documents,
    events::Topics,
    metrics::{Metrics, Otp},
    model::{DocumentAccess, Person, Resume, SessionId, User},
    protocol::ErrorCode,
    settings::Settings,
};
use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::{ToSchema, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Largest body of what anybody may send, in bytes; `/otp`, which takes a session, has `http.max_body_bytes`.
pub(super) const MAX_BODY_BYTES: usize = 4096;

/// What the handlers of the door share.
#[derive(Clone)]
pub struct DoorState {
    /// Who decides.
    pub door: Arc<Door>,
    /// Limits, origins, proxies.
    pub settings: Arc<Settings>,
    /// Judges keys, whose holders let their own users in.
    pub keys: Arc<Keys>,
    /// Judges what those may hear.
    pub topics: Arc<Topics>,
    /// Judges which documents those may have.
    pub documents: Arc<Documents>,
    /// Closes the sockets of a session that has ended.
    pub on_session_end: Arc<dyn Fn(SessionId) + Send + Sync>,
    /// Tells the others that somebody new is here.
    pub on_newcomer: Arc<dyn Fn(&User) + Send + Sync>,
    /// Where logins and OTPs are counted.
    pub metrics: Arc<Metrics>,
}

/// All that belongs to the door, guarded against foreign pages and never cached; and its description.
pub fn routes(state: DoorState) -> (Router, OpenApi) {
    let settings = state.settings.clone();
    let (routes, description) = OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(otp))
        .routes(routes!(setup::needed, setup::setup))
        .routes(routes!(invitations::list, invitations::create))
        .routes(routes!(invitations::revoke))
        .routes(routes!(invitations::check))
        .routes(routes!(invitations::accept))
        .split_for_parts();
    (guarded(routes, settings).with_state(state), description)
}

#[derive(Deserialize, ToSchema)]
#[schema(examples(json!({"username": "alice", "password": "correct horse battery staple"})))]
struct Login {
    #[schema(value_type = String)]
    username: Secret,
    #[schema(value_type = String, format = Password)]
    password: Secret,
    resume: Option<Resume>,
}

refusals!(LoginRefusals: BODY, DOOR, PASSWORD, [BadCredentials]);

/// Sign in with name and password.
#[utoipa::path(
    post,
    path = "/login",
    tag = "door",
    request_body = Login,
    responses(
        (status = 200, body = Admitted, description = "Signed in.", headers(
            ("Set-Cookie" = String, description = "`__Host-session` and `__Host-device`, one header each."),
        )),
        LoginRefusals
    ),
)]
async fn login(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let visitor = visitor(&request, &state)?;
    let body: Login = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let Login { username, password, resume } = body;
    let result = state.door.login(LoginRequest { username, password, resume, visitor }).await;
    state.metrics.login(LoginOutcome::from(&result).as_str());
    signed_in(&state, result)
}

#[derive(Deserialize, ToSchema)]
#[schema(examples(json!({})))]
struct Nothing {}

refusals!(LogoutRefusals: BODY, DOOR, [Unauthorized]);

/// Sign out.
///
/// Ends the session: its sockets close with 4001.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "door",
    security(("session" = [])),
    request_body = Nothing,
    responses(
        (status = 204, description = "Signed out.", headers(
            ("Set-Cookie" = String, description = "Clears `__Host-session`."),
        )),
        LogoutRefusals
    ),
)]
async fn logout(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let token = session_cookie::session(request.headers());
    let Nothing {} = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let session = state.door.logout(token.as_ref()).await?;
    (state.on_session_end)(session);
    let mut response = StatusCode::NO_CONTENT.into_response();
    session_cookie::clear(response.headers_mut());
    Ok(response)
}

#[derive(Deserialize, ToSchema)]
#[schema(examples(
    json!({"resume": {"epoch": "9c4f1d0ab3e24b6f", "positions": {"room.general": 3, "user.1": 0}}}),
    json!({"user": {"id": "42", "name": "Ada"}, "topics": ["channel.orders.42.status"]}),
    json!({"user": {"id": "42"}, "documents": {"app.plan": "write", "app.notice": "read"}}),
))]
struct FreshOtp {
    resume: Option<Resume>,
    /// With an API key: whom it lets in.
    user: Option<WantedUser>,
    /// With an API key: what they may hear, e.g. `channel.orders.42.status`; at most 1,024.
    topics: Option<Vec<String>>,
    /// With an API key: the documents they may open, each of a namespace and covered by a scope of the key; at most 1,024.
    #[schema(value_type = Option<HashMap<String, DocumentAccess>>)]
    documents: Option<WantedDocuments>,
}

refusals!(OtpRefusals: BODY, DOOR, [
    Unauthorized, BadKey, Forbidden, TooManyAttempts, BadChannel, BadTopic, BadDocument, NoSuchNamespace
]);

/// Get a one-time password for the next socket.
///
/// With a session for its member; with an API key of the scope `otp` for a user of somebody else's.
#[utoipa::path(
    post,
    path = "/otp",
    tag = "door",
    security(("session" = []), ("key" = [])),
    request_body = FreshOtp,
    responses((status = 200, body = Admitted, description = "Spend it within `expires_in` seconds."), OtpRefusals),
)]
async fn otp(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    bearer::refuse_in_url(request.uri())?;
    let token = session_cookie::session(request.headers());
    let address = client_address(request.extensions(), request.headers(), &state.settings)?;
    // Only a session or a key may send a large body.
    let voucher = match bearer::key(request.headers()) {
        Some(key) => Some(Voucher::check(&state, &key, address).await?),
        None => {
            state.door.session(token.as_ref()).await?;
            None
        }
    };
    let Page(origin) = request.extensions().get().cloned().unwrap_or_default();
    let http = &state.settings.http;
    let body: FreshOtp = read_json(request, http.max_body_bytes, http.body_wait).await?;
    let FreshOtp { resume, user, topics, documents } = body;
    let issued = match voucher {
        Some(voucher) => voucher.issue(&state, Wanted { user, topics, documents }, resume)?,
        None if user.is_some() || topics.is_some() || documents.is_some() => {
            let message = "`user`: only an API key lets somebody else's users in";
            return Err(ApiError::new(ErrorCode::BadPayload, message));
        }
        None => state.door.otp(token.as_ref(), resume, origin).await?,
    };
    Ok(admitted(&state, &issued.otp, issued.expires_in, &issued.person))
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
    let person = Person::Member(signed_in.user);
    let mut response = admitted(state, &signed_in.otp, signed_in.expires_in, &person);
    let session_max = state.settings.auth.session_max;
    session_cookie::set(response.headers_mut(), &signed_in.session_token, session_max, &signed_in.device_token);
    Ok(response)
}

/// Somebody may open a socket.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "otp": "kU4yNq0Hs7xgB2vT9cJfWm5RzLpE1dQaXoYi3uVbG8A", "expires_in": 5,
    "user": {"id": 1, "name": "alice", "role": "owner"}
})))]
pub(super) struct Admitted<'a> {
    /// For `GET /ws`, once.
    otp: &'a str,
    /// How long the one-time password lives, in seconds.
    #[schema(value_type = f64)]
    expires_in: serde_json::Value,
    user: &'a Person,
}

fn admitted(state: &DoorState, otp: &Secret, expires_in: Duration, user: &Person) -> Response {
    state.metrics.otp(Otp::Issued);
    // A whole number whenever it is one.
    let expires_in = match expires_in.subsec_nanos() {
        0 => expires_in.as_secs().into(),
        _ => expires_in.as_secs_f64().into(),
    };
    Json(Admitted { otp: otp.expose(), expires_in, user }).into_response()
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
