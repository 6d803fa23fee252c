//! The first account, made with the link from the console.

use super::{
    ApiError,
    door::{DoorState, MAX_BODY_BYTES, signed_in, visitor},
    json_body::read_json,
};
use crate::auth::{NewPerson, Secret, Visitor};
use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

/// What the holder of a link sends for an account.
#[derive(Deserialize)]
pub(super) struct Wishes {
    token: Secret,
    username: String,
    password: Secret,
}

impl Wishes {
    pub(super) fn of(self, visitor: Visitor) -> NewPerson {
        NewPerson { token: self.token, username: self.username, password: self.password, visitor }
    }
}

pub(super) async fn needed(State(state): State<DoorState>) -> Result<Response, ApiError> {
    let needed = state.door.setup_needed().await?;
    let server = &state.settings.server.name;
    let password_min_chars = state.settings.auth.password_min_chars;
    let answer = json!({"needed": needed, "server": server, "password_min_chars": password_min_chars});
    Ok(Json(answer).into_response())
}

pub(super) async fn setup(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let visitor = visitor(&request, &state)?;
    let wishes: Wishes = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let newcomer = state.door.setup(wishes.of(visitor)).await?;
    (state.on_newcomer)(&newcomer.user);
    signed_in(&state, Ok(newcomer))
}
