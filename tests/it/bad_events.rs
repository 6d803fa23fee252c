//! Events that are not what they should be: each is answered with its code, and the socket stays open.

use crate::support::TestServer;
use serde_json::{Value, json};
use std::sync::Arc;
use switchboard::{
    manager::{Context, HandlerError, Registry, Reply},
    settings::Settings,
};

/// Room for many bad events in one test.
fn patient(settings: &mut Settings) {
    settings.socket.bad_events_per_minute = 100_000;
    settings.socket.events_per_sec = 0;
}

#[tokio::test]
async fn what_is_not_json_is_bad_json() {
    let server = TestServer::start_with(patient).await;
    let mut alice = server.client("alice").await;
    for text in [
        "",
        " ",
        "{",
        "hello",
        "nul",
        "{} {}",
        "[1,]",
        r#"{"type":"list_rooms",}"#,
        r#"{'type':'list_rooms'}"#,
        "\u{feff}{}",
        r#"{"type":"list_rooms","payload":{}}{"type":"list_rooms","payload":{}}"#,
        "{\"type\":\"a\0b\"}",
    ] {
        assert_eq!(alice.is_told_off(text).await.0, "bad_json", "{text:?}");
    }
    alice.says("general", "still here").await;
    server.stop().await;
}

#[tokio::test]
async fn what_two_readers_could_see_differently_is_bad_json() {
    let server = TestServer::start_with(patient).await;
    let mut alice = server.client("alice").await;
    for text in [
        r#"{"type":"list_rooms","type":"leave_room"}"#,
        r#"{"type":"list_rooms","payload":{"a":1,"\u0061":2}}"#,
        r#"{"type":"get_history","payload":{"room":"general","limit":1e999}}"#,
        r#"{"type":"get_history","payload":{"room":"general","limit":NaN}}"#,
        r#"{"type":"get_history","payload":{"room":"general","limit":-Infinity}}"#,
        r#"{"type":"send_message","payload":{"room":"general","message":"\ud800"}}"#,
        r#"{"type":"send_message","payload":{"room":"general","message":"\udc00\ud800"}}"#,
        r#"{"type":"list_rooms","payload":{"\ud800":1}}"#,
    ] {
        assert_eq!(alice.is_told_off(text).await.0, "bad_json", "{text}");
    }
    // A pair of surrogates is one character.
    let sent = r#"{"type":"send_message","payload":{"room":"general","message":"\ud83d\ude00"}}"#;
    alice.sends(sent).await;
    assert_eq!(alice.hears("new_message").await["message"], "😀");
    server.stop().await;
}

