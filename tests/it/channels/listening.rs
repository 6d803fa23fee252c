//! `subscribe`, `unsubscribe` and `get_publications`: what is answered, and what comes after it.

use crate::support::{Pipe, TestServer, channels::namespace};
use serde_json::{Value, json};
use switchboard::{manager::EgressLimits, settings::Namespace};

#[tokio::test]
async fn first_the_answer_then_what_was_missed_then_live() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    server.publishes_numbers(&key, "a", 1, 5).await;
    server.publishes_numbers(&key, "b", 1, 3).await;
    let topics = json!({"channel.a": 2, "channel.b": 0, "channel.c": 0, "channel.d": null});
    let id = alice.posts("subscribe", json!({"topics": topics, "epoch": alice.epoch})).await;
    let recovered = |offset: u64| json!({"offset": offset, "recovered": true});
    let first = alice.next_event().await;
    assert_eq!((&first["type"], &first["id"]), (&json!("ok"), &json!(id)));
    let states = json!({"channel.a": recovered(5), "channel.b": recovered(3), "channel.c": recovered(0),
        "channel.d": {"offset": 0, "recovered": false}});
    assert_eq!(first["payload"], json!({"topics": states}));
    let mut came = Vec::new();
    for _ in 0..6 {
        let event = alice.next_event().await;
        came.push((event["topic"].as_str().unwrap().to_owned(), event["offset"].as_u64().unwrap()));
    }
    let a = (3..=5).map(|offset| ("channel.a".to_owned(), offset));
    let b = (1..=3).map(|offset| ("channel.b".to_owned(), offset));
    assert_eq!(came, a.chain(b).collect::<Vec<_>>());
    server.publish(&key, json!({"channels": ["a", "b", "c", "d"], "data": "live"})).await;
    assert_eq!(alice.data_so_far().await, ["live"; 4]);
    server.stop().await;
}

#[tokio::test]
async fn a_position_that_cannot_be_served_is_told_why() {
    let server = TestServer::start_with(|settings| {
        settings.recovery.max_publications = 20;
        settings.namespace = vec![Namespace { history_count: 30, ..namespace("*") }];
    })
    .await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    server.publishes_numbers(&key, "a", 1, 50).await;
    let epoch = alice.epoch.clone();
    for (position, epoch, reason) in [
        (19, Some(&*epoch), Some("too_old")),
        (20, Some(&*epoch), Some("too_far")),
        (29, None, Some("too_far")),
        (30, None, None),
        (50, Some(&*epoch), None),
        (51, None, Some("ahead")),
        (u64::MAX, None, Some("ahead")),
        (45, Some("another"), Some("other_epoch")),
        (45, Some(""), Some("other_epoch")),
    ] {
        let ok = alice.asks("subscribe", json!({"topics": {"channel.a": position}, "epoch": epoch})).await;
        let state = &ok["topics"]["channel.a"];
        assert_eq!((state["reason"].as_str(), &state["offset"]), (reason, &json!(50)), "{position}: {state}");
        assert_eq!(state["recovered"], reason.is_none(), "{position}");
        alice.positions.remove("channel.a");
        let missed = if reason.is_none() { 50 - position } else { 0 };
        let ok = alice.asks("unsubscribe", json!({"topics": ["channel.a"]})).await;
        assert_eq!(ok, json!({}));
        let heard = std::iter::from_fn(|| alice.already_heard("published")).count() as u64;
        assert_eq!(heard, missed, "{position}");
        alice.positions.remove("channel.a");
    }
    for topics in [json!({"channel.a": -1}), json!({"channel.a": "1"}), json!({"channel.a": 1.5}), json!("channel.a")] {
        assert_eq!(alice.is_refused("subscribe", json!({"topics": topics})).await, "bad_payload", "{topics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_heard_already_cannot_be_asked_for_from_a_position() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.a"])).await;
    server.publishes_numbers(&key, "a", 1, 2).await;
    let ok = alice.subscribes(json!({"channel.a": 0, "channel.b": 0})).await;
    assert_eq!(ok["refused"]["channel.a"]["code"], "already_subscribed");
    assert_eq!(ok["topics"], json!({"channel.b": {"offset": 0, "recovered": true}}));
    let ok = alice.subscribes(json!(["channel.a"])).await;
    assert_eq!(ok, json!({"topics": {"channel.a": {"offset": 2, "recovered": false}}}));
    server.publishes(&key, "a", json!(3)).await;
    assert_eq!(alice.data_so_far().await, [1, 2, 3]);
    server.stop().await;
}

