//! Entity tags: what has not changed is not sent again.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The tag of a content with this hash.
pub(super) fn of(hash: &[u8; 32]) -> HeaderValue {
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..16]));
    HeaderValue::try_from(tag).expect("base64url in quotes is a header")
}

/// Whether `If-None-Match` names the tag, or any with `*`. Compared weakly (RFC 9110 section 13.1.2).
pub(super) fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}
