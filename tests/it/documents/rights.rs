//! Who may open a document, write in it, and for how long.

use crate::support::{
    TestServer,
    documents::{Editor, new_doc},
};
use hyper::Request;
use serde_json::json;
use switchboard::model::MembersMay;

#[tokio::test]
async fn who_may_only_read_is_told_so_and_goes_on_hearing() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    server.makes_document("alice", "general", "plan", MembersMay::Read).await;
    let mut author = server.editor(&alice, "plan").await;
    author.types(0, "mine").await;
    author.fence().await;
    author.deletes(0, 1).await;
    author.fence().await;
    let mut reader = server.editor(&bob, "plan").await;
    // The answer to the server's question names what was deleted, and is no write.
    reader.fence().await;
    assert_eq!((reader.text().as_str(), reader.denied.len()), ("ine", 0));
    for _ in 0..10 {
        reader.types(0, "x").await;
    }
    reader.fence().await;
    assert_eq!(reader.denied, ["read_only"]);
    author.types(0, "still m").await;
    author.fence().await;
    reader.fence().await;
    assert!(reader.text().contains("still m"), "{}", reader.text());
    assert_eq!(author.text(), "still mine");
    server.stop().await;
}

#[tokio::test]
async fn other_rights_count_for_those_who_have_it_open() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    server.makes_document("alice", "general", "plan", MembersMay::Read).await;
    let mut author = server.editor(&alice, "plan").await;
    let mut other = server.editor(&bob, "plan").await;
    other.types(0, "early").await;
    other.fence().await;
    assert_eq!(other.denied, ["read_only"]);
    let cookie = format!("__Host-session={alice}");
    let request = |method: &str| {
        let request = Request::builder().method(method).uri("/documents/plan");
        request.header("cookie", &cookie).header("origin", server.http().origin())
    };
    let body = json!({"members": "write"}).to_string().into_bytes();
    let changed = server.http().send(request("PATCH").header("content-type", "application/json"), body).await;
    assert_eq!(changed.status, 200, "{:?}", changed.body);
    // The server asks for what it would not take before.
    other.fence().await;
    author.reads("early").await;
    let deleted = server.http().send(request("DELETE"), Vec::new()).await;
    assert_eq!(deleted.status, 204, "{:?}", deleted.body);
    assert_eq!((author.is_closed().await, other.is_closed().await), (4007, 4007));
    let otp = server.otp(&bob, None).await;
    assert_eq!(Editor::connects_by(server.http(), &otp, "plan", new_doc()).await.err(), Some(404));
    server.stop().await;
}

#[tokio::test]
async fn who_leaves_the_room_leaves_its_documents() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.asks("create_room", json!({"room": "garden"})).await;
    bob.joins("garden").await;
    server.makes_document("alice", "garden", "plan", MembersMay::Write).await;
    let mut author = server.editor(&alice.session, "plan").await;
    let mut other = server.editor(&bob.session, "plan").await;
    bob.asks("leave_room", json!({"room": "garden"})).await;
    assert_eq!(other.is_closed().await, 4007);
    author.types(0, "undisturbed").await;
    author.fence().await;
    server.stop().await;
}

#[tokio::test]
async fn who_signs_out_loses_the_document_and_documents_count_as_connections() {
    let server = TestServer::start_with(|settings| settings.socket.connections_per_user = 2).await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    server.until(|server| server.manager().clients().is_empty()).await;
    let mut one = server.editor(&alice, "plan").await;
    let mut other = server.editor(&alice, "plan").await;
    let mut third = Editor::connects(server.http(), &alice, "plan", new_doc()).await;
    assert_eq!(third.is_closed().await, 4004);
    let out = server.http().post_as(&alice, "/logout", &json!({})).await;
    assert!(out.status.is_success(), "{:?}", out.body);
    assert_eq!((one.is_closed().await, other.is_closed().await), (4001, 4001));
    server.stop().await;
}

#[tokio::test]
async fn a_name_that_is_none_spends_no_otp() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let otp = server.otp(&alice, None).await;
    let http = server.http();
    assert_eq!(Editor::connects_by(http, &otp, "no%20name", new_doc()).await.err(), Some(400));
    let mut editor = Editor::connects_by(http, &otp, "PLAN", new_doc()).await.expect("the OTP is good");
    editor.syncs().await;
    assert_eq!(Editor::connects_by(http, &otp, "plan", new_doc()).await.err(), Some(401));
    server.stop().await;
}
