//! Stores that fail, documents that are full, clients that send what they should not.

use crate::support::{
    Pipe, RawSocket, TestServer,
    documents::{Editor, Heard, NOTHING, SYNC_STEP_1, SYNC_STEP_2, UPDATE, cursor, new_doc, new_doc_of},
};
use std::time::Duration;
use switchboard::{model::MembersMay, protocol::CloseReason};
use yrs::{ReadTxn, StateVector, Text, Transact, Update, updates::decoder::Decode};

#[tokio::test]
async fn what_cannot_be_stored_is_shown_to_nobody_and_comes_again() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut one = server.editor(&alice, "plan").await;
    let mut other = server.editor(&bob, "plan").await;
    one.types(0, "stored").await;
    other.reads("stored").await;
    server.meddles("ALTER TABLE document_update RENAME TO hidden");
    one.types(6, " and not").await;
    assert_eq!((one.is_closed().await, other.is_closed().await), (1013, 1013));
    assert_eq!(other.text(), "stored");
    server.meddles("ALTER TABLE hidden RENAME TO document_update");
    let mut other = server.editor(&bob, "plan").await;
    assert_eq!(other.text(), "stored");
    let mut back = Editor::opens_with(server.http(), &alice, "plan", one.doc.clone()).await;
    back.fence().await;
    other.reads("stored and not").await;
    server.stop().await;
}

#[tokio::test]
async fn a_document_that_nobody_has_open_leaves_memory_and_is_merged_first() {
    let server = TestServer::start_with(|settings| {
        settings.document.idle = Duration::from_millis(20);
        settings.document.compact_updates = 20;
    })
    .await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    for round in 0..3 {
        let mut editor = server.editor(&alice, "plan").await;
        assert_eq!(editor.text(), "x".repeat(round * 5));
        for _ in 0..5 {
            editor.types(0, "x").await;
            editor.fence().await;
        }
        editor.leaves().await;
        let meter = &server.server().manager().metrics().documents;
        server.until(|_| meter.open.get() == 0 && meter.clients.get() == 0).await;
    }
    let meter = &server.server().manager().metrics().documents;
    assert!(meter.compactions.get() >= 3);
    server.stop().await;
}

#[tokio::test]
async fn a_full_document_takes_nothing_more_until_something_is_deleted() {
    let server = TestServer::start_with(|settings| settings.document.max_bytes = 2_000).await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut editor = server.editor(&alice, "plan").await;
    editor.types(0, &"x".repeat(1_900)).await;
    editor.fence().await;
    let mut greedy = server.editor(&alice, "plan").await;
    greedy.types(0, &"y".repeat(200)).await;
    assert_eq!(greedy.is_closed().await, 4006);
    assert_eq!(greedy.denied, ["document_full"]);
    editor.deletes(0, 1_000).await;
    editor.types(0, &"z".repeat(200)).await;
    editor.fence().await;
    let late = server.editor(&alice, "plan").await;
    assert_eq!(late.text(), "z".repeat(200) + &"x".repeat(900));
    server.stop().await;
}

