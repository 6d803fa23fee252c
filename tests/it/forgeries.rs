//! Well-formed events that claim or carry what they should not: it stays data, and has no effect.

use crate::support::TestServer;
use serde_json::{Value, json};
use switchboard::settings::Settings;

/// Room for many bad events in one test.
fn patient(settings: &mut Settings) {
    settings.socket.bad_events_per_minute = 100_000;
    settings.socket.events_per_sec = 0;
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
