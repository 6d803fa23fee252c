//! The listener against real sockets.

use super::*;
use crate::{
    settings::{Settings, TlsMode},
    tls::{self, Certificate},
};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    http::{Method, StatusCode, Version, header},
    response::Response,
    routing::{any, get},
};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, pki_types::ServerName};
use std::{sync::Arc, time::Instant};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

/// Echoes what comes, over either version of HTTP.
async fn echo(mut request: Request) -> Response {
    let response = if request.version() == Version::HTTP_2 {
        assert_eq!(request.method(), Method::CONNECT);
        Response::builder()
    } else {
        let key = derive_accept_key(request.headers()[header::SEC_WEBSOCKET_KEY].as_bytes());
        let upgrade = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        upgrade
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, key)
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let io = TokioIo::new(upgrade.await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    });
    response.body(Body::empty()).unwrap()
}

const NEVER: Duration = Duration::from_secs(600);
/// Longest wait for what has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// More than the kernel buffers.
const BIG: usize = 48 << 20;

struct Server {
    serving: Serving,
    address: SocketAddr,
    tls: Option<Certificate>,
    roots: RootCertStore,
    settings: Settings,
    _directory: tempfile::TempDir,
}

impl Server {
    fn start(mode: TlsMode, change: impl FnOnce(&mut Http)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::defaults();
        settings.server.data_dir = directory.path().to_owned();
        settings.tls.mode = mode;
        // Whoever is not about deadlines must not meet one on a slow machine.
        (settings.http.header_wait, settings.http.write_wait) = (NEVER, NEVER);
        change(&mut settings.http);
        let tls = (mode == TlsMode::On).then(|| tls::load(&settings).unwrap());
        let mut roots = RootCertStore::empty();
        if tls.is_some() {
            let pem = std::fs::read(settings.tls_files().0).unwrap();
            roots.add_parsable_certificates(rustls_pemfile::certs(&mut pem.as_slice()).map(Result::unwrap));
        }
        let router = Router::new()
            .route("/peer", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }))
            .route("/big", get(|| async { vec![0; BIG] }))
            .route("/ws", any(echo));
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address();
        let serving = listener.serve(router, tls.as_ref().map(Certificate::config), &settings);
        Self { serving, address, tls, roots, settings, _directory: directory }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn tls(
        &self,
        alpn: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = builder.with_root_certificates(self.roots.clone()).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, self.tcp().await).await
    }
}

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// Reads until the other side closes, which it has to do.
async fn closed(mut stream: impl AsyncRead + Unpin) {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "it stayed open");
}

