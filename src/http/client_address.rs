//! Whose address counts: the peer's, or behind our own proxies the one they vouch for.

use super::ApiError;
use crate::settings::Settings;
use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap},
};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// The client's address, for throttles and limits.
///
/// # Errors
/// `internal` when the listener did not leave a `ConnectInfo<SocketAddr>` in the extensions.
pub fn client_address(extensions: &Extensions, headers: &HeaderMap, settings: &Settings) -> Result<IpAddr, ApiError> {
    let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() else {
        return Err(ApiError::internal(&"a request without its peer's address"));
    };
    Ok(behind_proxies(peer.ip(), headers, &settings.http.trusted_proxies))
}

/// Follows `X-Forwarded-For` from the right as long as a trusted proxy speaks: the first address that is not one of
/// them is the client. What stands further left was written by the client itself.
fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    for hop in lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(',')) {
        if !is_trusted(&address) {
            break;
        }
        let Some(hop) = parse(hop.trim()) else { break };
        address = hop.to_canonical();
    }
    address
}

/// An address, perhaps with a port, as some proxies write it.
fn parse(hop: &str) -> Option<IpAddr> {
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    hop.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip())).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[&str]) -> String {
        let headers = lines.iter().map(|line| ("x-forwarded-for".parse().unwrap(), line.parse().unwrap())).collect();
        let trusted = ["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        behind_proxies(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_our_proxies_are_believed() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("::ffff:127.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn what_the_client_wrote_itself_does_not_count() {
        assert_eq!(client("127.0.0.1", &["1.1.1.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["1.1.1.1", "198.51.100.1, 10.1.2.3"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["1.1.1.1, nonsense, 10.1.2.3"]), "10.1.2.3");
        assert_eq!(client("127.0.0.1", &["1.1.1.1,"]), "127.0.0.1");
    }

    #[test]
    fn ports_are_cut_off() {
        assert_eq!(client("127.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("127.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
    }
}
