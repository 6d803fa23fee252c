//! Channels in `resume`: subscribed again and recovered by the upgrade itself.

use crate::support::{
    TestServer,
    channels::{namespace, open_to},
};
use serde_json::json;
use switchboard::settings::{Publishers, Subscribers};

#[tokio::test]
async fn the_upgrade_subscribes_again_and_names_what_may_not_be_heard() {
    let server = TestServer::start_with(|settings| {
        settings.socket.max_subscriptions = 4;
        settings.namespace = vec![open_to("own.{user}", Subscribers::User, Publishers::Keys), namespace("news.*")];
    })
    .await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.news.a", "channel.own.alice"])).await;
    server.publishes_numbers(&key, "news.a", 1, 3).await;
    let (session, epoch) = (alice.session.clone(), alice.epoch.clone());
    drop(alice);
    server.publishes_numbers(&key, "news.a", 4, 6).await;
    let positions = json!({"room.general": 0, "user.1": 0, "user.2": 0, "channel.news.a": 3, "channel.own.alice": 5,
        "channel.own.bob": 0, "channel.gone": 0, "channel.news.\u{ff41}": 0});
    let resume = json!({"epoch": epoch, "positions": positions});
    let mut alice = server.returns("alice", &session, Some(resume)).await;
    let hello = alice.hears("hello").await;
    assert_eq!(hello["topics"]["channel.news.a"], json!({"offset": 6, "recovered": true}));
    let ahead = json!({"offset": 0, "recovered": false, "reason": "ahead"});
    assert_eq!(hello["topics"]["channel.own.alice"], ahead);
    assert_eq!(hello["topics"].as_object().unwrap().len(), 4, "{hello}");
    let code = |topic: &str| hello["refused"][topic]["code"].as_str().unwrap_or_default().to_owned();
    assert_eq!(code("channel.own.bob"), "forbidden");
    assert_eq!(code("channel.gone"), "no_such_namespace");
    let otherwise = json!({"code": "bad_channel", "message": "write it as `channel.news.a`"});
    assert_eq!(hello["refused"]["channel.news.\u{ff41}"], otherwise);
    assert_eq!(hello["refused"].as_object().unwrap().len(), 3, "{hello}");
    let events = alice.all_until("caught_up").await;
    let offsets: Vec<_> = events.iter().filter_map(|event| event["offset"].as_u64()).collect();
    assert_eq!(offsets, [4, 5, 6]);
    let ok = alice.subscribes(json!({"channel.news.a": 0})).await;
    assert_eq!(ok["refused"]["channel.news.a"]["code"], "already_subscribed");
    server.publishes(&key, "news.a", json!(7)).await;
    assert_eq!(alice.data_so_far().await, [7]);
    server.stop().await;
}

#[tokio::test]
async fn a_resume_without_channels_hears_none_and_other_epochs_are_told() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.a"])).await;
    server.publishes(&key, "a", json!(1)).await;
    alice.event("published").await;
    let session = alice.session.clone();
    drop(alice);
    let mut alice = server.returns("alice", &session, None).await;
    let hello = alice.hears("hello").await;
    assert!(hello["topics"]["channel.a"].is_null() && hello["refused"].is_null(), "{hello}");
    drop(alice);
    let resume = json!({"epoch": "another", "positions": {"channel.a": 0}});
    let mut alice = server.returns("alice", &session, Some(resume)).await;
    let told = json!({"offset": 1, "recovered": false, "reason": "other_epoch"});
    assert_eq!(alice.hears("hello").await["topics"]["channel.a"], told);
    server.publishes(&key, "a", json!(2)).await;
    assert_eq!(alice.hears_data().await, 2, "it is heard all the same");
    server.stop().await;
}

#[tokio::test]
async fn a_restart_in_between_loses_nothing() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.a", "channel.b"])).await;
    server.publish(&key, json!({"channels": ["a", "b"], "data": 1})).await;
    assert_eq!(alice.data_so_far().await, [1, 1]);
    let (session, resume) = (alice.session.clone(), alice.resume());
    drop(alice);
    server.publishes(&key, "a", json!(2)).await;
    let server = server.restart().await;
    server.publishes(&key, "a", json!(3)).await;
    let mut alice = server.returns("alice", &session, Some(resume)).await;
    alice.hears("caught_up").await;
    server.publish(&key, json!({"channels": ["a", "b"], "data": 4})).await;
    assert_eq!(alice.data_so_far().await, [2, 3, 4, 4]);
    server.stop().await;
}
