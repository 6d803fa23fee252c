//! Takes an API key from `Authorization: Bearer` (RFC 6750 section 2.1), and from nowhere else.

use super::ApiError;
use crate::{auth::Secret, protocol::ErrorCode};
use axum::http::{HeaderMap, Uri, header};

/// Parameters that people try a key in.
const NAMES: [&str; 3] = ["key", "api_key", "access_token"];

/// What a request presents as its key. `None`: it has no `Authorization`.
///
/// Several of them, another scheme, and what is no text are presented too, as the empty secret: it opens nothing, and is
/// counted like any other that does not.
#[must_use]
pub fn key(headers: &HeaderMap) -> Option<Secret> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let first = lines.next()?.to_str().ok().filter(|_| lines.next().is_none());
    let key = first.and_then(|line| line.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Some(Secret::new(key.map_or("", |(_, key)| key.trim())))
}

/// Refuses a key in the query: URLs end up in logs, histories and `Referer`. Nobody has to write these names, or a key,
/// with percent signs, so they are not looked behind.
///
/// # Errors
/// `bad_payload`.
pub fn refuse_in_url(uri: &Uri) -> Result<(), ApiError> {
    let is_key = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, pair));
        NAMES.contains(&name) || value.starts_with(Secret::KEY_PREFIX)
    };
    if uri.query().unwrap_or_default().split('&').any(is_key) {
        let message = "a key does not belong in a URL: send it as `Authorization: Bearer`";
        return Err(ApiError::new(ErrorCode::BadPayload, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(lines: &[&[u8]]) -> Option<String> {
        let value = |line: &[u8]| header::HeaderValue::from_bytes(line).unwrap();
        let headers = lines.iter().map(|line| (header::AUTHORIZATION, value(line))).collect();
        key(&headers).map(|key| key.expose().to_owned())
    }

    #[test]
    fn a_key_comes_in_one_authorization_header() {
        for line in [b"Bearer sbk_x".as_slice(), b"bearer sbk_x", b"BEARER   sbk_x"] {
            assert_eq!(presented(&[line]).as_deref(), Some("sbk_x"));
        }
        assert_eq!(presented(&[]), None);
        for lines in [
            [b"Bearer sbk_x".as_slice(), b"Bearer sbk_x"].as_slice(),
            &[b"Basic sbk_x"],
            &[b"sbk_x"],
            &[b"Bearer"],
            &[b""],
            &[b"Bearer sbk_\xff"],
        ] {
            assert_eq!(presented(lines).as_deref(), Some(""), "{lines:?}");
        }
    }

    #[test]
    fn a_key_does_not_come_in_the_url() {
        let refused = |query: &str| refuse_in_url(&format!("/publish{query}").parse().unwrap()).is_err();
        for query in ["?key=x", "?api_key=", "?a=b&access_token=x", "?token=sbk_x", "?sbk_x", "?a&b=sbk_x", "?key"] {
            assert!(refused(query), "{query}");
        }
        for query in ["", "?", "?topic=channel.key", "?otp=x", "?monkey=1", "?a=xsbk_"] {
            assert!(!refused(query), "{query}");
        }
    }
}
