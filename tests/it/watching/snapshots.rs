//! `subscribe` with `snapshot: true`: what is answered, and what is refused.

use crate::support::{
    TestClient, TestServer,
    watching::{Gate, row},
};
use serde_json::{Value, json};

impl TestClient {
    async fn takes(&mut self, topics: Value) -> Value {
        let epoch = self.epoch.clone();
        self.asks("subscribe", json!({"topics": topics, "epoch": epoch, "snapshot": true})).await
    }
}

#[tokio::test]
async fn the_rows_come_with_the_offset_the_stream_goes_on_from() {
    let server = TestServer::start_watched(|_| {}).await;
    let writer = server.writer();
    for key in [10, 9, 1] {
        writer.sets(key, "old").await;
    }
    writer.sets(9, "new").await;
    writer.deletes(1).await;
    let mut alice = server.client("alice").await;
    let ok = alice.takes(json!(["products.1", "products.2", "products.9", "products.*", "channel.a"])).await;
    let row_is = |offset: u64, row: Value| json!({"offset": offset, "recovered": false, "row": row});
    let all = json!({"offset": 5, "recovered": false, "rows": [row(9, "new"), row(10, "old")]});
    let topics = json!({"channel.a": {"offset": 0, "recovered": false}, "products.*": all,
        "products.1": row_is(2, Value::Null), "products.2": row_is(0, Value::Null),
        "products.9": row_is(2, row(9, "new"))});
    assert_eq!(ok, json!({"topics": topics}));
    writer.sets(9, "newer").await;
    assert_eq!(alice.event("row_changed").await["offset"], 3);
    assert_eq!(alice.event("row_changed").await["offset"], 6);
    alice.asks("unsubscribe", json!({"topics": ["products.9", "products.*"]})).await;
    alice.positions.clear();

    // What can be replayed needs no rows.
    let ok = alice.takes(json!({"products.9": 1, "products.*": 99, "products.10": null})).await;
    assert_eq!(ok["topics"]["products.9"], json!({"offset": 3, "recovered": true}));
    assert_eq!(ok["topics"]["products.10"], row_is(1, row(10, "old")));
    let of_all = &ok["topics"]["products.*"];
    assert_eq!((&of_all["reason"], &of_all["recovered"]), (&json!("ahead"), &json!(false)));
    assert_eq!(of_all["rows"], json!([row(9, "newer"), row(10, "old")]));
    for offset in [2, 3] {
        assert_eq!(alice.event("row_changed").await["offset"], offset);
    }
    for snapshot in [json!(1), json!("true"), json!({})] {
        let request = json!({"topics": ["products.1"], "snapshot": snapshot});
        assert_eq!(alice.is_refused("subscribe", request).await, "bad_payload", "{snapshot}");
    }
    let ok = alice.asks("subscribe", json!({"topics": ["products.77"], "snapshot": false})).await;
    assert_eq!(ok["topics"]["products.77"], json!({"offset": 0, "recovered": false}));
    server.stop().await;
}

/// A client may look again at what it hears already: what came before the answer is in the rows, nothing after it.
#[tokio::test]
async fn what_is_heard_already_can_be_looked_at_anew() {
    let [before, after] = [Gate::closed(), Gate::closed()];
    let server = TestServer::start_gated(|_| {}, Some([before.clone(), after.clone()])).await;
    let writer = server.writer();
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["products.1", "products.*"])).await;
    writer.sets(1, "a").await;
    let id = alice.posts("subscribe", json!({"topics": ["products.1"], "snapshot": true})).await;
    before.somebody_waits().await;
    writer.sets(1, "b").await;
    before.lets_one_pass();
    after.somebody_waits().await;
    writer.sets(1, "c").await;
    after.lets_one_pass();
    let mut came = Vec::new();
    while came.len() < 6 {
        let event = alice.next_event().await;
        if event["id"] == id {
            let rows = json!({"offset": 2, "recovered": false, "row": row(1, "b")});
            assert_eq!(event["payload"]["topics"], json!({"products.1": rows}));
            came.push(("answer".to_owned(), 2));
            alice.positions.insert("products.1".to_owned(), 2);
        } else {
            came.push((event["topic"].as_str().unwrap().to_owned(), event["offset"].as_u64().unwrap()));
        }
    }
    let came: Vec<_> = came.iter().map(|(what, offset)| (&**what, *offset)).collect();
    let (one, all) = ("products.1", "products.*");
    assert_eq!(came, [(one, 1), (all, 1), (all, 2), (all, 3), ("answer", 2), (one, 3)]);
    let ok = alice.takes(json!({"products.1": 0})).await;
    assert_eq!(ok["refused"]["products.1"]["code"], "already_subscribed");
    assert_eq!(ok["topics"], json!({}));
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_alone_and_not_heard() {
    let server = TestServer::start_watched(|settings| settings.socket.egress_bytes = 128 * 1024).await;
    let (writer, large) = (server.writer(), "x".repeat(20_000));
    for key in 1..=5 {
        writer.sets(key, large.clone()).await;
    }
    writer.sets(6, "small").await;
    let mut alice = server.client("alice").await;
    let names: Vec<_> = (1..=6).map(|key| format!("products.{key}")).chain(["products.*".to_owned()]).collect();
    let ok = alice.takes(json!(names)).await;
    // Three large rows fit into half of what may wait for a client, and so does the small one.
    let heard: Vec<_> = ok["topics"].as_object().unwrap().keys().collect();
    assert_eq!(heard, ["products.1", "products.2", "products.3", "products.6"], "{:?}", ok["refused"]);
    for refused in ["products.4", "products.5", "products.*"] {
        assert_eq!(ok["refused"][refused]["code"], "too_large", "{refused}");
        assert_eq!(ok["topics"].get(refused), None);
    }
    writer.changes(&[("UPDATE", 4, row(4, "b")), ("UPDATE", 6, row(6, "b"))]).await;
    assert_eq!(alice.event("row_changed").await["topic"], "products.6");
    alice.has_not_heard("row_changed").await;
    assert_eq!(server.metric("switchboard_subscribers{namespace=\"products.*\"}").await, 4);
    // What was heard before is heard on.
    alice.subscribes(json!(["products.*"])).await;
    let ok = alice.takes(json!(["products.*", "products.4"])).await;
    assert_eq!(ok["refused"]["products.*"]["code"], "too_large");
    assert_eq!(ok["topics"]["products.4"]["row"], row(4, "b"));
    writer.sets(7, "c").await;
    assert_eq!(alice.event("row_changed").await["topic"], "products.*");
    server.stop().await;
}

