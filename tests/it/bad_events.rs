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

/// Whatever a payload or envelope claims, the server decides who, when and where.
#[tokio::test]
async fn forged_author_time_and_place_have_no_effect() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    let before = bob.says("general", "mine").await;
    let forged = json!({
        "type": "send_message", "id": 77, "from": "bob", "user": {"id": 2}, "topic": "user.2", "offset": 900, "sent": 1,
        "payload": {
            "room": "general", "message": "forged", "from": "bob", "author": 2, "user": {"id": 2, "role": "owner"},
            "id": 900, "offset": 900, "sent": 1, "topic": "user.2", "type": "room_removed", "duplicate": true,
        },
    });
    alice.sends(forged.to_string()).await;
    let answer = alice.answer(77).await.unwrap();
    let offset = before["offset"].as_u64().unwrap() + 1;
    assert_eq!((&answer["offset"], &answer["duplicate"]), (&json!(offset), &json!(false)));
    assert!(answer["sent"].as_i64() >= before["sent"].as_i64());
    bob.event("new_message").await;
    let event = bob.event("new_message").await;
    assert_eq!((&event["topic"], &event["offset"]), (&json!("room.general"), &json!(offset)));
    let keys: Vec<_> = event["payload"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["from", "id", "message", "room", "sent"]);
    assert_eq!((&event["payload"]["from"], &event["payload"]["sent"]), (&json!("alice"), &answer["sent"]));
    let history = bob.asks("get_history", json!({"room": "general", "limit": 1})).await;
    assert_eq!(history["messages"][0]["from"], "alice");
    bob.has_not_heard("room_removed").await;
    server.stop().await;
}

/// Not joined, not public, not there: the answers are the same to the byte.
#[tokio::test]
async fn rooms_cannot_be_probed_for() {
    let server = TestServer::start().await;
    let [mut alice, mut mallory] = server.clients(["alice", "mallory"]).await;
    alice.asks("create_room", json!({"room": "open"})).await;
    alice.asks("create_room", json!({"room": "secret", "public": false})).await;
    let mut answers = Vec::new();
    for room in ["open", "secret", "nowhere"] {
        for (event_type, payload) in [
            ("send_message", json!({"room": room, "message": "x"})),
            ("get_history", json!({"room": room})),
            ("join_room", json!({"room": room})),
            ("leave_room", json!({"room": room})),
        ] {
            if (room, event_type) != ("open", "join_room") && (room, event_type) != ("open", "leave_room") {
                let id = mallory.posts(event_type, payload).await;
                answers.push(mallory.whole_answer(id).await["payload"].take());
            }
        }
    }
    let expected = json!({"code": "no_such_room", "message": answers[0]["message"]});
    assert!(answers.iter().all(|answer| *answer == expected), "{answers:#?}");
    assert_eq!(answers.len(), 10);
    server.stop().await;
}

#[tokio::test]
async fn hostile_room_names_are_refused_by_every_request() {
    let server = TestServer::start_with(patient).await;
    let mut alice = server.client("alice").await;
    let long = "x".repeat(65);
    let huge = "x".repeat(60_000);
    // U+FDFA becomes 18 characters under NFKC.
    let grows = "\u{fdfa}".repeat(64);
    for room in [
        "",
        " ",
        "a b",
        " general",
        "general\n",
        "a/b",
        "../../etc/passwd",
        "a\\b",
        "a\0b",
        "\u{202e}lareneg",
        "\u{200b}",
        "a\u{200d}b",
        "<b>",
        "a'--",
        "%67eneral",
        "a:b",
        "#general",
        "@alice",
        "room.general/",
        "\u{feff}general",
        "a\u{301}\u{301}\u{301}",
        "😀",
        &long,
        &huge,
        &grows,
    ] {
        for event_type in ["create_room", "join_room", "leave_room", "get_history", "send_message"] {
            let code = alice.is_refused(event_type, json!({"room": room, "message": "x"})).await;
            assert_eq!(code, "bad_room", "{event_type} {:?}", room.chars().take(20).collect::<String>());
        }
    }
    // Names that look alike are one room, and dots do not lead out of the topic's name.
    assert_eq!(alice.is_refused("create_room", json!({"room": "Ｇeneral"})).await, "room_exists");
    assert_eq!(alice.is_refused("create_room", json!({"room": "GENERAL"})).await, "room_exists");
    assert_eq!(alice.asks("create_room", json!({"room": "user.1"})).await["room"]["name"], "user.1");
    alice.says("user.1", "a room like any other").await;
    assert_eq!(alice.event("new_message").await["topic"], "room.user.1");
    server.stop().await;
}

