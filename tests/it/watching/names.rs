//! Which topics of watched tables there are, and who may watch them.

use crate::support::{TestServer, events::events, watching::row};
use serde_json::{Value, json};
use switchboard::settings::Watchers;

#[tokio::test]
async fn a_rows_topic_has_one_spelling() {
    let server = TestServer::start_watched(|_| {}).await;
    let mut alice = server.client("alice").await;
    let ok = alice.subscribes(json!(["products.42", "products.*", "products.a%20b", "products.%2A"])).await;
    assert_eq!(ok["topics"].as_object().unwrap().len(), 4, "{ok}");
    assert_eq!(ok["topics"]["products.42"], json!({"offset": 0, "recovered": false}));
    assert!(ok.get("refused").is_none());
    let too_long = format!("products.{}", "x".repeat(520));
    for (other, says) in [
        ("products.%34%32", "write it as `products.42`"),
        ("products.%2a", "write it as `products.%2A`"),
        ("products.a b", "write it as `products.a%20b`"),
        ("products.", "no row has a topic of this name"),
        ("products.%", "no row has a topic of this name"),
        (&*too_long, "no row has a topic of this name"),
        ("orders.42", "only channels"),
        ("Products.42", "only channels"),
        ("products", "only channels"),
    ] {
        let ok = alice.subscribes(json!([other])).await;
        assert_eq!(ok["refused"][other]["code"], "bad_topic", "{other}: {ok}");
        assert!(ok["refused"][other]["message"].as_str().unwrap().starts_with(says), "{other}: {ok}");
        assert_eq!(ok["topics"], json!({}));
        let ok = alice.asks("unsubscribe", json!({"topics": [other]})).await;
        assert_eq!(ok["refused"][other]["code"], "bad_topic", "{other}: {ok}");
        assert_eq!(alice.is_refused("get_publications", json!({"topic": other})).await, "bad_topic", "{other}");
    }
    server.stop().await;
}

#[tokio::test]
async fn changes_are_heard_resumed_and_read_back_as_a_channels_are() {
    let server = TestServer::start_watched(|_| {}).await;
    let writer = server.writer();
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    for client in [&mut alice, &mut bob] {
        client.subscribes(json!(["products.1", "products.*"])).await;
    }
    writer.changes(&[("INSERT", 1, row(1, "a")), ("INSERT", 2, row(2, "b"))]).await;
    let of_row = alice.event("row_changed").await;
    let payload = json!({"action": "INSERT", "key": "1", "row": row(1, "a")});
    assert_eq!(of_row, json!({"type": "row_changed", "topic": "products.1", "offset": 1, "payload": payload}));
    assert_eq!(alice.event("row_changed").await["topic"], "products.*");
    assert_eq!(alice.event("row_changed").await["offset"], 2);
    // One's leaving is nobody else's.
    assert_eq!(bob.asks("unsubscribe", json!({"topics": ["products.1"]})).await, json!({}));
    writer.sets(1, "c").await;
    assert_eq!(alice.event("row_changed").await["topic"], "products.1");
    for offset in 1..=3 {
        let mut event = bob.event("row_changed").await;
        if event["topic"] == "products.1" {
            event = bob.event("row_changed").await;
        }
        assert_eq!((&event["topic"], &event["offset"]), (&json!("products.*"), &json!(offset)));
    }
    assert_eq!(server.metric("switchboard_subscribers{namespace=\"products.*\"}").await, 3);
    assert_eq!(server.metric("switchboard_publications_total{namespace=\"products.*\"}").await, 6);

    let page = alice.asks("get_publications", json!({"topic": "products.1", "limit": 1})).await;
    let last = json!({"type": "row_changed", "offset": 2,
        "payload": {"action": "UPDATE", "key": "1", "row": row(1, "c")}});
    let page_is = json!({"topic": "products.1", "publications": [last], "offset": 2, "more_before": true,
        "more_after": false});
    assert_eq!(page, page_is);

    let (session, epoch) = (alice.session.clone(), alice.epoch.clone());
    drop(alice);
    writer.deletes(1).await;
    let positions = json!({"products.1": 2, "products.*": 3, "products.2": 9, "products.a": 0, "orders.1": 1});
    let mut alice = server.returns("alice", &session, Some(json!({"epoch": epoch, "positions": positions}))).await;
    let hello = alice.hears("hello").await;
    assert_eq!(hello["topics"]["products.1"], json!({"offset": 3, "recovered": true}));
    assert_eq!(hello["topics"]["products.*"], json!({"offset": 4, "recovered": true}));
    assert_eq!(hello["topics"]["products.2"], json!({"offset": 1, "recovered": false, "reason": "ahead"}));
    let missed = alice.all_until("caught_up").await;
    let missed: Vec<_> = missed.iter().filter(|event| event["type"] == "row_changed").collect();
    assert_eq!(missed.len(), 2);
    assert!(missed.iter().all(|event| event["payload"]["action"] == "DELETE"));
    server.stop().await;
}

