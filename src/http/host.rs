//! Which host a request is for, and whether we serve it.

use super::ApiError;
use crate::{
    protocol::ErrorCode,
    settings::{Settings, host_address, split_authority},
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Uri, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// The host and port a request is for: `:authority` over HTTP/2, else `Host`. `None`: there is none, or several, or it is
/// not `host[:port]`.
#[must_use]
pub fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let named = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => {
            let mut hosts = headers.get_all(header::HOST).iter();
            let host = hosts.next()?.to_str().ok()?;
            hosts.next().is_none().then_some(host)?
        }
    };
    split_authority(named).map(|_| named)
}

/// Whether a request is for this machine by name or address, as those are who sit at it.
#[must_use]
pub fn is_loopback(authority: &str) -> bool {
    split_authority(authority).is_some_and(|(host, _)| {
        is_localhost(&host) || host_address(&host).is_some_and(|address| address.is_loopback())
    })
}

/// Whether a host is a name that others can know it by too.
#[must_use]
pub fn is_public_name(authority: &str) -> bool {
    split_authority(authority).is_some_and(|(host, _)| !is_localhost(&host) && host_address(&host).is_none())
}

/// RFC 6761 section 6.3.
fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

/// Middleware: answers 421 where no host of ours is meant. With `http.hosts` empty every well-formed one is.
pub async fn guard(State(settings): State<Arc<Settings>>, request: Request, next: Next) -> Response {
    // HTTP/1.0 knows no Host.
    let may_lack = request.version() <= Version::HTTP_10 && !request.headers().contains_key(header::HOST);
    let served = match authority(request.uri(), request.headers()) {
        Some(authority) => is_served(authority, &settings.http.hosts),
        None => may_lack && settings.http.hosts.is_empty(),
    };
    if served {
        return next.run(request).await;
    }
    ApiError::new(ErrorCode::Misdirected, "this host is not served here").into_response()
}

/// Compares hosts without regard to case, and ports where the setting names one.
fn is_served(authority: &str, hosts: &[String]) -> bool {
    let Some((host, port)) = split_authority(authority) else { return false };
    let is_ours = |ours: &String| {
        split_authority(ours)
            .is_some_and(|(our_host, our_port)| our_host == host && (our_port.is_none() || our_port == port))
    };
    hosts.is_empty() || hosts.iter().any(is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_hosts_are_served_on_any_port_unless_it_is_named() {
        let hosts = ["chat.example".to_owned(), "[::1]:8080".to_owned()];
        for (authority, served) in [
            ("chat.example", true),
            ("CHAT.example:8080", true),
            ("[::1]:8080", true),
            ("[::1]", false),
            ("evil.example", false),
            ("chat.example.evil.example", false),
            ("chat.example@evil.example", false),
            ("chat.example:x", false),
            ("", false),
        ] {
            assert_eq!(is_served(authority, &hosts), served, "{authority:?}");
        }
        assert!(is_served("any.example", &[]));
        assert!(!is_served("any example", &[]));
    }

    #[test]
    fn this_machine_is_told_from_names_and_other_addresses() {
        for (authority, loopback, public) in [
            ("localhost:8080", true, false),
            ("chat.localhost", true, false),
            ("127.0.0.1:8080", true, false),
            ("[::1]", true, false),
            ("192.0.2.1", false, false),
            ("[2001:db8::1]:8080", false, false),
            ("chat.example", false, true),
            ("localhost.example", false, true),
            ("not a host", false, false),
        ] {
            assert_eq!((is_loopback(authority), is_public_name(authority)), (loopback, public), "{authority}");
        }
    }

    #[test]
    fn http2_names_the_host_in_its_authority() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "evil.example".parse().unwrap());
        assert_eq!(authority(&"https://chat.example/ws".parse().unwrap(), &headers), Some("chat.example"));
        assert_eq!(authority(&"/ws".parse().unwrap(), &headers), Some("evil.example"));
        headers.append(header::HOST, "chat.example".parse().unwrap());
        assert_eq!(authority(&"/ws".parse().unwrap(), &headers), None, "two hosts are none");
    }
}