#[tokio::test]
async fn topics_are_counted_and_only_the_surplus_is_refused() {
    // Its inbox and `general` are two of them.
    let server = TestServer::start_with(|settings| settings.socket.max_subscriptions = 10).await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    let names = |range: std::ops::Range<u32>| range.map(|n| format!("channel.c{n:04}")).collect::<Vec<_>>();
    for count in [0, 1_025] {
        for request in ["subscribe", "unsubscribe"] {
            assert_eq!(alice.is_refused(request, json!({"topics": names(0..count)})).await, "bad_payload", "{count}");
        }
    }
    alice.subscribes(json!(names(0..3))).await;
    let ok = alice.subscribes(json!(names(0..1_024))).await;
    assert_eq!(ok["topics"].as_object().unwrap().keys().cloned().collect::<Vec<_>>(), names(0..8));
    let refused = ok["refused"].as_object().unwrap();
    assert_eq!(refused.keys().cloned().collect::<Vec<_>>(), names(8..1_024));
    assert!(refused.values().all(|one| one["code"] == "too_many_topics"));
    alice.asks("unsubscribe", json!({"topics": ["channel.c0000"]})).await;
    let ok = alice.subscribes(json!(names(7..10))).await;
    assert_eq!(ok["refused"].as_object().unwrap().keys().collect::<Vec<_>>(), ["channel.c0009"]);
    server.publish(&key, json!({"channels": ["c0000", "c0007", "c0008", "c0009"], "data": 1})).await;
    assert_eq!(alice.data_so_far().await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn nothing_comes_after_the_answer_to_unsubscribe() {
    let server = TestServer::start_with(|settings| settings.socket.events_per_sec = 0).await;
    let key = server.key("publish:*").await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    bob.subscribes(json!(["channel.a"])).await;
    let (http, publisher) = (server.http(), key.clone());
    let publishing = tokio::spawn(async move {
        for n in 1..=200_u64 {
            assert_eq!(http.publish(&publisher, &json!({"channel": "a", "data": n})).await.status, 200);
        }
    });
    let mut round = 0;
    while !publishing.is_finished() {
        round += 1;
        alice.positions.remove("channel.a");
        alice.subscribes(json!(["channel.a"])).await;
        if round % 2 == 0 {
            alice.says("general", "something may come meanwhile").await;
        }
        alice.asks("unsubscribe", json!({"topics": ["channel.a"]})).await;
        while alice.already_heard("published").is_some() {}
        alice.says("general", "marker").await;
        assert_eq!(alice.already_heard("published"), None);
    }
    publishing.await.unwrap();
    for n in 1..=200 {
        assert_eq!(bob.hears_data().await, n, "others are not touched");
    }
    server.stop().await;
}

/// What is asked for behind a send that waits for its commit waits for that answer, not for ever.
#[tokio::test]
async fn requests_that_wait_for_each_other_are_all_answered() {
    let server = TestServer::start_with(|settings| settings.socket.events_per_sec = 0).await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    server.publishes_numbers(&key, "a", 1, 300).await;
    for round in 0..20 {
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(alice.posts("send_message", json!({"room": "general", "message": format!("{round} {n}")})).await);
        }
        ids.push(alice.posts("subscribe", json!({"topics": {"channel.a": 100}})).await);
        ids.push(alice.posts("subscribe", json!({"topics": ["channel.b"]})).await);
        ids.push(alice.posts("send_message", json!({"room": "general", "message": "behind"})).await);
        ids.push(alice.posts("unsubscribe", json!({"topics": ["channel.a", "channel.b"]})).await);
        for id in ids {
            alice.answer(id).await.unwrap();
        }
        assert_eq!(alice.positions.remove("channel.a"), Some(300));
        assert_eq!(std::iter::from_fn(|| alice.already_heard("published")).count(), 200);
    }
    server.stop().await;
}

/// The store cannot be read for a while.
#[tokio::test]
async fn a_subscription_that_fails_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.b"])).await;
    server.publishes(&key, "a", json!(1)).await;
    server.meddles("ALTER TABLE topic RENAME TO hidden");
    let code = alice.is_refused("subscribe", json!({"topics": {"channel.a": 0, "channel.c": null}})).await;
    assert!(["internal", "storage_unavailable"].contains(&&*code), "{code}");
    server.meddles("ALTER TABLE hidden RENAME TO topic");
    let answer = server.publish(&key, json!({"channels": ["a", "b", "c"], "data": 2})).await.json();
    let subscribers: Vec<_> =
        answer["results"].as_array().unwrap().iter().map(|one| one["subscribers"].clone()).collect();
    assert_eq!(subscribers, [0, 1, 0]);
    assert_eq!(alice.data_so_far().await, [2], "what it heard before it still hears");
    let ok = alice.subscribes(json!({"channel.a": 0})).await;
    assert_eq!(ok["topics"]["channel.a"], json!({"offset": 2, "recovered": true}));
    server.publishes(&key, "a", json!(3)).await;
    assert_eq!(alice.data_so_far().await, [1, 2, 3]);
    server.stop().await;
}

