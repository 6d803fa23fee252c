//! Headers of every answer, errors and upgrades included.

use super::host;
use crate::settings::{Settings, TlsMode};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use std::sync::Arc;

/// For what a browser runs or shows: the page, its modules and pictures. The one policy for trusted types names the address of
/// the service worker, which only a trusted type may.
pub const PAGE_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types switchboard-worker";

/// For everything else: nothing in it may do anything.
pub const API_CSP: &str = "default-src 'none'; frame-ancestors 'none'";

const FIXED: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
         midi=(), payment=(), usb=()",
    ),
];

/// Middleware, to be the outermost but for what catches panics: also add it to the answer of that one with [`apply`].
pub async fn add(State(settings): State<Arc<Settings>>, request: Request, next: Next) -> Response {
    // Browsers heed HSTS never for a bare address (RFC 6797 section 8.1.1), but for localhost, where it would bind every
    // other program that serves there.
    let strict = host::authority(request.uri(), request.headers()).is_some_and(host::is_public_name);
    let mut response = next.run(request).await;
    apply(response.headers_mut(), if strict { settings.tls.mode } else { TlsMode::Off });
    response
}

/// Adds the headers to an answer, with `TlsMode::On` HSTS too. A `Content-Security-Policy` that is there already stays.
pub fn apply(headers: &mut HeaderMap, tls: TlsMode) {
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // What has no body has nothing to do.
        let policy = content_type.map_or(HeaderValue::from_static(API_CSP), policy_for);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if tls == TlsMode::On {
        // Browsers heed it only where the certificate is good.
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.remove(header::SERVER);
}

/// What content of this type may do.
pub(super) fn policy_for(content_type: &str) -> HeaderValue {
    let is_api = ["application/json", "text/plain", "text/event-stream", "application/openmetrics-text"]
        .iter()
        .any(|api| content_type.starts_with(api));
    HeaderValue::from_static(if is_api { API_CSP } else { PAGE_CSP })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: Option<&'static str>, tls: TlsMode) -> HeaderMap {
        let content_type = content_type.map(|text| (header::CONTENT_TYPE, HeaderValue::from_static(text)));
        let mut headers: HeaderMap = content_type.into_iter().collect();
        headers.insert(header::SERVER, HeaderValue::from_static("axum"));
        apply(&mut headers, tls);
        headers
    }

    #[test]
    fn every_answer_has_them() {
        for content_type in [None, Some("application/json"), Some("text/html; charset=utf-8")] {
            let headers = headers(content_type, TlsMode::On);
            for (name, value) in FIXED {
                assert_eq!(headers[&name], value);
            }
            assert!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY) && !headers.contains_key(header::SERVER));
        }
        assert!(!headers(None, TlsMode::Off).contains_key(header::STRICT_TRANSPORT_SECURITY));
    }

    #[tokio::test]
    async fn localhost_and_addresses_are_not_bound_to_https() {
        use axum::{Router, body::Body, middleware, routing::get};
        use tower::ServiceExt as _;
        let settings = Arc::new(Settings::defaults());
        let router = Router::new().route("/", get(|| async {})).layer(middleware::from_fn_with_state(settings, add));
        for (host, strict) in
            [("chat.example", true), ("localhost:8080", false), ("127.0.0.1", false), ("[::1]", false)]
        {
            let request = Request::builder().uri("/").header(header::HOST, host).body(Body::empty()).unwrap();
            let headers = router.clone().oneshot(request).await.unwrap().headers().clone();
            assert_eq!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY), strict, "{host}");
            assert!(headers.contains_key(header::REFERRER_POLICY));
        }
    }

    #[test]
    fn pages_may_run_their_own_modules_and_nothing_else_may_run_anything() {
        let csp = |content_type| headers(content_type, TlsMode::On)[header::CONTENT_SECURITY_POLICY].clone();
        assert_eq!(csp(Some("text/html; charset=utf-8")), PAGE_CSP);
        assert_eq!(csp(Some("text/javascript")), PAGE_CSP);
        assert_eq!(csp(Some("application/json")), API_CSP);
        assert_eq!(csp(None), API_CSP);
        assert!(!PAGE_CSP.contains("unsafe") && !PAGE_CSP.contains("  "));
    }
}