/// Nothing reads the table.
#[tokio::test]
async fn rows_that_cannot_be_read_are_refused_and_the_rest_is_heard() {
    let server = TestServer::start_watching(|_| {}, |_, _| Some(std::sync::Arc::new(Away))).await;
    let mut alice = server.client("alice").await;
    let ok = alice.takes(json!(["products.1", "products.*", "channel.a"])).await;
    assert_eq!(ok["topics"], json!({"channel.a": {"offset": 0, "recovered": false}}));
    for topic in ["products.1", "products.*"] {
        assert_eq!(ok["refused"][topic]["code"], "unavailable");
    }
    server.writer().sets(1, 1).await;
    alice.has_not_heard("row_changed").await;
    let ok = alice.takes(json!({"products.1": 0})).await;
    assert_eq!(ok["topics"]["products.1"], json!({"offset": 1, "recovered": true}), "a replay needs no rows");
    assert_eq!(alice.event("row_changed").await["offset"], 1);
    server.stop().await;
}

struct Away;

#[async_trait::async_trait]
impl switchboard::storage::RowSource for Away {
    async fn rows(
        &self,
        _: Vec<switchboard::model::TopicName>,
        _: usize,
    ) -> Result<Vec<switchboard::storage::RowsAt>, switchboard::storage::RowsError> {
        Err(switchboard::storage::RowsError::Unavailable("it is away".into()))
    }
}

/// Changes are committed at every moment of a snapshot.
#[tokio::test]
async fn what_changes_while_the_rows_are_read_comes_once() {
    let [before, after] = [Gate::closed(), Gate::closed()];
    let gates = Some([before.clone(), after.clone()]);
    let server = TestServer::start_gated(|_| {}, gates).await;
    let writer = server.writer();
    let mut alice = server.client("alice").await;
    writer.sets(1, "first").await;
    let topics = json!(["products.1", "products.*"]);
    let id = alice.posts("subscribe", json!({"topics": topics, "snapshot": true})).await;
    before.somebody_waits().await;
    writer.sets(1, "before the rows are read").await;
    writer.sets(2, "too").await;
    before.lets_one_pass();
    after.somebody_waits().await;
    writer.sets(1, "after that").await;
    writer.sets(3, "too").await;
    after.lets_one_pass();
    let ok = alice.next_event().await;
    assert_eq!((&ok["type"], &ok["id"]), (&json!("ok"), &json!(id)), "first the answer");
    let topics = &ok["payload"]["topics"];
    assert_eq!(topics["products.1"]["offset"], 2);
    assert_eq!(topics["products.1"]["row"], row(1, "before the rows are read"));
    assert_eq!(topics["products.*"]["offset"], 3);
    assert_eq!(topics["products.*"]["rows"], json!([row(1, "before the rows are read"), row(2, "too")]));
    writer.sets(1, "live").await;
    let mut came = Vec::new();
    for _ in 0..5 {
        let event = alice.event("row_changed").await;
        came.push((event["topic"].as_str().unwrap().to_owned(), event["offset"].as_u64().unwrap()));
    }
    let came: Vec<_> = came.iter().map(|(topic, offset)| (&**topic, *offset)).collect();
    let (one, all) = ("products.1", "products.*");
    assert_eq!(came, [(one, 3), (all, 4), (all, 5), (one, 4), (all, 6)]);
    alice.has_not_heard("row_changed").await;
    server.stop().await;
}

/// It is closed by what ended its session, not later.
#[tokio::test]
async fn whoever_was_signed_out_gets_no_rows() {
    let [before, after] = [Gate::closed(), Gate::closed()];
    let server = TestServer::start_gated(|_| {}, Some([before.clone(), after])).await;
    let mut alice = server.client("alice").await;
    alice.posts("subscribe", json!({"topics": ["products.*"], "snapshot": true})).await;
    before.somebody_waits().await;
    let cookie = format!("__Host-session={}", alice.session);
    let headers = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    assert_eq!(server.http().post_with("/logout", &json!({}), &headers).await.status, 204);
    before.lets_one_pass();
    assert_eq!(u16::from(alice.is_closed().await.code), 4001);
    server.stop().await;
}
