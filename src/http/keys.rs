//! API keys: made, listed and revoked by an owner, or by a back end whose key has the scope `admin`.

use super::{
    ApiError, bearer,
    client_address::client_address,
    door::{MAX_BODY_BYTES, no_store},
    error,
    json_body::read_json,
    origin_guard, session_cookie,
};
use crate::{
    auth::{KeyManager, KeyRequest, Keys},
    model::{ApiKey, KeyId, KeyName, Scope},
    settings::Settings,
};
use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, Request, State, rejection::PathRejection},
    http::{StatusCode, request::Parts},
    middleware,
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// What the handlers of keys share.
#[derive(Clone)]
pub struct KeysState {
    /// Who decides.
    pub keys: Arc<Keys>,
    /// Limits, origins, proxies.
    pub settings: Arc<Settings>,
    /// Closes what was admitted with a key that is revoked.
    pub on_key_revoked: Arc<dyn Fn(KeyId) + Send + Sync>,
}

/// All that deals with keys, guarded against foreign pages and never cached.
pub fn routes(state: KeysState) -> Router {
    let settings = state.settings.clone();
    Router::new()
        .route("/keys", get(list).post(create))
        .route("/keys/{id}", delete(revoke))
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(middleware::from_fn_with_state(settings, origin_guard::guard))
        .layer(middleware::map_response(no_store))
        .with_state(state)
}

#[derive(Deserialize)]
struct Wanted {
    name: KeyName,
    scopes: Vec<Scope>,
    expires_in_secs: Option<u64>,
}

#[derive(Serialize)]
struct Made<'a> {
    #[serde(flatten)]
    kept: &'a ApiKey,
    key: &'a str,
}

async fn create(State(state): State<KeysState>, By(by): By, request: Request) -> Result<Response, ApiError> {
    let Wanted { name, scopes, expires_in_secs } =
        read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let expires_in = expires_in_secs.map(Duration::from_secs);
    let made = state.keys.create(&by, KeyRequest { name, scopes, expires_in }).await?;
    let body = Made { kept: &made.key, key: made.secret.expose() };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

async fn list(State(state): State<KeysState>, By(by): By) -> Result<Response, ApiError> {
    Ok(Json(json!({"keys": state.keys.list(&by).await?})).into_response())
}

async fn revoke(
    State(state): State<KeysState>,
    By(by): By,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let id = match id.ok().and_then(|Path(id)| id.parse().ok()) {
        Some(id) => KeyId(id),
        None => return Err(error::not_found().await),
    };
    state.keys.revoke(&by, id).await?;
    (state.on_key_revoked)(id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Who sends the request: only those come this far who may deal with keys.
struct By(KeyManager);

impl FromRequestParts<KeysState> for By {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &KeysState) -> Result<Self, ApiError> {
        bearer::refuse_in_url(&parts.uri)?;
        let address = client_address(&parts.extensions, &parts.headers, &state.settings)?;
        let (key, session) = (bearer::key(&parts.headers), session_cookie::session(&parts.headers));
        Ok(Self(state.keys.manager(key.as_ref(), session.as_ref(), address).await?))
    }
}
