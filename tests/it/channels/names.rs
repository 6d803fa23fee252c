//! Names that are none, and names that are nobody's.

use crate::support::{TestServer, channels::namespace};
use serde_json::json;

#[tokio::test]
async fn a_bad_name_is_refused_everywhere_while_others_succeed() {
    let server = TestServer::start_with(|settings| {
        settings.namespace = vec![namespace("news.*")];
        settings.socket.bad_events_per_minute = 1000;
        settings.socket.events_per_sec = 0;
    })
    .await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    let long = format!("news.{}", "x".repeat(1_000));
    let longest = format!("news.{}", "\u{10400}".repeat(123));
    for (n, (name, code)) in [
        ("", "bad_channel"),
        (".", "bad_channel"),
        ("news.", "bad_channel"),
        (".news", "bad_channel"),
        ("news..a", "bad_channel"),
        ("news.../a", "bad_channel"),
        ("../news.a", "bad_channel"),
        ("news.a/b", "bad_channel"),
        ("news.a\\b", "bad_channel"),
        ("news.%2e", "bad_channel"),
        ("news.a b", "bad_channel"),
        ("news.a\n", "bad_channel"),
        ("news.\u{0}", "bad_channel"),
        ("news.\u{202e}a", "bad_channel"),
        ("news.\u{200b}", "bad_channel"),
        ("news.*", "bad_channel"),
        ("news.{user}", "bad_channel"),
        ("news.a'--", "bad_channel"),
        (&*long, "bad_channel"),
        ("news", "no_such_namespace"),
        ("News.a", "no_such_namespace"),
        ("new", "no_such_namespace"),
        ("weather.news.a", "no_such_namespace"),
    ]
    .into_iter()
    .enumerate()
    {
        let status = if code == "bad_channel" { 400 } else { 404 };
        let answer = server.publish(&key, json!({"channel": name, "data": 1})).await;
        assert_eq!((answer.status.as_u16(), answer.error_code().as_str()), (status, code), "{name:?}");
        let (topic, good) = (format!("channel.{name}"), format!("channel.news.good{n}"));
        let ok = alice.subscribes(json!([topic, good])).await;
        assert_eq!(ok["refused"][&topic]["code"], code, "{name:?}: {ok}");
        assert_eq!(ok["topics"], json!({&good: {"offset": 0, "recovered": false}}), "{name:?}");
        assert_eq!(alice.is_refused("get_publications", json!({"topic": topic})).await, code, "{name:?}");
        if code == "bad_channel" {
            let ok = alice.asks("unsubscribe", json!({"topics": [topic, good]})).await;
            assert_eq!(ok["refused"][&topic]["code"], code, "{name:?}: {ok}");
        }
    }
    alice.subscribes(json!([format!("channel.{longest}")])).await;
    server.publishes(&key, &longest, json!("the longest name")).await;
    assert_eq!(alice.hears_data().await, "the longest name");
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_channel_cannot_be_subscribed_to() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.asks("create_room", json!({"room": "secret", "public": false})).await;
    for topic in ["room.general", "room.secret", "user.1", "user.2", "general", "", "channel", "Channel.a", "chan.a"] {
        let ok = alice.subscribes(json!({topic: 0, "channel.good": null})).await;
        assert_eq!(ok["refused"][topic]["code"], "bad_topic", "{topic}: {ok}");
        assert!(ok["topics"]["channel.good"].is_object(), "{ok}");
        let ok = alice.asks("unsubscribe", json!({"topics": [topic]})).await;
        assert_eq!(ok["refused"][topic]["code"], "bad_topic", "{topic}: {ok}");
        assert_eq!(alice.is_refused("get_publications", json!({"topic": topic})).await, "bad_topic", "{topic}");
    }
    alice.says("general", "still heard").await;
    assert_eq!(alice.hears("new_message").await["message"], "still heard");
    // A channel's name may look like another kind of topic and is none.
    server.publishes(&key, "room.general", json!(1)).await;
    server.publishes(&key, "user.1", json!(1)).await;
    assert!(alice.data_so_far().await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn spellings_of_one_name_are_one_channel() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    // Full width, and the ligature ﬁ.
    let ok = alice.subscribes(json!(["channel.\u{ff41}", "channel.a", "channel.\u{fb01}sh", "channel.a"])).await;
    assert_eq!(ok["topics"].as_object().unwrap().keys().collect::<Vec<_>>(), ["channel.a", "channel.fish"]);
    let answer = server.publish(&key, json!({"channels": ["\u{ff41}", "fish"], "data": 1})).await.json();
    assert_eq!((&answer["results"][0]["channel"], &answer["results"][0]["subscribers"]), (&json!("a"), &json!(1)));
    assert_eq!(alice.data_so_far().await, [1, 1]);
    alice.asks("unsubscribe", json!({"topics": ["channel.\u{ff41}"]})).await;
    server.publishes(&key, "a", json!(2)).await;
    server.publishes(&key, "A", json!(2)).await;
    assert!(alice.data_so_far().await.is_empty());
    server.stop().await;
}
