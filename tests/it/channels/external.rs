//! Somebody else's users: let in by their back end's key, to hear exactly what it lists.

use crate::support::{
    Response, TestClient, TestServer,
    channels::{namespace, open_to},
};
use hyper::Method;
use serde_json::{Value, json};
use switchboard::{
    auth::Secret,
    model::KeyName,
    settings::{Publishers, Subscribers},
    storage::{NewKey, now},
};

fn assert_refused(what: &str, answer: &Response, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.error_code().as_str()), (status, code), "{what}: {:?}", answer.body);
}

#[tokio::test]
async fn an_external_user_hears_exactly_what_is_listed_and_does_nothing_else() {
    let server = TestServer::start_with(|settings| {
        settings.namespace = vec![
            open_to("secret.*", Subscribers::Listed, Publishers::Keys),
            open_to("*", Subscribers::Members, Publishers::Members),
        ];
        settings.socket.bad_events_per_minute = 1_000;
    })
    .await;
    let (publish, otp) = (server.key("publish:*").await, server.key("otp").await);
    let mut bob = server.client("bob").await;
    let body = json!({"user": {"id": "42", "name": "Ada"}, "topics": ["channel.open", "channel.secret.42"]});
    let answer = server.external_otp(&otp, &body).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.json()["user"], json!({"id": "42", "name": "Ada", "role": "external"}));
    let mut ada = server.external_with(&otp, &body).await;
    let hello = ada.hears("hello").await;
    assert_eq!(hello["user"], json!({"id": "42", "name": "Ada", "role": "external"}));
    assert_eq!(hello["topics"], json!({}), "it subscribes itself");
    ada.hears("caught_up").await;
    let ok = ada.subscribes(json!(["channel.open", "channel.secret.42", "channel.secret.43", "channel.other"])).await;
    assert_eq!(ok["topics"].as_object().unwrap().len(), 2, "{ok}");
    for topic in ["channel.secret.43", "channel.other"] {
        assert_eq!(ok["refused"][topic]["code"], "forbidden", "{topic}: {ok}");
        assert_eq!(ada.is_refused("get_publications", json!({"topic": topic})).await, "forbidden");
    }
    for (request, payload) in [
        ("send_message", json!({"room": "general", "message": "hi"})),
        ("get_history", json!({"room": "general"})),
        ("list_rooms", json!({})),
        ("create_room", json!({"room": "mine"})),
        ("join_room", json!({"room": "general"})),
        ("leave_room", json!({"room": "general"})),
    ] {
        assert_eq!(ada.is_refused(request, payload).await, "forbidden", "{request}");
    }
    let ok = ada.subscribes(json!(["room.general", "user.42", "user.1"])).await;
    assert_eq!(ok["refused"].as_object().unwrap().values().filter(|one| one["code"] == "bad_topic").count(), 3);
    bob.says("general", "not for Ada").await;
    let channels = json!(["open", "secret.42", "secret.43", "other"]);
    server.publish(&publish, json!({"channels": channels, "data": 1})).await;
    assert_eq!(ada.data_so_far().await, [1, 1]);
    assert_eq!(ada.already_heard("new_message"), None);
    // A member is not let in by what an OTP of somebody else's lists.
    assert_eq!(bob.subscribes(json!(["channel.secret.42"])).await["refused"]["channel.secret.42"]["code"], "forbidden");
    server.stop().await;
}