#[tokio::test]
async fn who_sends_nonsense_is_closed_and_nobody_else_notices() {
    let server = TestServer::start().await;
    let (alice, mallory) = (server.member("alice").await, server.member("mallory").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut editor = server.editor(&alice, "plan").await;
    let good = Editor::opens(server.http(), &mallory, "plan").await.writes(0, "cut short");
    let truncated = &good[..good.len() - 3];
    let updates: &[&[u8]] = &[truncated, b"", b"\x01", &[0xff; 40], &[1, 1, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x80]];
    for update in updates {
        let mut bad = server.editor(&mallory, "plan").await;
        bad.sends(UPDATE, update).await;
        assert_eq!(bad.is_closed().await, 4005, "{update:?}");
        let mut bad = server.editor(&mallory, "plan").await;
        bad.sends(SYNC_STEP_1, &[0xff; 12]).await;
        assert_eq!(bad.is_closed().await, 4005, "{update:?}");
    }
    for frame in [vec![9], vec![0], vec![0, 2, 200, 1]] {
        let mut bad = server.editor(&mallory, "plan").await;
        bad.sends_frame(frame.clone()).await;
        assert_eq!(bad.is_closed().await, 4005, "{frame:?}");
    }
    let mut bad = server.editor(&mallory, "plan").await;
    bad.sends_text("{}").await;
    assert_eq!(bad.is_closed().await, 4005);
    editor.types(0, "undisturbed").await;
    editor.fence().await;
    assert_eq!(server.editor(&alice, "plan").await.text(), "undisturbed");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_left_something_out_is_asked_for_all_it_has() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut editor = server.editor(&alice, "plan").await;
    editor.writes(0, "not sent");
    editor.types(8, ", sent").await;
    // It hears the question before the answer to the fence.
    editor.fence().await;
    let mut other = server.editor(&alice, "plan").await;
    other.reads("not sent, sent").await;
    // Nobody's answer has everything who knows nothing: it is no fault to know nothing more.
    other.sends(SYNC_STEP_2, NOTHING).await;
    other.fence().await;
    server.stop().await;
}

#[tokio::test]
async fn too_many_messages_and_too_large_ones_are_cut() {
    let server = TestServer::start_with(|settings| {
        settings.document.messages_burst = 50;
        settings.document.messages_per_sec = 1;
        settings.document.max_update_bytes = 100_000;
    })
    .await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut fast = server.editor(&alice, "plan").await;
    for _ in 0..60 {
        fast.types(0, "x").await;
    }
    assert_eq!(fast.is_closed().await, 4003);
    let mut large = Editor::connects(server.http(), &alice, "plan", new_doc()).await;
    large.sends(UPDATE, &vec![0; 100_001]).await;
    assert_eq!(large.is_closed().await, 1009);
    server.stop().await;
}

/// Nobody has read, or was told to be safe, what a stop then loses.
#[tokio::test]
async fn a_stop_stores_what_it_has_shown_and_answered() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut reader = server.editor(&bob, "plan").await;
    let mut editor = server.editor(&alice, "plan").await;
    for number in 1..=100 {
        editor.types(0, "x").await;
        editor.sends_frame(vec![100, number]).await;
    }
    reader.hears().await;
    let server = server.restart().await;
    let mut answered = 0;
    let closed = loop {
        match editor.hears_unless_closed().await {
            Ok(Heard::Fence(number)) => {
                assert_eq!(number, answered + 1);
                answered = number;
            }
            Ok(_) => {}
            Err(close) => break close.map(|close| u16::from(close.code)),
        }
    };
    assert_eq!((closed, reader.is_closed().await), (Some(1012), 1012));
    let stored = server.editor(&bob, "plan").await.text().len();
    let shown = reader.text().len();
    assert!(stored >= shown && stored as u64 >= answered && stored > 0, "{stored} of {shown} and {answered}");
    server.stop().await;
}

