//! API keys: made, listed and revoked by an owner, or by a back end whose key has the scope `admin`.

use super::{
    ApiError, bearer,
    client_address::client_address,
    door::MAX_BODY_BYTES,
    error::not_found,
    guarded::guarded,
    json_body::read_json,
    refusals::{BODY, DOOR, refusals},
    session_cookie,
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
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::{ToSchema, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

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

/// All that deals with keys, guarded against foreign pages and never cached; and its description.
pub(super) fn routes(state: KeysState) -> (Router, OpenApi) {
    let settings = state.settings.clone();
    let (routes, description) =
        OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke)).split_for_parts();
    (guarded(routes, settings).with_state(state), description)
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewKey, examples(
    json!({"name": "shop", "scopes": ["publish:orders.*", "otp"], "expires_in_secs": 7_776_000}),
    json!({"name": "news", "scopes": ["publish:news.*"]}),
))]
struct Wanted {
    /// 1 to 64 letters, digits, `_`, `.` or `-`; unique without regard to case.
    #[schema(value_type = String)]
    name: KeyName,
    /// 1 to 20 of `publish:PATTERN`, `documents:PATTERN`, `otp`, `products` and `admin`; repeated ones count once.
    #[schema(value_type = Vec<String>, min_items = 1)]
    scopes: Vec<Scope>,
    /// A minute to ten years; left out: until it is revoked.
    #[schema(minimum = 60, maximum = 315_576_000)]
    expires_in_secs: Option<u64>,
}

/// A new key, as its maker sees it, once.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeKey, examples(json!({
    "id": 3, "name": "shop", "hint": "sbk_Zb1yNq", "scopes": ["publish:orders.*", "otp"],
    "created_at": 1_795_262_400_000_i64, "last_used": null, "expires_at": 1_803_038_400_000_i64,
    "key": "sbk_Zb1yNq0Hs7xgB2vT9cJfWm5RzLpE1dQaXoYi3uVbG8A"
})))]
struct Made<'a> {
    #[serde(flatten)]
    kept: &'a ApiKey,
    /// For `Authorization: Bearer`; it is not kept.
    key: &'a str,
}

refusals!(CreateRefusals: BODY, DOOR, [BadKey, Unauthorized, Forbidden, NameTaken, TooManyAttempts]);

/// Make an API key.
///
/// For owners, and for back ends whose key has the scope `admin`.
#[utoipa::path(
    post,
    path = "/keys",
    operation_id = "create_key",
    tag = "keys",
    security(("key" = []), ("session" = [])),
    request_body = Wanted,
    responses((status = 201, body = Made, description = "Made. The key is shown this once."), CreateRefusals),
)]
async fn create(State(state): State<KeysState>, By(by): By, request: Request) -> Result<Response, ApiError> {
    let Wanted { name, scopes, expires_in_secs } =
        read_json(request, MAX_BODY_BYTES, state.settings.http.body_wait).await?;
    let expires_in = expires_in_secs.map(Duration::from_secs);
    let made = state.keys.create(&by, KeyRequest { name, scopes, expires_in }).await?;
    let body = Made { kept: &made.key, key: made.secret.expose() };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// All keys, expired ones too, by name.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeys, examples(json!({"keys": [{
    "id": 3, "name": "shop", "hint": "sbk_Zb1yNq", "scopes": ["publish:orders.*", "otp"],
    "created_at": 1_795_262_400_000_i64, "last_used": 1_795_266_000_000_i64, "expires_at": null
}]})))]
struct Listed {
    keys: Vec<ApiKey>,
}

refusals!(ListRefusals: DOOR, [BadPayload, BadKey, Unauthorized, Forbidden, TooManyAttempts]);

/// List the API keys.
#[utoipa::path(
    get,
    path = "/keys",
    operation_id = "list_keys",
    tag = "keys",
    security(("key" = []), ("session" = [])),
    responses((status = 200, body = Listed, description = "Without their secrets, which are not kept."), ListRefusals),
)]
async fn list(State(state): State<KeysState>, By(by): By) -> Result<Response, ApiError> {
    Ok(Json(Listed { keys: state.keys.list(&by).await? }).into_response())
}

refusals!(RevokeRefusals: DOOR, [BadPayload, BadKey, Unauthorized, Forbidden, TooManyAttempts, NotFound]);

/// Revoke an API key, at once.
///
/// What it let in is closed with 4001.
#[utoipa::path(
    delete,
    path = "/keys/{id}",
    operation_id = "revoke_key",
    tag = "keys",
    security(("key" = []), ("session" = [])),
    params(("id" = i64, Path, description = "As `GET /keys` names it.", example = 3)),
    responses((status = 204, description = "It opens nothing any more."), RevokeRefusals),
)]
async fn revoke(
    State(state): State<KeysState>,
    By(by): By,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let id = match id.ok().and_then(|Path(id)| id.parse().ok()) {
        Some(id) => KeyId(id),
        None => return Err(not_found().await),
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
