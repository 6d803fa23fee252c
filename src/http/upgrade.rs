//! The WebSocket opening handshake, over HTTP/1.1 (RFC 6455) and HTTP/2 (RFC 8441).

use super::error::ApiError;
use crate::protocol::ErrorCode;
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
        header::{self, HeaderName},
    },
};
use base64::{
    Engine, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The only version there is (RFC 6455 section 4.1).
const VERSION: &str = "13";

/// A request that may become a WebSocket.
pub struct Handshake {
    /// Answer to `Sec-WebSocket-Key`; HTTP/2 has none.
    accept: Option<String>,
    upgrade: OnUpgrade,
}

impl Handshake {
    /// Checks the request; nothing is promised to the peer yet.
    ///
    /// # Errors
    /// 426 when it does not ask for a WebSocket of our version, 405 for another method, 400 when
    /// it asks wrongly.
    pub fn check(request: &mut Request<Body>) -> Result<Self, ApiError> {
        let headers = request.headers();
        let accept = if request.version() == Version::HTTP_2 {
            let protocol = request.extensions().get::<hyper::ext::Protocol>();
            if request.method() != Method::CONNECT || protocol.is_none_or(|name| name.as_str() != "websocket") {
                return Err(not_a_websocket());
            }
            None
        } else {
            if request.method() != Method::GET {
                return Err(ApiError::new(ErrorCode::MethodNotAllowed, "a WebSocket is opened with GET").allow("GET"));
            }
            if request.version() != Version::HTTP_11
                || !lists(headers, header::CONNECTION, "upgrade")
                || !lists(headers, header::UPGRADE, "websocket")
            {
                return Err(not_a_websocket());
            }
            let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
            let key = keys.next().filter(|key| is_key(key.as_bytes()) && keys.next().is_none());
            let key =
                key.ok_or_else(|| ApiError::new(ErrorCode::BadPayload, "`Sec-WebSocket-Key` is missing or malformed"))?;
            Some(derive_accept_key(key.as_bytes()))
        };
        if !lists(headers, header::SEC_WEBSOCKET_VERSION, VERSION) {
            return Err(not_a_websocket());
        }
        Ok(Self { accept, upgrade: hyper::upgrade::on(request) })
    }

    /// The answer that opens the socket, and the socket to be.
    pub fn accept(self, subprotocol: Option<&'static str>) -> (Response<Body>, OnUpgrade) {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        if let Some(subprotocol) = subprotocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
        }
        if let Some(accept) = self.accept.and_then(|accept| HeaderValue::try_from(accept).ok()) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        }
        (response, self.upgrade)
    }
}

/// Whether a request asks for another protocol at an address that has more to offer: over HTTP/2 by its method.
pub fn is_asked_for(request: &Request<Body>) -> bool {
    request.method() == Method::CONNECT || request.headers().contains_key(header::UPGRADE)
}

fn not_a_websocket() -> ApiError {
    ApiError::new(ErrorCode::UpgradeRequired, "this address speaks WebSocket, version 13")
}

/// Sixteen bytes in base64 (RFC 6455 section 4.1).
fn is_key(key: &[u8]) -> bool {
    // Bits that mean nothing are not worth a client.
    const BASE64: GeneralPurpose =
        GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    BASE64.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

/// Whether a comma-separated header lists `token`, without regard to case.
fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}
