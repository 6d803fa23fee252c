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
    Ok(Json(serde_json::json!({"needed": needed, "server": state.settings.server.name})).into_response())
}

pub(super) async fn setup(State(state): State<DoorState>, request: Request) -> Result<Response, ApiError> {
    let visitor = visitor(&request, &state)?;
    let wishes: Wishes = read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let newcomer = state.door.setup(wishes.of(visitor)).await?;
    (state.on_newcomer)(&newcomer.user);
    signed_in(&state, Ok(newcomer))
}
