//! Talking: messages, rooms, history.

use crate::support::TestServer;
use serde_json::json;

#[tokio::test]
async fn a_message_reaches_everyone_in_the_room() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.joins("general").await;
    bob.joins("general").await;
    alice.says("general", "hello").await;
    assert_eq!(bob.hears("new_message").await["message"], "hello");
    server.stop().await;
}

#[tokio::test]
async fn a_message_carries_who_said_it_and_what_its_author_called_it() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    let payload =
        json!({"room": "general", "message": "hi", "client_id": "a-1", "from": "mallory", "sent": 1, "offset": 9});
    let sent = alice.asks("send_message", payload).await;
    let event = bob.event("new_message").await;
    assert_eq!(event["topic"], "room.general");
    assert_eq!(event["offset"], sent["offset"]);
    let message = &event["payload"];
    assert_eq!((&message["from"], &message["client_id"]), (&json!("alice"), &json!("a-1")));
    assert_eq!((&message["id"], &message["sent"]), (&sent["id"], &sent["sent"]));
    server.stop().await;
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_requests() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(alice.posts("send_message", json!({"room": "general", "message": format!("{n}")})).await);
        ids.push(alice.posts("list_rooms", json!({})).await);
        ids.push(alice.posts("no_such_thing", json!({})).await);
    }
    let answers = ids.len();
    let mut heard = Vec::new();
    while heard.len() < answers {
        let event = alice.next_event().await;
        if let Some(id) = event["id"].as_u64() {
            heard.push(id);
        }
    }
    assert_eq!(heard, ids);
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_client_id_gets_the_first_answer() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    let payload = json!({"room": "general", "message": "once", "client_id": "same"});
    let first = alice.asks("send_message", payload.clone()).await;
    let mut second = alice.asks("send_message", payload.clone()).await;
    assert_eq!(second["duplicate"], true);
    second["duplicate"] = false.into();
    assert_eq!(first, second);
    // Another author's ids are their own.
    assert_eq!(bob.asks("send_message", payload).await["duplicate"], false);
    let other = json!({"room": "general", "message": "twice", "client_id": "same"});
    assert_eq!(alice.is_refused("send_message", other).await, "conflict");
    server.stop().await;
}

#[tokio::test]
async fn rooms_are_created_joined_left_and_listed() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    let created = alice.asks("create_room", json!({"room": "Kitchen", "title": "The kitchen"})).await;
    assert_eq!(created["room"]["name"], "kitchen");
    assert_eq!(alice.hears("room_added").await["room"]["title"], "The kitchen");
    assert_eq!(bob.is_refused("send_message", json!({"room": "kitchen", "message": "x"})).await, "no_such_room");
    let listed = bob.asks("list_rooms", json!({})).await;
    assert_eq!(
        listed["rooms"][1],
        json!({"name": "kitchen", "title": "The kitchen", "public": true, "joined": false, "members": 1})
    );
    bob.joins("kitchen").await;
    assert_eq!(alice.hears("member_joined").await, json!({"room": "kitchen", "user": "bob"}));
    bob.says("kitchen", "smells good").await;
    assert_eq!(alice.hears("new_message").await["message"], "smells good");
    bob.asks("leave_room", json!({"room": "kitchen"})).await;
    assert_eq!(alice.hears("member_left").await["user"], "bob");
    assert_eq!(bob.hears("room_removed").await["room"], "kitchen");
    alice.says("kitchen", "alone").await;
    let heard_before = bob.hears("new_message").await;
    assert_eq!(heard_before["message"], "smells good");
    bob.has_not_heard("new_message").await;
    assert_eq!(bob.is_refused("get_history", json!({"room": "kitchen"})).await, "no_such_room");
    assert_eq!(alice.is_refused("create_room", json!({"room": "kitchen"})).await, "room_exists");
    server.stop().await;
}

#[tokio::test]
async fn a_private_room_is_not_there_for_others() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.asks("create_room", json!({"room": "secret", "public": false})).await;
    assert_eq!(bob.asks("list_rooms", json!({})).await["rooms"].as_array().unwrap().len(), 1);
    let answers = [
        bob.is_refused("join_room", json!({"room": "secret"})).await,
        bob.is_refused("join_room", json!({"room": "nowhere"})).await,
        bob.is_refused("get_history", json!({"room": "secret"})).await,
        bob.is_refused("send_message", json!({"room": "secret", "message": "x"})).await,
    ];
    assert!(answers.iter().all(|code| code == "no_such_room"), "{answers:?}");
    server.stop().await;
}

#[tokio::test]
async fn history_pages_in_both_directions() {
    let server = TestServer::start_with(|settings| settings.socket.events_burst = 1000).await;
    let mut alice = server.client("alice").await;
    let mut offsets = Vec::new();
    for n in 0..10 {
        offsets.push(alice.says("general", &format!("{n}")).await["offset"].as_u64().unwrap());
    }
    let texts = |history: &serde_json::Value| -> String {
        history["messages"].as_array().unwrap().iter().map(|message| message["message"].as_str().unwrap()).collect()
    };
    let newest = alice.asks("get_history", json!({"room": "general", "limit": 3})).await;
    assert_eq!(
        (texts(&newest), &newest["more_before"], &newest["more_after"]),
        ("789".into(), &json!(true), &json!(false))
    );
    let before = alice.asks("get_history", json!({"room": "general", "before": offsets[3], "limit": 100})).await;
    assert_eq!(
        (texts(&before), &before["more_before"], &before["more_after"]),
        ("012".into(), &json!(false), &json!(true))
    );
    let after = alice.asks("get_history", json!({"room": "general", "after": offsets[3], "limit": 2})).await;
    assert_eq!((texts(&after), &after["more_before"], &after["more_after"]), ("45".into(), &json!(true), &json!(true)));
    let around = alice.asks("get_history", json!({"room": "general", "around": offsets[5], "limit": 4})).await;
    assert_eq!(texts(&around), "4567");
    let clamped = alice.asks("get_history", json!({"room": "general", "limit": 1_000_000_000})).await;
    assert_eq!(clamped["messages"].as_array().unwrap().len(), 10);
    for limit in [json!(-1), json!("x"), json!(1.5), json!(0)] {
        assert_eq!(alice.is_refused("get_history", json!({"room": "general", "limit": limit})).await, "bad_payload");
    }
    server.stop().await;
}
