//! For whoever watches the server: is it alive, can it do its work, what does it count.

use super::{HttpState, client_address::client_address, error::ApiError, host, refusals::refusals};
use crate::{
    metrics::CONTENT_TYPE,
    protocol::ErrorCode,
    settings::{MetricsAccess, Settings},
};
use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::net::SocketAddr;
use utoipa::ToSchema;

/// The server is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: Status,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Live,
    Ready,
}

refusals!(LiveRefusals:);

/// Whether the process answers.
///
/// If it does not, a restart helps.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "health_live",
    tag = "operations",
    responses(
        (status = 200, body = Health, description = "It answers.", example = json!({"status": "live"})),
        LiveRefusals
    ),
)]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: Status::Live })
}

refusals!(ReadyRefusals: [Unavailable, StorageUnavailable]);

/// Whether the server can do its work.
///
/// The store was written and read within the last second, and the server is not stopping. Otherwise whoever balances load
/// sends nobody here.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "health_ready",
    tag = "operations",
    responses(
        (status = 200, body = Health, description = "It can.", example = json!({"status": "ready"})),
        ReadyRefusals
    ),
)]
pub(super) async fn ready(State(state): State<HttpState>) -> Result<Json<Health>, ApiError> {
    if state.manager.is_draining() {
        return Err(ApiError::new(ErrorCode::Unavailable, "the server is about to stop"));
    }
    state.store.probe().await?;
    Ok(Json(Health { status: Status::Ready }))
}

refusals!(MetricsRefusals: [Forbidden]);

/// What is counted, for Prometheus.
///
/// For programs on the server's own machine, unless `http.metrics` says otherwise.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    responses(
        (status = 200, body = String, content_type = CONTENT_TYPE, description = "OpenMetrics text."),
        MetricsRefusals
    ),
)]
pub(super) async fn metrics(State(state): State<HttpState>, request: Request) -> Result<Response, ApiError> {
    if state.settings.http.metrics == MetricsAccess::Loopback && !is_from_this_machine(&request, &state.settings)? {
        return Err(ApiError::new(ErrorCode::Forbidden, "metrics are for this machine; see `http.metrics`"));
    }
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    Ok(([(header::CONTENT_TYPE, content_type)], state.metrics.encode()).into_response())
}

/// Whether a program on this machine asks, and nobody through a proxy on it. A proxy that we are not told of looks like
/// a program here; but it says for whom it asks, or asks for the host that people open.
fn is_from_this_machine(request: &Request, settings: &Settings) -> Result<bool, ApiError> {
    let headers = request.headers();
    let forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED);
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let proxies = &settings.http.trusted_proxies;
    let vouched = peer.is_some_and(|peer| proxies.iter().any(|network| network.contains(&peer)));
    let client = client_address(request.extensions(), headers, settings)?;
    let for_here = host::authority(request.uri(), headers).is_some_and(host::is_loopback);
    Ok(client.is_loopback() && for_here && (vouched || !forwarded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn is_let_in(peer: &str, proxies: &[&str], headers: &[(&str, &str)]) -> bool {
        let mut settings = Settings::defaults();
        settings.http.trusted_proxies = proxies.iter().map(|text| text.parse().unwrap()).collect();
        let mut request =
            Request::builder().uri("/metrics").extension(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_from_this_machine(&request.body(Body::empty()).unwrap(), &settings).unwrap()
    }

    #[test]
    fn only_programs_on_this_machine_read_the_metrics() {
        let here = ("host", "127.0.0.1:8080");
        assert!(is_let_in("127.0.0.1", &[], &[here]));
        assert!(is_let_in("::ffff:127.0.0.1", &[], &[("host", "localhost:8080")]));
        assert!(is_let_in("::1", &[], &[("host", "[::1]:8080")]));
        assert!(!is_let_in("192.0.2.1", &[], &[here]));
        assert!(!is_let_in("127.0.0.1", &[], &[]), "HTTP/1.0 does not say for whom it is");
    }

    #[test]
    fn a_proxy_on_this_machine_does_not_make_the_metrics_public() {
        let (here, public) = (("host", "127.0.0.1:8080"), ("host", "chat.example"));
        assert!(!is_let_in("127.0.0.1", &[], &[public]));
        assert!(!is_let_in("127.0.0.1", &[], &[here, ("x-forwarded-for", "127.0.0.1")]));
        assert!(!is_let_in("127.0.0.1", &[], &[here, ("forwarded", "for=192.0.2.1")]));
        let trusted = ["127.0.0.1/32"];
        assert!(!is_let_in("127.0.0.1", &trusted, &[here, ("x-forwarded-for", "192.0.2.1")]));
        assert!(!is_let_in("127.0.0.1", &trusted, &[public]));
        assert!(is_let_in("127.0.0.1", &trusted, &[here]));
        assert!(is_let_in("127.0.0.1", &trusted, &[here, ("x-forwarded-for", "127.0.0.1")]));
    }
}
