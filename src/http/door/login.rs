//! Signing in and out.

use super::{
    DoorState, MAX_BODY_BYTES,
    admitted::{Admitted, signed_in, visitor},
};
use crate::{
    auth::{LoginOutcome, LoginRequest, Secret},
    http::{
        ApiError,
        json_body::read_json,
        refusals::{BODY, DOOR, PASSWORD, refusals},
        session_cookie,
    },
    model::Resume,
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;

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
pub(super) async fn login(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
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
pub(super) async fn logout(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let token = session_cookie::session(request.headers());
    let Nothing {} = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let session = state.door.logout(token.as_ref()).await?;
    (state.on_session_end)(session);
    let mut response = StatusCode::NO_CONTENT.into_response();
    session_cookie::clear(response.headers_mut());
    Ok(response)
}
