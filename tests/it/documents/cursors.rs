//! Who is where in a document: shown, never stored, and nobody else's to say.

use crate::support::{
    TestServer,
    documents::{AWARENESS, cursor, states},
};
use serde_json::{Value, json};
use switchboard::model::MembersMay;

#[tokio::test]
async fn everybody_sees_everybody_until_they_leave() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut one = server.editor(&alice, "plan").await;
    let id = one.doc.client_id().get();
    one.shows(&cursor("alice", 3)).await;
    // An editor that hears nothing for long thinks that it is alone: so its own comes back.
    one.sees(id, |state| state["cursor"] == 3).await;
    let mut other = server.editor(&bob, "plan").await;
    other.sees(id, |state| state["cursor"] == 3).await;
    one.leaves().await;
    other.sees(id, Value::is_null).await;
    let mut late = server.editor(&bob, "plan").await;
    late.fence().await;
    assert!(!late.states.contains_key(&id));
    server.stop().await;
}

#[tokio::test]
async fn nobody_bears_anothers_name_or_moves_anothers_cursor() {
    let server = TestServer::start().await;
    let (alice, mallory) = (server.member("alice").await, server.member("mallory").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut one = server.editor(&alice, "plan").await;
    let mut forger = server.editor(&mallory, "plan").await;
    one.shows(&cursor("alice", 1)).await;
    let id = one.doc.client_id().get();
    forger.sees(id, |state| state["cursor"] == 1).await;
    forger.sends(AWARENESS, &states(&[(id, 99, json!({"user": {"name": "alice"}, "cursor": 2}))])).await;
    forger.shows(&cursor("alice", 7)).await;
    let forged = one.sees(forger.doc.client_id().get(), |state| state["cursor"] == 7).await;
    assert_eq!(forged["user"]["name"], "mallory");
    assert_eq!(one.states[&id]["cursor"], 1);
    server.stop().await;
}
