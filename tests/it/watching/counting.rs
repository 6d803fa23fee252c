//! How much may be watched, and what is left when a watcher goes.

use crate::support::{TestClient, TestServer};
use serde_json::{Value, json};
use switchboard::model::TopicName;

fn names(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|key| format!("products.{key}")).collect()
}

impl TestClient {
    /// Watches these rows, a thousand in one request.
    async fn watches_all(&mut self, names: &[String]) {
        for some in names.chunks(1_000) {
            let ok = self.asks("subscribe", json!({"topics": some, "snapshot": true})).await;
            assert_eq!(ok["topics"].as_object().unwrap().len(), some.len(), "{:?}", ok["refused"]);
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_own_subscriptions_with_it_and_no_other() {
    const SUBSCRIBERS: &str = "switchboard_subscribers{namespace=\"products.*\"}";
    let server = TestServer::start_watched(|_| {}).await;
    let writer = server.writer();
    let [mut many, mut few] = server.clients(["many", "few"]).await;
    few.watches_all(&names(9_990..10_010)).await;
    many.watches_all(&names(0..10_000)).await;
    assert_eq!(server.metric(SUBSCRIBERS).await, 10_020);
    let subscribers =
        |key: u32| server.server().manager().subscribers(&TopicName::parse(&format!("products.{key}")).unwrap());
    assert_eq!([subscribers(0), subscribers(9_995), subscribers(10_005)], [1, 2, 1]);
    // One's leaving a row is nobody else's.
    many.asks("unsubscribe", json!({"topics": ["products.9990"]})).await;
    assert_eq!(subscribers(9_990), 1);
    writer.sets(9_990, "a").await;
    assert_eq!(few.hears("row_changed").await["key"], "9990");
    many.has_not_heard("row_changed").await;
    many.leaves().await;
    server.until(|server| server.manager().clients().len() == 1).await;
    server.until(|_| subscribers(0) == 0).await;
    assert!((0..9_990).all(|key| subscribers(key) == 0));
    assert!((9_990..10_010).all(|key| subscribers(key) == 1));
    assert_eq!(server.metric(SUBSCRIBERS).await, 20);
    writer.sets(9_995, "b").await;
    assert_eq!(few.hears("row_changed").await["key"], "9995");
    server.stop().await;
}

#[tokio::test]
async fn rows_count_among_what_one_connection_may_hear() {
    let server = TestServer::start_watched(|_| {}).await;
    let mut alice = server.client("alice").await;
    assert_eq!(alice.is_refused("subscribe", json!({"topics": names(0..1_025)})).await, "bad_payload");
    // `general` and its inbox are two of them.
    alice.watches_all(&names(0..10_230)).await;
    let ok = alice.asks("subscribe", json!({"topics": names(10_225..10_245), "snapshot": true})).await;
    let refused: Vec<_> = ok["refused"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(refused, names(10_238..10_245));
    assert!(ok["refused"].as_object().unwrap().values().all(|one| one["code"] == "too_many_topics"));
    assert!(ok["topics"].as_object().unwrap().values().all(|one| one["row"] == Value::Null));
    server.stop().await;
}
