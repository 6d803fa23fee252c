//! What every engine must do. `store_suite!(sqlite)` runs it on the store that
//! `sqlite::tests::for_suite` makes, unless that says it cannot; the property is in `suite/log.rs`.

mod accounts;
mod commit;
mod documents;
mod feed;
mod history;
mod invitations;
mod keys;
mod log;
mod products;
mod publish;
mod rooms;
mod sessions;

pub(super) use accounts::*;
pub(super) use commit::*;
pub(super) use documents::*;
pub(super) use feed::*;
pub(super) use history::*;
pub(super) use invitations::*;
pub(super) use keys::*;
pub(super) use log::*;
pub(super) use products::*;
pub(super) use publish::*;
pub(super) use rooms::*;
pub(super) use sessions::*;

use super::*;
use crate::model::{ClientMessageId, MessageText, Offset, Room, RoomTitle};
use serde_json::{Value, value::to_raw_value};
use std::sync::Arc;

/// What the tests are given.
pub(super) type Fresh = Arc<dyn Store>;

macro_rules! store_suite {
    ($engine:ident) => {
        $crate::storage::suite::store_suite!(@tests $engine:
            a_message_is_stored_and_announced,
            offsets_have_no_holes_after_a_refused_draft,
            strangers_and_the_lost_get_one_answer,
            a_known_client_id_gets_the_first_answer,
            a_known_client_id_in_one_batch_is_one_message,
            a_known_client_id_with_another_body_is_a_conflict,
            a_client_id_is_its_authors_own,
            a_retry_after_leaving_gets_the_first_answer,
            a_plain_publication_makes_its_topic,
            an_empty_batch_is_no_error,
            a_room_is_made_announced_and_heard,
            a_taken_room_name_is_refused_even_in_one_batch,
            joining_is_announced_once,
            private_rooms_look_like_none,
            leaving_is_announced_once,
            nobody_leaves_general,
            rooms_are_listed_by_name,
            the_largest_open_rooms_are_listed,
            rooms_of_one_account_are_bounded,
            a_batch_sees_its_own_changes,
            the_log_is_read_in_stretches,
            a_stretch_of_the_log_is_bounded_in_bytes,
            the_log_is_read_from_its_end,
            trimming_keeps_the_newer_end_whole,
            trimming_moves_positions_out_of_reach,
            an_inbox_is_heard_before_anything_is_in_it,
            named_topics_are_told_whether_anything_was_published_or_not,
            topics_are_told_while_the_credential_is_good,
            publications_are_kept_up_to_their_number,
            publications_are_kept_up_to_their_age,
            what_is_not_kept_has_an_offset_all_the_same,
            a_repeated_request_gets_the_first_answer,
            a_known_idempotency_key_with_another_request_is_a_conflict,
            a_key_that_has_ended_publishes_nothing,
            receipts_are_swept,
            a_batch_of_an_outbox_is_published_once,
            batches_of_one_transaction_follow_each_other,
            an_outbox_that_is_gone_is_forgotten,
            any_drafts_leave_whole_logs,
            history_is_for_members,
            history_pages_in_every_direction,
            history_around_is_half_and_half,
            a_page_of_history_is_bounded_in_bytes,
            names_are_taken_without_regard_to_case,
            only_the_first_account_is_the_first,
            accounts_are_in_general_at_once,
            disabling_ends_sessions,
            enabling_brings_no_session_back,
            a_new_password_ends_sessions_and_a_rehash_does_not,
            a_session_lives_within_its_limits,
            a_session_ends_when_it_is_told_to,
            revocations_grow_when_sessions_end,
            a_sweep_keeps_what_is_in_use_and_ends_what_has_expired,
            devices_are_known_per_account,
            an_invitation_makes_accounts_until_it_is_spent,
            an_invitation_expires,
            a_taken_name_spends_no_invitation,
            two_race_for_the_last_use,
            invitations_are_listed_and_taken_back,
            a_key_is_found_by_its_hash_until_it_expires,
            a_keys_name_is_taken_without_regard_to_case,
            keys_are_listed_by_name_and_survive_a_sweep,
            a_keys_last_use_only_moves_forward,
            a_revoked_key_is_gone_and_counted,
            a_product_lives_and_its_watchers_are_told,
            a_product_changes_only_if_it_is_what_was_seen,
            products_share_batches_with_everything_else,
            products_are_paged_by_id,
            a_repeated_request_makes_one_product,
            a_key_that_has_ended_writes_no_product,
            rows_and_where_their_logs_stand_are_one_snapshot,
            a_document_is_made_and_its_room_is_told,
            a_taken_document_name_is_refused_even_in_one_batch,
            documents_of_a_room_are_bounded_and_its_members_own,
            a_documents_title_and_rights_change,
            a_document_that_is_gone_is_gone_whole,
            updates_are_numbered_without_holes,
            only_who_is_in_the_room_edits_its_documents,
            a_document_is_merged_up_to_where_its_merger_has_read,
            documents_with_old_updates_are_found,
            versions_keep_their_texts,
            the_probe_writes,
            a_closed_store_says_so,
        );
    };
    (@tests $engine:ident: $($test:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                let Some((store, _kept)) = $crate::storage::$engine::tests::for_suite() else { return };
                $crate::storage::suite::$test(store.clone()).await;
                store.close().await;
            }
        )*
    };
}
pub(super) use store_suite;

pub(super) async fn the_probe_writes(store: Fresh) {
    store.probe().await.unwrap();
    store.probe().await.unwrap();
}

pub(super) async fn a_closed_store_says_so(store: Fresh) {
    let alice = member(&store, "alice").await;
    store.close().await;
    store.close().await;
    assert!(matches!(store.commit(vec![says(&alice, "general", "x")]).await, Err(StoreError::Closed)));
    assert!(matches!(store.topic_states(Wanted::heard_by(alice.id)).await, Err(StoreError::Closed)));
    assert!(matches!(store.probe().await, Err(StoreError::Closed)));
}

