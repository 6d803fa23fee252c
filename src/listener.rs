//! From the port to the router: TCP, TLS and HTTP/1.1 or HTTP/2 on one port.
//!
//! A connection passes `accept::Door` (caps, TLS handshake) and is then hyper's, whose own
//! limits are set here. What hyper does not limit, `watch` (silence) and `tcp` (writes that
//! stall) do. Everything that stays with an idle connection is in `socket::Socket`, and kept small.

mod accept;
mod descriptors;
mod slots;
mod socket;
mod tcp;
mod watch;

use crate::settings::{Http, Settings};
use axum::{Router, extract::connect_info::IntoMakeServiceWithConnectInfo};
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};

/// Connections the kernel completes while we are busy; `std` would say 128, too few for
/// thousands of clients that return at once. The kernel caps it (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;
/// Larger header blocks are answered 431, in HTTP/1.1 and in HTTP/2.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Of one HTTP/2 connection; a browser opens one for all its tabs.
const MAX_STREAMS: u32 = 250;
/// What one HTTP/2 stream may send ahead of what we read, and what waits for a slow reader of
/// one: both are memory.
const STREAM_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Streams that were reset before we accepted them (CVE-2023-44487); more get GOAWAY.
const MAX_RESET_STREAMS: usize = 20;
/// HTTP/2 connections are pinged so often, and closed when no answer comes for so long.
const HTTP2_PING_PERIOD: Duration = Duration::from_secs(30);
const HTTP2_PONG_WAIT: Duration = Duration::from_secs(20);

/// Why there is no listener. The text tells the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program has the port.
    #[error("cannot listen on {0}: another program does already. Stop it, or choose another port with --listen")]
    InUse(SocketAddr),
    /// Ports below 1024 take a privilege.
    #[error(
        "cannot listen on {0}: not allowed. Ports below 1024 need CAP_NET_BIND_SERVICE; choose another with --listen"
    )]
    NotAllowed(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A port that is ours; connections wait in the kernel until [`Listener::serve`].
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

/// A listener at work.
#[derive(Debug)]
pub struct Serving {
    /// Stops it: `graceful_shutdown` closes the port, lets requests end and forgets upgraded
    /// sockets.
    pub handle: axum_server::Handle<SocketAddr>,
    /// Ends after the shutdown, or with the error that ended accepting.
    pub task: JoinHandle<io::Result<()>>,
}

impl Listener {
    /// Takes the port; must run inside the runtime.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // Connections of a former life linger for a minute; they must not keep us from starting.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let tcp = socket.listen(BACKLOG)?;
            Ok(Self { address: tcp.local_addr()?, tcp })
        };
        bind().map_err(|source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address),
            io::ErrorKind::PermissionDenied => ListenError::NotAllowed(address),
            _ => ListenError::Other { address, source },
        })
    }

    /// Where it listens, with the port that port 0 has become.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router`, over TLS when there is a configuration. Handlers get the peer's address
    /// as `ConnectInfo<SocketAddr>`; WebSockets work over HTTP/1.1 and over HTTP/2 (RFC 8441).
    #[must_use]
    pub fn serve(self, router: Router, tls: Option<RustlsConfig>, settings: &Settings) -> Serving {
        let http = &settings.http;
        descriptors::raise_limit(http.max_connections);
        let handle = axum_server::Handle::new();
        if tls.is_none() && http.trusted_proxies.is_empty() {
            tracing::warn!(
                "tls.mode is off and http.trusted_proxies is empty: behind a proxy all clients would count as one \
                 address, and share its limits"
            );
        }
        let door = accept::Door::new(tls, http, settings.socket.pong_wait);
        let mut server = axum_server::Server::from_listener(self.tcp).handle(handle.clone()).acceptor(door);
        limit(server.http_builder(), http);
        let service: IntoMakeServiceWithConnectInfo<Router, SocketAddr> = router.into_make_service_with_connect_info();
        Serving { handle, task: tokio::spawn(server.serve(service)) }
    }
}

fn limit(builder: &mut hyper_util::server::conn::auto::Builder<TokioExecutor>, http: &Http) {
    builder
        .http1()
        .timer(TokioTimer::new())
        // Counts from the end of the last answer too, so that it also ends idle connections.
        .header_read_timeout(http.header_wait)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .initial_stream_window_size(STREAM_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(STREAM_BYTES as usize)
        .keep_alive_interval(HTTP2_PING_PERIOD)
        .keep_alive_timeout(HTTP2_PONG_WAIT);
}

#[cfg(test)]
mod tests;
