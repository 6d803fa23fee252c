//! The same conversation on either store, byte for byte. Without PostgreSQL on the machine it is skipped.

use crate::support::{BUDGET, TestClient, TestServer, postgres::Cluster};
use hyper::{Method, Request};
use serde_json::{Value, json};
use std::time::Duration;
use switchboard::model::{Role, TopicName};
use tokio::time::{sleep, timeout};

/// What differs from one server to the next whatever its store: times, epochs, secrets.
fn leave_out_the_incidental(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        shown += &rest[..start];
        rest = &rest[start..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let word = &rest[..end];
        let is_time = word.len() == 13 && word.bytes().all(|byte| byte.is_ascii_digit());
        let is_epoch = word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        shown += if is_time || is_epoch { "…" } else { word };
        rest = &rest[end..];
    }
    shown + rest
}

/// Talks about everything there is; what was heard, in order, and then what HTTP answered: what comes first of the two may
/// differ where the feed publishes.
async fn conversation(server: &TestServer) -> Vec<String> {
    server.account("alice", Role::Owner).await;
    let mut alice = server.client("alice").await;
    chat(&mut alice).await;
    rooms(&mut alice).await;
    channels(server, &mut alice).await;
    let mut answers = products(server, &mut alice).await;
    let of_documents = documents(server, &mut alice).await;
    answers.extend(of_documents.iter().map(|text| leave_out_the_incidental(text)));
    let resume = alice.resume();
    let (session, mut heard) = (alice.session.clone(), std::mem::take(&mut alice.transcript));
    alice.leaves().await;
    server.publishes(&server.key("publish:late.*").await, "late.news", json!(1)).await;
    let mut again = server.returns("alice", &session, Some(resume)).await;
    again.hears("caught_up").await;
    again.asks("get_history", json!({"room": "general", "limit": 2})).await;
    heard.append(&mut again.transcript);
    heard.iter().map(|text| leave_out_the_incidental(text)).chain(answers).collect()
}

async fn chat(alice: &mut TestClient) {
    for (number, message) in ["hello", "Grüße, 世界 👋🏽", "\"\\/<script>", "e\u{301}"].iter().enumerate() {
        let client_id = format!("c-{number}");
        alice.asks("send_message", json!({"room": "general", "message": message, "client_id": client_id})).await;
    }
    alice.asks("send_message", json!({"room": "general", "message": "hello", "client_id": "c-0"})).await;
    alice.is_refused("send_message", json!({"room": "general", "message": "other", "client_id": "c-0"})).await;
    alice.is_refused("send_message", json!({"room": "nowhere", "message": "x"})).await;
    alice.is_refused("send_message", json!({"room": "general"})).await;
    for page in [json!({"limit": 2}), json!({"before": 4}), json!({"after": 2, "limit": 1}), json!({"around": 3})] {
        let mut page = page;
        page["room"] = "general".into();
        alice.asks("get_history", page).await;
    }
}

async fn rooms(alice: &mut TestClient) {
    for room in ["b-side", "Äther", "a_1"] {
        alice.asks("create_room", json!({"room": room, "title": room.to_uppercase()})).await;
    }
    alice.is_refused("create_room", json!({"room": "b-side", "title": "again"})).await;
    alice.asks("leave_room", json!({"room": "b-side"})).await;
    alice.asks("list_rooms", json!({})).await;
    alice.asks("join_room", json!({"room": "b-side"})).await;
    alice.is_refused("join_room", json!({"room": "no such room"})).await;
    alice.is_refused("dance", json!({})).await;
}

async fn channels(server: &TestServer, alice: &mut TestClient) {
    alice.asks("subscribe", json!({"topics": ["channel.news", "channel.late.news", "room.general"]})).await;
    let key = server.key("publish:*").await;
    for data in [json!({"z": 1, "a": [1.50, null, "é"]}), json!("1:0"), json!(null)] {
        server.publishes(&key, "news", data).await;
        alice.hears("published").await;
    }
    alice.asks("get_publications", json!({"topic": "channel.news", "limit": 2})).await;
    alice.asks("get_publications", json!({"topic": "channel.news", "after": 2})).await;
    alice.asks("unsubscribe", json!({"topics": ["channel.news"]})).await;
    alice.positions.insert("channel.news".to_owned(), 1);
    alice.asks("subscribe", json!({"topics": {"channel.news": 1}})).await;
    alice.hears("published").await;
    alice.hears("published").await;
}

