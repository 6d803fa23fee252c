//! `GET /events`: live, resumed, cut and ended. Who may listen to what is in `events_stream_access`.

use crate::support::{BUDGET, EventReader, TestServer, events::events, h2::Http2};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use switchboard::{
    manager::Client,
    model::{TopicName, UserName},
    protocol::CloseReason,
    settings::TlsMode,
};
use tokio::time::timeout;

const ROOM: &[&str] = &["room.general"];

fn messages(events: &[Value]) -> Vec<&str> {
    let messages = events.iter().filter(|event| event["type"] == "new_message");
    messages.map(|event| event["payload"]["message"].as_str().unwrap()).collect()
}

/// The server's side of a user's only stream.
async fn stream_of(server: &TestServer, name: &str) -> Arc<Client> {
    let account = server.server().store().account(&UserName::parse(name).unwrap()).await.unwrap().unwrap();
    let clients = server.server().manager().clients().of_user(account.user.id);
    clients.into_iter().find(|client| !client.follows_rooms()).expect("a stream")
}

#[tokio::test]
async fn a_stream_says_hello_and_then_what_happens() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    alice.says("general", "before").await;
    let mut stream = server.streams(&alice.session, ROOM, "").await.unwrap();
    assert_eq!(stream.headers["cache-control"], "no-store");
    assert_eq!(stream.headers["x-accel-buffering"], "no");
    let hello = stream.hears("hello").await;
    assert_eq!(hello["user"]["name"], "alice");
    assert_eq!(hello["topics"].as_object().unwrap().keys().collect::<Vec<_>>(), ["room.general"]);
    assert_eq!(hello["topics"]["room.general"]["recovered"], false);
    assert!(hello.get("refused").is_none());
    stream.hears("caught_up").await;
    alice.says("general", "live\nand kicking").await;
    let heard = stream.event("new_message").await;
    assert_eq!(heard["payload"]["message"], "live\nand kicking");
    alice.event("new_message").await;
    assert_eq!(heard, alice.event("new_message").await, "the frame of the socket");
    drop(stream);
    server.until(|server| server.manager().clients().len() == 1).await;
    assert_eq!(server.server().manager().subscribers(&TopicName::parse("room.general").unwrap()), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_goes_on_behind_the_last_id_without_loss_or_repetition() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    alice.asks("create_room", json!({"room": "other"})).await;
    let topics = &["room.general", "room.other"];
    let mut stream = server.streams(&alice.session, topics, "").await.unwrap();
    stream.hears("hello").await;
    // Cut before anything was heard: `hello` says where it was.
    let (mut last_id, mut heard) = (stream.last_id.clone(), Vec::new());
    assert!(!last_id.is_empty());
    for n in 0..6 {
        drop(stream);
        for room in ["general", "other"] {
            alice.says(room, &format!("{room} {n}")).await;
        }
        stream = if n % 2 == 0 {
            server.streams(&alice.session, topics, &last_id).await.unwrap()
        } else {
            // The order of the topics does not matter, and a header counts more than the query.
            let path = format!("{}last_event_id={last_id}", events(&["room.other", "room.general"]));
            let cookie = format!("__Host-session={}", alice.session);
            EventReader::open(server.http(), &path, &[("cookie", &cookie), ("origin", &server.http().origin())])
                .await
                .unwrap()
        };
        let hello = stream.hears("hello").await;
        assert_eq!(hello["topics"]["room.general"]["recovered"], true, "{hello}");
        assert_eq!(stream.last_id, last_id, "hello claims nothing of what is to come");
        stream.hears("caught_up").await;
        alice.says("general", &format!("live {n}")).await;
        for _ in 0..3 {
            heard.push(stream.event("new_message").await);
        }
        last_id = stream.last_id.clone();
    }
    let mut texts = messages(&heard);
    assert_eq!(texts.len(), 18);
    let mut expected: Vec<_> =
        (0..6).flat_map(|n| [format!("general {n}"), format!("other {n}"), format!("live {n}")]).collect();
    texts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(texts, expected);
    server.stop().await;
}

#[tokio::test]
async fn an_id_between_two_topics_of_a_replay_loses_nothing() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    alice.asks("create_room", json!({"room": "other"})).await;
    let topics = &["room.general", "room.other"];
    let mut stream = server.streams(&alice.session, topics, "").await.unwrap();
    stream.hears("caught_up").await;
    let mut id = stream.last_id.clone();
    drop(stream);
    for room in ["general", "other", "general", "other"] {
        alice.says(room, "missed").await;
    }
    // One event is taken of each stream, however much comes.
    let mut heard = Vec::new();
    for _ in 0..4 {
        let mut stream = server.streams(&alice.session, topics, &id).await.unwrap();
        let event = stream.event("new_message").await;
        heard.push((event["topic"].as_str().unwrap().to_owned(), event["offset"].as_u64().unwrap()));
        id = stream.last_id.clone();
    }
    heard.sort_unstable();
    heard.dedup();
    assert_eq!(heard.len(), 4, "{heard:?}");
    server.stop().await;
}