/// It is cut at its bound; whoever reads is not held up, and it has everything when it is back.
#[tokio::test]
async fn who_does_not_read_is_cut() {
    let server = TestServer::start_with(|settings| {
        settings.socket.egress_events = 16;
        settings.document.messages_per_sec = 0;
    })
    .await;
    let (alice, slow) = (server.member("alice").await, server.member("slow").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    server.until(|server| server.manager().clients().is_empty()).await;
    let otp = server.otp(&slow, None).await;
    let _slow = RawSocket::open_at(server.http(), &format!("/documents/plan?otp={otp}"), Pipe::Narrow, "").await;
    // It has been answered, which is before it is one of the clients.
    server.until(|server| server.manager().clients().len() == 1).await;
    let connection = server.server().manager().clients().all().remove(0);
    let mut editor = server.editor(&alice, "plan").await;
    let mut written = String::new();
    while !connection.closing().is_cancelled() {
        let more = "x".repeat(8_000);
        editor.types(0, &more).await;
        editor.fence().await;
        written += &more;
    }
    assert_eq!(connection.close_reason(), Some(CloseReason::SlowConsumer));
    assert_eq!(server.editor(&slow, "plan").await.text(), written);
    server.stop().await;
}

/// What is written under one's id at one's next clock would be taken for known when one writes it.
#[tokio::test]
async fn nobody_writes_under_anothers_id() {
    let server = TestServer::start().await;
    let (alice, mallory) = (server.member("alice").await, server.member("mallory").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    for (kind, says_so) in [(UPDATE, true), (UPDATE, false), (SYNC_STEP_2, true)] {
        let mut editor = server.editor(&alice, "plan").await;
        if says_so {
            editor.shows(&cursor("alice", 0)).await;
        }
        editor.types(0, "mine ").await;
        editor.fence().await;
        let forged = {
            let forger = new_doc_of(editor.doc.client_id().get());
            let known = editor.doc.transact().encode_state_as_update_v1(&StateVector::default());
            forger.transact_mut().apply_update(Update::decode_v1(&known).unwrap()).unwrap();
            let text = forger.get_or_insert_text("text");
            let mut transaction = forger.transact_mut();
            text.insert(&mut transaction, 0, "forged, forged, forged ");
            transaction.encode_update_v1()
        };
        let mut forger = server.editor(&mallory, "plan").await;
        forger.sends(kind, &forged).await;
        assert_eq!(forger.is_closed().await, 4005);
        editor.types(0, "and this ").await;
        editor.fence().await;
        assert_eq!(server.editor(&alice, "plan").await.text(), editor.text());
        // What is known already may come from anybody.
        let mut other = server.editor(&mallory, "plan").await;
        let all = other.doc.transact().encode_state_as_update_v1(&StateVector::default());
        other.sends(UPDATE, &all).await;
        other.fence().await;
    }
    server.stop().await;
}

/// Two connections of one person have heard each other without us, and whoever was there brings what a server has lost.
#[tokio::test]
async fn words_of_those_who_are_not_here_and_ones_own_come_from_anybody() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut one = server.editor(&alice, "plan").await;
    one.shows(&cursor("alice", 0)).await;
    one.fence().await;
    let offline = one.writes(0, "heard elsewhere");
    let mut tab = server.editor(&alice, "plan").await;
    tab.sends(UPDATE, &offline).await;
    tab.fence().await;
    one.reads("heard elsewhere").await;
    drop((one, tab));
    let gone = new_doc();
    let lost = Editor::opens_with(server.http(), &alice, "plan", gone).await.writes(0, "lost, then ");
    let mut carrier = server.editor(&bob, "plan").await;
    carrier.sends(SYNC_STEP_2, &lost).await;
    carrier.fence().await;
    assert_eq!(server.editor(&alice, "plan").await.text(), "lost, then heard elsewhere");
    server.stop().await;
}

/// An author is back but has not told yet what it has, when others bring its words that the server lost.
#[tokio::test]
async fn what_a_server_lost_is_brought_by_whoever_answers_first() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let doc = new_doc();
    let mut author = Editor::connects(server.http(), &alice, "plan", doc).await;
    let lost = author.writes(0, "lost");
    author.shows(&cursor("alice", 0)).await;
    let mut carrier = server.editor(&bob, "plan").await;
    carrier.sees(author.doc.client_id().get(), |state| state["cursor"] == 0).await;
    carrier.sends(SYNC_STEP_2, &lost).await;
    carrier.fence().await;
    author.syncs().await;
    author.types(4, " and found").await;
    author.fence().await;
    carrier.reads("lost and found").await;
    server.stop().await;
}

#[tokio::test]
async fn a_fence_waits_for_what_was_left_out() {
    let server = TestServer::start().await;
    let alice = server.member("alice").await;
    server.makes_document("alice", "general", "plan", MembersMay::Write).await;
    let mut editor = Editor::connects(server.http(), &alice, "plan", new_doc()).await;
    assert!(matches!(editor.hears().await, Heard::SyncStep1(_)));
    editor.writes(0, "not sent");
    editor.types(8, ", sent").await;
    editor.sends_frame(vec![100, 7]).await;
    // The question comes first; then what was left out, and only then the number.
    assert!(matches!(editor.hears().await, Heard::SyncStep1(_)));
    assert!(matches!(editor.hears().await, Heard::Update(_)));
    assert_eq!(editor.hears().await, Heard::Fence(7));
    assert_eq!(server.editor(&alice, "plan").await.text(), "not sent, sent");
    server.stop().await;
}
