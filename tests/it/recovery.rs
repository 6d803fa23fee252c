//! The recovery contract: a client that comes back gets exactly what it missed, whatever happened
//! to it, to the connection or to the server meanwhile.

use crate::support::{ServerProcess, TestClient, TestServer};
use serde_json::{Value, json};
use switchboard::{
    model::{MessageText, Role, RoomName, UserName},
    storage::{Change, Draft},
};

/// Puts `count` messages into `general` through the store's own door, so that many are cheap.
async fn publish(server: &TestServer, count: usize) {
    server.account("author", Role::Member).await;
    let account = server.server().store().account(&UserName::parse("author").unwrap()).await.unwrap().unwrap();
    let draft = |n: usize| Draft {
        at: 0,
        change: Change::SendMessage {
            author: account.user.clone(),
            room: RoomName::parse("general").unwrap(),
            text: MessageText::parse(&format!("missed {n}")).unwrap(),
            client_id: None,
        },
    };
    for start in (0..count).step_by(250) {
        let drafts = (start..count.min(start + 250)).map(draft).collect();
        let committed = server.server().store().commit(drafts).await.unwrap();
        assert!(committed.iter().all(Result::is_ok));
    }
}

fn texts(events: &[Value]) -> Vec<&str> {
    let messages = events.iter().filter(|event| event["type"] == "new_message");
    messages.map(|event| event["payload"]["message"].as_str().unwrap()).collect()
}

async fn away_for(count: usize) -> (TestServer, Value, Vec<Value>) {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    alice.says("general", "before").await;
    alice.hears("new_message").await;
    let (session, mut resume) = (alice.session.clone(), alice.resume());
    resume["positions"]["user.1"] = json!(0);
    alice.leaves().await;
    publish(&server, count).await;
    let mut alice = server.returns("alice", &session, Some(resume)).await;
    let mut events = alice.all_until("caught_up").await;
    let hello = events.remove(0);
    assert_eq!(hello["type"], "hello");
    // What is said now comes after everything that was missed.
    alice.says("general", "after").await;
    events.extend(alice.all_until("new_message").await);
    (server, hello["payload"]["topics"]["room.general"].clone(), events)
}

#[tokio::test]
async fn a_client_gets_exactly_what_it_missed() {
    for count in [0, 1, 41, 1_000] {
        let (server, topic, events) = away_for(count).await;
        assert_eq!(topic, json!({"offset": count + 1, "recovered": true}));
        let mut expected: Vec<_> = (0..count).map(|n| format!("missed {n}")).collect();
        expected.push("after".into());
        assert_eq!(texts(&events), expected, "away for {count}");
        server.stop().await;
    }
}

#[tokio::test]
async fn recovery_is_never_partial() {
    let (server, topic, events) = away_for(1_001).await;
    assert_eq!(topic, json!({"offset": 1_002, "recovered": false, "reason": "too_far"}));
    assert_eq!(texts(&events), ["after"]);
    server.stop().await;
}

#[tokio::test]
async fn a_position_that_cannot_be_served_is_said_to_be_so() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    alice.says("general", "one").await;
    let epoch = alice.epoch.clone();
    let session = alice.session.clone();
    alice.leaves().await;
    let from_the_future = json!({"epoch": epoch, "positions": {"room.general": 2}});
    let of_another_store = json!({"epoch": "0000000000000000", "positions": {"room.general": 1}});
    let of_another_topic = json!({"epoch": epoch, "positions": {"room.secret": 1}});
    for (resume, reason) in [
        (Some(from_the_future), Some("ahead")),
        (Some(of_another_store), Some("other_epoch")),
        (Some(of_another_topic), None),
        (None, None),
    ] {
        let otp = server.otp(&session, resume).await;
        let socket = TestClient::open(server.http(), &otp).await.unwrap();
        let mut alice = TestClient::arrive("alice", &session, socket).await;
        let hello = alice.hears("hello").await;
        let topic = &hello["topics"]["room.general"];
        assert_eq!((&topic["offset"], &topic["recovered"]), (&json!(1), &json!(false)));
        assert_eq!(topic.get("reason").and_then(Value::as_str), reason);
        assert!(hello["topics"].get("room.secret").is_none());
        assert_eq!(texts(&alice.all_until("caught_up").await).len(), 0);
        alice.leaves().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn an_old_position_of_a_trimmed_log_is_not_recovered() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    for n in 0..3 {
        alice.says("general", &format!("{n}")).await;
    }
    let (session, epoch) = (alice.session.clone(), alice.epoch.clone());
    alice.leaves().await;
    server.server().store().trim_log(i64::MAX, 0, 2).await.unwrap();
    for (position, recovered) in [(1, false), (2, true), (3, true)] {
        let resume = json!({"epoch": epoch, "positions": {"room.general": position}});
        let mut alice = server.returns("alice", &session, Some(resume)).await;
        let hello = alice.hears("hello").await;
        assert_eq!(hello["topics"]["room.general"]["recovered"], recovered, "position {position}");
        alice.leaves().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_restart_in_between_loses_nothing() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.says("general", "first").await;
    bob.hears("new_message").await;
    let (session, resume) = (bob.session.clone(), bob.resume());
    bob.leaves().await;
    alice.says("general", "second").await;
    drop(alice);
    let server = server.restart().await;
    let mut alice = server.client("alice").await;
    alice.says("general", "third").await;
    let mut bob = server.returns("bob", &session, Some(resume)).await;
    assert_eq!(texts(&bob.all_until("caught_up").await), ["second", "third"]);
    server.stop().await;
}

#[tokio::test]
async fn a_send_that_was_cut_before_its_answer_is_there_once() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    let payload = json!({"room": "general", "message": "cut", "client_id": "c-1"});
    alice.posts("send_message", payload.clone()).await;
    // Bob has it, so it is committed; whether Alice got her answer nobody knows.
    bob.hears("new_message").await;
    let session = alice.session.clone();
    drop(alice);
    let mut alice = server.returns("alice", &session, None).await;
    let answer = alice.asks("send_message", payload).await;
    assert_eq!(answer["duplicate"], true);
    bob.has_not_heard("new_message").await;
    let history = alice.asks("get_history", json!({"room": "general"})).await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
    server.stop().await;
}

