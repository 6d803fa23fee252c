//! What the page's channels view relies on: where a member may publish, and data that comes back as it was written.

use crate::support::{TestClient, TestServer};
use futures_util::{SinkExt, StreamExt};
use hyper::Request;
use serde_json::json;
use switchboard::{
    model::Role,
    settings::{Namespace, Publishers, Settings, Subscribers},
};
use tokio_tungstenite::tungstenite::Message;

/// `team.*` for members; what the defaults have, for everything else.
fn members_publish_to_team(settings: &mut Settings) {
    let everything = settings.namespace[0].clone();
    let team = Namespace { pattern: "team.*".parse().unwrap(), publish: Publishers::Members, ..everything.clone() };
    let mine = Namespace {
        pattern: "of.{user}".parse().unwrap(),
        subscribe: Subscribers::User,
        publish: Publishers::Members,
        ..everything.clone()
    };
    settings.namespace = vec![team, mine, everything];
}

#[tokio::test]
async fn the_answer_to_subscribe_says_where_a_member_may_publish() {
    let server = TestServer::start_with(members_publish_to_team).await;
    let mut alice = server.client("alice").await;
    let topics = json!({"topics": ["channel.team.a", "channel.of.alice", "channel.of.bob", "channel.news"]});
    let answer = alice.asks("subscribe", topics).await;
    let writable = json!({"offset": 0, "recovered": false, "may_publish": true});
    let heard = json!({
        "channel.team.a": writable,
        "channel.of.alice": writable,
        "channel.news": {"offset": 0, "recovered": false},
    });
    assert_eq!(answer["topics"], heard);
    assert_eq!(answer["refused"]["channel.of.bob"]["code"], "forbidden");
    server.stop().await;
}

#[tokio::test]
async fn data_is_read_back_as_it_was_written() {
    let server = TestServer::start_with(members_publish_to_team).await;
    server.account("alice", Role::Member).await;
    let (session, _) = server.login("alice", None).await;
    let data = r#"{"z":12345678901234567890.10,"a":[1e2,"x"]}"#;
    let request = Request::post("/publish")
        .header("content-type", "application/json")
        .header("cookie", format!("__Host-session={session}"))
        .header("origin", server.http().origin());
    let body = format!(r#"{{"channel":"team.a","data":{data}}}"#);
    let response = server.http().send(request, body.into_bytes()).await;
    assert_eq!(response.status, 200, "{:?}", response.body);
    let mut socket = TestClient::open(server.http(), &server.otp(&session, None).await).await.unwrap();
    let question = r#"{"type":"get_publications","id":1,"payload":{"topic":"channel.team.a"}}"#;
    socket.send(Message::text(question)).await.unwrap();
    // As text: a parser would hide the order of the keys and the digits.
    let text = loop {
        let text = socket.next().await.unwrap().unwrap().into_text().unwrap().to_string();
        if text.contains(r#""id":1"#) && text.contains(r#""type":"ok""#) {
            break text;
        }
    };
    assert!(text.contains(&format!(r#""payload":{{"channel":"team.a","data":{data},"from":"alice"}}"#)), "{text}");
    server.stop().await;
}
