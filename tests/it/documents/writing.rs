//! What several people write comes to all of them, and stays.

use crate::support::{
    TestServer,
    documents::{Heard, Writer},
};
use switchboard::model::MembersMay;

#[tokio::test]
async fn what_one_writes_everybody_reads_and_whoever_comes_later() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut one = server.opens(&alice, "plan").await;
    let mut other = server.opens(&bob, "plan").await;
    one.types(0, "hello").await;
    other.reads("hello").await;
    other.types(5, " world").await;
    one.reads("hello world").await;
    // The sender hears it too: that is the sign that it is stored.
    one.fence().await;
    assert_eq!(one.updates, 2);
    let late = server.opens(&bob, "plan").await;
    assert_eq!(late.text(), "hello world");
    server.stop().await;
}

#[tokio::test]
async fn what_was_written_survives_a_restart_and_what_was_written_meanwhile_is_merged() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut one = server.opens(&alice, "plan").await;
    one.types(0, "before").await;
    one.fence().await;
    let server = server.restart().await;
    assert_eq!(one.is_closed().await, 1012);
    let doc = one.doc.clone();
    one.writes(6, " and offline");
    let mut other = server.opens(&alice, "plan").await;
    assert_eq!(other.text(), "before");
    let mut back = Writer::opens_with(server.http(), &alice, "plan", doc).await;
    other.reads("before and offline").await;
    back.fence().await;
    assert_eq!(back.text(), "before and offline");
    server.stop().await;
}

/// The server asks at the start, so that an editor of any kind tells what it has.
#[tokio::test]
async fn the_first_message_asks_for_what_the_client_has() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut one = Writer::connects(server.http(), &alice, "plan", crate::support::documents::new_doc()).await;
    assert_eq!(one.hears().await, Heard::SyncStep1(vec![0]));
    server.stop().await;
}