// ---- what the tests are written with -----------------------------------------------------

/// Rooms one account of the tests may be in.
pub(super) const MAX_JOINED: u32 = 5;

pub(super) fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

pub(super) fn slug(text: &str) -> RoomName {
    RoomName::parse(text).unwrap()
}

pub(super) fn topic(text: &str) -> TopicName {
    TopicName::parse(text).unwrap()
}

pub(super) fn new_account(user: &str) -> NewAccount {
    NewAccount { name: name(user), role: Role::Member, password_hash: "$argon2id$1".into(), at: 1_000 }
}

pub(super) async fn member(store: &Fresh, user: &str) -> User {
    store.create_account(new_account(user)).await.unwrap()
}

pub(super) fn draft(change: Change) -> Draft {
    Draft { at: 5_000, change }
}

pub(super) fn says(author: &User, room: &str, text: &str) -> Draft {
    let (room, text) = (slug(room), MessageText::parse(text).unwrap());
    draft(Change::SendMessage { author: author.clone(), room, text, client_id: None })
}

pub(super) fn says_as(author: &User, room: &str, text: &str, client_id: &str) -> Draft {
    let (room, text) = (slug(room), MessageText::parse(text).unwrap());
    let client_id = Some(ClientMessageId::parse(client_id).unwrap());
    draft(Change::SendMessage { author: author.clone(), room, text, client_id })
}

pub(super) fn makes(author: &User, room: &str, public: bool) -> Draft {
    let title = RoomTitle::parse(&format!("The {room}")).unwrap();
    let author = author.clone();
    draft(Change::CreateRoom { author, room: slug(room), title, public, max_joined: MAX_JOINED })
}

pub(super) fn joins(author: &User, room: &str) -> Draft {
    draft(Change::JoinRoom { author: author.clone(), room: slug(room), max_joined: MAX_JOINED })
}

pub(super) fn leaves(author: &User, room: &str) -> Draft {
    draft(Change::LeaveRoom { author: author.clone(), room: slug(room) })
}

pub(super) fn publishes(name: &str, number: u32) -> Draft {
    let payload = to_raw_value(&serde_json::json!({ "n": number })).unwrap().into();
    draft(Change::publish(topic(name), "published", payload))
}

/// Commits one draft.
pub(super) async fn commit(store: &Fresh, draft: Draft) -> Result<Committed, Refusal> {
    let mut answers = store.commit(vec![draft]).await.unwrap();
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// The whole log of a topic, as `(offset, event type, payload)`.
pub(super) async fn log_of(store: &Fresh, name: &str) -> Vec<(u64, String, Value)> {
    let log = whole_log(store, topic(name)).await;
    log.iter().map(|entry| (entry.offset.0, entry.event_type.to_string(), json(entry))).collect()
}

/// The whole log of a topic, stretch by stretch.
pub(super) async fn whole_log(store: &Fresh, topic: TopicName) -> Vec<Publication> {
    let mut log = Vec::<Publication>::new();
    loop {
        let after = log.last().map_or(Offset::ZERO, |last| last.offset);
        let range = LogRange::new(topic.clone(), after, Offset(u64::MAX));
        match store.read_log(range, u32::MAX).await.unwrap() {
            next if next.is_empty() => return log,
            mut next => log.append(&mut next),
        }
    }
}

pub(super) fn json(publication: &Publication) -> Value {
    serde_json::from_str(publication.payload.get()).unwrap()
}

pub(super) fn joined(committed: &Committed) -> (&Room, u64) {
    match &committed.outcome {
        Outcome::Joined { room, offset } => (room, offset.0),
        other => panic!("{other:?} is not Joined"),
    }
}

/// `(id, offset, sent, duplicate)`
pub(super) fn sent(committed: &Committed) -> (i64, u64, i64, bool) {
    match committed.outcome {
        Outcome::Message { id, offset, sent, duplicate } => (id.0, offset.0, sent, duplicate),
        ref other => panic!("{other:?} is not Message"),
    }
}

/// Prints how long batches of messages take.
pub(super) async fn measure_batches(store: Fresh) {
    let alice = member(&store, "alice").await;
    for size in [1_u32, 16, 256] {
        let rounds = 16_384 / size.max(8);
        let started = std::time::Instant::now();
        for round in 0..rounds {
            let drafts = (0..size).map(|n| says_as(&alice, "general", "hello", &format!("{size}-{round}-{n}")));
            store.commit(drafts.collect()).await.unwrap();
        }
        let each = started.elapsed() / rounds;
        println!("{size} messages: {each:?} a batch, {:.0} messages/s", f64::from(size) / each.as_secs_f64());
    }
    store.close().await;
}

/// A job that panics costs its caller an error, and nobody else anything.
pub(super) async fn panics_cost_one_job_each(store: Arc<SqlStore>) {
    let fresh: Fresh = store.clone();
    let alice = member(&fresh, "alice").await;
    let write = |db: sql::Db<'_>| -> Result<(), StoreError> {
        db.run("DELETE FROM member", ())?;
        panic!("on purpose")
    };
    assert!(matches!(store.writer.run(write).await, Err(StoreError::Unavailable(_))));
    for _ in 0..3 {
        let read = |_: sql::Db<'_>| -> Result<(), StoreError> { panic!("on purpose") };
        assert!(matches!(store.readers.run(read).await, Err(StoreError::Unavailable(_))));
    }
    commit(&fresh, says(&alice, "general", "hello")).await.unwrap();
    assert_eq!(log_of(&fresh, "room.general").await.len(), 1);
    store.close().await;
}
