//! What several people write comes to all of them, and stays.

use crate::support::{
    TestServer,
    documents::{Editor, Heard, new_doc},
    h2::Http2,
};
use hyper::Request;
use switchboard::{model::MembersMay, settings::TlsMode};

#[tokio::test]
async fn what_one_writes_everybody_reads_and_whoever_comes_later() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut one = server.editor(&alice, "plan").await;
    let mut other = server.editor(&bob, "plan").await;
    one.types(0, "hello").await;
    other.reads("hello").await;
    other.types(5, " world").await;
    one.reads("hello world").await;
    // The sender hears it too: that is the sign that it is stored.
    one.fence().await;
    assert_eq!(one.updates, 2);
    let late = server.editor(&bob, "plan").await;
    assert_eq!(late.text(), "hello world");
    server.stop().await;
}

#[tokio::test]
async fn what_was_written_survives_a_restart_and_what_was_written_meanwhile_is_merged() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut one = server.editor(&alice, "plan").await;
    one.types(0, "before").await;
    one.fence().await;
    let server = server.restart().await;
    assert_eq!(one.is_closed().await, 1012);
    let doc = one.doc.clone();
    one.writes(6, " and offline");
    let mut other = server.editor(&alice, "plan").await;
    assert_eq!(other.text(), "before");
    let mut back = Editor::opens_with(server.http(), &alice, "plan", doc).await;
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
    let mut one = Editor::connects(server.http(), &alice, "plan", crate::support::documents::new_doc()).await;
    assert_eq!(one.hears().await, Heard::SyncStep1(vec![0]));
    server.stop().await;
}

#[tokio::test]
async fn texts_over_rest_and_editors_are_one_truth() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut editor = server.editor(&alice, "plan").await;
    editor.types(0, "the plan").await;
    editor.fence().await;
    let cookie = format!("__Host-session={alice}");
    let request = |method: &str| {
        let request = Request::builder().method(method).uri("/documents/plan/text");
        request.header("cookie", &cookie).header("origin", server.http().origin())
    };
    let text = server.http().send(request("GET"), Vec::new()).await;
    assert_eq!(&text.body[..], b"the plan");
    let put = request("PUT").header("content-type", "text/plain");
    let put = server.http().send(put, b"the better plan".to_vec()).await;
    assert_eq!(put.status, 204, "{:?}", put.body);
    editor.reads("the better plan").await;
    server.stop().await;
}

#[tokio::test]
async fn many_who_come_at_once_load_it_once() {
    let server = TestServer::start_with(|settings| settings.otp.max_per_user = 100).await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let opening = (0..20).map(|_| server.editor(&alice, "plan"));
    let mut editors = futures_util::future::join_all(opening).await;
    assert!(server.server().manager().metrics().encode().contains("document_load_seconds_count 1\n"));
    editors[0].types(0, "hello").await;
    for editor in &mut editors {
        editor.reads("hello").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_document_is_opened_over_http2_as_well() {
    let server = TestServer::start_with(|settings| settings.tls.mode = TlsMode::On).await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut http2 = Http2::connect(server.http()).await;
    let otp = server.otp(&alice, None).await;
    assert_eq!(http2.websocket_at(&format!("/documents/other?otp={otp}")).await.err(), Some(404));
    let otp = server.otp(&alice, None).await;
    let socket = http2.websocket_at(&format!("/documents/plan?otp={otp}")).await.expect("it is hers");
    let mut one = Editor::on(socket, new_doc());
    one.syncs().await;
    one.types(0, "hello").await;
    one.fence().await;
    let mut other = server.editor(&alice, "plan").await;
    other.types(5, " world").await;
    one.reads("hello world").await;
    server.stop().await;
}
