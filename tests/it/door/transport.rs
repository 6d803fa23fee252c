//! Sockets over everything they may travel on: TLS, HTTP/1.1, HTTP/2.

use crate::support::{TestClient, TestServer, h2::Http2};
use hyper::Method;
use serde_json::json;
use switchboard::settings::TlsMode;
use tokio_rustls::rustls::{ProtocolVersion, version};

async fn over_tls() -> TestServer {
    TestServer::start_with(|settings| settings.tls.mode = TlsMode::On).await
}

/// A client over HTTP/2, as far as `caught_up`.
async fn client_over_http2(server: &TestServer, http2: &mut Http2, session: &str) -> TestClient {
    let otp = server.otp(session, None).await;
    let socket = http2.websocket(&otp).await.expect("the OTP is good");
    let mut client = TestClient::arrive("over HTTP/2", session, socket).await;
    client.hears("caught_up").await;
    client
}

#[tokio::test]
async fn two_people_talk_over_tls_and_http1() {
    let server = over_tls().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.says("general", "hello").await;
    assert_eq!(bob.hears("new_message").await["message"], "hello");
    let named = hyper::Request::get("/").header("host", "chat.example");
    assert_eq!(server.http().send(named, Vec::new()).await.headers["strict-transport-security"], "max-age=31536000");
    let page = server.http().get("/").await;
    assert!(!page.headers.contains_key("strict-transport-security"), "an address is bound to HTTPS");
    server.stop().await;
}

#[tokio::test]
async fn two_people_talk_over_http2() {
    let server = over_tls().await;
    let mut bob = server.client("bob").await;
    let session = server.client("alice").await.session.clone();
    let mut http2 = Http2::connect(server.http()).await;
    // Two sockets of one connection, and one of another kind of HTTP.
    let mut laptop = client_over_http2(&server, &mut http2, &session).await;
    let mut tab = client_over_http2(&server, &mut http2, &session).await;
    laptop.says("general", "hello").await;
    assert_eq!(bob.hears("new_message").await["message"], "hello");
    assert_eq!(tab.hears("new_message").await["message"], "hello");
    bob.says("general", &"x".repeat(8_000)).await;
    laptop.hears("new_message").await;
    assert_eq!(laptop.hears("new_message").await["message"], "x".repeat(8_000));
    // More than a stream's window, so that it has to open again.
    let text = "y".repeat(8_000);
    for _ in 0..20 {
        laptop.says("general", &text).await;
    }
    let history = tab.asks("get_history", json!({"room": "general", "limit": 100})).await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 22);
    server.stop().await;
}

#[tokio::test]
async fn close_codes_arrive_over_http2() {
    let server = over_tls().await;
    let session = server.client("alice").await.session.clone();
    let mut http2 = Http2::connect(server.http()).await;
    let mut alice = client_over_http2(&server, &mut http2, &session).await;
    server.http().post_as(&session, "/logout", &json!({})).await;
    assert_eq!(u16::from(alice.is_closed().await.code), 4001);
    server.stop().await;
}

#[tokio::test]
async fn http2_is_refused_as_http1_is() {
    let server = over_tls().await;
    let alice = server.client("alice").await;
    let otp = server.otp(&alice.session, None).await;
    let path = format!("/ws?otp={otp}");
    let mut http2 = Http2::connect(server.http()).await;
    let version = ("sec-websocket-version", "13");
    let foreign = [version, ("origin", "https://evil.example")];
    for (what, method, protocol, headers, status) in [
        ("a plain GET", Method::GET, None, &[version][..], 426),
        ("another protocol", Method::CONNECT, Some("connect-udp"), &[version], 426),
        ("no version", Method::CONNECT, Some("websocket"), &[], 426),
        ("another version", Method::CONNECT, Some("websocket"), &[("sec-websocket-version", "8")], 426),
        ("a foreign page", Method::CONNECT, Some("websocket"), &foreign, 403),
    ] {
        let (response, _) = http2.send(method, &path, protocol, headers).await;
        assert_eq!(response.status(), status, "{what}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{what}");
    }
    assert_eq!(http2.websocket(&"A".repeat(43)).await.err(), Some(401));
    let socket = http2.websocket(&otp).await.expect("the OTP was not touched");
    assert_eq!(http2.websocket(&otp).await.err(), Some(401), "and now it is spent");
    TestClient::arrive("alice", &alice.session, socket).await.says("general", "in").await;
    server.stop().await;
}

#[tokio::test]
async fn both_versions_of_tls_and_of_http_are_spoken() {
    let server = over_tls().await;
    for (offered, expected) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        for (alpn, chosen) in
            [(&[&b"h2"[..], b"http/1.1"][..], Some(&b"h2"[..])), (&[b"http/1.1"], Some(b"http/1.1")), (&[], None)]
        {
            let stream = server.http().connect_with_tls(&[offered], alpn).await;
            let connection = stream.get_ref().1;
            assert_eq!((connection.protocol_version(), connection.alpn_protocol()), (Some(expected), chosen));
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stop_is_said_over_http2_as_well() {
    let server = over_tls().await;
    let session = server.client("alice").await.session.clone();
    let mut http2 = Http2::connect(server.http()).await;
    let mut alice = client_over_http2(&server, &mut http2, &session).await;
    let told = async {
        let close = alice.is_closed().await;
        assert_eq!((u16::from(close.code), close.reason.as_str()), (1012, "restart jitter_ms=4000"));
    };
    tokio::join!(server.stop(), told);
}