#[tokio::test]
async fn only_a_key_of_this_scope_lets_them_in_and_each_fault_is_named() {
    let server = TestServer::start_with(|settings| {
        settings.namespace = vec![open_to("orders.{user}.*", Subscribers::User, Publishers::Keys), namespace("news.*")];
    })
    .await;
    let (publish, otp) = (server.key("publish:*").await, server.key("otp").await);
    let alice = server.client("alice").await;
    let good = json!({"user": {"id": "42"}, "topics": ["channel.news.a"]});
    assert_refused("another scope", &server.external_otp(&publish, &good).await, 403, "forbidden");
    let wrong = format!("sbk_{}", "A".repeat(43));
    assert_refused("a wrong key", &server.external_otp(&wrong, &good).await, 401, "bad_key");
    let member = server.http().post_as(&alice.session, "/otp", &good).await;
    assert_refused("a session", &member, 400, "bad_payload");
    let topics = json!({"topics": ["channel.news.a"]});
    assert_refused("a session", &server.http().post_as(&alice.session, "/otp", &topics).await, 400, "bad_payload");
    assert_refused("nobody", &server.http().post("/otp", &good).await, 401, "unauthorized");
    let many: Vec<_> = (0..1_025).map(|n| format!("channel.news.{n}")).collect();
    let of = |id: Value, topics: Value| json!({"user": {"id": id, "name": "Ada"}, "topics": topics});
    for (body, status, code, names) in [
        (json!({}), 400, "bad_payload", "user"),
        (json!({"user": {"id": "42"}}), 400, "bad_payload", "topics"),
        (json!({"user": {}, "topics": []}), 400, "bad_payload", "user.id"),
        (json!({"user": {"id": "1", "name": ""}, "topics": []}), 400, "bad_payload", "user.name"),
        (of(json!(""), json!([])), 400, "bad_payload", "user.id"),
        (of(json!(42), json!([])), 400, "bad_payload", "user.id"),
        (of(json!("x".repeat(129)), json!([])), 400, "bad_payload", "user.id"),
        (of(json!("a\nb"), json!([])), 400, "bad_payload", "user.id"),
        (of(json!("a\u{202e}b"), json!([])), 400, "bad_payload", "user.id"),
        (of(json!("42"), json!(many)), 400, "bad_payload", "topics"),
        (of(json!("42"), json!(["channel.news.a", "news.a"])), 400, "bad_topic", "topics[1]"),
        (of(json!("42"), json!(["room.general"])), 400, "bad_topic", "topics[0]"),
        (of(json!("42"), json!(["user.42"])), 400, "bad_topic", "topics[0]"),
        (of(json!("42"), json!(["channel.a/b"])), 400, "bad_channel", "topics[0]"),
        (of(json!("42"), json!(["channel.weather"])), 404, "no_such_namespace", "topics[0]"),
        (of(json!("42"), json!(["channel.orders.43.new"])), 403, "forbidden", "topics[0]"),
        (of(json!("42"), json!(["channel.orders.42"])), 404, "no_such_namespace", "topics[0]"),
    ] {
        let answer = server.external_otp(&otp, &body).await;
        assert_refused(&body.to_string(), &answer, status, code);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("`{names}`")), "{body}: {message}");
    }
    let most = of(json!("42"), json!(&many[..1_024]));
    assert_eq!(server.external_otp(&otp, &most).await.status, 200);
    let mut own = server.external(&otp, "42", &["channel.orders.42.new"]).await;
    assert!(own.subscribes(json!(["channel.orders.42.new"])).await["refused"].is_null());
    server.stop().await;
}

#[tokio::test]
async fn an_external_user_resumes_what_is_still_listed() {
    let server = TestServer::start().await;
    let (publish, otp) = (server.key("publish:*").await, server.key("otp").await);
    let mut ada = server.external(&otp, "42", &["channel.a", "channel.b"]).await;
    ada.subscribes(json!(["channel.a", "channel.b"])).await;
    server.publish(&publish, json!({"channels": ["a", "b"], "data": 1})).await;
    assert_eq!(ada.data_so_far().await.len(), 2);
    let mut resume = ada.resume();
    resume["positions"]["room.general"] = json!(0);
    drop(ada);
    server.publish(&publish, json!({"channels": ["a", "b"], "data": 2})).await;
    let server = server.restart().await;
    let body = json!({"user": {"id": "42"}, "topics": ["channel.a"], "resume": resume});
    let mut ada = server.external_with(&otp, &body).await;
    let hello = ada.hears("hello").await;
    assert_eq!(hello["topics"], json!({"channel.a": {"offset": 2, "recovered": true}}));
    assert_eq!(hello["refused"]["channel.b"]["code"], "forbidden", "{hello}");
    assert_eq!(ada.hears_data().await, 2);
    ada.hears("caught_up").await;
    server.publish(&publish, json!({"channels": ["a", "b"], "data": 3})).await;
    assert_eq!(ada.data_so_far().await, [3]);
    server.stop().await;
}

