//! `POST /publish`: who, what, how much, and all of it or nothing.

use crate::support::{
    Http, Response, TestServer,
    channels::{namespace, open_to},
};
use hyper::Request;
use serde_json::{Value, json};
use switchboard::{
    model::Role,
    settings::{Namespace, Publishers, Subscribers},
};

/// Sends a body as it is, with these headers beside its type.
async fn send(http: Http, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Response {
    send_to(http, "/publish", "application/json", headers, body.into()).await
}

async fn send_to(http: Http, path: &str, kind: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
    let request = Request::post(path).header("content-type", kind);
    http.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)), body).await
}

fn assert_refused(what: &str, answer: &Response, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.error_code().as_str()), (status, code), "{what}: {:?}", answer.body);
}

#[tokio::test]
async fn the_line_that_people_type_reaches_whoever_listens() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.bunno"])).await;
    let typed = r#"{"Channel":"bunno","Data":{"message":{"text":"oh hai","username":"jufisch"}}}"#;
    let answer = send(server.http(), &[("authorization", &format!("Bearer {key}"))], typed).await;
    assert_eq!((answer.status.as_u16(), answer.headers["cache-control"].to_str().unwrap()), (200, "no-store"));
    assert!(!answer.headers.contains_key("idempotent-replayed"));
    let epoch = alice.epoch.clone();
    assert_eq!(answer.json(), json!({"channel": "bunno", "offset": 1, "epoch": epoch, "subscribers": 1}));
    let event = alice.event("published").await;
    assert_eq!((&event["topic"], &event["offset"]), (&json!("channel.bunno"), &json!(1)));
    let payload = json!({"channel": "bunno", "data": {"message": {"text": "oh hai", "username": "jufisch"}}});
    assert_eq!(event["payload"], payload, "a key has no name");
    server.stop().await;
}

#[tokio::test]
async fn every_form_is_answered_in_the_order_of_the_request() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.subscribes(json!(["channel.a", "channel.b"])).await;
    bob.subscribes(json!(["channel.b"])).await;
    let answers = async |body: Value| {
        let answer = server.publish(&key, body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let place = |one: &Value| (one["channel"].clone(), one["offset"].clone(), one["subscribers"].clone());
        answer.json()["results"].as_array().unwrap().iter().map(place).collect::<Vec<_>>()
    };
    let place = |channel: &str, offset: u64, subscribers: u64| (json!(channel), json!(offset), json!(subscribers));
    let many = answers(json!({"channels": ["b", "c", "a", "b"], "data": 1})).await;
    assert_eq!(many, [place("b", 1, 2), place("c", 1, 0), place("a", 1, 1), place("b", 2, 2)]);
    let batch = json!([{"channel": "a", "data": 2}, {"Channel": "b", "Data": null}, {"channel": "a", "data": 3}]);
    assert_eq!(answers(json!({"batch": batch})).await, [place("a", 2, 1), place("b", 3, 2), place("a", 3, 1)]);
    assert_eq!(answers(json!({"Channels": ["c"], "Data": false})).await, [place("c", 2, 0)]);
    assert_eq!(answers(json!({"Batch": [{"channel": "c", "data": ""}]})).await, [place("c", 3, 0)]);
    assert_eq!(bob.data_so_far().await, [json!(1), json!(1), Value::Null]);
    assert_eq!(alice.data_so_far().await.len(), 6);
    assert_eq!((alice.positions["channel.a"], alice.positions["channel.b"]), (3, 3));
    server.stop().await;
}

