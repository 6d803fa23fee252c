//! For whoever watches the server: is it alive, can it do its work, what does it count.

use super::{HttpState, client_address::client_address, error::ApiError};
use crate::{metrics::CONTENT_TYPE, protocol::ErrorCode, settings::MetricsAccess};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// `GET /health/live`: the process answers. A restart would not help otherwise.
pub(super) async fn live() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// `GET /health/ready`: the store was written and read within the last second, and the server is not stopping.
///
/// # Errors
/// 503 with the reason; whoever balances load sends nobody here then.
pub(super) async fn ready(State(state): State<HttpState>) -> Result<Json<Value>, ApiError> {
    if state.manager.is_draining() {
        return Err(ApiError::new(ErrorCode::Unavailable, "the server is about to stop"));
    }
    state.store.probe().await?;
    Ok(Json(json!({"status": "ready"})))
}

/// `GET /metrics`, for Prometheus.
///
/// # Errors
/// 403 for who may not read it.
pub(super) async fn metrics(State(state): State<HttpState>, request: Request) -> Result<Response, ApiError> {
    let address = client_address(request.extensions(), request.headers(), &state.settings)?;
    if state.settings.http.metrics == MetricsAccess::Loopback && !address.is_loopback() {
        return Err(ApiError::new(ErrorCode::Forbidden, "metrics are for this machine; see `http.metrics`"));
    }
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    Ok(([(header::CONTENT_TYPE, content_type)], state.metrics.encode()).into_response())
}
