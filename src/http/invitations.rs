//! Invitation links: made by owners and admins, used by whoever holds one.

use super::{
    ApiError,
    door::{DoorState, MAX_BODY_BYTES, signed_in, visitor},
    error::not_found,
    json_body::read_json,
    session_cookie,
    setup::Wishes,
};
use crate::{auth::Secret, model::InvitationId};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

pub(super) async fn create(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let token = session_cookie::session(request.headers());
    let link = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let made = state.door.create_invitation(token.as_ref(), link).await?;
    let body = json!({
        "id": made.id,
        "token": made.token.expose(),
        "role": made.role,
        "uses": made.uses,
        "expires_at": made.expires_at,
    });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

pub(super) async fn list(State(state): State<DoorState>, headers: HeaderMap) -> Result<Response, ApiError> {
    let invitations = state.door.list_invitations(session_cookie::session(&headers).as_ref()).await?;
    Ok(Json(json!({"invitations": invitations})).into_response())
}

pub(super) async fn revoke(
    State(state): State<DoorState>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = match id.ok().and_then(|Path(id)| id.parse().ok()) {
        Some(id) => InvitationId(id),
        None => return Err(not_found().await),
    };
    state.door.revoke_invitation(session_cookie::session(&headers).as_ref(), id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
struct Link {
    token: Secret,
}

pub(super) async fn check(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let address = visitor(&request, &state)?.address;
    let Link { token } = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    Ok(Json(state.door.check_invitation(&token, address).await?).into_response())
}

pub(super) async fn accept(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let visitor = visitor(&request, &state)?;
    let wishes: Wishes = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let newcomer = state.door.accept_invitation(wishes.of(visitor)).await?;
    (state.on_newcomer)(&newcomer.user);
    signed_in(&state, Ok(newcomer))
}