#[tokio::test]
async fn what_is_kept_can_be_read_page_by_page() {
    let server = TestServer::start_with(|settings| {
        settings.socket.events_per_sec = 0;
        settings.namespace = vec![Namespace { history_count: 250, ..namespace("*") }];
    })
    .await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    server.publishes_numbers(&key, "a", 1, 300).await;
    let asks = async |alice: &mut crate::support::TestClient, request: Value| {
        let mut payload = json!({"topic": "channel.a"});
        payload.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
        let page = alice.asks("get_publications", payload).await;
        let offsets: Vec<_> =
            page["publications"].as_array().unwrap().iter().map(|one| one["offset"].as_u64().unwrap()).collect();
        assert!(offsets.is_sorted());
        let more = (page["more_before"].as_bool().unwrap(), page["more_after"].as_bool().unwrap());
        assert_eq!((&page["offset"], &page["topic"]), (&json!(300), &json!("channel.a")));
        (offsets.first().copied().zip(offsets.last().copied()), more)
    };
    for (request, range, more) in [
        (json!({}), Some((251, 300)), (true, false)),
        (json!({"limit": 1000}), Some((201, 300)), (true, false)),
        (json!({"before": 101}), Some((51, 100)), (false, true)),
        (json!({"before": 60, "limit": 100}), Some((51, 59)), (false, true)),
        (json!({"before": 51}), None, (false, true)),
        (json!({"before": 0}), None, (false, true)),
        (json!({"before": 1_000_000}), Some((251, 300)), (true, false)),
        (json!({"after": 0, "limit": 10}), Some((51, 60)), (false, true)),
        (json!({"after": 295}), Some((296, 300)), (true, false)),
        (json!({"after": 300}), None, (true, false)),
        (json!({"after": u64::MAX}), None, (true, false)),
    ] {
        assert_eq!(asks(&mut alice, request.clone()).await, (range, more), "{request}");
    }
    for bad in [json!({"before": 1, "after": 1}), json!({"limit": 0}), json!({"limit": -1}), json!({"after": "1"})] {
        let mut payload = json!({"topic": "channel.a"});
        payload.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        assert_eq!(alice.is_refused("get_publications", payload).await, "bad_payload", "{bad}");
    }
    let entry = alice.asks("get_publications", json!({"topic": "channel.a", "limit": 1})).await;
    let published = json!([{"type": "published", "offset": 300, "payload": {"channel": "a", "data": 300}}]);
    assert_eq!(entry["publications"], published);
    // About 256 KiB on a page, from either end.
    for _ in 0..8 {
        server.publishes(&key, "large", json!("x".repeat(60_000))).await;
    }
    for (request, first, last) in
        [(json!({"topic": "channel.large"}), 5, 8), (json!({"topic": "channel.large", "after": 0}), 1, 4)]
    {
        let page = alice.asks("get_publications", request).await;
        let offsets: Vec<_> =
            page["publications"].as_array().unwrap().iter().map(|one| one["offset"].clone()).collect();
        assert_eq!(offsets, (first..=last).map(|offset| json!(offset)).collect::<Vec<_>>());
    }
    server.stop().await;
}

