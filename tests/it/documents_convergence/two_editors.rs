//! The example that everybody asks about.

use super::{
    writer::{Door, Kind, Writer},
    yjs::Yjs,
};
use crate::support::TestServer;
use hyper::Request;
use serde_json::json;

#[tokio::test]
async fn two_who_change_different_words_of_a_sentence_offline_both_keep_theirs() {
    let Some(yjs) = Yjs::start(&[]) else { return };
    let server = TestServer::start().await;
    let key = server.made_key("app", &["otp", "documents:app.*"]).await.secret.expose().to_owned();
    let door = |user| Door::of_external(server.http(), &key, user, "app.greeting", "write");
    let a = Writer::new(Kind::Provider, &yjs, door("a"), 1).await;
    let b = Writer::new(Kind::Provider, &yjs, door("b"), 2).await;
    a.does("append", json!({"insert": "Hello world"})).await;
    b.does("until_text", json!({"text": "Hello world"})).await;
    a.saves().await;

    a.goes_offline().await;
    b.goes_offline().await;
    a.does("replace", json!({"from": "Hello", "to": "Good morning"})).await;
    b.does("replace", json!({"from": "world", "to": "everybody"})).await;
    assert_eq!(a.state().await.text, "Good morning world");
    assert_eq!(b.state().await.text, "Hello everybody");

    a.comes_back().await;
    b.comes_back().await;
    for writer in [&a, &b] {
        writer.does("until_text", json!({"text": "Good morning everybody"})).await;
        writer.saves().await;
    }
    let server = server.restart().await;
    let request = Request::get("/documents/app.greeting/text").header("authorization", format!("Bearer {key}"));
    assert_eq!(server.http().send(request, Vec::new()).await.body, "Good morning everybody");
    server.stop().await;
}
