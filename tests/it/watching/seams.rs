//! Rows and stream together are the table, however watching and writing interleave.

use crate::support::{
    Pipe, TestServer,
    raw::{CLOSE, RawSocket, TEXT, frame},
    watching::{Table, Watched, Watcher, dawdle},
};
use serde_json::{Map, Value, json};
use switchboard::{model::TopicName, storage::Wanted};

const WRITERS: u64 = 4;
const KEYS: u64 = 8;

fn keys_of(writer: u64) -> Vec<u64> {
    (0..KEYS).map(|n| n * WRITERS + writer).collect()
}

fn topics() -> Vec<String> {
    (0..WRITERS * KEYS).map(|key| format!("products.{key}")).chain(["products.*".to_owned()]).collect()
}

/// All writers at once: what becomes of the table.
async fn writers(server: &TestServer, changes: u64, table: Table) -> Table {
    let writing: Vec<_> = (0..WRITERS)
        .map(|n| {
            let (writer, keys) = (server.writer(), keys_of(n));
            let own =
                table.iter().filter(|(key, _)| keys.contains(key)).map(|(key, row)| (*key, row.clone())).collect();
            tokio::spawn(async move { writer.makes_changes(changes, &keys, own).await })
        })
        .collect();
    let mut table = Table::new();
    for one in writing {
        table.extend(one.await.unwrap());
    }
    table
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_begins_to_watch_has_the_table_and_every_change_once() {
    let server = TestServer::start_watched(|settings| settings.socket.egress_events = 100_000).await;
    let mut watchers = Vec::new();
    for name in ["ann", "ben", "cleo", "dan"] {
        watchers.push(Watcher::new(&server, name).await);
    }
    let topics = topics();
    let looking: Vec<_> = watchers
        .into_iter()
        .map(|mut watcher| {
            let topics = topics.clone();
            tokio::spawn(async move {
                watcher.looks_around(60, &topics).await;
                watcher
            })
        })
        .collect();
    let truth = writers(&server, 200, Table::new()).await;
    for one in looking {
        let mut watcher = one.await.unwrap();
        watcher.watches(&topics[..1]).await;
        watcher.catches_up().await;
        watcher.watched.agrees_with(&truth);
        assert!(!watcher.watched.topics().is_empty());
    }
    server.stop().await;
}

/// A reader that stalls again and again is cut, and comes back with its positions; what cannot be replayed it reads anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_reader_that_is_cut_has_every_change_of_a_row_in_order() {
    let server = TestServer::start_watched(|settings| {
        settings.socket.egress_events = 256;
        settings.recovery.max_publications = 200;
    })
    .await;
    server.account("slow", switchboard::model::Role::Member).await;
    let (session, _) = server.login("slow", None).await;
    let (topics, mut watched, mut table) = (topics(), Watched::default(), Table::new());
    let mut slow = server.raw_of(Pipe::Narrow, &session, None, "").await;
    slow.sends_text(&snapshot_of(&topics)).await;
    watched.answered(&slow.hears("ok").await["payload"]);
    for _ in 0..3 {
        // It reads nothing until it is cut; and it comes back while others write on.
        while !is_cut(&server) {
            table = writers(&server, 50, table).await;
        }
        hears_the_rest(&mut slow, &mut watched).await;
        let back = comes_back(&server, &session, &mut watched);
        (table, slow) = tokio::join!(writers(&server, 50, table), back);
    }
    let heads = heads(&server, &topics).await;
    while watched.positions() != heads {
        if is_cut(&server) {
            hears_the_rest(&mut slow, &mut watched).await;
            slow = comes_back(&server, &session, &mut watched).await;
        } else {
            watched.hears(&slow.event().await);
        }
    }
    watched.agrees_with(&table);
    assert_eq!(watched.topics().len(), topics.len());
    drop(slow);
    server.stop().await;
}

/// Where the topics stand.
async fn heads(server: &TestServer, topics: &[String]) -> Value {
    let named = topics.iter().map(|topic| TopicName::parse(topic).unwrap()).collect();
    let states = server.server().store().topic_states(Wanted { heard_by: None, named }).await.unwrap();
    states.into_iter().map(|state| (state.topic.to_string(), json!(state.head))).collect::<Map<_, _>>().into()
}

/// Whether everybody was.
fn is_cut(server: &TestServer) -> bool {
    server.server().manager().clients().all().iter().all(|client| client.closing().is_cancelled())
}

fn snapshot_of(topics: &[String]) -> String {
    json!({"type": "subscribe", "id": 1, "payload": {"topics": topics, "snapshot": true}}).to_string()
}

/// What was written before it was cut.
async fn hears_the_rest(slow: &mut RawSocket, watched: &mut Watched) {
    while let Ok(Some(frame)) = slow.next().await {
        match frame.first {
            TEXT => watched.hears(&serde_json::from_slice::<Value>(&frame.payload).unwrap()),
            CLOSE => assert_eq!(frame.payload[..2], 4000_u16.to_be_bytes()),
            _ => {}
        }
    }
}

/// With its positions; of what was not recovered it asks for the rows. Tries until it is not cut meanwhile.
async fn comes_back(server: &TestServer, session: &str, watched: &mut Watched) -> RawSocket {
    loop {
        dawdle(50).await;
        let epoch = server.server().store().epoch().clone();
        let otp = server.otp(session, Some(json!({"epoch": epoch, "positions": watched.positions()}))).await;
        let mut socket = RawSocket::open(server.http(), &otp, Pipe::Narrow, "").await;
        if is_up_to_date(&mut socket, watched).await {
            return socket;
        }
    }
}

/// Reads until it is; `false`: it was cut before.
async fn is_up_to_date(socket: &mut RawSocket, watched: &mut Watched) -> bool {
    let (mut lost, mut caught_up) = (Vec::new(), false);
    while !caught_up || !lost.is_empty() {
        let event: Value = match socket.next().await {
            Ok(Some(frame)) if frame.first == TEXT => serde_json::from_slice(&frame.payload).unwrap(),
            Ok(Some(_)) => continue,
            Ok(None) | Err(_) => return false,
        };
        if event["type"] == "hello" {
            let topics = event["payload"]["topics"].as_object().unwrap().iter();
            let unrecovered = topics.filter(|(name, one)| name.starts_with("products.") && one["recovered"] == false);
            lost = unrecovered.map(|(topic, _)| topic.clone()).collect();
            if !lost.is_empty() {
                socket.tries_to_write(&frame(TEXT, snapshot_of(&lost).as_bytes())).await;
            }
        } else if event["type"] == "caught_up" {
            caught_up = true;
        } else if event["id"] == 1 {
            watched.answered(&event["payload"]);
            lost.clear();
        } else if event["topic"].as_str().is_some_and(|topic| lost.iter().all(|lost| lost != topic)) {
            watched.hears(&event);
        }
    }
    true
}
