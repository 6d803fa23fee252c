//! What the settings say of a channel: who hears it, how much is kept, what is counted.

use crate::support::{
    TestServer,
    channels::{namespace, open_to},
};
use serde_json::json;
use std::time::Duration;
use switchboard::{
    settings::{Namespace, Publishers, Subscribers},
    storage::now,
};

#[tokio::test]
async fn the_first_namespace_that_matches_says_who_may_hear_a_channel() {
    let server = TestServer::start_with(|settings| {
        settings.namespace = vec![
            open_to("orders.{user}.*", Subscribers::User, Publishers::Keys),
            open_to("inbox.{user_id}", Subscribers::User, Publishers::Keys),
            open_to("shop.secret", Subscribers::Listed, Publishers::Keys),
            namespace("shop.*"),
            open_to("shops", Subscribers::Listed, Publishers::Keys),
        ];
    })
    .await;
    let [mut alice, mut bob] = server.clients(["Alice", "bob"]).await;
    let wishes = [
        ("orders.alice.1", "alice"),
        ("orders.ALICE.1", "alice"),
        ("orders.bob.1.x", "bob"),
        ("orders.alice", "nowhere"),
        ("inbox.1", "alice"),
        ("inbox.2", "bob"),
        ("inbox.01", "nobody"),
        ("shop.secret", "nobody"),
        ("shop.secret.x", "both"),
        ("shop.a", "both"),
        ("shops", "nobody"),
    ];
    for (client, name) in [(&mut alice, "alice"), (&mut bob, "bob")] {
        let topics: Vec<_> = wishes.iter().map(|(channel, _)| format!("channel.{channel}")).collect();
        let ok = client.subscribes(json!(topics)).await;
        for (topic, (_, whose)) in topics.iter().zip(wishes) {
            let code = match whose {
                "nowhere" => Some("no_such_namespace"),
                "both" => None,
                _ if whose == name => None,
                _ => Some("forbidden"),
            };
            assert_eq!(ok["refused"][topic]["code"].as_str(), code, "{name} {topic}: {ok}");
            assert_eq!(ok["topics"][topic].is_object(), code.is_none(), "{name} {topic}: {ok}");
            if let Some(code) = code {
                assert_eq!(client.is_refused("get_publications", json!({"topic": topic})).await, code);
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn so_many_publications_of_a_channel_are_kept() {
    let server = TestServer::start_with(|settings| {
        settings.namespace = vec![Namespace { history_count: 3, ..namespace("few.*") }, namespace("*")];
    })
    .await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    server.publishes_numbers(&key, "few.a", 1, 10).await;
    server.publishes_numbers(&key, "many", 1, 10).await;
    for (position, reason) in [(0, "too_old"), (6, "too_old"), (11, "ahead")] {
        let ok = alice.subscribes(json!({"channel.few.a": position})).await;
        let told = json!({"offset": 10, "recovered": false, "reason": reason});
        assert_eq!(ok["topics"]["channel.few.a"], told, "{position}");
        alice.asks("unsubscribe", json!({"topics": ["channel.few.a"]})).await;
    }
    let ok = alice.subscribes(json!({"channel.few.a": 7, "channel.many": 0})).await;
    assert_eq!(ok["topics"]["channel.few.a"], json!({"offset": 10, "recovered": true}));
    let mut heard = Vec::new();
    while heard.len() < 13 {
        heard.push(alice.hears_data().await);
    }
    let expected: Vec<_> = (8..=10).chain(1..=10).map(|n| json!(n)).collect();
    assert_eq!(heard, expected);
    let page = alice.asks("get_publications", json!({"topic": "channel.few.a"})).await;
    assert_eq!((page["publications"].as_array().unwrap().len(), &page["more_before"]), (3, &json!(false)));
    server.stop().await;
}

#[tokio::test]
async fn where_nothing_is_kept_all_is_delivered_and_a_gap_is_told() {
    let server = TestServer::start_with(|settings| {
        settings.namespace = vec![Namespace { history_count: 0, ..namespace("live.*") }, namespace("*")];
    })
    .await;
    let key = server.key("publish:*").await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.subscribes(json!({"channel.live.a": 0})).await;
    bob.subscribes(json!(["channel.live.a"])).await;
    assert_eq!(server.publishes(&key, "live.a", json!("one")).await, 1);
    let answer = server.http().publish_once(&key, "x", &json!({"channel": "live.a", "data": "two"})).await;
    assert_eq!((&answer.json()["offset"], &answer.json()["subscribers"]), (&json!(2), &json!(2)));
    let again = server.http().publish_once(&key, "x", &json!({"channel": "live.a", "data": "two"})).await;
    assert_eq!(again.json(), answer.json());
    assert_eq!(alice.data_so_far().await, ["one", "two"]);
    assert_eq!(bob.data_so_far().await, ["one", "two"]);
    let page = alice.asks("get_publications", json!({"topic": "channel.live.a"})).await;
    let empty = json!({"topic": "channel.live.a", "publications": [], "offset": 2, "more_before": false,
        "more_after": false});
    assert_eq!(page, empty);
    // Whoever missed nothing has recovered; the other one is told.
    for (missed, state) in [
        (false, json!({"offset": 2, "recovered": true})),
        (true, json!({"offset": 3, "recovered": false, "reason": "too_old"})),
    ] {
        let (session, resume) = (bob.session.clone(), bob.resume());
        drop(bob);
        if missed {
            server.publishes(&key, "live.a", json!("three")).await;
        }
        bob = server.returns("bob", &session, Some(resume)).await;
        assert_eq!(bob.hears("hello").await["topics"]["channel.live.a"], state);
        bob.hears("caught_up").await;
    }
    let server = server.restart().await;
    assert_eq!(server.publishes(&key, "live.a", json!("four")).await, 4, "offsets go on");
    server.stop().await;
}

#[tokio::test]
async fn what_is_older_than_its_namespace_keeps_is_forgotten_and_nothing_else() {
    let hour = Duration::from_secs(3_600);
    let server = TestServer::start_with(|settings| {
        settings.namespace = vec![Namespace { history_age: hour, ..namespace("short.*") }, namespace("*")];
    })
    .await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.says("general", "kept").await;
    server.publishes_numbers(&key, "short.a", 1, 5).await;
    server.publishes_numbers(&key, "long", 1, 5).await;
    let (store, month) = (server.server().store(), 30 * 86_400_000);
    assert_eq!(store.trim_log(now() + 3_500_000, month, 1_000).await.unwrap(), 0);
    assert_eq!(store.trim_log(now() + 3_700_000, month, 1_000).await.unwrap(), 5);
    let ok = alice.subscribes(json!({"channel.short.a": 4, "channel.long": 4})).await;
    assert_eq!(ok["topics"]["channel.short.a"], json!({"offset": 5, "recovered": false, "reason": "too_old"}));
    assert_eq!(ok["topics"]["channel.long"], json!({"offset": 5, "recovered": true}));
    assert_eq!(alice.hears_data().await, 5);
    assert_eq!(server.publishes(&key, "short.a", json!(6)).await, 6);
    assert_eq!(alice.hears_data().await, 6);
    server.stop().await;
}

#[tokio::test]
async fn what_is_published_and_delivered_is_counted_by_namespace() {
    let server =
        TestServer::start_with(|settings| settings.namespace = vec![namespace("news.*"), namespace("*")]).await;
    let key = server.key("publish:*").await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.subscribes(json!(["channel.news.a", "channel.news.b", "channel.other"])).await;
    bob.subscribes(json!(["channel.news.a"])).await;
    server.publishes(&key, "news.a", json!(1)).await;
    server.publishes(&key, "news.b", json!(1)).await;
    server.publishes(&key, "nobody", json!(1)).await;
    bob.asks("unsubscribe", json!({"topics": ["channel.news.a", "channel.news.a", "channel.news.z"]})).await;
    let metrics = async || String::from_utf8(server.http().get("/metrics").await.body.to_vec()).unwrap();
    let text = metrics().await;
    for line in [
        "switchboard_publications_total{namespace=\"channel.news.*\"} 2",
        "switchboard_deliveries_total{namespace=\"channel.news.*\"} 3",
        "switchboard_slow_subscribers_total{namespace=\"channel.news.*\"} 0",
        "switchboard_subscribers{namespace=\"channel.news.*\"} 2",
        "switchboard_publications_total{namespace=\"channel.*\"} 1",
        "switchboard_deliveries_total{namespace=\"channel.*\"} 0",
        "switchboard_subscribers{namespace=\"channel.*\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing from:\n{text}");
    }
    drop(alice);
    server.until(|server| server.manager().clients().len() == 1).await;
    let text = metrics().await;
    assert!(text.contains("switchboard_subscribers{namespace=\"channel.news.*\"} 0\n"), "{text}");
    server.stop().await;
}
