//! The first account, made with the link from the console.

use super::{
    DoorState, MAX_BODY_BYTES,
    admitted::{Admitted, signed_in, visitor},
};
use crate::{
    auth::{NewPerson, Secret, Visitor},
    http::{
        ApiError,
        json_body::read_json,
        refusals::{BODY, DOOR, NEW_ACCOUNT, PASSWORD, refusals},
    },
};
use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the holder of a link sends for an account.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewAccount, examples(json!({
    "token": "Zb1yNq0Hs7xgB2vT9cJfWm5RzLpE1dQaXoYi3uVbG8A",
    "username": "alice", "password": "correct horse battery staple"
})))]
pub(super) struct Wishes {
    /// The link's: what follows `#setup=` or `#invite=`.
    #[schema(value_type = String)]
    token: Secret,
    username: String,
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

impl Wishes {
    pub(super) fn of(self, visitor: Visitor) -> NewPerson {
        NewPerson { token: self.token, username: self.username, password: self.password, visitor }
    }
}

/// What a page must know before anybody is signed in.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"needed": false, "server": "Switchboard", "password_min_chars": 15})))]
struct Setup<'a> {
    /// Whether the server still needs its owner.
    needed: bool,
    /// The server's name.
    server: &'a str,
    /// How long a password must be.
    password_min_chars: usize,
}

refusals!(NeededRefusals: DOOR);

/// Whether the server still needs its owner.
#[utoipa::path(
    get,
    path = "/setup",
    operation_id = "setup_needed",
    tag = "accounts",
    responses((status = 200, body = Setup, description = "And what else a page must know at first."), NeededRefusals),
)]
pub(super) async fn needed(State(state): State<DoorState>) -> Result<Response, ApiError> {
    let needed = state.door.setup_needed().await?;
    let server = &state.settings.server.name;
    let password_min_chars = state.settings.auth.password_min_chars;
    Ok(Json(Setup { needed, server, password_min_chars }).into_response())
}

refusals!(SetupRefusals: BODY, DOOR, PASSWORD, NEW_ACCOUNT);

/// Make the owner's account with the link from the console.
#[utoipa::path(
    post,
    path = "/setup",
    tag = "accounts",
    request_body = Wishes,
    responses(
        (status = 200, body = Admitted, description = "The owner, signed in.", headers(
            ("Set-Cookie" = String, description = "`__Host-session` and `__Host-device`, one header each."),
        )),
        SetupRefusals
    ),
)]
pub(super) async fn setup(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let visitor = visitor(&request, &state)?;
    let wishes: Wishes = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let newcomer = state.door.setup(wishes.of(visitor)).await?;
    (state.on_newcomer)(&newcomer.user);
    signed_in(&state, Ok(newcomer))
}