/// Watches products while a back end changes them; what that was answered.
async fn products(server: &TestServer, alice: &mut TestClient) -> Vec<String> {
    can_be_watched(server).await;
    let watched = json!({"topics": ["products.*", "products.1"], "snapshot": true});
    alice.asks("subscribe", watched.clone()).await;
    let mut shop = BackEnd { server, key: server.key("products").await, answers: Vec::new() };
    let anvil = product("Acme", json!(12.5), "Anvil");
    for (method, path, body, told) in [
        (Method::POST, "/products", anvil.clone(), 2),
        (Method::POST, "/products", product(" Grüße, 世界 👋🏽 ", json!(9_999_999_999.99), "\"\\/<script>e\u{301}"), 1),
        (Method::POST, "/products", product("", json!(0.001), "\u{7}"), 0),
        (Method::PUT, "/products/1", product("Acme", json!(0), "Anvil II"), 2),
        (Method::PUT, "/products/1", product("Acme", json!(0), "Anvil II"), 2),
        (Method::PUT, "/products/9", anvil.clone(), 0),
        (Method::PUT, "/products/2", product("Acme", json!(1), "Rocket"), 1),
        (Method::GET, "/products?limit=1", Value::Null, 0),
        (Method::GET, "/products/2", Value::Null, 0),
        (Method::DELETE, "/products/1", Value::Null, 2),
        (Method::DELETE, "/products/1", Value::Null, 0),
        (Method::GET, "/products/1", Value::Null, 0),
        (Method::POST, "/products", anvil.clone(), 1),
    ] {
        shop.asks(method, path, &body).await;
        for _ in 0..told {
            alice.hears("row_changed").await;
        }
    }
    alice.asks("get_publications", json!({"topic": "products.*", "limit": 3})).await;
    alice.asks("get_publications", json!({"topic": "products.1", "after": 1})).await;
    alice.asks("subscribe", watched).await;
    alice.asks("unsubscribe", json!({"topics": ["products.*"]})).await;
    alice.asks("subscribe", json!({"topics": ["products.2", "products.*"], "snapshot": true})).await;
    shop.answers
}

/// Makes and changes documents, of which the room hears; what that was answered.
async fn documents(server: &TestServer, alice: &mut TestClient) -> Vec<String> {
    let mut shop = BackEnd { server, key: server.key("documents:*").await, answers: Vec::new() };
    for (method, path, body, told) in [
        (
            Method::POST,
            "/documents",
            json!({"room": "general", "name": "Plän", "text": "one\r\n\0"}),
            "document_created",
        ),
        (Method::POST, "/documents", json!({"room": "general", "name": "plan"}), "document_created"),
        (Method::POST, "/documents", json!({"room": "general", "name": "plan"}), ""),
        (Method::POST, "/documents", json!({"room": "nowhere", "name": "other"}), ""),
        (Method::POST, "/documents", json!({"name": "app.plan", "text": "é"}), ""),
        (Method::GET, "/documents?limit=1", Value::Null, ""),
        (Method::GET, "/documents?room=general&limit=2", Value::Null, ""),
        (Method::PATCH, "/documents/plan", json!({"title": "世界 👋🏽", "members": "read"}), "document_updated"),
        (Method::GET, "/documents/pl%C3%A4n/text", Value::Null, ""),
        (Method::POST, "/documents/pl%C3%A4n/versions", json!({"name": "\"First\""}), "document_version_saved"),
        (Method::GET, "/documents/pl%C3%A4n/versions", Value::Null, ""),
        (Method::GET, "/documents/pl%C3%A4n/versions/1", Value::Null, ""),
        (Method::GET, "/documents/plan/versions/1", Value::Null, ""),
        (Method::DELETE, "/documents/pl%C3%A4n/versions/1", Value::Null, "document_version_deleted"),
        (Method::DELETE, "/documents/plan", Value::Null, "document_deleted"),
        (Method::GET, "/documents/plan", Value::Null, ""),
    ] {
        shop.asks(method, path, &body).await;
        if !told.is_empty() {
            alice.hears(told).await;
        }
    }
    shop.answers
}

/// Waits until what changes is published, which takes the feed a moment.
async fn can_be_watched(server: &TestServer) {
    let wait = async {
        while server.server().rows().rows(vec![TopicName::parse("products.*").unwrap()], 1_000).await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(BUDGET, wait).await.expect("the products can be watched");
}

fn product(manufacturer: &str, price: Value, name: &str) -> Value {
    json!({"manufacturer": manufacturer, "pricePerUnit": price, "unitsAvailable": 3, "productName": name})
}

/// Changes products and documents.
struct BackEnd<'s> {
    server: &'s TestServer,
    key: String,
    /// Status, the headers that say something of what was asked for, and body.
    answers: Vec<String>,
}

impl BackEnd<'_> {
    async fn asks(&mut self, method: Method, path: &str, body: &Value) {
        let request = Request::builder().method(method.clone()).uri(path);
        let request = request.header("authorization", format!("Bearer {}", self.key));
        let (request, body) = match body {
            Value::Null => (request, Vec::new()),
            body => (request.header("content-type", "application/json"), body.to_string().into_bytes()),
        };
        let answer = self.server.http().send(request, body).await;
        let said = ["content-type", "location", "etag", "link"].map(|name| answer.headers.get(name));
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        self.answers.push(format!("{method} {path}: {} {said:?} {body}", answer.status));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_stores_say_the_same_byte_for_byte() {
    let Some(cluster) = Cluster::shared() else { return };
    let sqlite = TestServer::start_with(|settings| settings.storage.url = "sqlite".into()).await;
    let postgres = TestServer::start_with(|settings| settings.storage.url = cluster.database().as_str().into()).await;
    let (on_sqlite, on_postgres) = (conversation(&sqlite).await, conversation(&postgres).await);
    assert!(on_sqlite.len() > 70, "{on_sqlite:#?}");
    for (sqlite, postgres) in on_sqlite.iter().zip(&on_postgres) {
        assert_eq!(sqlite, postgres);
    }
    assert_eq!(on_sqlite.len(), on_postgres.len());
    sqlite.stop().await;
    postgres.stop().await;
}