const SQL: &[&str] = &[
    "'; DROP TABLE messages; --",
    "' OR '1'='1",
    "\"; DELETE FROM accounts; --",
    "%' UNION SELECT password_hash FROM accounts --",
    "1); PRAGMA writable_schema=1; --",
    "\\'; VACUUM; --",
];

#[tokio::test]
async fn sql_in_any_string_is_data() {
    let server = TestServer::start_with(|settings| {
        patient(settings);
        settings.auth.throttle_address_per_minute = 10_000;
    })
    .await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    for (n, sql) in SQL.iter().enumerate() {
        assert_eq!(alice.is_refused("join_room", json!({"room": sql})).await, "bad_room");
        assert_eq!(alice.is_refused(sql, json!({})).await, "unknown_event");
        let with_id = json!({"room": "general", "message": "x", "client_id": sql});
        assert_eq!(alice.is_refused("send_message", with_id).await, "bad_payload");
        let room = format!("room-{n}");
        let created = alice.asks("create_room", json!({"room": room, "title": sql})).await;
        assert_eq!(created["room"]["title"], *sql);
        assert_eq!(alice.hears("room_created").await["title"], *sql);
        // As the id of a request it comes back as it went.
        alice.sends(json!({"type": "list_rooms", "id": sql}).to_string()).await;
        assert_eq!(alice.event("ok").await["id"], *sql);
        alice.says("general", sql).await;
        assert_eq!(bob.hears("new_message").await["message"], *sql);
        for (username, password) in [(*sql, "x"), ("alice", *sql)] {
            let refused = server.http().post("/login", &json!({"username": username, "password": password})).await;
            assert!(["bad_credentials", "too_many_attempts"].contains(&refused.error_code().as_str()));
        }
        let otp: String = sql.bytes().map(|byte| format!("%{byte:02x}")).collect();
        assert_eq!(server.http().upgrade(&format!("/ws?otp={otp}"), &[]).await.status, 401);
    }
    let history = bob.asks("get_history", json!({"room": "general"})).await;
    let texts: Vec<&str> = messages(&history).map(|message| message["message"].as_str().unwrap()).collect();
    assert_eq!(texts, SQL);
    assert_eq!(alice.asks("list_rooms", json!({})).await["rooms"].as_array().unwrap().len(), SQL.len() + 1);
    server.stop().await;
}

#[tokio::test]
async fn script_in_any_string_is_data() {
    let server = TestServer::start_with(patient).await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    for script in [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "\"><svg/onload=alert(1)>",
        "javascript:alert(1)",
        "</title><script src=//evil.example></script>",
        "{{constructor.constructor('alert(1)')()}}",
        "&lt;script&gt;",
    ] {
        let sent = alice.says("general", script).await;
        let event = bob.event("new_message").await;
        assert_eq!((&event["payload"]["message"], &event["offset"]), (&json!(script), &sent["offset"]));
        let history = bob.asks("get_history", json!({"room": "general", "limit": 1})).await;
        assert_eq!(history["messages"][0]["message"], script);
        let (code, message) = alice.is_told_off(json!({"type": script}).to_string()).await;
        assert_eq!(code, "unknown_event");
        assert!(message.contains(script), "people are told what they sent, as text: {message}");
        // Where an answer repeats what was asked, no browser may take it for a page.
        let path: String = script.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let missing = server.http().get(&format!("/{path}?{path}")).await;
        assert_eq!(missing.status, 404);
        assert!(missing.headers["content-type"].to_str().unwrap().starts_with("application/json"));
        assert_eq!(missing.headers["x-content-type-options"], "nosniff");
    }
    server.stop().await;
}

fn messages(history: &Value) -> impl Iterator<Item = &Value> {
    history["messages"].as_array().unwrap().iter()
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