#[tokio::test]
async fn only_pages_of_allowed_origins_let_them_in() {
    let app = "https://app.example.org";
    let server = TestServer::start_with(|settings| settings.http.allowed_origins = vec![app.to_owned()]).await;
    let otp = server.key("otp").await;
    let body = json!({"user": {"id": "42"}, "topics": []});
    let fresh = async || server.external_otp(&otp, &body).await.json()["otp"].as_str().unwrap().to_owned();
    let path = format!("/ws?otp={}", fresh().await);
    for origin in ["https://evil.example", "http://app.example.org", "null"] {
        let refused = server.http().upgrade(&path, &[("origin", origin)]).await;
        assert_refused(origin, &refused, 403, "forbidden_origin");
    }
    assert!(TestClient::open_with(server.http(), &path, &[("origin", app)]).await.is_ok(), "it was not spent");
    assert_eq!(TestClient::open_with(server.http(), &path, &[("origin", app)]).await.err(), Some(401));
    // A program of the app's has no origin.
    assert!(TestClient::open(server.http(), &fresh().await).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn a_revoked_key_takes_its_users_with_it_and_nobody_else() {
    let server = TestServer::start().await;
    let (one, two) = (server.made_key("one", &["otp"]).await, server.made_key("two", &["otp"]).await);
    let (three, admin) = (server.made_key("three", &["otp"]).await, server.key("admin").await);
    let publish = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    let mut users = Vec::new();
    for key in [&one, &two, &three] {
        let mut user = server.external(key.secret.expose(), "42", &["channel.a"]).await;
        user.subscribes(json!(["channel.a"])).await;
        users.push(user);
    }
    let [mut of_one, mut of_two, mut of_three] = users.try_into().unwrap_or_else(|_| unreachable!());
    let body = json!({"user": {"id": "42"}, "topics": ["channel.a"]});
    let otp_of_two =
        async || server.external_otp(two.secret.expose(), &body).await.json()["otp"].as_str().unwrap().to_owned();
    let (late, late_stream) = (otp_of_two().await, otp_of_two().await);
    // Over HTTP at once; by another process within a second or so.
    let request = hyper::Request::builder()
        .method(Method::DELETE)
        .uri(format!("/keys/{}", one.key.id))
        .header("authorization", format!("Bearer {admin}"));
    assert_eq!(server.http().send(request, Vec::new()).await.status, 204);
    assert_eq!(u16::from(of_one.is_closed().await.code), 4001);
    let elsewhere = server.store_of_another_process();
    assert!(elsewhere.revoke_key(two.key.id).await.unwrap());
    elsewhere.close().await;
    assert_eq!(u16::from(of_two.is_closed().await.code), 4001);
    assert_eq!(TestClient::open(server.http(), &late).await.err(), Some(401), "an OTP of it is void");
    let stream = format!("/events?topic=channel.a&otp={late_stream}");
    assert_refused("a stream", &server.http().get(&stream).await, 401, "bad_otp");
    assert_refused("the key", &server.external_otp(two.secret.expose(), &body).await, 401, "bad_key");
    server.publishes(&publish, "a", json!(1)).await;
    assert_eq!(of_three.data_so_far().await, [1]);
    alice.says("general", "still here").await;
    server.stop().await;
}

#[tokio::test]
async fn their_number_is_bounded_as_everybodys_is() {
    let server = TestServer::start_with(|settings| {
        settings.socket.connections_per_user = 2;
        settings.otp.max_per_user = 2;
        settings.otp.ttl = std::time::Duration::from_secs(60);
    })
    .await;
    let otp = server.key("otp").await;
    let body = json!({"user": {"id": "1"}, "topics": []});
    let mut otps = Vec::new();
    for _ in 0..3 {
        otps.push(server.external_otp(&otp, &body).await.json()["otp"].as_str().unwrap().to_owned());
    }
    assert_eq!(TestClient::open(server.http(), &otps[0]).await.err(), Some(401), "the oldest made room");
    let kept = [
        TestClient::open(server.http(), &otps[1]).await.expect("it is good"),
        TestClient::open(server.http(), &otps[2]).await.expect("it is good"),
    ];
    server.until(|server| server.manager().clients().len() == 2).await;
    let third = server.external_otp(&otp, &body).await.json()["otp"].as_str().unwrap().to_owned();
    let socket = TestClient::open(server.http(), &third).await.expect("the OTP is good");
    let mut third = TestClient::new("third", "", socket);
    assert_eq!(u16::from(third.is_closed().await.code), 4004);
    // The member with this number is somebody else.
    let mut alice = server.client("alice").await;
    alice.says("general", "undisturbed").await;
    drop(kept);
    server.stop().await;
}

#[tokio::test]
async fn users_of_two_apps_with_one_id_are_two_people() {
    let server = TestServer::start_with(|settings| {
        settings.socket.connections_per_user = 1;
        settings.otp.ttl = std::time::Duration::from_secs(60);
    })
    .await;
    let (shop, forum) = (server.made_key("shop", &["otp"]).await, server.made_key("forum", &["otp"]).await);
    let publish = server.key("publish:*").await;
    let mut of_shop = server.external(shop.secret.expose(), "42", &["channel.a"]).await;
    of_shop.subscribes(json!(["channel.a"])).await;
    let mut of_forum = server.external(forum.secret.expose(), "42", &["channel.a"]).await;
    of_forum.subscribes(json!(["channel.a"])).await;
    server.publishes(&publish, "a", json!(1)).await;
    assert_eq!((of_shop.data_so_far().await, of_forum.data_so_far().await), (vec![json!(1)], vec![json!(1)]));
    server.stop().await;
}

/// They may be called as a member is, by name or number, and are not them.
#[tokio::test]
async fn whoever_is_called_like_a_member_gets_nothing_of_theirs() {
    let server = TestServer::start_with(|settings| {
        settings.namespace = vec![
            open_to("by_name.{user}", Subscribers::User, Publishers::Keys),
            open_to("by_id.{user_id}", Subscribers::User, Publishers::Keys),
            namespace("*"),
        ];
    })
    .await;
    let (publish, otp) = (server.key("publish:*").await, server.key("otp").await);
    let mut alice = server.client("alice").await;
    let topics = json!(["channel.by_name.alice", "channel.by_id.1"]);
    alice.subscribes(topics.clone()).await;
    for id in ["1", "alice"] {
        let mut other = server.external(&otp, id, &["channel.x"]).await;
        let ok = other.subscribes(topics.clone()).await;
        assert_eq!(ok["refused"].as_object().unwrap().len(), 2, "{ok}");
        alice.says("general", "for members").await;
        alice.asks("create_room", json!({"room": format!("room-{id}")})).await;
        server.publish(&publish, json!({"channels": ["by_name.alice", "by_id.1"], "data": 1})).await;
        assert!(other.data_so_far().await.is_empty());
        for event in ["new_message", "room_added", "room_created"] {
            assert_eq!(other.already_heard(event), None, "{id}");
        }
        other.leaves().await;
    }
    assert_eq!(alice.data_so_far().await.len(), 4);
    server.stop().await;
}

#[tokio::test]
async fn an_expired_key_lets_nobody_in_any_more() {
    let server = TestServer::start().await;
    let body = json!({"user": {"id": "42"}, "topics": ["channel.a"]});
    let mut life_ms = 1_500;
    let (secret, expires_at, otp) = loop {
        let (secret, expires_at) = (Secret::random_key().unwrap(), now() + life_ms);
        let key = NewKey {
            name: KeyName::parse(&format!("short{life_ms}")).unwrap(),
            token_hash: secret.key_hash().unwrap(),
            hint: secret.expose()[..10].to_owned(),
            scopes: vec!["otp".parse().unwrap()],
            expires_at: Some(expires_at),
            at: now(),
        };
        server.server().store().create_key(key).await.unwrap();
        let answer = server.external_otp(secret.expose(), &body).await;
        if answer.status == 200 {
            break (secret, expires_at, answer.json()["otp"].as_str().unwrap().to_owned());
        }
        // On a machine that pauses it may be over before it is used: then the next one lives longer.
        assert!(now() >= expires_at && life_ms < 60_000, "{:?}", answer.body);
        life_ms *= 4;
    };
    server.until(|_| now() > expires_at).await;
    assert_refused("the key", &server.external_otp(secret.expose(), &body).await, 401, "bad_key");
    assert_eq!(TestClient::open(server.http(), &otp).await.err(), Some(401), "nor does what it minted before");
    server.stop().await;
}
