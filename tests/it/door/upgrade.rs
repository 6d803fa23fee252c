//! Requests that cannot become a socket are refused before the OTP is touched.

use crate::support::{
    RawSocket, TestClient, TestServer,
    raw::{TEXT, frame},
};
use hyper::{Method, Request};
use serde_json::json;

const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
const VERSION: (&str, &str) = ("sec-websocket-version", "13");
const UPGRADE: (&str, &str) = ("upgrade", "websocket");
const CONNECTION: (&str, &str) = ("connection", "Upgrade");

#[tokio::test]
async fn bad_upgrades_are_refused_and_spend_nothing() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let otp = server.otp(&alice.session, None).await;
    let get = Method::GET;
    for (method, headers, status, code) in [
        (get.clone(), vec![], 426, "upgrade_required"),
        (get.clone(), vec![CONNECTION, VERSION, KEY], 426, "upgrade_required"),
        (get.clone(), vec![UPGRADE, VERSION, KEY], 426, "upgrade_required"),
        (get.clone(), vec![("connection", "keep-alive"), UPGRADE, VERSION, KEY], 426, "upgrade_required"),
        (get.clone(), vec![CONNECTION, ("upgrade", "h2c"), VERSION, KEY], 426, "upgrade_required"),
        (get.clone(), vec![CONNECTION, UPGRADE, KEY], 426, "upgrade_required"),
        (get.clone(), vec![CONNECTION, UPGRADE, ("sec-websocket-version", "8"), KEY], 426, "upgrade_required"),
        (get.clone(), vec![CONNECTION, UPGRADE, VERSION], 400, "bad_payload"),
        (get.clone(), vec![CONNECTION, UPGRADE, VERSION, ("sec-websocket-key", "short")], 400, "bad_payload"),
        (
            get.clone(),
            vec![CONNECTION, UPGRADE, VERSION, ("sec-websocket-key", "!!!!!!!!!!!!!!!!!!!!!!==")],
            400,
            "bad_payload",
        ),
        (get, vec![CONNECTION, UPGRADE, VERSION, KEY, KEY], 400, "bad_payload"),
        (Method::POST, vec![CONNECTION, UPGRADE, VERSION, KEY], 405, "method_not_allowed"),
        (Method::PUT, vec![CONNECTION, UPGRADE, VERSION, KEY], 405, "method_not_allowed"),
        (Method::DELETE, vec![], 405, "method_not_allowed"),
    ] {
        let builder = Request::builder().method(method.clone()).uri(format!("/ws?otp={otp}"));
        let request = headers.iter().fold(builder, |request, (name, value)| request.header(*name, *value));
        let answer = server.http().send(request, Vec::new()).await;
        assert_eq!((answer.status.as_u16(), answer.error_code().as_str()), (status, code), "{method} {headers:?}");
        match status {
            426 => {
                assert_eq!(answer.headers["upgrade"], "websocket");
                assert_eq!(answer.headers["sec-websocket-version"], "13");
            }
            405 => assert_eq!(answer.headers["allow"], "GET"),
            _ => {}
        }
    }
    let socket = TestClient::open(server.http(), &otp).await.expect("the OTP was not touched");
    TestClient::arrive("alice", &alice.session, socket).await.asks("list_rooms", json!({})).await;
    server.stop().await;
}

#[tokio::test]
async fn the_headers_of_an_upgrade_are_read_as_lists_and_without_regard_to_case() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let otp = server.otp(&alice.session, None).await;
    let request = Request::get(format!("/ws?otp={otp}"))
        .header("CONNECTION", "keep-alive, uPgRaDe")
        .header("Upgrade", "WebSocket")
        .header(VERSION.0, VERSION.1)
        .header(KEY.0, KEY.1);
    let answer = server.http().send(request, Vec::new()).await;
    assert_eq!(answer.status, 101);
    // The example of RFC 6455 section 1.3.
    assert_eq!(answer.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    server.stop().await;
}

/// A client may speak before it has been answered; some proxies make it look like this.
#[tokio::test]
async fn what_comes_together_with_the_request_is_heard() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let otp = server.otp(&alice.session, None).await;
    let early = frame(TEXT, br#"{"type":"list_rooms","id":"early"}"#);
    let mut socket = RawSocket::open_saying(server.http(), &otp, &early).await;
    assert_eq!(socket.hears("ok").await["id"], "early");
    drop(socket);
    server.stop().await;
}