#[tokio::test]
async fn an_id_of_another_stream_or_epoch_resumes_nothing_and_says_so() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    let mut stream = server.streams(&alice.session, ROOM, "").await.unwrap();
    stream.hears("caught_up").await;
    alice.says("general", "missed").await;
    let id = std::mem::take(&mut stream.last_id);
    let other_epoch = id.replacen(|_: char| true, if id.starts_with('0') { "1" } else { "0" }, 1);
    let mut inbox = server.streams(&alice.session, &["user.1"], "").await.unwrap();
    inbox.hears("caught_up").await;
    let huge = "9".repeat(4_000);
    for (last_id, reason) in [
        (other_epoch.as_str(), "other_epoch"),
        (&inbox.last_id, "other_stream"),
        (&id[1..id.len() - 2], "other_stream"),
        ("nonsense", "other_stream"),
        (&huge, "other_stream"),
    ] {
        let mut stream = server.streams(&alice.session, ROOM, last_id).await.unwrap();
        let hello = stream.hears("hello").await;
        assert_eq!(hello["topics"]["room.general"]["recovered"], false, "{last_id}");
        assert_eq!(hello["topics"]["room.general"]["reason"], reason, "{last_id}");
        stream.hears("caught_up").await;
        // From here on it goes on like any other.
        let id = stream.last_id.clone();
        drop(stream);
        alice.says("general", "later").await;
        let mut stream = server.streams(&alice.session, ROOM, &id).await.unwrap();
        assert_eq!(stream.hears("hello").await["topics"]["room.general"]["recovered"], true);
        assert_eq!(stream.hears("new_message").await["message"], "later");
    }
    let mut ahead =
        server.streams(&alice.session, ROOM, &format!("{}.99", id.rsplit_once('.').unwrap().0)).await.unwrap();
    assert_eq!(ahead.hears("hello").await["topics"]["room.general"]["reason"], "ahead");
    server.stop().await;
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive_by_comments_over_both_versions_of_http() {
    let server = TestServer::start_with(|settings| {
        settings.tls.mode = TlsMode::On;
        settings.socket.ping_period = Duration::from_millis(100);
        settings.socket.pong_wait = Duration::from_millis(1_500);
        // Shorter than what is waited for below: the client says nothing, and its connection stays.
        settings.http.idle_wait = Duration::from_secs(2);
        settings.http.header_wait = Duration::from_secs(2);
    })
    .await;
    let session = server.session("alice").await;
    let mut http2 = Http2::connect(server.http()).await;
    let path = format!("{}otp={}", events(ROOM), server.otp(&session, None).await);
    let mut second = EventReader::open_in(&mut http2, &path, &[]).await;
    let mut first = server.streams(&session, ROOM, "").await.unwrap();
    for stream in [&mut first, &mut second] {
        stream.hears_comments(30).await;
    }
    let otp = server.otp(&session, None).await;
    let socket = crate::support::TestClient::open(server.http(), &otp).await.unwrap();
    let mut alice = crate::support::TestClient::arrive("alice", &session, socket).await;
    alice.says("general", "still there").await;
    for stream in [&mut first, &mut second] {
        assert_eq!(stream.hears("new_message").await["message"], "still there");
    }
    drop((first, second, alice, http2));
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_stalls_is_cut_and_resumes_whole() {
    let (soon, late) = (Duration::from_millis(300), Duration::from_secs(60));
    // Either there is no room left for it, or its connection has not moved for too long.
    for (egress_events, write_wait, reason) in [(64, late, Some(CloseReason::SlowConsumer)), (100_000, soon, None)] {
        let server = TestServer::start_with(|settings| {
            settings.socket.events_per_sec = 0;
            settings.socket.egress_events = egress_events;
            settings.socket.egress_bytes = 100 * 1024 * 1024;
            settings.http.write_wait = write_wait;
        })
        .await;
        let mut alice = server.client("alice").await;
        let session = server.session("slow").await;
        let cookie = format!("__Host-session={session}");
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        let mut slow = EventReader::open_narrow(server.http(), &events(ROOM), &headers).await.unwrap();
        slow.hears("caught_up").await;
        let connection = stream_of(&server, "slow").await;
        let (text, mut sent) = ("x".repeat(4_000), 0);
        while !connection.closing().is_cancelled() {
            if connection.egress().waiting().0 < 128 {
                alice.says("general", &text).await;
                sent += 1;
            } else {
                // Its connection is full; how much more a machine says until it is cut must not matter.
                timeout(BUDGET, connection.closing().cancelled()).await.expect("it is cut");
            }
        }
        assert_eq!(connection.close_reason(), reason);
        // It is forgotten, though it still has not read anything.
        server.until(|server| server.manager().clients().len() == 1).await;
        let mut heard = messages(&slow.ends().await).len();
        assert!(heard < sent);
        let mut stream = server.streams(&session, ROOM, &slow.last_id).await.unwrap();
        let hello = stream.hears("hello").await;
        assert_eq!(hello["topics"]["room.general"]["recovered"], true, "{hello}");
        while heard < sent {
            let offset = stream.event("new_message").await["offset"].as_u64().unwrap();
            assert_eq!(slow.positions.insert("room.general".to_owned(), offset), Some(offset - 1));
            heard += 1;
        }
        drop((slow, stream));
        server.stop().await;
    }
}

/// Its other streams go on, so the connection as a whole is not idle.
#[tokio::test]
async fn an_http2_stream_that_nobody_reads_is_cut_and_the_others_go_on() {
    let server = TestServer::start_with(|settings| {
        settings.tls.mode = TlsMode::On;
        settings.socket.events_per_sec = 0;
        settings.socket.egress_events = 64;
    })
    .await;
    let session = server.session("alice").await;
    let mut http2 = Http2::connect(server.http()).await;
    let path = async || format!("{}otp={}", events(ROOM), server.otp(&session, None).await);
    let stalled = EventReader::open_in(&mut http2, &path().await, &[]).await;
    let connection = stream_of(&server, "alice").await;
    let mut reads = EventReader::open_in(&mut http2, &path().await, &[]).await;
    reads.hears("caught_up").await;
    let otp = server.otp(&session, None).await;
    let socket = crate::support::TestClient::open(server.http(), &otp).await.unwrap();
    let mut alice = crate::support::TestClient::arrive("alice", &session, socket).await;
    while connection.close_reason().is_none() {
        alice.says("general", &"x".repeat(4_000)).await;
        reads.event("new_message").await;
    }
    assert_eq!(connection.close_reason(), Some(CloseReason::SlowConsumer));
    server.until(|server| server.manager().clients().len() == 2).await;
    alice.says("general", "undisturbed").await;
    assert_eq!(reads.hears("new_message").await["message"], "undisturbed");
    drop((stalled, reads, alice, http2));
    server.stop().await;
}

#[tokio::test]
async fn a_stop_tells_streams_when_to_come_back_and_does_not_wait_for_them() {
    let server = TestServer::start_with(|settings| settings.server.restart_jitter = Duration::from_millis(1500)).await;
    let session = server.session("alice").await;
    let mut stream = server.streams(&session, ROOM, "").await.unwrap();
    stream.hears("caught_up").await;
    let first = stream.retry.take().expect("for a server that is killed");
    let mut tls_less = server.streams(&session, ROOM, "").await.unwrap();
    let ending = async {
        stream.ends().await;
        stream.retry.expect("a last word")
    };
    let (last, _, ()) = tokio::join!(ending, tls_less.ends(), server.stop());
    for wait in [first, last] {
        assert!((500..=2000).contains(&wait), "{wait}");
    }
}

#[tokio::test]
async fn a_stream_of_a_session_that_ends_is_closed() {
    let server = TestServer::start().await;
    let session = server.session("alice").await;
    let mut stream = server.streams(&session, ROOM, "").await.unwrap();
    stream.hears("caught_up").await;
    assert_eq!(server.http().post_as(&session, "/logout", &json!({})).await.status, 204);
    assert!(stream.ends().await.iter().all(|event| event["type"] == "hello"));
    let refused = server.streams(&session, ROOM, &stream.last_id).await.err().unwrap();
    assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (401, "unauthorized"));
    server.stop().await;
}

#[tokio::test]
async fn a_room_that_is_left_is_heard_no_more_and_the_others_are() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.asks("create_room", json!({"room": "club"})).await;
    bob.joins("club").await;
    let mut stream = server.streams(&bob.session, &["room.club", "room.general"], "").await.unwrap();
    stream.hears("caught_up").await;
    alice.says("club", "welcome").await;
    assert_eq!(stream.hears("new_message").await["message"], "welcome");
    bob.asks("leave_room", json!({"room": "club"})).await;
    alice.says("club", "among us").await;
    alice.says("general", "to all").await;
    assert_eq!(stream.hears("new_message").await["message"], "to all");
    // A room joined meanwhile is nothing that was asked for.
    bob.asks("create_room", json!({"room": "new"})).await;
    bob.says("new", "echo").await;
    alice.says("general", "again").await;
    assert_eq!(stream.hears("new_message").await["message"], "again");
    drop(stream);
    server.stop().await;
}