/// To the byte: numbers that no float holds, the order of keys, escapes; only the white space between them goes.
#[tokio::test]
async fn data_arrives_as_it_was_written() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let bearer = format!("Bearer {key}");
    let mut reader = server.raw("reader").await;
    reader.sends_text(r#"{"type":"subscribe","id":1,"payload":{"topics":["channel.x"]}}"#).await;
    reader.hears("ok").await;
    for (n, (written, compact)) in [
        ("null", "null"),
        (" true ", "true"),
        ("0", "0"),
        ("-1.50e+3", "-1.50e+3"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        (r#"" a  b\n\u00e9 \"x\" {1 , 2} ""#, r#"" a  b\n\u00e9 \"x\" {1 , 2} ""#),
        ("[ 1 ,\t[ ] ,\n{ } ]", "[1,[],{}]"),
        (r#"{ "z" : 1 , "a" : { "é 1" : [ 0.10 ] } }"#, r#"{"z":1,"a":{"é 1":[0.10]}}"#),
    ]
    .into_iter()
    .enumerate()
    {
        for (m, body) in [
            format!("{{\"channel\" : \"x\" , \"data\" :{written}}}"),
            format!("{{\"batch\":[{{\"channel\":\"x\",\"data\":{written}}}]}}"),
        ]
        .into_iter()
        .enumerate()
        {
            let answer = send(server.http(), &[("authorization", &bearer)], body).await;
            assert_eq!(answer.status, 200, "{written}: {:?}", answer.body);
            let frame = reader.next().await.unwrap().expect("it is open");
            let offset = 2 * n + m + 1;
            let payload = format!(r#"{{"channel":"x","data":{compact}}}"#);
            let live = format!(r#"{{"type":"published","topic":"channel.x","offset":{offset},"payload":{payload}}}"#);
            assert_eq!(String::from_utf8(frame.payload).unwrap(), live);
            // And is read back so.
            let ask = r#"{"type":"get_publications","id":2,"payload":{"topic":"channel.x","limit":1}}"#;
            reader.sends_text(ask).await;
            let page = String::from_utf8(reader.next().await.unwrap().unwrap().payload).unwrap();
            assert!(page.contains(&format!(r#""payload":{payload}"#)), "{page}");
        }
    }
    drop(reader);
    server.stop().await;
}

#[tokio::test]
async fn a_channel_that_is_refused_stops_the_others_too() {
    let server = TestServer::start_with(|settings| {
        settings.namespace = vec![Namespace { max_data_bytes: 10, ..namespace("small.*") }, namespace("news.*")];
    })
    .await;
    let all = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.news.a", "channel.news.b"])).await;
    for (middle, status, code) in
        [("other", 404, "no_such_namespace"), ("a..b", 400, "bad_channel"), ("small.x", 413, "too_large")]
    {
        let data = "eleven bytes";
        let channels = json!({"channels": ["news.a", middle, "news.b"], "data": data});
        let answer = server.publish(&all, channels).await;
        assert_refused(middle, &answer, status, code);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(if status == 400 { "channels[1]" } else { middle }), "{message}");
        let batch = ["news.a", middle, "news.b"].map(|channel| json!({"channel": channel, "data": data}));
        assert_refused(middle, &server.publish(&all, json!({"batch": batch})).await, status, code);
    }
    let news = server.key("publish:news.a").await;
    let answer = server.publish(&news, json!({"channels": ["news.a", "news.b"], "data": 1})).await;
    assert_refused("another scope", &answer, 403, "forbidden");
    assert_eq!(server.publishes(&all, "small.x", json!("8 bytes!")).await, 1, "ten with its quotes");
    assert_eq!(server.publishes(&all, "news.a", json!(1)).await, 1, "nothing of it was published");
    assert_eq!(alice.hears_data().await, 1);
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let bearer = format!("Bearer {key}");
    let names: Vec<_> = (0..101).map(|n| format!("c{n}")).collect();
    let batch: Vec<_> = names.iter().map(|name| json!({"channel": name, "data": 1})).collect();
    let deep = format!(r#"{{"channel":"a","data":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    for (body, code) in [
        (String::new(), "bad_json"),
        ("{".to_owned(), "bad_json"),
        ("[]".to_owned(), "bad_payload"),
        ("{}".to_owned(), "bad_payload"),
        (r#"{"channel":"a"}"#.to_owned(), "bad_payload"),
        (r#"{"data":1}"#.to_owned(), "bad_payload"),
        (r#"{"channel":null,"data":1}"#.to_owned(), "bad_payload"),
        (r#"{"channel":1,"data":1}"#.to_owned(), "bad_payload"),
        (r#"{"channels":"a","data":1}"#.to_owned(), "bad_payload"),
        (r#"{"channels":[],"data":1}"#.to_owned(), "bad_payload"),
        (r#"{"batch":[]}"#.to_owned(), "bad_payload"),
        (r#"{"batch":[{"channel":"a"}]}"#.to_owned(), "bad_payload"),
        (r#"{"channel":"a","channels":["b"],"data":1}"#.to_owned(), "bad_payload"),
        (r#"{"channel":"a","data":1,"batch":[{"channel":"a","data":1}]}"#.to_owned(), "bad_payload"),
        (r#"{"batch":[{"channel":"a","data":1}],"data":1}"#.to_owned(), "bad_payload"),
        (r#"{"channel":"a","Channel":"b","data":1}"#.to_owned(), "bad_payload"),
        (r#"{"channel":"a","channel":"b","data":1}"#.to_owned(), "bad_json"),
        (r#"{"channel":"a","data":{"x":1,"x":2}}"#.to_owned(), "bad_json"),
        (r#"{"channel":"a","data":1e999}"#.to_owned(), "bad_json"),
        (r#"{"channel":"a","data":"\ud800"}"#.to_owned(), "bad_json"),
        (deep, "bad_json"),
        (json!({"channels": names, "data": 1}).to_string(), "bad_payload"),
        (json!({"batch": batch}).to_string(), "bad_payload"),
    ] {
        let answer = send(server.http(), &[("authorization", &bearer)], body.clone()).await;
        assert_refused(&body, &answer, 400, code);
    }
    let latin = send(server.http(), &[("authorization", &bearer)], b"{\"channel\":\"\xe9\",\"data\":1}").await;
    assert_refused("no UTF-8", &latin, 400, "bad_json");
    let good = br#"{"channel":"a","data":1}"#.to_vec();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        let answer = send_to(server.http(), "/publish", kind, &[("authorization", &bearer)], good.clone()).await;
        assert_refused(kind, &answer, 415, "unsupported_media_type");
    }
    let most = json!({"channels": &names[..100], "data": 1});
    assert_eq!(server.publish(&key, most).await.json()["results"].as_array().unwrap().len(), 100);
    assert_eq!(server.publishes(&key, "a", json!(1)).await, 1, "nothing of the rest was published");
    server.stop().await;
}

#[tokio::test]
async fn how_much_one_request_may_bring_is_bounded() {
    let server = TestServer::start().await;
    let key = server.key("publish:*").await;
    let text = |bytes: usize| "x".repeat(bytes - 2);
    let fits = server.publish(&key, json!({"channel": "a", "data": text(65_536)})).await;
    assert_eq!(fits.status, 200);
    let large = server.publish(&key, json!({"channel": "a", "data": text(65_537)})).await;
    assert_refused("one byte more than its namespace allows", &large, 413, "too_large");
    let four = server.publish(&key, json!({"channels": ["a", "b", "c", "d"], "data": text(65_536)})).await;
    assert_eq!(four.status, 200);
    let five = server.publish(&key, json!({"channels": ["a", "b", "c", "d", "e"], "data": text(65_536)})).await;
    assert_refused("all together", &five, 413, "too_large");
    let body = server.publish(&key, json!({"channel": "a", "data": 1, "more": "x".repeat(400_000)})).await;
    assert_refused("the body", &body, 413, "too_large");
    // White space is not data.
    let loose = format!(r#"{{"channel":"a","data":[1,{}2]}}"#, " ".repeat(100_000));
    let answer = send(server.http(), &[("authorization", &format!("Bearer {key}"))], loose).await;
    assert_eq!(answer.json()["offset"], 3);
    server.stop().await;
}

#[tokio::test]
async fn whoever_has_no_good_key_publishes_nothing() {
    let server = TestServer::start_with(|settings| {
        settings.auth.throttle_keys_per_minute = 5;
        settings.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let good = server.key("publish:news.*").await;
    let other = server.key("otp").await;
    let revoked = server.made_key("revoked", &["publish:*"]).await;
    server.server().store().revoke_key(revoked.key.id).await.unwrap();
    let body = r#"{"channel":"news.a","data":1}"#;
    let with = async |key: &str, address: &str| {
        send(server.http(), &[("authorization", &format!("Bearer {key}")), ("x-forwarded-for", address)], body).await
    };
    let none = send(server.http(), &[("x-forwarded-for", "192.0.2.1")], body).await;
    assert_refused("missing", &none, 401, "bad_key");
    assert_eq!(none.headers["www-authenticate"], "Bearer");
    let wrong = format!("sbk_{}", "A".repeat(43));
    assert_refused("wrong", &with(&wrong, "192.0.2.1").await, 401, "bad_key");
    assert_refused("revoked", &with(revoked.secret.expose(), "192.0.2.1").await, 401, "bad_key");
    assert_refused("of another scope", &with(&other, "192.0.2.1").await, 403, "forbidden");
    let elsewhere = json!({"channel": "weather", "data": 1}).to_string();
    let headers = [("authorization", &*format!("Bearer {good}")), ("x-forwarded-for", "192.0.2.1")];
    assert_refused("of another pattern", &send(server.http(), &headers, elsewhere).await, 403, "forbidden");
    for key in [&other, &wrong, revoked.secret.expose()] {
        assert_refused("too often", &with(key, "192.0.2.1").await, 429, "too_many_attempts");
        assert_eq!(with(&good, "192.0.2.1").await.status, 200, "the right key passes");
    }
    assert_refused("from elsewhere", &with(&other, "192.0.2.2").await, 403, "forbidden");
    for path in [format!("/publish?key={good}"), format!("/publish?x={good}")] {
        let headers = [("authorization", &*format!("Bearer {good}"))];
        let answer = send_to(server.http(), &path, "application/json", &headers, body.into()).await;
        assert_refused(&path, &answer, 400, "bad_payload");
    }
    // Who may not publish is not told what is wrong with the request.
    assert_refused("a stranger", &send(server.http(), &[("x-forwarded-for", "192.0.2.3")], "{").await, 401, "bad_key");
    let get = server.http().get("/publish").await;
    assert_refused("GET", &get, 405, "method_not_allowed");
    server.stop().await;
}

#[tokio::test]
async fn members_publish_where_the_namespace_lets_them_and_not_too_fast() {
    let server = TestServer::start_with(|settings| {
        settings.socket.events_burst = 100;
        settings.socket.events_per_sec = 1;
        settings.namespace = vec![
            open_to("open.*", Subscribers::Members, Publishers::Members),
            open_to("own.{user}", Subscribers::User, Publishers::Members),
            namespace("keys.*"),
        ];
    })
    .await;
    let key = server.key("publish:*").await;
    let mut alice = server.client("alice").await;
    alice.subscribes(json!(["channel.open.a"])).await;
    let body = |channel: &str| json!({"channel": channel, "data": 1});
    let as_page = async |body: &Value| server.http().post_as(&alice.session, "/publish", body).await;
    assert_eq!(as_page(&body("open.a")).await.json()["offset"], 1);
    assert_eq!(as_page(&body("own.alice")).await.json()["offset"], 1);
    assert_refused("only keys", &as_page(&body("keys.a")).await, 403, "forbidden");
    assert_refused("somebody else's", &as_page(&body("own.bob")).await, 403, "forbidden");
    assert_refused("none of ours", &as_page(&body("nowhere")).await, 404, "no_such_namespace");
    let cookie = format!("__Host-session={}", alice.session);
    let no_page = server.http().post_with("/publish", &body("open.a"), &[("cookie", &cookie)]).await;
    assert_refused("no page of ours", &no_page, 403, "forbidden_origin");
    let foreign = [("cookie", &*cookie), ("origin", "https://evil.example")];
    let foreign = server.http().post_with("/publish", &body("open.a"), &foreign).await;
    assert_refused("a foreign page", &foreign, 403, "forbidden_origin");
    let stranger = server.http().post_as(&"A".repeat(43), "/publish", &body("open.a")).await;
    assert_refused("no session", &stranger, 401, "unauthorized");
    // A hundred at once, 95 are left; each publication counts. So many are back after a minute and a half.
    let rest = vec![body("open.a"); 95];
    assert_eq!(as_page(&json!({"batch": rest})).await.status, 200);
    let fast = as_page(&json!({"batch": rest})).await;
    assert_refused("too fast", &fast, 429, "too_many_requests");
    assert!(fast.headers.contains_key("retry-after"));
    server.account("bob", Role::Member).await;
    let (bob, _) = server.login("bob", None).await;
    assert_eq!(server.http().post_as(&bob, "/publish", &body("open.a")).await.status, 200, "others are not slowed");
    server.publishes(&key, "open.a", json!(2)).await;
    let mut heard = Vec::new();
    for _ in 0..98 {
        heard.push(alice.hears("published").await["from"].clone());
    }
    let alices = std::iter::repeat_n(json!("alice"), 96);
    assert_eq!(heard, alices.chain([json!("bob"), Value::Null]).collect::<Vec<_>>());
    server.stop().await;
}
