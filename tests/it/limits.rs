//! Every limit of the settings that a client can cross, crossed.

use crate::support::{
    BUDGET, Pipe, TestClient, TestServer,
    raw::{PING, TEXT, TEXT_START, close_payload, frame},
};
use hyper::Request;
use serde_json::{Value, json};
use std::time::Duration;
use switchboard::model::Role;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn more_events_than_the_rate_allows_are_closed_with_4003() {
    let server = TestServer::start_with(|settings| {
        settings.socket.events_per_sec = 1;
        settings.socket.events_burst = 20;
    })
    .await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    for _ in 0..20 {
        alice.asks("list_rooms", json!({})).await;
    }
    for _ in 0..100 {
        alice.tries_to_send(r#"{"type":"list_rooms"}"#).await;
    }
    let close = alice.is_closed().await;
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4003, "too_many_events"));
    bob.says("general", "each has a rate of its own").await;
    server.stop().await;
}

#[tokio::test]
async fn one_socket_of_a_user_too_many_is_closed_with_4004() {
    let server = TestServer::start_with(|settings| settings.socket.connections_per_user = 2).await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    let session = alice.session.clone();
    let second = server.returns("alice", &session, None).await;
    assert_eq!(server.knocks(&session).await, Err((4004, "too_many_connections".into())));
    alice.says("general", "the ones before stay").await;
    bob.says("general", "others are not concerned").await;
    second.leaves().await;
    server.until(|server| server.manager().clients().len() == 2).await;
    assert_eq!(server.knocks(&session).await, Ok(()));
    server.stop().await;
}

