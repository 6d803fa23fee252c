//! Reads a request's body as strictly as an event on the socket: bounded in size and time, no duplicate keys.

use super::{ApiError, body::read_whole};
use crate::protocol::{DecodeError, ErrorCode, Event, parse_strict};
use axum::{
    extract::Request,
    http::{HeaderMap, header},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Reads the body whole as a JSON object.
///
/// # Errors
/// `unsupported_media_type` unless it says `application/json`; `too_large` over `max_bytes`; `timeout` when it takes
/// longer than `wait`; `bad_json`; `bad_payload` names the field.
pub async fn read_json<T: DeserializeOwned>(request: Request, max_bytes: usize, wait: Duration) -> Result<T, ApiError> {
    let text = read_text(request, max_bytes, wait).await?;
    Ok(Event::decode_payload(parse_object(&text)?)?)
}

/// As [`read_json`], for what is to be kept as it was written: a number of any length, say.
///
/// # Errors
/// As [`read_json`].
pub async fn read_raw_json<T: DeserializeOwned>(
    request: Request,
    max_bytes: usize,
    wait: Duration,
) -> Result<(T, String), ApiError> {
    let text = read_text(request, max_bytes, wait).await?;
    parse_object(&text)?;
    let body = Event::decode_payload_text(&text)?;
    Ok((body, text))
}

fn parse_object(text: &str) -> Result<Value, ApiError> {
    let value = parse_strict(text).map_err(DecodeError::from)?;
    if value.is_object() { Ok(value) } else { Err(ApiError::new(ErrorCode::BadPayload, "the body is not an object")) }
}

async fn read_text(request: Request, max_bytes: usize, wait: Duration) -> Result<String, ApiError> {
    if !is_json(request.headers()) {
        let message = "the body must be JSON and say `Content-Type: application/json`";
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
    }
    let bytes = read_whole(request, max_bytes, wait, ErrorCode::BadJson).await?;
    String::from_utf8(bytes).map_err(|_| ApiError::new(ErrorCode::BadJson, "the body is not UTF-8"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
