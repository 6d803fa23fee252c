//! Texts as bodies: read as strictly as JSON is, and sent with what tells whether they have changed.

use super::condition::{Condition, tag_of};
use crate::{
    http::{ApiError, body::read_whole},
    protocol::ErrorCode,
    settings::Settings,
};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// The body as it is: line ends of any kind stay, and every character is one that a text may have.
///
/// # Errors
/// `unsupported_media_type` unless it is plain text in UTF-8 and not encoded further; `too_large`; `timeout`;
/// `bad_payload` when it is not UTF-8.
pub(super) async fn read(request: Request, settings: &Settings) -> Result<String, ApiError> {
    if !is_plain_text(request.headers()) {
        let message = "the body must be text and say `Content-Type: text/plain; charset=utf-8`";
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
    }
    let (max_bytes, wait) = (settings.update_limit(), settings.http.body_wait);
    let bytes = read_whole(request, max_bytes, wait, ErrorCode::BadPayload).await?;
    String::from_utf8(bytes).map_err(|_| ApiError::new(ErrorCode::BadPayload, "the body is not UTF-8"))
}

fn is_plain_text(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let mut parts = line.to_str().unwrap_or_default().split(';').map(str::trim);
    let is_plain = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/plain"));
    let is_utf_8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    is_plain && parts.all(is_utf_8) && !headers.contains_key(header::CONTENT_ENCODING)
}

/// The answer to whoever reads a text.
///
/// # Errors
/// `precondition_failed` when it is not what `If-Match` names.
pub(super) fn shown(headers: &HeaderMap, text: String) -> Result<Response, ApiError> {
    let (tag, condition) = (tag_of(&text), Condition::of(headers));
    if !condition.is_matched(&tag) {
        return Err(ApiError::new(ErrorCode::PreconditionFailed, "the text is not what `If-Match` names"));
    }
    // Whoever keeps it has to ask.
    let is_known = !condition.is_unmatched(&tag);
    let validators = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, validators).into_response());
    }
    Ok((validators, [(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// The answer to whoever has changed a text: what it is now has this tag.
pub(super) fn changed(text: &str) -> Response {
    (StatusCode::NO_CONTENT, [(header::ETAG, tag_of(text))]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(content_type: &str) -> bool {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())]);
        is_plain_text(&headers)
    }

    #[test]
    fn a_text_is_utf_8_and_says_so_or_nothing() {
        for good in
            ["text/plain", "text/plain; charset=utf-8", "TEXT/PLAIN;charset=\"UTF-8\"", "text/plain; format=flowed"]
        {
            assert!(is_taken(good), "{good}");
        }
        for bad in [
            "",
            "text/html",
            "text/plain; charset=latin1",
            "application/json",
            "text/plain, text/plain",
            "text/plainer",
        ] {
            assert!(!is_taken(bad), "{bad}");
        }
        assert!(!is_plain_text(&HeaderMap::new()));
    }
}