#[tokio::test]
async fn json_a_hundred_thousand_levels_deep_is_bad_json() {
    let server = TestServer::start_with(|settings| {
        patient(settings);
        settings.socket.max_event_bytes = 1 << 20;
    })
    .await;
    let mut alice = server.client("alice").await;
    let depth = 100_000;
    let closed = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = r#"{"a":"#.repeat(depth);
    for text in ["[".repeat(depth), closed.clone(), objects] {
        assert_eq!(alice.is_told_off(text).await.0, "bad_json");
    }
    let inside = format!(r#"{{"type":"list_rooms","payload":{{"ignored":{closed}}}}}"#);
    assert_eq!(alice.is_told_off(inside).await.0, "bad_json");
    alice.says("general", "still here").await;
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_envelope_is_a_bad_event() {
    let server = TestServer::start_with(patient).await;
    let mut alice = server.client("alice").await;
    for event in [
        json!([]),
        json!([{"type": "list_rooms"}]),
        json!(1),
        json!("list_rooms"),
        json!(null),
        json!(true),
        json!({}),
        json!({"payload": {}}),
        json!({"type": 1}),
        json!({"type": null}),
        json!({"type": ["list_rooms"]}),
        json!({"type": "list_rooms", "payload": []}),
        json!({"type": "list_rooms", "payload": "{}"}),
        json!({"type": "list_rooms", "id": 1.5}),
        json!({"type": "list_rooms", "id": {}}),
        json!({"type": "list_rooms", "id": true}),
        json!({"type": "list_rooms", "id": "x".repeat(65)}),
    ] {
        assert_eq!(alice.is_told_off(event.to_string()).await.0, "bad_event", "{event}");
    }
    alice.says("general", "still here").await;
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_payload_is_answered_with_the_path_of_the_field() {
    let server = TestServer::start_with(patient).await;
    let mut alice = server.client("alice").await;
    for (event_type, payload, field) in [
        ("send_message", json!({"room": "general"}), "message"),
        ("send_message", json!({"message": "hi"}), "room"),
        ("send_message", json!({"room": 5, "message": "hi"}), "room"),
        ("send_message", json!({"room": "general", "message": 5}), "message"),
        ("send_message", json!({"room": "general", "message": null}), "message"),
        ("send_message", json!({"room": "general", "message": ["hi"]}), "message"),
        ("send_message", json!({"room": "general", "message": " \n\t"}), "message"),
        ("send_message", json!({"room": "general", "message": "a\u{7}"}), "message"),
        ("send_message", json!({"room": "general", "message": "x".repeat(8_001)}), "message"),
        ("send_message", json!({"room": "general", "message": "hi", "client_id": "a b"}), "client_id"),
        ("send_message", json!({"room": "general", "message": "hi", "client_id": ""}), "client_id"),
        ("get_history", json!({"room": "general", "before": -1}), "before"),
        ("get_history", json!({"room": "general", "after": "1"}), "after"),
        ("get_history", json!({"room": "general", "around": 1.5}), "around"),
        ("get_history", json!({"room": "general", "before": 1, "after": 1}), "before"),
        ("get_history", json!({"room": "general", "limit": 0}), "limit"),
        ("create_room", json!({"room": "kitchen", "public": "yes"}), "public"),
        ("create_room", json!({"room": "kitchen", "title": "a\u{202e}b"}), "title"),
        ("create_room", json!({"room": "kitchen", "title": " "}), "title"),
        ("leave_room", json!({"room": "general"}), "room"),
    ] {
        let id = alice.posts(event_type, payload.clone()).await;
        let answer = alice.whole_answer(id).await;
        let (code, message) = (&answer["payload"]["code"], answer["payload"]["message"].as_str().unwrap());
        assert_eq!(code, "bad_payload", "{event_type} {payload}: {message}");
        assert!(message.starts_with(&format!("`{field}`: ")), "{event_type} {payload}: {message}");
    }
    alice.says("general", "still here").await;
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_type_is_an_unknown_event() {
    let server = TestServer::start_with(patient).await;
    let mut alice = server.client("alice").await;
    for event_type in ["send_mesage", "", "hello", "ok", "new_message", "SEND_MESSAGE", "send_message ", "__proto__"] {
        assert_eq!(alice.is_refused(event_type, json!({})).await, "unknown_event", "{event_type:?}");
    }
    alice.has_not_heard("new_message").await;
    server.stop().await;
}

#[tokio::test]
async fn the_tenth_bad_event_within_a_minute_closes_the_socket() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    for event in [r#"{"#, "[]", r#"{"type":"nonsense"}"#].iter().cycle().take(9) {
        alice.is_told_off(*event).await;
    }
    alice.says("general", "nine are forgiven").await;
    alice.sends(r#"{"type":"send_message","payload":{}}"#).await;
    assert_eq!(alice.hears("error").await["code"], "bad_payload");
    let close = alice.is_closed().await;
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1008, "policy"));
    bob.says("general", "others go on").await;
    server.stop().await;
}

#[tokio::test]
async fn asking_for_what_one_cannot_have_is_no_bad_event() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    for _ in 0..30 {
        assert_eq!(alice.is_refused("join_room", json!({"room": "nowhere"})).await, "no_such_room");
    }
    alice.says("general", "still here").await;
    server.stop().await;
}

struct Faulty;

async fn panics(_: Arc<Faulty>, _: Context, _: Value) -> Result<Reply, HandlerError> {
    panic!("a handler of the test's")
}

/// A handler's panic costs one connection, not the server.
#[tokio::test]
async fn a_handler_that_panics_closes_one_socket_with_1011() {
    let register = |registry: &mut Registry| registry.on("panic", &Arc::new(Faulty), panics);
    let server = TestServer::start_with_events(|_| {}, register).await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.sends(r#"{"type":"panic"}"#).await;
    let close = alice.is_closed().await;
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1011, "internal"));
    bob.says("general", "undisturbed").await;
    let mut alice = server.returns("alice", &alice.session, None).await;
    alice.says("general", "back").await;
    server.stop().await;
}
