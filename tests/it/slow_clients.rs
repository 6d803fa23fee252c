//! Clients that do not read: each is cut at its bound, disturbs nobody, and loses nothing.

use crate::support::{
    Pipe, RawSocket, TestClient, TestServer,
    raw::{TEXT, frame},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use switchboard::{
    manager::Client,
    model::{Role, UserName},
    protocol::CloseReason,
};
use tokio::time::{MissedTickBehavior, interval};

const CROWD: usize = 1_000;
const EGRESS_EVENTS: usize = 128;
/// Ends the flood: shorter than anything else.
const THE_END: &str = "the end";

/// The server's side of a user's only connection.
async fn connection_of(server: &TestServer, name: &str) -> Arc<Client> {
    let account = server.server().store().account(&UserName::parse(name).unwrap()).await.unwrap().unwrap();
    let mut clients = server.server().manager().clients().of_user(account.user.id);
    assert_eq!(clients.len(), 1);
    clients.remove(0)
}

/// Says many things at once and waits for all answers. The last offset.
async fn floods(speaker: &mut TestClient, messages: usize, text: &str) -> u64 {
    let mut ids = Vec::new();
    for _ in 0..messages {
        ids.push(speaker.posts("send_message", json!({"room": "general", "message": text})).await);
    }
    let mut last = 0;
    for id in ids {
        last = speaker.answer(id).await.expect("it is stored")["offset"].as_u64().unwrap();
    }
    last
}

/// Reads `new_message` frames from offset 1 to the end of the flood, and answers how many there were.
async fn reads_all(mut socket: RawSocket) -> u64 {
    let mut offset = 0;
    loop {
        let frame = socket.next().await.unwrap().expect("nobody cuts it");
        if frame.first != TEXT {
            continue;
        }
        offset += 1;
        let start = format!(r#"{{"type":"new_message","topic":"room.general","offset":{offset},"#);
        assert!(frame.payload.starts_with(start.as_bytes()), "{offset}: {}", String::from_utf8_lossy(&frame.payload));
        if frame.payload.len() < 500 {
            return offset;
        }
    }
}

/// What still comes on a cut connection: offsets from 1 on without holes. Answers the last.
async fn reads_what_is_left(mut socket: RawSocket) -> u64 {
    let mut offset = 0;
    while let Ok(Some(frame)) = socket.next().await {
        if frame.first == TEXT {
            let event: Value = serde_json::from_slice(&frame.payload).unwrap();
            offset += 1;
            assert_eq!(event["offset"], offset);
        }
    }
    offset
}

/// Comes back with its position and gets everything up to `last`.
async fn resumes_whole(server: &TestServer, name: &str, epoch: &str, position: u64, last: u64) {
    let (session, _) = server.login(name, None).await;
    let resume = json!({"epoch": epoch, "positions": {"room.general": position}});
    let mut client = server.returns(name, &session, Some(resume)).await;
    assert_eq!(client.hears("hello").await["topics"]["room.general"], json!({"offset": last, "recovered": true}));
    let events = client.all_until("caught_up").await;
    let offsets: Vec<_> = events.iter().filter_map(|event| event["offset"].as_u64()).collect();
    assert_eq!(offsets, ((position + 1)..=last).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_reader_among_a_thousand_is_cut_and_the_others_get_everything_in_order() {
    let server = TestServer::start_with(|settings| {
        settings.otp.max_per_user = CROWD;
        settings.socket.events_per_sec = 0;
        settings.socket.egress_events = EGRESS_EVENTS;
    })
    .await;
    server.account("crowd", Role::Member).await;
    let (session, _) = server.login("crowd", None).await;
    let arrivals = (0..CROWD).map(|_| server.raw_of(Pipe::Wide, &session, None, ""));
    let crowd: Vec<_> = stream::iter(arrivals).buffer_unordered(32).collect().await;
    let stalled = server.raw_through(Pipe::Narrow, "stalled", "").await;
    let connection = connection_of(&server, "stalled").await;
    let mut speaker = server.client("speaker").await;
    let readers: Vec<_> = crowd.into_iter().map(|socket| tokio::spawn(reads_all(socket))).collect();

    let text = "x".repeat(1_000);
    while !connection.closing().is_cancelled() {
        floods(&mut speaker, 16, &text).await;
        let (events, bytes) = connection.egress().waiting();
        assert!(events <= EGRESS_EVENTS && bytes <= EGRESS_EVENTS * 1_200, "{events} events, {bytes} bytes wait");
    }
    let last = floods(&mut speaker, 1, THE_END).await;

    for reader in readers {
        assert_eq!(reader.await.unwrap(), last);
    }
    assert_eq!(connection.close_reason(), Some(CloseReason::SlowConsumer));
    let position = reads_what_is_left(stalled).await;
    assert!(position < last);
    resumes_whole(&server, "stalled", &speaker.epoch, position, last).await;
    server.until(|server| server.manager().clients().len() <= 1).await;
    let metrics = server.http().get("/metrics").await.body;
    let metrics = String::from_utf8(metrics.to_vec()).unwrap();
    assert!(metrics.contains("switchboard_egress_closes_total{reason=\"slow_consumer\"} 1\n"), "{metrics}");
    server.stop().await;
}

/// It makes no progress that TCP could see, however long it goes on; so the write's own deadline ends it.
#[tokio::test]
async fn a_reader_of_single_bytes_is_cut_when_a_write_makes_no_progress() {
    let server = TestServer::start_with(|settings| {
        settings.socket.events_per_sec = 0;
        settings.socket.write_wait = Duration::from_millis(300);
        settings.socket.egress_events = 1 << 20;
        settings.socket.egress_bytes = 1 << 30;
        settings.recovery.max_publications = 1 << 20;
    })
    .await;
    let mut slow = server.raw_through(Pipe::Narrow, "slow", "").await;
    let connection = connection_of(&server, "slow").await;
    let mut speaker = server.client("speaker").await;
    let text = "x".repeat(8_000);
    let mut last = 0;
    let mut taken = Vec::new();
    // Its pace is its own: were it as fast as the machine, it would make room for whole segments in time.
    let mut pace = interval(Duration::from_millis(10));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !connection.closing().is_cancelled() {
        pace.tick().await;
        last = floods(&mut speaker, 1, &text).await;
        taken.extend(slow.reads_a_byte().await);
    }
    assert_eq!(connection.close_reason(), Some(CloseReason::SlowConsumer));
    slow.gives_back(taken);
    let position = reads_what_is_left(slow).await;
    resumes_whole(&server, "slow", &speaker.epoch, position, last).await;
    server.stop().await;
}

/// Whoever asks for more than it reads is read no further, and cut when it does not take what waits for it.
#[tokio::test]
async fn a_client_that_asks_and_does_not_read_is_cut() {
    let server = TestServer::start_with(|settings| {
        settings.socket.events_per_sec = 0;
        settings.socket.egress_events = 64;
        settings.socket.write_wait = Duration::from_millis(300);
    })
    .await;
    let mut speaker = server.client("speaker").await;
    floods(&mut speaker, 20, &"x".repeat(8_000)).await;
    for (name, request) in [
        ("by_events", json!({"type": "list_rooms", "id": 1})),
        ("by_bytes", json!({"type": "get_history", "id": 1, "payload": {"room": "general"}})),
    ] {
        let mut greedy = server.raw_through(Pipe::Narrow, name, "").await;
        let connection = connection_of(&server, name).await;
        while !connection.closing().is_cancelled() {
            // It may be cut between the look and this, or while nothing more is taken from it.
            greedy.tries_to_write(&frame(TEXT, request.to_string().as_bytes())).await;
            let (events, bytes) = connection.egress().waiting();
            assert!(events <= 64 && bytes <= 1024 * 1024, "{name}: {events} events, {bytes} bytes wait");
        }
        assert_eq!(connection.close_reason(), Some(CloseReason::SlowConsumer), "{name}");
        // Cut in the middle of a frame, so no close frame could follow.
        assert_eq!(greedy.ending().await.close, None, "{name}");
    }
    speaker.says("general", "undisturbed").await;
    server.stop().await;
}

/// Its pongs are not read before it has caught up, but it is not silent.
#[tokio::test]
async fn a_client_that_needs_longer_than_the_pong_wait_to_catch_up_is_not_cut() {
    let server = TestServer::start_with(|settings| {
        settings.socket.events_per_sec = 0;
        settings.socket.ping_period = Duration::from_millis(100);
        settings.socket.pong_wait = Duration::from_secs(3);
    })
    .await;
    let mut speaker = server.client("speaker").await;
    let last = floods(&mut speaker, 300, &"x".repeat(8_000)).await;
    server.account("slow", Role::Member).await;
    let (session, _) = server.login("slow", None).await;
    let resume = json!({"epoch": speaker.epoch, "positions": {"room.general": 0}});
    let otp = server.otp(&session, Some(resume)).await;
    let mut slow = RawSocket::open(server.http(), &otp, Pipe::Narrow, "").await;
    // So long it reads nothing: until another one that says nothing has been cut.
    let mut silent = server.raw("silent").await;
    assert_eq!(silent.close_code().await, 4002);
    let mut offsets = Vec::new();
    loop {
        let event = slow.event().await;
        if event["type"] == "caught_up" {
            break;
        }
        offsets.extend(event["offset"].as_u64());
    }
    assert_eq!(offsets, (1..=last).collect::<Vec<_>>());
    slow.sends_text(r#"{"type":"list_rooms","id":1}"#).await;
    assert_eq!(slow.hears("ok").await["id"], 1);
    drop(slow);
    server.stop().await;
}
