//! The feed: each batch of an outbox once, with what it publishes.

use super::*;

const ROW: &str = "products.7";
const TABLE: &str = "products.*";

fn batch_of(outbox: &str, batch: u64, changes: &[(i64, i64)]) -> Draft {
    let publication = |name: &str, id: i64| NewPublication {
        topic: topic(name),
        event_type: "row_changed".into(),
        payload: to_raw_value(&serde_json::json!({ "id": id })).unwrap().into(),
        keep: Some(Keep { count: 100, age_ms: 1_000 }),
        subscribers: 0,
    };
    let publications = changes.iter().flat_map(|(id, _)| [publication(ROW, *id), publication(TABLE, *id)]).collect();
    let progress = FeedProgress { batch, changes: changes.to_vec() };
    draft(Change::Feed { outbox: outbox.to_owned(), progress, publications })
}

async fn published_of(store: &Fresh, name: &str) -> Vec<i64> {
    log_of(store, name).await.iter().map(|(.., payload)| payload["id"].as_i64().unwrap()).collect()
}

pub(crate) async fn a_batch_of_an_outbox_is_published_once(store: Fresh) {
    assert_eq!(store.feed_progress("a").await.unwrap(), FeedProgress::default());
    let committed = commit(&store, batch_of("a", 1, &[(1, 10), (2, 20)])).await.unwrap();
    let offsets: Vec<_> = committed.publications.iter().map(|one| (one.topic.as_str(), one.offset.0)).collect();
    assert_eq!(offsets, [(ROW, 1), (TABLE, 1), (ROW, 2), (TABLE, 2)]);
    let first = FeedProgress { batch: 1, changes: vec![(1, 10), (2, 20)] };
    assert_eq!(store.feed_progress("a").await.unwrap(), first);
    // The same again, one that skips one, and one from before.
    for batch in [1, 3, 0] {
        let refused = commit(&store, batch_of("a", batch, &[(3, 30)])).await.unwrap_err();
        assert_eq!(refused, Refusal::NotTheNextBatch);
    }
    assert_eq!(store.feed_progress("a").await.unwrap(), first);
    assert_eq!(published_of(&store, ROW).await, [1, 2]);
    commit(&store, batch_of("a", 2, &[(3, 30)])).await.unwrap();
    assert_eq!(store.feed_progress("a").await.unwrap(), FeedProgress { batch: 2, changes: vec![(3, 30)] });
    assert_eq!(published_of(&store, ROW).await, [1, 2, 3]);
    assert_eq!(published_of(&store, TABLE).await, [1, 2, 3]);
}

pub(crate) async fn batches_of_one_transaction_follow_each_other(store: Fresh) {
    let drafts = [(1, 1), (2, 2), (2, 3), (4, 4), (3, 5)].map(|(batch, id)| batch_of("a", batch, &[(id, 0)]));
    let other = batch_of("b", 1, &[(9, 0)]);
    let decisions = store.commit(drafts.into_iter().chain([other]).collect()).await.unwrap();
    let taken: Vec<_> = decisions.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, true, false, false, true, true]);
    assert_eq!(published_of(&store, ROW).await, [1, 2, 5, 9]);
    assert_eq!(store.feed_progress("a").await.unwrap(), FeedProgress { batch: 3, changes: vec![(5, 0)] });
    assert_eq!(store.feed_progress("b").await.unwrap(), FeedProgress { batch: 1, changes: vec![(9, 0)] });
}

pub(crate) async fn an_outbox_that_is_gone_is_forgotten(store: Fresh) {
    for outbox in ["a", "b"] {
        commit(&store, batch_of(outbox, 1, &[(1, 1)])).await.unwrap();
    }
    store.forget_feed("a").await.unwrap();
    assert_eq!(store.feed_progress("a").await.unwrap(), FeedProgress::default());
    assert_eq!(store.feed_progress("b").await.unwrap().batch, 1);
}
