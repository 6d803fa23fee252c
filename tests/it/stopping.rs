//! How the server stops: everyone is told, nobody new is let in, and the exit code says how it went.

use crate::support::{BUDGET, Pipe, RawSocket, ServerProcess, TestServer};
use rustix::process::Signal;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const RESTART: &str = "restart jitter_ms=1500";
const JITTER: (&str, &str) = ("SWITCHBOARD__SERVER__RESTART_JITTER_SECS", "1.5");

#[tokio::test]
async fn a_signal_tells_everyone_when_to_come_back_and_ends_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let data = tempfile::tempdir().unwrap();
        let server = ServerProcess::start(data.path(), &[JITTER]);
        let session = server.owner().await;
        let mut alice = server.client("owner", &session).await;
        let mut bob = server.client("owner", &session).await;
        let before = alice.says("general", "before the stop").await["offset"].clone();
        server.signal(signal);
        for client in [&mut alice, &mut bob] {
            let close = client.is_closed().await;
            assert_eq!((u16::from(close.code), close.reason.as_str()), (1012, RESTART));
        }
        assert_eq!(server.end().await, Some(0));
        let server = ServerProcess::start(data.path(), &[]);
        let mut alice = server.client("owner", &session).await;
        let history = alice.asks("get_history", json!({"room": "general"})).await;
        assert_eq!(history["messages"][0]["offset"], before);
        assert!(server.terminate().success());
    }
}

/// What was sent before the close frame came is either answered or not stored.
#[tokio::test]
async fn a_stop_finishes_what_was_acknowledged_and_loses_none() {
    let data = tempfile::tempdir().unwrap();
    let no_limit = ("SWITCHBOARD__SOCKET__EVENTS_PER_SEC", "0");
    let server = ServerProcess::start(data.path(), &[no_limit]);
    let session = server.owner().await;
    let mut alice = server.client("owner", &session).await;
    for n in 0..200 {
        alice.posts("send_message", json!({"room": "general", "message": n.to_string()})).await;
    }
    server.signal(Signal::TERM);
    let mut acknowledged = Vec::new();
    while let Ok(event) = alice.next_unless_cut().await {
        if event["type"] == "ok" {
            acknowledged.push(event["payload"]["offset"].as_u64().unwrap());
        }
    }
    assert_eq!(server.end().await, Some(0));
    let server = ServerProcess::start(data.path(), &[]);
    let mut alice = server.client("owner", &session).await;
    let stored: Vec<_> = alice.reads_all("general").await.into_iter().map(|(offset, _)| offset).collect();
    assert_eq!(stored[..acknowledged.len()], acknowledged);
    assert!(server.terminate().success());
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_ends_with_1() {
    let data = tempfile::tempdir().unwrap();
    let patience = [("SWITCHBOARD__HTTP__BODY_WAIT_SECS", "600"), ("SWITCHBOARD__SERVER__DRAIN_WAIT_SECS", "600")];
    let server = ServerProcess::start(data.path(), &patience);
    let session = server.owner().await;
    let otp = server.http.otp(&session, None).await;
    let mut silent = RawSocket::open(server.http, &otp, Pipe::Wide, "").await;
    // A request whose body does not come is waited for.
    let mut endless = TcpStream::connect(server.http.address).await.unwrap();
    let head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\
                Expect: 100-continue\r\n\r\n";
    endless.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 12];
    timeout(BUDGET, endless.read_exact(&mut go_on)).await.expect("it is under way").unwrap();
    assert_eq!(go_on, *b"HTTP/1.1 100");
    server.signal(Signal::TERM);
    assert_eq!(silent.close_code().await, 1012);
    server.signal(Signal::TERM);
    assert_eq!(server.end().await, Some(1));
}

#[tokio::test]
async fn nobody_new_is_let_in_while_it_stops() {
    let server = TestServer::start().await;
    let http = server.http();
    let mut silent = server.raw("silent").await;
    let (session, _) = server.login("silent", None).await;
    let otp = server.otp(&session, None).await;
    // Open before the stop, but without a request.
    let mut early = TcpStream::connect(http.address).await.unwrap();
    let latecomer = async move {
        assert_eq!(silent.close_code().await, 1012);
        let request = format!(
            "GET /ws?otp={otp} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let mut answer = Vec::new();
        if early.write_all(request.as_bytes()).await.is_ok() {
            let _ = timeout(BUDGET, early.read_to_end(&mut answer)).await.expect("it ends");
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{answer}");
        match TcpStream::connect(http.address).await {
            Err(_) => {}
            Ok(mut late) => {
                let _ = late.write_all(request.as_bytes()).await;
                let mut answer = Vec::new();
                let _ = timeout(BUDGET, late.read_to_end(&mut answer)).await.expect("it ends");
                assert!(!answer.starts_with(b"HTTP/1.1 101"));
            }
        }
        // Held until here: the stop was under way all the time.
        drop(silent);
    };
    tokio::join!(server.stop(), latecomer);
}