/// Several clients come back while others talk: replay and live must meet without a seam.
#[tokio::test]
async fn coming_back_in_the_middle_of_a_conversation_leaves_no_seam() {
    let server = TestServer::start_with(|settings| settings.socket.events_per_sec = 0).await;
    let mut speaker = server.client("speaker").await;
    let mut alice = server.client("alice").await;
    let session = alice.session.clone();
    speaker.says("general", "0").await;
    alice.hears("new_message").await;
    let mut said = 1;
    for _ in 0..20 {
        let resume = alice.resume();
        drop(alice);
        let mut ids = Vec::new();
        for _ in 0..30 {
            let payload = json!({"room": "general", "message": said.to_string()});
            ids.push(speaker.posts("send_message", payload).await);
            said += 1;
        }
        // `note_position` fails on any hole or repetition.
        alice = server.returns("alice", &session, Some(resume)).await;
        while alice.positions["room.general"] < said {
            alice.next_event().await;
        }
        for id in ids {
            speaker.answer(id).await.expect("it was stored");
        }
    }
    server.stop().await;
}

/// `SIGKILL` in the middle of a burst: every acknowledged message is there once, in order.
#[tokio::test]
async fn a_killed_server_keeps_every_acknowledged_message() {
    const ROUNDS: u64 = 5;
    let data = tempfile::tempdir().unwrap();
    let limits = [("SWITCHBOARD__SOCKET__EVENTS_PER_SEC", "0")];
    let mut acknowledged: Vec<(u64, String)> = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    let mut session: Option<String> = None;
    for round in 0..=ROUNDS {
        let server = ServerProcess::start(data.path(), &limits);
        if session.is_none() {
            session = Some(server.owner().await);
        }
        let session = session.as_deref().expect("made in the first round");
        let mut alice = server.client("owner", session).await;
        // What was in doubt is sent again with its id; the server knows which it has.
        for client_id in unknown.drain(..) {
            let payload = json!({"room": "general", "message": client_id, "client_id": client_id});
            let answer = alice.asks("send_message", payload).await;
            acknowledged.push((answer["offset"].as_u64().unwrap(), client_id));
        }
        if round == ROUNDS {
            assert_stored(&mut alice, &mut acknowledged).await;
            assert!(server.terminate().success());
            return;
        }
        let mut waiting = std::collections::HashMap::new();
        for n in 0..60 {
            let client_id = format!("{round}-{n}");
            let payload = json!({"room": "general", "message": client_id, "client_id": client_id});
            waiting.insert(alice.posts("send_message", payload).await, client_id);
        }
        // Killed somewhere between the first acknowledgement and the last.
        for _ in 0..=(round * 9) {
            let (&id, _) = waiting.iter().min_by_key(|(id, _)| **id).unwrap();
            let answer = alice.answer(id).await.expect("it is stored");
            acknowledged.push((answer["offset"].as_u64().unwrap(), waiting.remove(&id).unwrap()));
        }
        server.kill();
        let mut in_order: Vec<_> = waiting.into_iter().collect();
        in_order.sort_unstable();
        unknown.extend(in_order.into_iter().map(|(_, client_id)| client_id));
    }
}

async fn assert_stored(client: &mut TestClient, acknowledged: &mut [(u64, String)]) {
    acknowledged.sort();
    let stored = client.reads_all("general").await;
    assert_eq!(stored, acknowledged);
}