#[tokio::test]
async fn a_stream_carries_rows_too() {
    let server = TestServer::start_watched(|_| {}).await;
    let writer = server.writer();
    let session = server.session("alice").await;
    // In a URL `%` is `%25`.
    let topics = ["products.1", "products.*", "products.%2531", "orders.1"];
    let mut stream = server.streams(&session, &topics, "").await.ok().unwrap();
    let hello = stream.hears("hello").await;
    assert_eq!(hello["topics"].as_object().unwrap().keys().collect::<Vec<_>>(), ["products.*", "products.1"]);
    assert_eq!(hello["refused"]["products.%31"]["message"], "write it as `products.1`");
    assert_eq!(hello["refused"]["orders.1"]["code"], "bad_topic");
    writer.sets(1, 1).await;
    writer.sets(2, 2).await;
    for _ in 0..3 {
        stream.event("row_changed").await;
    }
    let last_id = stream.last_id.clone();
    drop(stream);
    writer.sets(1, 3).await;
    let mut stream = server.streams(&session, &topics, &last_id).await.ok().unwrap();
    assert_eq!(stream.hears("hello").await["topics"]["products.1"], json!({"offset": 2, "recovered": true}));
    assert_eq!(stream.hears("row_changed").await["row"], row(1, 3));
    let refused = server.streams(&session, &["orders.1"], "").await.err().unwrap();
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (400, &json!("bad_topic")));
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn external_users_watch_what_their_otp_lists() {
    let server = TestServer::start_watched(|settings| settings.feed.table[0].subscribe = Watchers::Listed).await;
    let (otp, writer) = (server.key("otp").await, server.writer());
    writer.sets(1, "a").await;
    let code = |ok: &Value, topic: &str| ok["refused"][topic]["code"].as_str().unwrap_or_default().to_owned();
    let mut member = server.client("alice").await;
    let ok = member.subscribes(json!(["products.1", "products.*"])).await;
    assert_eq!([code(&ok, "products.1"), code(&ok, "products.*")], ["forbidden", "forbidden"]);
    assert_eq!(member.is_refused("get_publications", json!({"topic": "products.1"})).await, "forbidden");

    let mut one = server.external(&otp, "42", &["products.1"]).await;
    let request = json!({"topics": ["products.1", "products.2", "products.*"], "snapshot": true});
    let ok = one.asks("subscribe", request.clone()).await;
    assert_eq!(ok["topics"], json!({"products.1": {"offset": 1, "recovered": false, "row": row(1, "a")}}));
    assert_eq!([code(&ok, "products.2"), code(&ok, "products.*")], ["forbidden", "forbidden"]);
    let mut all = server.external(&otp, "43", &["products.*"]).await;
    let ok = all.asks("subscribe", request).await;
    assert_eq!(ok["topics"].as_object().unwrap().len(), 3, "{ok}");
    writer.sets(2, "b").await;
    assert_eq!(all.hears("row_changed").await["key"], "2");
    one.asks("unsubscribe", json!({"topics": ["products.1"]})).await;
    assert_eq!(one.already_heard("row_changed"), None);

    for (topic, says) in [("products.%31", "write it as `products.1`"), ("orders.1", "only channels")] {
        let body = json!({"user": {"id": "42"}, "topics": ["products.1", topic]});
        let answer = server.external_otp(&otp, &body).await;
        assert_eq!(answer.json()["error"]["code"], "bad_topic", "{topic}");
        let message = format!("`topics[1]`: {says}");
        assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with(&message), "{topic}");
    }
    let body = json!({"user": {"id": "44"}, "topics": ["products.*"],
        "resume": {"epoch": one.epoch, "positions": {"products.2": 0}}});
    let mut resumed = server.external_with(&otp, &body).await;
    assert_eq!(resumed.hears("hello").await["topics"]["products.2"], json!({"offset": 1, "recovered": true}));
    let opened = server.external_otp(&otp, &json!({"user": {"id": "45"}, "topics": ["products.*"]})).await.json();
    let path = format!("{}otp={}", events(&["products.7"]), opened["otp"].as_str().unwrap());
    let mut stream = crate::support::EventReader::open(server.http(), &path, &[]).await.ok().unwrap();
    assert_eq!(stream.hears("hello").await["topics"]["products.7"]["offset"], 0);
    drop(stream);
    server.stop().await;
}
