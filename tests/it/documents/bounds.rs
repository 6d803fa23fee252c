//! How much, and how fast.

use crate::support::{
    TestServer,
    documents::{AWARENESS, Editor, cursor, new_doc, states},
};
use hyper::Request;
use serde_json::{Value, json};
use switchboard::{
    model::MembersMay,
    settings::{DocumentNamespace, NamespaceMembers, Settings},
};

fn wiki(settings: &mut Settings) {
    settings.document.namespace =
        vec![DocumentNamespace { pattern: "wiki.*".parse().unwrap(), members: NamespaceMembers::Write }];
}

async fn opens(server: &TestServer, session: &str, name: &str) -> Result<Editor, u16> {
    let otp = server.otp(session, None).await;
    Editor::connects_by(server.http(), &otp, name, new_doc()).await
}

async fn asks(server: &TestServer, session: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.header("cookie", format!("__Host-session={session}"));
    let request = request.header("origin", server.http().origin());
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = server.http().send(request, body).await;
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default())
}

#[tokio::test]
async fn a_namespace_has_so_many_documents() {
    let server = TestServer::start_with(|settings| {
        wiki(settings);
        settings.document.max_per_namespace = 2;
    })
    .await;
    let alice = server.member("alice").await;
    for name in ["wiki.a", "wiki.b", "wiki.a"] {
        assert!(opens(&server, &alice, name).await.is_ok(), "{name}");
    }
    assert_eq!(opens(&server, &alice, "wiki.c").await.err(), Some(409));
    server.stop().await;
}

#[tokio::test]
async fn nobody_brings_documents_into_being_faster_than_they_send_events() {
    let server = TestServer::start_with(|settings| {
        wiki(settings);
        settings.otp.max_per_user = 100;
        (settings.socket.events_per_sec, settings.socket.events_burst) = (1, 5);
    })
    .await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    let mut made = 0;
    let refused = loop {
        match opens(&server, &alice, &format!("wiki.{made}")).await {
            Ok(_) => made += 1,
            Err(status) => break status,
        }
    };
    assert!(refused == 429 && made >= 5, "{made}, then {refused}");
    assert!(opens(&server, &alice, "wiki.0").await.is_ok(), "what is there can be opened");
    assert!(opens(&server, &bob, "wiki.bob").await.is_ok(), "each has a pace of their own");
    server.stop().await;
}

#[tokio::test]
async fn what_is_in_memory_has_a_bound_and_what_nobody_has_open_leaves_for_others() {
    let server = TestServer::start_with(|settings| settings.document.max_open_bytes = 4_000).await;
    let alice = server.member("alice").await;
    for name in ["one", "other"] {
        let body = json!({"room": "general", "name": name, "text": "x".repeat(3_000)});
        assert_eq!(asks(&server, &alice, "POST", "/documents", body).await.0, 201);
    }
    let editor = server.editor(&alice, "one").await;
    let (status, answer) = asks(&server, &alice, "GET", "/documents/other/text", Value::Null).await;
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("unavailable")));
    let mut late = opens(&server, &alice, "other").await.expect("the socket opens");
    assert_eq!(late.is_closed().await, 1013);
    assert_eq!(late.denied, ["unavailable"]);
    editor.leaves().await;
    let meter = &server.server().manager().metrics().documents;
    server.until(|_| meter.clients.get() == 0).await;
    assert_eq!(server.editor(&alice, "other").await.text().len(), 3_000);
    assert_eq!(meter.open.get(), 1);
    server.stop().await;
}

#[tokio::test]
async fn texts_that_are_read_count_and_versions_have_a_bound_in_bytes() {
    let server = TestServer::start_with(|settings| {
        (settings.socket.events_per_sec, settings.socket.events_burst) = (1, 30);
        settings.document.max_versions_bytes = 150_000;
    })
    .await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    let body = json!({"room": "general", "name": "plan", "text": "x".repeat(100_000)});
    assert_eq!(asks(&server, &alice, "POST", "/documents", body).await.0, 201);
    assert_eq!(asks(&server, &bob, "GET", "/documents/plan/text", Value::Null).await.0, 200);
    assert_eq!(asks(&server, &bob, "GET", "/documents/plan/text", Value::Null).await.0, 200);
    assert_eq!(asks(&server, &bob, "GET", "/documents/plan/text", Value::Null).await.0, 429);
    let key = server.key("documents:*").await;
    let save = async || {
        let request = Request::post("/documents/plan/versions").header("authorization", format!("Bearer {key}"));
        let request = request.header("content-type", "application/json");
        server.http().send(request, json!({"name": "v"}).to_string().into_bytes()).await
    };
    assert_eq!(save().await.status, 201);
    assert_eq!(save().await.error_code(), "too_many_versions");
    server.stop().await;
}

/// Providers repeat what they hear of the others; a crowd that moves must not cost anybody their place.
#[tokio::test]
async fn what_is_repeated_of_others_costs_nobody_their_rate() {
    let server = TestServer::start_with(|settings| {
        (settings.document.messages_per_sec, settings.document.messages_burst) = (1, 30);
    })
    .await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut one = server.editor(&alice, "plan").await;
    one.shows(&cursor("alice", 3)).await;
    let id = one.doc.client_id().get();
    let mut other = server.editor(&bob, "plan").await;
    let state = other.sees(id, |state| state["cursor"] == 3).await;
    for _ in 0..200 {
        other.sends(AWARENESS, &states(&[(id, 1, state.clone())])).await;
    }
    other.fence().await;
    for at in 0..60 {
        other.shows(&cursor("bob", at)).await;
    }
    assert_eq!(other.is_closed().await, 4003, "of one's own they count");
    server.stop().await;
}

#[tokio::test]
async fn who_shows_too_much_is_cut() {
    let server = TestServer::start_with(|settings| settings.document.max_awareness_bytes = 1_000).await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let crowd: Vec<_> = (0..17).map(|id| (id, 1, json!({}))).collect();
    for update in [states(&crowd), states(&[(99, 1, json!({"a": "x".repeat(1_000)}))])] {
        let mut greedy = server.editor(&alice, "plan").await;
        greedy.sends(AWARENESS, &update).await;
        assert_eq!(greedy.is_closed().await, 1008);
    }
    // What it had shown is gone with it.
    let mut late = server.editor(&alice, "plan").await;
    late.fence().await;
    assert!(late.states.values().all(Value::is_null), "{:?}", late.states);
    server.stop().await;
}
