//! What is stored and cannot be read, copies that break, and rows of another process.

use crate::support::{
    TestServer,
    documents::{Editor, UPDATE, new_doc},
};
use bytes::Bytes;
use hyper::Request;
use switchboard::{
    model::{DocumentId, DocumentName, MembersMay, Offset},
    storage::{Change, DocumentEdit, Draft, EditedBy},
};

async fn id_of(server: &TestServer, name: &str) -> DocumentId {
    let name = DocumentName::parse(name).unwrap();
    server.server().store().document(&name, None).await.unwrap().expect("it is there").document.id
}

#[tokio::test]
async fn a_damaged_document_is_left_alone_and_can_be_deleted() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    for name in ["plan", "other"] {
        server.makes_document("alice", "general", name, MembersMay::Write).await;
        let mut editor = server.editor(&alice, name).await;
        editor.types(0, "stored").await;
        editor.fence().await;
    }
    let server = server.restart().await;
    let damaged = server.server().store().compact_document(id_of(&server, "plan").await, Offset(1), vec![0xff; 9]);
    assert!(damaged.await.unwrap());
    let request = |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path);
        request.header("cookie", format!("__Host-session={alice}")).header("origin", server.http().origin())
    };
    for _ in 0..2 {
        let text = server.http().send(request("GET", "/documents/plan/text"), Vec::new()).await;
        assert_eq!((text.status.as_u16(), text.error_code().as_str()), (500, "document_damaged"));
        let mut editor = Editor::connects(server.http(), &alice, "plan", new_doc()).await;
        assert_eq!(editor.is_closed().await, 1011);
        assert_eq!(editor.denied, ["document_damaged"]);
    }
    let mut other = server.editor(&alice, "other").await;
    other.types(6, " well").await;
    other.fence().await;
    assert_eq!(other.text(), "stored well");
    assert_eq!(server.http().send(request("DELETE", "/documents/plan"), Vec::new()).await.status, 204);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    assert_eq!(server.editor(&alice, "plan").await.text(), "");
    server.stop().await;
}

#[tokio::test]
async fn what_another_process_has_stored_is_shown_with_what_comes_next() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut editor = server.editor(&alice, "plan").await;
    let mut reader = server.editor(&alice, "plan").await;
    editor.types(0, "one").await;
    reader.reads("one").await;
    let elsewhere = Editor::opens(server.http(), &alice, "plan").await;
    let update = Bytes::from(elsewhere.writes(3, " two"));
    let edit = DocumentEdit::Append { id: id_of(&server, "plan").await, update };
    let change = Change::Document { edit, by: EditedBy::default() };
    let draft = Draft { at: switchboard::storage::now(), change };
    server.server().store().commit(vec![draft]).await.unwrap();
    editor.types(0, "zero ").await;
    editor.fence().await;
    assert_eq!(editor.text(), "zero one two");
    reader.reads("zero one two").await;
    assert_eq!(server.editor(&alice, "plan").await.text(), "zero one two");
    server.stop().await;
}

/// Who broke it is closed; for the others nothing has happened.
#[tokio::test]
async fn a_copy_that_breaks_is_loaded_again() {
    let server = TestServer::start().await;
    let (alice, mallory) = (server.member("alice").await, server.member("mallory").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut editor = server.editor(&alice, "plan").await;
    editor.types(0, "stored").await;
    editor.fence().await;
    let mut bad = server.editor(&mallory, "plan").await;
    // A text, and something in it as if it were a map.
    bad.sends(UPDATE, &[1, 2, 1, 0, 4, 1, 1, b't', 1, b'x', 0x28, 0, 1, 0, 1, b'k', 1, 126, 0]).await;
    editor.types(6, " and more").await;
    assert_eq!(bad.is_closed().await, 4005);
    editor.fence().await;
    assert_eq!(server.editor(&alice, "plan").await.text(), "stored and more");
    server.stop().await;
}

/// The last step of a merge fails, behind those that put the merged state in: all of it is undone.
#[tokio::test]
async fn a_merge_that_fails_leaves_the_log_whole() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut editor = server.editor(&alice, "plan").await;
    editor.types(0, "stored").await;
    editor.fence().await;
    let (store, id) = (server.server().store(), id_of(&server, "plan").await);
    let content = async || store.document_content(id).await.unwrap().expect("it is there");
    let (before, state) = (content().await, content().await.updates[0].update.to_vec());
    server.meddles("ALTER TABLE document_update RENAME TO hidden");
    assert!(store.compact_document(id, Offset(1), state.clone()).await.is_err());
    server.meddles("ALTER TABLE hidden RENAME TO document_update");
    assert_eq!(content().await, before);
    assert!(store.compact_document(id, Offset(1), state).await.unwrap());
    assert_eq!((content().await.merged, content().await.updates.len()), (Offset(1), 0));
    editor.types(6, " well").await;
    editor.fence().await;
    assert_eq!(server.editor(&alice, "plan").await.text(), "stored well");
    server.stop().await;
}

/// Nothing is acknowledged that is not stored, and trying again does it.
#[tokio::test]
async fn a_text_that_cannot_be_stored_is_refused_and_comes_again() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut editor = server.editor(&alice, "plan").await;
    editor.types(0, "stored").await;
    editor.fence().await;
    let put = async || {
        let request = Request::put("/documents/plan/text").header("content-type", "text/plain");
        let request = request.header("cookie", format!("__Host-session={alice}"));
        server.http().send(request.header("origin", server.http().origin()), b"another".to_vec()).await
    };
    server.meddles("ALTER TABLE document_update RENAME TO hidden");
    let refused = put().await;
    assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (503, "storage_unavailable"));
    assert_eq!(editor.is_closed().await, 1013);
    assert_eq!(editor.text(), "stored");
    server.meddles("ALTER TABLE hidden RENAME TO document_update");
    assert_eq!(server.editor(&alice, "plan").await.text(), "stored");
    assert_eq!(put().await.status, 204);
    assert_eq!(server.editor(&alice, "plan").await.text(), "another");
    server.stop().await;
}