/// A megabyte is replayed to somebody who does not read: neither their own requests nor others wait for it.
#[tokio::test]
async fn others_talk_on_while_much_is_replayed_to_a_slow_reader() {
    let server = TestServer::start_with(|settings| settings.socket.events_per_sec = 0).await;
    let key = server.key("publish:*").await;
    for _ in 0..80 {
        server.publishes(&key, "a", json!("x".repeat(60_000))).await;
    }
    let mut slow = server.raw_through(Pipe::Narrow, "slow", "").await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    slow.sends_text(r#"{"type":"subscribe","id":1,"payload":{"topics":{"channel.a":0}}}"#).await;
    server.until(|server| server.manager().clients().all().iter().any(|client| client.hears_count() == 3)).await;
    bob.subscribes(json!(["channel.a"])).await;
    for n in 0..20 {
        alice.says("general", &format!("{n}")).await;
        assert_eq!(bob.hears("new_message").await["message"], format!("{n}"));
    }
    server.publishes(&key, "a", json!("live")).await;
    assert_eq!(bob.hears_data().await, "live");
    slow.sends_text(r#"{"type":"send_message","id":2,"payload":{"room":"general","message":"of the slow one"}}"#).await;
    while bob.hears("new_message").await["message"] != "of the slow one" {}
    let (mut offsets, mut said) = (Vec::new(), 0);
    while offsets.last() != Some(&81) {
        let event = slow.event().await;
        match event["topic"].as_str() {
            Some("channel.a") => offsets.push(event["offset"].as_u64().unwrap()),
            Some("room.general") => said += 1,
            _ => {}
        }
    }
    assert_eq!(offsets, (1..=81).collect::<Vec<_>>());
    assert_eq!(said, 21, "chat came in between");
    drop(slow);
    server.stop().await;
}

#[tokio::test]
async fn a_slow_subscriber_is_cut_and_recovers_whole() {
    let limits = EgressLimits { events: 64, bytes: 256 * 1024 };
    let server = TestServer::start_with(|settings| {
        settings.socket.events_per_sec = 0;
        settings.socket.egress_events = limits.events;
        settings.socket.egress_bytes = limits.bytes;
        settings.socket.connections_per_user = 0;
    })
    .await;
    let key = server.key("publish:*").await;
    let mut bob = server.client("bob").await;
    bob.subscribes(json!(["channel.a"])).await;
    let mut slow = server.raw_through(Pipe::Narrow, "slow", "").await;
    slow.sends_text(r#"{"type":"subscribe","id":1,"payload":{"topics":["channel.a"]}}"#).await;
    slow.hears("ok").await;
    let slow_client = |server: &switchboard::app::Server| {
        server.manager().clients().all().into_iter().find(|client| client.person().name() == "slow")
    };
    let connection = slow_client(server.server()).unwrap();
    let mut last = 0;
    while !connection.closing().is_cancelled() {
        last = server.publishes(&key, "a", json!("x".repeat(5_000))).await;
        assert_eq!(bob.event("published").await["offset"], last);
        let (events, bytes) = connection.egress().waiting();
        assert!(events <= limits.events && bytes <= limits.bytes, "{events} events, {bytes} bytes wait");
    }
    let metrics = String::from_utf8(server.http().get("/metrics").await.body.to_vec()).unwrap();
    assert!(metrics.contains("switchboard_slow_subscribers_total{namespace=\"channel.*\"} 1\n"), "{metrics}");
    let mut position = 0;
    while let Ok(Some(frame)) = slow.next().await {
        if frame.first == crate::support::raw::TEXT {
            position += 1;
            assert_eq!(serde_json::from_slice::<Value>(&frame.payload).unwrap()["offset"], position);
        } else if frame.first == crate::support::raw::CLOSE {
            assert_eq!(frame.payload[..2], 4000_u16.to_be_bytes());
        }
    }
    assert!(position < last);
    let (session, _) = server.login("slow", None).await;
    let resume = json!({"epoch": bob.epoch, "positions": {"channel.a": position}});
    let mut slow = server.returns("slow", &session, Some(resume)).await;
    assert_eq!(slow.hears("hello").await["topics"]["channel.a"], json!({"offset": last, "recovered": true}));
    let events = slow.all_until("caught_up").await;
    let offsets: Vec<_> = events.iter().filter_map(|event| event["offset"].as_u64()).collect();
    assert_eq!(offsets, (position + 1..=last).collect::<Vec<_>>());
    server.stop().await;
}
