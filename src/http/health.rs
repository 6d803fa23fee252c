//! For whoever watches the server: is it alive, can it do its work, what does it count.

use super::{HttpState, client_address::client_address, error::ApiError, host};
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
use serde_json::{Value, json};
use std::net::SocketAddr;

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
