//! The two cookies. `__Host-` makes browsers insist on `Secure`, `Path=/` and no `Domain`: no other host, not even a
//! sibling, can set them.

use crate::auth::Secret;
use axum::http::{HeaderMap, HeaderValue, header};
use std::time::Duration;

/// Carries the session's token.
const SESSION: &str = "__Host-session";
/// Carries the device's token.
const DEVICE: &str = "__Host-device";
/// The longest life that browsers grant a cookie.
const DEVICE_MAX_AGE: Duration = Duration::from_secs(400 * 86_400);

/// The session's token, if the request has one.
#[must_use]
pub fn session(headers: &HeaderMap) -> Option<Secret> {
    value(headers, SESSION).map(Secret::new)
}

/// Whether the request carries the session's cookie, whatever is in it.
#[must_use]
pub fn is_present(headers: &HeaderMap) -> bool {
    value(headers, SESSION).is_some()
}

/// The device's token, if the request has one.
#[must_use]
pub fn device(headers: &HeaderMap) -> Option<Secret> {
    value(headers, DEVICE).map(Secret::new)
}

/// Sets both cookies.
pub(super) fn set(headers: &mut HeaderMap, session: &Secret, session_max: Duration, device: &Secret) {
    append(headers, SESSION, session.expose(), session_max);
    append(headers, DEVICE, device.expose(), DEVICE_MAX_AGE);
}

/// Clears the session's cookie. The device stays known: that protects its user from being locked out.
pub(super) fn clear(headers: &mut HeaderMap) {
    append(headers, SESSION, "", Duration::ZERO);
}

fn append(headers: &mut HeaderMap, name: &str, value: &str, max_age: Duration) {
    let secs = max_age.as_secs();
    let cookie = format!("{name}={value}; Max-Age={secs}; Path=/; Secure; HttpOnly; SameSite=Strict");
    // Our tokens are base64url, so the text always is a header; a foreign one would simply not be set.
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// HTTP/2 may split the header, one cookie each (RFC 9113 section 8.2.3).
fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, line.parse().unwrap())).collect()
    }

    #[test]
    fn cookies_are_found_among_others_and_in_several_headers() {
        let headers = cookies(&["a=b; __Host-session=one;c=d", "__Host-device=two=2"]);
        assert_eq!(session(&headers).unwrap().expose(), "one");
        assert_eq!(device(&headers).unwrap().expose(), "two=2");
        for line in ["", "__Host-session", "x__Host-session=1", "__host-session=1", "session=1"] {
            assert!(!is_present(&cookies(&[line])), "{line:?}");
        }
    }

    #[test]
    fn cookies_are_set_for_this_host_alone() {
        let mut headers = HeaderMap::new();
        set(&mut headers, &Secret::new("s"), Duration::from_secs(60), &Secret::new("d"));
        clear(&mut headers);
        let set: Vec<_> = headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
        assert_eq!(
            set,
            [
                "__Host-session=s; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Strict",
                "__Host-device=d; Max-Age=34560000; Path=/; Secure; HttpOnly; SameSite=Strict",
                "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict",
            ]
        );
    }
}
