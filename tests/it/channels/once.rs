//! `Idempotency-Key`: a repeat publishes nothing and gets the first answer.

use crate::support::{TestServer, channels::open_to};
use futures_util::future::join_all;
use serde_json::json;
use switchboard::settings::{Publishers, Subscribers};

#[tokio::test]
async fn a_repeat_gets_the_first_answer_after_a_restart_too() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.a"])).await;
    let body = json!({"channels": ["a", "b"], "data": 1});
    let first = server.http().publish_once(&key, "order-1", &body).await;
    assert_eq!((first.status.as_u16(), first.headers.get("idempotent-replayed")), (200, None));
    alice.subscribes(json!(["channel.b"])).await;
    server.publishes(&key, "a", json!(2)).await;
    let again = server.http().publish_once(&key, "order-1", &body).await;
    assert_eq!((again.status.as_u16(), again.headers["idempotent-replayed"].to_str().unwrap()), (200, "true"));
    assert_eq!(again.json(), first.json(), "the number of subscribers too");
    let other = server.http().publish_once(&key, "order-1", &json!({"channel": "a", "data": 1})).await;
    assert_eq!((other.status.as_u16(), other.error_code().as_str()), (409, "conflict"));
    assert_eq!(alice.data_so_far().await, [1, 2]);
    drop(alice);
    let server = server.restart().await;
    let later = server.http().publish_once(&key, "order-1", &body).await;
    assert_eq!((later.headers["idempotent-replayed"].to_str().unwrap(), later.json()), ("true", first.json()));
    assert_eq!(server.publishes(&key, "a", json!(3)).await, 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_at_once_one_publishes_and_all_get_its_answer() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.a"])).await;
    for round in 0..10 {
        let (name, body) = (format!("round-{round}"), json!({"channel": "a", "data": round}));
        let answers = join_all((0..20).map(|_| {
            let (http, key, name, body) = (server.http(), key.clone(), name.clone(), body.clone());
            tokio::spawn(async move { http.publish_once(&key, &name, &body).await })
        }))
        .await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        let first = answers.iter().filter(|answer| !answer.headers.contains_key("idempotent-replayed")).count();
        assert_eq!(first, 1);
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
        assert_eq!(answers[0].json()["offset"], round + 1);
    }
    assert_eq!(alice.data_so_far().await, (0..10).map(|n| json!(n)).collect::<Vec<_>>());
    server.stop().await;
}

#[tokio::test]
async fn everyone_has_names_of_their_own() {
    let server = TestServer::start_with(|settings| {
        settings.namespace = vec![open_to("*", Subscribers::Members, Publishers::Members)];
    })
    .await;
    let (one, other) = (server.made_key("one", &["publish:*"]).await, server.made_key("other", &["publish:*"]).await);
    let [alice, bob] = server.clients(["alice", "bob"]).await;
    let body = json!({"channel": "a", "data": 1});
    for (key, offset) in [(&one, 1), (&other, 2), (&one, 1)] {
        let answer = server.http().publish_once(key.secret.expose(), "same", &body).await;
        assert_eq!(answer.json()["offset"], offset);
    }
    for (client, offset) in [(&alice, 3), (&bob, 4), (&alice, 3)] {
        let cookie = format!("__Host-session={}", client.session);
        let headers = [("cookie", &*cookie), ("origin", &*server.http().origin()), ("idempotency-key", "same")];
        let answer = server.http().post_with("/publish", &body, &headers).await;
        assert_eq!(answer.json()["offset"], offset);
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_idempotency_key_is_refused_and_a_refusal_is_not_remembered() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let body = json!({"channel": "a", "data": 1});
    for bad in ["", "two words", "\u{e9}", &"x".repeat(256)] {
        let answer = server.http().publish_once(&key, bad, &body).await;
        assert_eq!((answer.status.as_u16(), answer.error_code().as_str()), (400, "bad_payload"), "{bad:?}");
    }
    let bearer = format!("Bearer {key}");
    let twice = [("authorization", &*bearer), ("idempotency-key", "a"), ("idempotency-key", "a")];
    assert_eq!(server.http().post_with("/publish", &body, &twice).await.error_code(), "bad_payload");
    let name = "x".repeat(255);
    let refused = server.http().publish_once(&key, &name, &json!({"channel": "a b", "data": 1})).await;
    assert_eq!(refused.error_code(), "bad_channel");
    assert_eq!(server.http().publish_once(&key, &name, &body).await.json()["offset"], 1);
    server.stop().await;
}

/// The store cannot be written for a while: nothing is published, and the repeat is no repeat.
#[tokio::test]
async fn what_failed_is_published_once_when_it_is_sent_again() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.a", "channel.b"])).await;
    let body = json!({"channels": ["a", "b"], "data": 1});
    for table in ["publication", "publish_receipt"] {
        server.meddles(&format!("ALTER TABLE {table} RENAME TO hidden"));
        let failed = server.http().publish_once(&key, "x", &body).await;
        assert!(failed.status.is_server_error(), "{:?}", failed.body);
        server.meddles(&format!("ALTER TABLE hidden RENAME TO {table}"));
    }
    let answer = server.http().publish_once(&key, "x", &body).await;
    assert_eq!((answer.status.as_u16(), answer.headers.get("idempotent-replayed")), (200, None));
    assert_eq!(answer.json()["results"][1]["offset"], 1);
    assert_eq!(alice.data_so_far().await, [1, 1]);
    server.stop().await;
}
