//! Invitation links: made by owners and admins, used by whoever holds one.

use super::{
    DoorState, MAX_BODY_BYTES,
    admitted::{Admitted, signed_in, visitor},
    setup::Wishes,
};
use crate::{
    auth::{Invited, MadeInvitation, NewLink, Secret},
    http::{
        ApiError,
        error::not_found,
        json_body::read_json,
        refusals::{BODY, DOOR, NEW_ACCOUNT, PASSWORD, refusals},
        session_cookie,
    },
    model::{InvitationId, Role, UnixMillis},
    storage::Invitation,
};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new invitation, as its maker sees it, once.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeInvitation, examples(json!({
    "id": 7, "token": "Zb1yNq0Hs7xgB2vT9cJfWm5RzLpE1dQaXoYi3uVbG8A",
    "role": "member", "uses": 1, "expires_at": 1_795_867_200_000_i64
})))]
struct Made<'a> {
    #[schema(value_type = i64)]
    id: InvitationId,
    /// For the link `https://HOST/#invite=TOKEN`; it is not kept.
    token: &'a str,
    role: Role,
    /// How many accounts it may make.
    uses: u32,
    /// Milliseconds since 1970-01-01 UTC.
    #[schema(value_type = i64)]
    expires_at: UnixMillis,
}

refusals!(CreateRefusals: BODY, DOOR, [Unauthorized, Forbidden]);

/// Make an invitation link.
///
/// For owners and admins; only an owner can invite an admin.
#[utoipa::path(
    post,
    path = "/invitations",
    operation_id = "create_invitation",
    tag = "accounts",
    security(("session" = [])),
    request_body = NewLink,
    responses((status = 201, body = Made, description = "Made. The token is shown this once."), CreateRefusals),
)]
pub(super) async fn create(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let token = session_cookie::session(request.headers());
    let link: NewLink = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let made = state.door.create_invitation(token.as_ref(), link).await?;
    let MadeInvitation { id, token, role, uses, expires_at } = made;
    let body = Made { id, token: token.expose(), role, uses, expires_at };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// The invitations that can still be used.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"invitations": [
    {"id": 7, "role": "member", "uses_left": 1, "expires_at": 1_795_867_200_000_i64, "created_by": "alice"}
]})))]
struct Invitations {
    invitations: Vec<Invitation>,
}

refusals!(ListRefusals: DOOR, [Unauthorized, Forbidden]);

/// List the invitations that can still be used.
#[utoipa::path(
    get,
    path = "/invitations",
    operation_id = "list_invitations",
    tag = "accounts",
    security(("session" = [])),
    responses((status = 200, body = Invitations, description = "Without their tokens, which are not kept."), ListRefusals),
)]
pub(super) async fn list(State(state): State<DoorState>, headers: HeaderMap) -> Result<Response, ApiError> {
    let invitations = state.door.list_invitations(session_cookie::session(&headers).as_ref()).await?;
    Ok(Json(Invitations { invitations }).into_response())
}

refusals!(RevokeRefusals: DOOR, [Unauthorized, Forbidden, NotFound]);

/// Revoke an invitation.
#[utoipa::path(
    delete,
    path = "/invitations/{id}",
    operation_id = "revoke_invitation",
    tag = "accounts",
    security(("session" = [])),
    params(("id" = i64, Path, description = "As `GET /invitations` names it.", example = 7)),
    responses((status = 204, description = "Its link can no longer be used."), RevokeRefusals),
)]
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

#[derive(Deserialize, ToSchema)]
#[schema(as = InvitationToken, examples(json!({"token": "Zb1yNq0Hs7xgB2vT9cJfWm5RzLpE1dQaXoYi3uVbG8A"})))]
struct Link {
    #[schema(value_type = String)]
    token: Secret,
}

refusals!(CheckRefusals: BODY, DOOR, [BadToken, TooManyAttempts]);

/// See what an invitation link is good for.
#[utoipa::path(
    post,
    path = "/invitations/check",
    operation_id = "check_invitation",
    tag = "accounts",
    request_body = Link,
    responses((status = 200, body = Invited, description = "It can be used."), CheckRefusals),
)]
pub(super) async fn check(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let address = visitor(&request, &state)?.address;
    let Link { token } = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    Ok(Json(state.door.check_invitation(&token, address).await?).into_response())
}

refusals!(AcceptRefusals: BODY, DOOR, PASSWORD, NEW_ACCOUNT);

/// Make an account with an invitation link.
#[utoipa::path(
    post,
    path = "/invitations/accept",
    operation_id = "accept_invitation",
    tag = "accounts",
    request_body = Wishes,
    responses(
        (status = 200, body = Admitted, description = "The new member, signed in.", headers(
            ("Set-Cookie" = String, description = "`__Host-session` and `__Host-device`, one header each."),
        )),
        AcceptRefusals
    ),
)]
pub(super) async fn accept(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let visitor = visitor(&request, &state)?;
    let wishes: Wishes = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let newcomer = state.door.accept_invitation(wishes.of(visitor)).await?;
    (state.on_newcomer)(&newcomer.user);
    signed_in(&state, Ok(newcomer))
}
