//! Publishing: how much is kept, and once per idempotency key.

use super::*;
use crate::model::{KeyId, KeyName};

/// Publishes to `channel.news` at `at`, kept as said.
fn kept(at: UnixMillis, count: u64, age_ms: i64) -> Draft {
    let mut draft = Draft { at, ..publishes("channel.news", 0) };
    if let Change::Publish { publications, .. } = &mut draft.change {
        publications[0].keep = Some(Keep { count, age_ms });
    }
    draft
}

async fn left(store: &Fresh) -> (Vec<u64>, u64) {
    let named = vec![topic("channel.news")];
    let state = store.topic_states(Wanted { heard_by: None, named }).await.unwrap().remove(0);
    let log = log_of(store, "channel.news").await;
    (log.into_iter().map(|(offset, ..)| offset).collect(), state.trimmed.0)
}

pub(crate) async fn publications_are_kept_up_to_their_number(store: Fresh) {
    store.commit((0..5).map(|_| kept(10, 3, 1_000)).collect()).await.unwrap();
    assert_eq!(left(&store).await, (vec![3, 4, 5], 2));
    commit(&store, kept(10, 3, 1_000)).await.unwrap();
    assert_eq!(left(&store).await, (vec![4, 5, 6], 3));
    // A namespace that keeps fewer from now on.
    commit(&store, kept(10, 1, 1_000)).await.unwrap();
    assert_eq!(left(&store).await, (vec![7], 6));
}

pub(crate) async fn publications_are_kept_up_to_their_age(store: Fresh) {
    let alice = member(&store, "alice").await;
    commit(&store, Draft { at: 10, ..says(&alice, "general", "kept as the journal says") }).await.unwrap();
    for (at, age_ms) in [(10, 100), (50, 100), (50, 1_000), (200, 100)] {
        commit(&store, kept(at, 10, age_ms)).await.unwrap();
    }
    assert_eq!(store.trim_log(140, 10_000, 10).await.unwrap(), 1);
    assert_eq!(left(&store).await, (vec![2, 3, 4], 1));
    assert_eq!(store.trim_log(160, 10_000, 0).await.unwrap(), 0);
    assert_eq!(store.trim_log(160, 10_000, 10).await.unwrap(), 1);
    assert_eq!(left(&store).await, (vec![3, 4], 2));
    // What is kept longer goes later, and does not bring back what went before it.
    assert_eq!(store.trim_log(400, 10_000, 10).await.unwrap(), 1);
    assert_eq!(left(&store).await.1, 4);
    assert_eq!(store.trim_log(2_000, 10_000, 10).await.unwrap(), 1);
    assert_eq!(left(&store).await, (vec![], 4));
    assert_eq!(log_of(&store, "room.general").await.len(), 1);
    assert_eq!(store.trim_log(20_000, 10_000, 10).await.unwrap(), 1);
}

pub(crate) async fn what_is_not_kept_has_an_offset_all_the_same(store: Fresh) {
    let committed = commit(&store, kept(10, 0, 1_000)).await.unwrap();
    assert_eq!(committed.publications[0].offset, Offset(1));
    let committed = commit(&store, kept(10, 0, 1_000)).await.unwrap();
    assert_eq!(committed.publications[0].offset, Offset(2));
    assert_eq!(left(&store).await, (vec![], 2));
}

/// Two publications under one idempotency key.
fn once(issuer: &str, fingerprint: u8) -> Draft {
    let mut draft = publishes("channel.news", 1);
    if let Change::Publish { publications, once, .. } = &mut draft.change {
        publications[0].subscribers = 7;
        publications.push(NewPublication { topic: topic("channel.other"), ..publications[0].clone() });
        *once = Some(Once { issuer: issuer.to_owned(), key: "k".to_owned(), fingerprint: [fingerprint; 32] });
    }
    draft
}

fn published(committed: &Committed) -> (Vec<(u64, u64)>, bool) {
    match &committed.outcome {
        Outcome::Published { places, duplicate } => {
            (places.iter().map(|placed| (placed.offset.0, placed.subscribers)).collect(), *duplicate)
        }
        other => panic!("{other:?} is not Published"),
    }
}

pub(crate) async fn a_repeated_request_gets_the_first_answer(store: Fresh) {
    commit(&store, publishes("channel.other", 0)).await.unwrap();
    let answers = store.commit(vec![once("key 1", 1), once("key 1", 1)]).await.unwrap();
    let answers: Vec<_> = answers.into_iter().map(|answer| published(&answer.unwrap())).collect();
    assert_eq!(answers, [(vec![(1, 7), (2, 7)], false), (vec![(1, 7), (2, 7)], true)]);
    let again = commit(&store, once("key 1", 1)).await.unwrap();
    assert!(again.publications.is_empty());
    assert_eq!(published(&again), (vec![(1, 7), (2, 7)], true));
    // Another issuer's keys are their own.
    assert_eq!(published(&commit(&store, once("key 2", 1)).await.unwrap()), (vec![(2, 7), (3, 7)], false));
}

pub(crate) async fn a_known_idempotency_key_with_another_request_is_a_conflict(store: Fresh) {
    commit(&store, once("key 1", 1)).await.unwrap();
    assert_eq!(commit(&store, once("key 1", 2)).await.unwrap_err(), Refusal::Conflict);
    assert_eq!(log_of(&store, "channel.news").await.len(), 1);
}

pub(crate) async fn a_key_that_has_ended_publishes_nothing(store: Fresh) {
    let key = |name, token, expires_at| NewKey {
        name: KeyName::parse(name).unwrap(),
        token_hash: [token; 32],
        hint: String::new(),
        scopes: vec!["publish:*".parse().unwrap()],
        expires_at,
        at: 1_000,
    };
    let with = |id: KeyId, at| {
        let mut draft = Draft { at, ..publishes("channel.news", 1) };
        if let Change::Publish { key, .. } = &mut draft.change {
            *key = Some(id);
        }
        draft
    };
    let expiring = store.create_key(key("expiring", 1, Some(5_000))).await.unwrap().id;
    let revoked = store.create_key(key("revoked", 2, None)).await.unwrap().id;
    commit(&store, with(revoked, 4_999)).await.unwrap();
    store.revoke_key(revoked).await.unwrap();
    let decisions = store.commit(vec![with(revoked, 4_999), with(expiring, 4_999)]).await.unwrap();
    assert_eq!(decisions[0].as_ref().unwrap_err(), &Refusal::KeyEnded);
    assert!(decisions[1].is_ok(), "its neighbour is not concerned");
    assert_eq!(commit(&store, with(expiring, 5_000)).await.unwrap_err(), Refusal::KeyEnded);
    assert_eq!(log_of(&store, "channel.news").await.len(), 2);
}

pub(crate) async fn receipts_are_swept(store: Fresh) {
    commit(&store, once("key 1", 1)).await.unwrap();
    let limits = SweepLimits { sessions: LIMITS, device_ms: 1, receipt_ms: 1_000 };
    store.sweep(Vec::new(), 5_999, limits).await.unwrap();
    assert!(published(&commit(&store, once("key 1", 1)).await.unwrap()).1);
    store.sweep(Vec::new(), 6_000, limits).await.unwrap();
    assert!(!published(&commit(&store, once("key 1", 1)).await.unwrap()).1);
}
