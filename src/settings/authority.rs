//! `host[:port]`, read alike wherever it stands: in `http.hosts`, a `Host` header, an `Origin`.

use std::net::{IpAddr, Ipv6Addr};

/// The host, in lower case, and the port of `host[:port]`; `None` if it is anything else.
#[must_use]
pub fn split_authority(authority: &str) -> Option<(String, Option<u16>)> {
    let host_end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    let host_ok = match bracketed(host) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')),
    };
    let port = match port.strip_prefix(':') {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok().filter(|p| *p > 0)?),
        Some(_) => return None,
    };
    host_ok.then(|| (host.to_ascii_lowercase(), port))
}

/// The address that a host is, when it is no name.
#[must_use]
pub fn host_address(host: &str) -> Option<IpAddr> {
    bracketed(host).unwrap_or(host).parse().ok()
}

fn bracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_from_its_port() {
        for (text, host, port) in [
            ("chat.example", "chat.example", None),
            ("CHAT.example:8443", "chat.example", Some(8443)),
            ("192.0.2.1:80", "192.0.2.1", Some(80)),
            ("[::1]", "[::1]", None),
            ("[::1]:8080", "[::1]", Some(8080)),
        ] {
            assert_eq!(split_authority(text), Some((host.to_owned(), port)), "{text}");
        }
        for text in
            ["", "::1", ":80", "a:", "a:0", "a:65536", "a:+1", "a b", "a/", "a@b", "*.a", "[::1", "[a]", "ä.example"]
        {
            assert_eq!(split_authority(text), None, "{text}");
        }
        assert_eq!(host_address("[::1]"), Some(Ipv6Addr::LOCALHOST.into()));
        assert!(host_address("192.0.2.1").is_some() && host_address("localhost").is_none());
    }
}
