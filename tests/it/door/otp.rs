//! One-time passwords: once, within seconds, and every failure looks the same.

use crate::support::{BUDGET, Pipe, RawSocket, Response, TestClient, TestServer};
use futures_util::future::join_all;
use std::{collections::BTreeMap, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Everything of an answer that somebody could tell two of them apart by.
fn looks(response: &Response) -> (u16, BTreeMap<String, String>, String) {
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let headers = response.headers.iter().filter(|(name, _)| *name != "date").map(header).collect();
    (response.status.as_u16(), headers, String::from_utf8(response.body.to_vec()).unwrap())
}

#[tokio::test]
async fn every_bad_otp_gets_the_same_answer() {
    let server = TestServer::start().await;
    let [alice, bob] = server.clients(["alice", "bob"]).await;
    let good = server.otp(&alice.session, None).await;
    let used = server.otp(&alice.session, None).await;
    assert!(TestClient::open(server.http(), &used).await.is_ok());
    let of_ended_session = server.otp(&bob.session, None).await;
    server.http().post_as(&bob.session, "/logout", &serde_json::json!({})).await;
    let expected = looks(&server.http().upgrade("/ws", &[]).await);
    assert_eq!(expected.0, 401);
    assert!(expected.2.contains("\"bad_otp\""), "{}", expected.2);
    for (what, path) in [
        ("empty", "/ws?otp=".to_owned()),
        ("by another name", format!("/ws?OTP={good}")),
        ("wrong", format!("/ws?otp={}", "A".repeat(43))),
        ("used", format!("/ws?otp={used}")),
        ("of a session that has ended", format!("/ws?otp={of_ended_session}")),
        ("cut", format!("/ws?otp={}", &good[..42])),
        ("cut in front", format!("/ws?otp={}", &good[1..])),
        ("longer", format!("/ws?otp={good}A")),
        ("padded", format!("/ws?otp={good}%3d")),
        ("doubled", format!("/ws?otp={good}{good}")),
        ("said twice", format!("/ws?otp={good}&otp={good}")),
        ("said twice, once wrong", format!("/ws?otp={good}&otp=x")),
        ("in another case", format!("/ws?otp={}", good.to_lowercase())),
        ("10 kB", format!("/ws?otp={}", "A".repeat(10_000))),
        ("no UTF-8", "/ws?otp=%ff%fe%00".to_owned()),
        ("the session's token", format!("/ws?otp={}", alice.session)),
    ] {
        assert_eq!(looks(&server.http().upgrade(&path, &[]).await), expected, "{what}");
    }
    // What the server does not even read is refused before.
    let mut stream = TcpStream::connect(server.http().address).await.unwrap();
    let megabyte = format!("GET /ws?otp={} HTTP/1.1\r\n", "A".repeat(1 << 20));
    let _ = stream.write_all(megabyte.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(BUDGET, stream.read_to_end(&mut answer)).await.expect("it ends");
    let status = String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned();
    assert!(["", "414", "431"].contains(&status.as_str()), "{status}");
    assert!(TestClient::open(server.http(), &good).await.is_ok(), "none of them was it");
    server.stop().await;
}

#[tokio::test]
async fn an_expired_otp_lets_nobody_in() {
    let server = TestServer::start_with(|settings| settings.otp.ttl = Duration::from_nanos(1)).await;
    server.account("alice", switchboard::model::Role::Member).await;
    let (session, answer) = server.login("alice", None).await;
    let missing = looks(&server.http().upgrade("/ws", &[]).await);
    for otp in [answer["otp"].as_str().unwrap().to_owned(), server.otp(&session, None).await] {
        assert_eq!(looks(&server.http().upgrade(&format!("/ws?otp={otp}"), &[]).await), missing);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_upgrades_with_one_otp_one_wins() {
    let server = TestServer::start_with(|settings| settings.otp.ttl = Duration::from_secs(60)).await;
    let alice = server.client("alice").await;
    let address = server.http().address;
    let connections: Vec<TcpStream> =
        join_all((0..1_000).map(|_| TcpStream::connect(address))).await.into_iter().map(Result::unwrap).collect();
    let otp = server.otp(&alice.session, None).await;
    let request = format!(
        "GET /ws?otp={otp} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let attempts = connections.into_iter().map(|mut stream| {
        let request = request.clone();
        tokio::spawn(async move {
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = [0; 12];
            timeout(BUDGET, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
            // Kept open: whoever got in stays.
            (String::from_utf8(answer[9..].to_vec()).unwrap(), stream)
        })
    });
    let attempts: Vec<_> = join_all(attempts).await.into_iter().map(Result::unwrap).collect();
    let with = |status: &str| attempts.iter().filter(|(answer, _)| answer == status).count();
    assert_eq!((with("101"), with("401")), (1, 999));
    server.until(|server| server.manager().clients().len() == 2).await;
    drop(attempts);
    server.stop().await;
}

#[tokio::test]
async fn an_otp_is_spent_even_if_the_socket_never_opens() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let otp = server.otp(&alice.session, None).await;
    let mut stream = TcpStream::connect(server.http().address).await.unwrap();
    let request = format!(
        "GET /ws?otp={otp} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.http().address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_u8().await.unwrap();
    drop(stream);
    assert_eq!(TestClient::open(server.http(), &otp).await.err(), Some(401));
    server.until(|server| server.manager().clients().len() == 1).await;
    server.stop().await;
}

#[tokio::test]
async fn an_otp_may_travel_as_a_subprotocol() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let otp = server.otp(&alice.session, None).await;
    for (what, path, offer) in [
        ("both ways", format!("/ws?otp={otp}"), format!("switchboard.v1, otp.{otp}")),
        ("twice", "/ws".to_owned(), format!("otp.{otp}, switchboard.v1, otp.{otp}")),
        ("cut", "/ws".to_owned(), format!("switchboard.v1, otp.{}", &otp[1..])),
        ("without its prefix", "/ws".to_owned(), format!("switchboard.v1, {otp}")),
    ] {
        let refused = server.http().upgrade(&path, &[("sec-websocket-protocol", &offer)]).await;
        assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (401, "bad_otp"), "{what}");
    }
    let offer = format!("Sec-WebSocket-Protocol: switchboard.v1, otp.{otp}\r\n");
    let mut socket = RawSocket::open_at(server.http(), "/ws", Pipe::Wide, &offer).await;
    assert!(socket.head.contains("\r\nsec-websocket-protocol: switchboard.v1\r\n"), "{}", socket.head);
    assert!(!socket.head.contains("otp"), "{}", socket.head);
    assert_eq!(socket.event().await["payload"]["user"]["name"], "alice");
    drop(socket);
    // Offered beside an OTP in the URL it is named as well, or a browser hangs up.
    let otp = server.otp(&alice.session, None).await;
    let socket = RawSocket::open(server.http(), &otp, Pipe::Wide, "Sec-WebSocket-Protocol: switchboard.v1\r\n").await;
    assert!(socket.head.contains("\r\nsec-websocket-protocol: switchboard.v1\r\n"), "{}", socket.head);
    drop(socket);
    // Nobody is told of a subprotocol they did not offer (RFC 6455 section 4.1).
    let otp = server.otp(&alice.session, None).await;
    let socket = RawSocket::open(server.http(), &otp, Pipe::Wide, "").await;
    assert!(!socket.head.contains("sec-websocket-protocol"), "{}", socket.head);
    drop(socket);
    server.stop().await;
}