#[tokio::test]
async fn a_silent_connection_is_closed_at_the_deadline() {
    let server = Server::start(TlsMode::Off, |http| http.header_wait = Duration::from_millis(300));
    for sent in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let begun = Instant::now();
        let mut tcp = server.tcp().await;
        let _ = tcp.write_all(sent.as_bytes()).await; // a machine may be so slow that it is closed already
        closed(tcp).await;
        assert!(begun.elapsed() > Duration::from_millis(290), "{sent:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_silent_tls_connection_is_closed_before_and_after_the_handshake() {
    // So long that a slow machine has shaken hands by then.
    let server = Server::start(TlsMode::On, |http| http.header_wait = Duration::from_secs(2));
    let before = async { closed(server.tcp().await).await };
    let silent = async { closed(server.tls(&["h2"], BOTH).await.unwrap()).await };
    let begun = async {
        let mut tls = server.tls(&["http/1.1"], BOTH).await.unwrap();
        tls.write_all(b"PRI").await.unwrap();
        closed(tls).await;
    };
    tokio::join!(before, silent, begun);
}

#[tokio::test]
async fn over_the_cap_a_connection_is_closed_at_once_and_a_place_becomes_free_again() {
    let server = Server::start(TlsMode::Off, |http| {
        http.max_connections = 1;
    });
    let mut first = server.tcp().await;
    first.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut answer = [0; 512];
    let length = first.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.ends_with(&first.local_addr().unwrap().to_string()), "{answer}");
    closed(server.tcp().await).await;
    drop(first);
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let mut next = server.tcp().await;
        let _ = next.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        let mut answer = String::new();
        if next.read_to_string(&mut answer).await.is_ok_and(|length| length > 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the place stayed taken");
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let server = Server::start(TlsMode::Off, |http| http.max_connections_per_address = 2);
    let _two = [server.tcp().await, server.tcp().await];
    closed(server.tcp().await).await;
    let trusting = Server::start(TlsMode::Off, |http| {
        http.max_connections_per_address = 2;
        http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    for _ in 0..4 {
        let mut tcp = trusting.tcp().await;
        tcp.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// Asks for the big file, reads `step` bytes at a time after a `pause` each, and says how much came.
async fn read_at_leisure(mut stream: impl AsyncRead + AsyncWrite + Unpin, step: usize, pause: Duration) -> usize {
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let (mut buffer, mut read) = (vec![0; 64 * 1024], 0);
    loop {
        tokio::time::sleep(pause).await;
        let mut left = step;
        while left > 0 {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return read,
                Ok(length) => {
                    read += length;
                    left = left.saturating_sub(length);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_a_slow_one_is_not() {
    let reads = async |mode, step, pause, whole| {
        let server = Server::start(mode, |http| http.write_wait = Duration::from_millis(1_500));
        let pause = Duration::from_millis(pause);
        let read = match mode {
            TlsMode::Off => read_at_leisure(server.tcp().await, step, pause).await,
            TlsMode::On => read_at_leisure(server.tls(&["http/1.1"], BOTH).await.unwrap(), step, pause).await,
        };
        assert_eq!(read >= BIG, whole, "{mode:?}, {pause:?}: {read} of {BIG} bytes");
    };
    tokio::join!(reads(TlsMode::Off, usize::MAX, 5_000, false), reads(TlsMode::On, usize::MAX, 5_000, false));
    reads(TlsMode::Off, 8 << 20, 100, true).await;
    reads(TlsMode::On, 8 << 20, 100, true).await;
}

#[tokio::test]
async fn the_write_deadline_is_not_for_websockets() {
    let server = Server::start(TlsMode::On, |http| http.write_wait = Duration::from_millis(200));
    let (mut sink, mut stream) = upgraded_over_http1(&server).await.split();
    let sent = 300;
    let sender = tokio::spawn(async move {
        for _ in 0..sent {
            sink.send(Message::text("x".repeat(64 * 1024))).await.unwrap();
        }
        sink
    });
    tokio::time::sleep(Duration::from_secs(1)).await; // five times the deadline
    for n in 0..sent {
        assert!(stream.next().await.unwrap().is_ok(), "after {n} messages");
    }
    drop(sender.await.unwrap());
}

#[tokio::test]
async fn pings_alone_do_not_keep_an_http2_connection() {
    let server = Server::start(TlsMode::Off, |http| http.idle_wait = Duration::from_secs(2));
    let (client, mut connection) = h2::client::handshake(server.tcp().await).await.unwrap();
    let mut pings = connection.ping_pong().unwrap();
    let start = Instant::now();
    let ended = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = axum::http::Request::get(format!("http://{}/peer", server.address)).body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    assert_eq!(response.await.unwrap().status(), StatusCode::OK);
    while pings.ping(h2::Ping::opaque()).await.is_ok() {
        assert!(start.elapsed() < PATIENCE, "it stayed open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() > Duration::from_millis(1_990), "{:?}", start.elapsed());
    drop(ended.await.unwrap());
}

#[tokio::test]
async fn an_idle_keep_alive_connection_is_closed() {
    let server = Server::start(TlsMode::Off, |http| http.header_wait = Duration::from_millis(300));
    let mut tcp = server.tcp().await;
    tcp.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    closed(tcp).await;
}

#[tokio::test]
async fn header_floods_are_answered_431() {
    let server = Server::start(TlsMode::Off, |_| {});
    let many: String = (0..65).map(|n| format!("x-{n}: 1\r\n")).collect();
    for headers in [many, format!("x: {}\r\n", "1".repeat(17_000))] {
        let mut tcp = server.tcp().await;
        let _ = tcp.write_all(format!("GET /peer HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes()).await;
        let mut answer = [0; 12];
        tcp.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431");
    }
}

#[tokio::test]
async fn tls_1_2_and_1_3_http_1_1_and_2_on_one_port() {
    let server = Server::start(TlsMode::On, |_| {});
    let tls = server.tls(&["h2", "http/1.1"], BOTH).await.unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    assert_eq!(tls.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let tls = server.tls(&["http/1.1"], &[&rustls::version::TLS12]).await.unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert_eq!(tls.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert!(server.tls(&["spdy/3"], BOTH).await.is_err());
}

async fn upgraded_over_http1(server: &Server) -> WebSocketStream<TlsStream<TcpStream>> {
    let tls = server.tls(&["http/1.1"], BOTH).await.unwrap();
    let request = format!("wss://localhost:{}/ws", server.address.port());
    tokio_tungstenite::client_async(request, tls).await.unwrap().0
}

#[tokio::test]
async fn a_websocket_outlives_the_deadline_and_a_new_certificate() {
    let mut server = Server::start(TlsMode::On, |http| http.header_wait = Duration::from_secs(1));
    let mut socket = upgraded_over_http1(&server).await;
    // A new pair is served to the next connection.
    let (certificate, key) = server.settings.tls_files();
    std::fs::remove_file(&certificate).unwrap();
    std::fs::remove_file(&key).unwrap();
    let new = tls::load(&server.settings).unwrap().config().get_inner();
    server.tls.as_ref().unwrap().config().reload_from_config(new);
    assert!(server.tls(&["http/1.1"], BOTH).await.is_err(), "the old certificate is still served");
    tokio::time::sleep(Duration::from_millis(2_100)).await; // over twice the deadline
    socket.send(Message::text("still here")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("still here"));
    // Graceful shutdown closes the port and forgets upgraded sockets.
    server.serving.handle.graceful_shutdown(Some(PATIENCE));
    (&mut server.serving.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    socket.send(Message::text("and here")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("and here"));
}

#[tokio::test]
async fn a_websocket_works_over_http2() {
    let server = Server::start(TlsMode::On, |http| http.idle_wait = Duration::from_millis(1_500));
    let tls = server.tls(&["h2"], BOTH).await.unwrap();
    let (client, connection) = h2::client::handshake(tls).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    while !client.is_extended_connect_protocol_enabled() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut request = axum::http::Request::builder()
        .method(Method::CONNECT)
        .uri(format!("https://localhost:{}/ws", server.address.port()))
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .body(())
        .unwrap();
    request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    let (response, mut upstream) = client.send_request(request, false).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    for _ in 0..6 {
        // A masked text frame "hi" with a mask of zeros, echoed unmasked.
        upstream.send_data(bytes::Bytes::from_static(b"\x81\x82\0\0\0\0hi"), false).unwrap();
        assert_eq!(body.data().await.unwrap().unwrap().as_ref(), b"\x81\x02hi");
        tokio::time::sleep(Duration::from_millis(550)).await; // six of them are over twice the idle wait
    }
}

#[tokio::test]
async fn a_port_in_use_says_so() {
    let first = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = Listener::bind(first.address()).unwrap_err().to_string();
    assert!(error.contains("another program") && error.contains("--listen"), "{error}");
}
