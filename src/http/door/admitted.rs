//! Who comes, and the answer to whoever is let in.

use super::DoorState;
use crate::{
    auth::{AuthError, Secret, SignedIn, Visitor},
    http::{ApiError, client_address::client_address, origin_guard::Page, session_cookie},
    metrics::Otp,
    model::Person,
};
use axum::{
    Json,
    extract::Request,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

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

/// Hands out a one-time password.
pub(super) fn admitted(state: &DoorState, otp: &Secret, expires_in: Duration, user: &Person) -> Response {
    state.metrics.otp(Otp::Issued);
    // A whole number whenever it is one.
    let expires_in = match expires_in.subsec_nanos() {
        0 => expires_in.as_secs().into(),
        _ => expires_in.as_secs_f64().into(),
    };
    Json(Admitted { otp: otp.expose(), expires_in, user }).into_response()
}