#[tokio::test]
async fn one_socket_from_an_address_too_many_is_closed_with_4004() {
    let server = TestServer::start_with(|settings| {
        settings.socket.connections_per_address = 2;
        settings.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    assert_eq!(server.knocks(&alice.session).await, Err((4004, "too_many_connections".into())));
    let otp = server.otp(&alice.session, None).await;
    let from_elsewhere = [("x-forwarded-for", "192.0.2.7")];
    let socket = TestClient::open_with(server.http(), &format!("/ws?otp={otp}"), &from_elsewhere).await.unwrap();
    TestClient::arrive("alice", &alice.session, socket).await.hears("caught_up").await;
    alice.says("general", "the ones before stay").await;
    bob.says("general", "of both").await;
    server.stop().await;
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_then_closed_with_4002() {
    let server = TestServer::start_with(|settings| {
        settings.socket.ping_period = SHORT;
        // So long that nobody who answers is late because the machine was.
        settings.socket.pong_wait = SHORT * 30;
    })
    .await;
    // Answers pings in the background, and says nothing else.
    let mut quiet = server.client("quiet").await;
    let mut silent = server.raw("silent").await;
    assert_eq!(silent.next().await.unwrap().unwrap().first, PING);
    assert_eq!(silent.ending().await.close, Some((4002, "pong_timeout".to_owned())));
    quiet.says("general", "a pong is enough").await;
    server.stop().await;
}

#[tokio::test]
async fn more_sends_than_may_be_in_flight_wait_and_all_are_answered_in_order() {
    for max_in_flight in [1, 2, 64] {
        let server = TestServer::start_with(|settings| {
            settings.socket.events_per_sec = 0;
            settings.socket.max_in_flight = max_in_flight;
        })
        .await;
        let mut alice = server.client("alice").await;
        let mut ids = Vec::new();
        for n in 0..200 {
            ids.push(alice.posts("send_message", json!({"room": "general", "message": n.to_string()})).await);
        }
        let mut answered = Vec::new();
        while answered.len() < ids.len() {
            let event = alice.next_event().await;
            if event["type"] == "ok" {
                answered.push((event["id"].as_u64().unwrap(), event["payload"]["offset"].as_u64().unwrap()));
            }
        }
        assert_eq!(answered, ids.into_iter().zip(1..).collect::<Vec<_>>(), "{max_in_flight} in flight");
        server.stop().await;
    }
}

#[tokio::test]
async fn the_oldest_otp_of_a_user_makes_room() {
    let server = TestServer::start_with(|settings| settings.otp.max_per_user = 3).await;
    let [alice, bob] = server.clients(["alice", "bob"]).await;
    let bobs = server.otp(&bob.session, None).await;
    let mut alices = Vec::new();
    for _ in 0..4 {
        alices.push(server.otp(&alice.session, None).await);
    }
    let oldest = alices.remove(0);
    assert_eq!(TestClient::open(server.http(), &oldest).await.err(), Some(401));
    for otp in alices.iter().chain([&bobs]) {
        assert!(TestClient::open(server.http(), otp).await.is_ok());
    }
    server.stop().await;
}

#[tokio::test]
async fn the_oldest_otp_of_all_makes_room() {
    let server = TestServer::start_with(|settings| settings.otp.max_outstanding = 2).await;
    let [alice, bob] = server.clients(["alice", "bob"]).await;
    let oldest = server.otp(&bob.session, None).await;
    let others = [server.otp(&alice.session, None).await, server.otp(&alice.session, None).await];
    assert_eq!(TestClient::open(server.http(), &oldest).await.err(), Some(401));
    for otp in others {
        assert!(TestClient::open(server.http(), &otp).await.is_ok());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_over_its_limit_is_answered_413() {
    let server = TestServer::start_with(|settings| settings.http.max_body_bytes = 8_192).await;
    let alice = server.client("alice").await;
    let of_size = |bytes: usize| {
        let empty = json!({"username": "alice", "password": "x", "token": "", "ignored": ""}).to_string();
        json!({"username": "alice", "password": "x", "token": "", "ignored": "x".repeat(bytes - empty.len())})
    };
    for path in ["/login", "/setup", "/invitations/check", "/invitations/accept"] {
        let refused = server.http().post(path, &of_size(4_097)).await;
        assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (413, "too_large"), "{path}");
        assert_ne!(server.http().post(path, &of_size(4_096)).await.status, 413, "{path}");
    }
    assert_eq!(server.http().post_as(&alice.session, "/otp", &of_size(8_193)).await.status, 413);
    assert_eq!(server.http().post_as(&alice.session, "/otp", &of_size(8_192)).await.status, 200);
    assert_eq!(server.http().post("/otp", &of_size(8_193)).await.status, 401, "only a session may send much");
    server.stop().await;
}

/// A length that is announced is enough; nobody waits for the rest.
/// The answer may be there before the body: whoever keeps the connection must not find it gone, nor its answer lost.
#[tokio::test]
async fn a_request_refused_before_its_body_is_there_leaves_a_good_connection() {
    let server = TestServer::start().await;
    for path in ["/publish", "/keys", "/otp"] {
        let mut stream = server.http().connect().await;
        for _ in 0..2 {
            let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
            stream.write_all(format!("{head}content-length: 60000\r\n\r\n").as_bytes()).await.unwrap();
            stream.write_all(&[b' '; 60_000]).await.unwrap();
            let (mut answer, mut part) = (Vec::new(), [0; 4096]);
            while !answer.ends_with(b"}}") {
                let read = stream.read(&mut part).await.unwrap();
                assert_ne!(read, 0, "{path}: {}", String::from_utf8_lossy(&answer));
                answer.extend_from_slice(&part[..read]);
            }
            assert!(answer.starts_with(b"HTTP/1.1 401"), "{path}: {}", String::from_utf8_lossy(&answer));
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn an_announced_giant_of_a_body_is_answered_413_at_once() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.http().address).await.unwrap();
    let head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4611686018427387904\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(BUDGET, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(answer, *b"HTTP/1.1 413");
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_408() {
    let server = TestServer::start_with(|settings| settings.http.body_wait = SHORT).await;
    let mut stream = TcpStream::connect(server.http().address).await.unwrap();
    let head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(BUDGET, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(answer, *b"HTTP/1.1 408");
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn whoever_sends_no_headers_is_hung_up_on() {
    let server = TestServer::start_with(|settings| settings.http.header_wait = SHORT).await;
    for start in ["", "G", "GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX: "] {
        let mut stream = TcpStream::connect(server.http().address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = timeout(BUDGET, stream.read_to_end(&mut rest)).await.expect("it ends");
        assert!(ended.is_err() || rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "after {start:?}: {rest:?}");
    }
    // Whoever is quick is served; on a machine that is busy not everybody is.
    let served = async {
        loop {
            match server.http().tries_to_get("/health/live").await {
                Some(answer) if answer.status != 408 => return answer.status,
                _ => {}
            }
        }
    };
    assert_eq!(timeout(BUDGET, served).await.expect("it is served"), 200);
    server.stop().await;
}

#[tokio::test]
async fn headers_over_their_limits_are_refused() {
    let server = TestServer::start().await;
    let many = (0..65).fold(Request::get("/health/live"), |request, n| request.header(format!("x-{n}"), "x"));
    assert_eq!(server.http().send(many, Vec::new()).await.status, 431);
    let large = Request::get("/health/live").header("x-large", "x".repeat(20_000));
    assert_eq!(server.http().send(large, Vec::new()).await.status, 431);
    let long = format!("/health/live?{}", "x".repeat(20_000));
    let status = server.http().get(&long).await.status.as_u16();
    assert!([414, 431].contains(&status), "{status}");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_too_many_is_hung_up_on() {
    let server = TestServer::start_with(|settings| settings.http.max_connections = 2).await;
    let alice = server.client("alice").await;
    // The connection that alice signed in on counts until the server has seen it end.
    let second = async {
        loop {
            let mut second = TcpStream::connect(server.http().address).await.unwrap();
            let _ = second.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await;
            if second.read_u8().await.is_ok() {
                return second;
            }
        }
    };
    let second = timeout(BUDGET, second).await.expect("it is served");
    let mut third = TcpStream::connect(server.http().address).await.unwrap();
    let _ = third.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut rest = Vec::new();
    let _ = timeout(BUDGET, third.read_to_end(&mut rest)).await.expect("it ends");
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    alice.leaves().await;
    drop(second);
    server.until(|server| server.manager().clients().is_empty()).await;
    server.stop().await;
}

#[tokio::test]
async fn whoever_missed_more_than_is_replayed_reloads() {
    let server = TestServer::start_with(|settings| settings.recovery.max_publications = 5).await;
    let [alice, mut bob] = server.clients(["alice", "bob"]).await;
    let (session, epoch) = (alice.session.clone(), alice.epoch.clone());
    alice.leaves().await;
    for n in 0..6 {
        bob.says("general", &n.to_string()).await;
    }
    for (position, recovered, replayed) in [(0, false, 0), (1, true, 5), (6, true, 0)] {
        let resume = json!({"epoch": epoch, "positions": {"room.general": position}});
        let mut alice = server.returns("alice", &session, Some(resume)).await;
        let events = alice.all_until("caught_up").await;
        assert_eq!(events[0]["payload"]["topics"]["room.general"]["recovered"], recovered, "position {position}");
        let of_room = |event: &&Value| event["topic"] == "room.general";
        assert_eq!(events.iter().filter(of_room).count(), replayed, "position {position}");
        alice.leaves().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn smaller_limits_of_the_socket_are_heeded() {
    let server = TestServer::start_with(|settings| {
        settings.socket.max_event_bytes = 1_024;
        settings.socket.max_fragments = 2;
        settings.socket.fragment_wait = SHORT;
        settings.socket.pings_per_sec = 1;
        settings.socket.bad_events_per_minute = 1;
    })
    .await;
    server.account("offender", Role::Member).await;
    let (session, _) = server.login("offender", None).await;
    let three = [frame(TEXT_START, b"{"), frame(0, b""), frame(0, b"")].concat();
    for (what, bytes, code) in [
        ("an event of 1,025 bytes", frame(TEXT, &[b' '; 1_025]), 1009),
        ("three fragments", three, 1008),
        ("a fragment and silence", frame(TEXT_START, b"{"), 1008),
        ("three pings at once", frame(PING, b"").repeat(3), 1008),
        ("one bad event", frame(TEXT, b"{"), 1008),
        ("a goodbye", frame(0x88, &close_payload(1000, b"")), 1000),
    ] {
        let mut offender = server.raw_of(Pipe::Wide, &session, None, "").await;
        offender.writes(&bytes).await;
        assert_eq!(offender.close_code().await, code, "{what}");
    }
    server.stop().await;
}
