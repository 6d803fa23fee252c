//! `GET /events`: who may listen, from where, and to what.

use crate::support::{BUDGET, EventReader, Response, TestServer, events::events};
use hyper::Request;
use serde_json::json;
use switchboard::{model::Role, settings::Settings};
use tokio::time::timeout;

const ROOM: &[&str] = &["room.general"];
const APP: &str = "https://app.example";

fn with_app(settings: &mut Settings) {
    settings.http.allowed_origins = vec![APP.to_owned()];
}

async fn refused(opened: impl Future<Output = Result<EventReader, Response>>) -> (u16, String) {
    let answer = opened.await.err().expect("it is refused");
    (answer.status.as_u16(), answer.error_code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn an_otp_opens_one_stream() {
    let server = TestServer::start().await;
    let session = server.session("alice").await;
    let path = format!("{}otp={}", events(ROOM), server.otp(&session, None).await);
    let mut stream = EventReader::open(server.http(), &path, &[]).await.unwrap();
    assert_eq!(stream.hears("hello").await["user"]["name"], "alice");
    assert!(!stream.headers.contains_key("access-control-allow-origin"));
    let bad = is(401, "bad_otp");
    assert_eq!(refused(EventReader::open(server.http(), &path, &[])).await, bad);
    let two = format!("{}otp={}&otp=x", events(ROOM), server.otp(&session, None).await);
    for path in [two, format!("{}otp=", events(ROOM)), format!("{}otp=%00", events(ROOM))] {
        // A cookie does not make a bad OTP good.
        let cookie = format!("__Host-session={session}");
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        assert_eq!(refused(EventReader::open(server.http(), &path, &headers)).await, bad, "{path}");
    }
    assert_eq!(refused(EventReader::open(server.http(), &events(ROOM), &[])).await, is(401, "unauthorized"));
    server.stop().await;
}

#[tokio::test]
async fn an_otp_is_not_spent_by_what_could_not_have_opened_a_stream() {
    let server = TestServer::start_with(with_app).await;
    let session = server.session("alice").await;
    let otp = server.otp(&session, None).await;
    let path = format!("{}otp={otp}", events(ROOM));
    let many: Vec<_> = (0..65).map(|n| format!("channel.{n}")).collect();
    let many = events(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let with_key = format!("{path}&key=x");
    let with_another = format!("{path}&x=sbk_{}", "A".repeat(43));
    for path in [format!("/events?otp={otp}"), format!("{many}otp={otp}"), with_key, with_another] {
        assert_eq!(refused(EventReader::open(server.http(), &path, &[])).await, is(400, "bad_payload"));
    }
    let foreign = EventReader::open(server.http(), &path, &[("origin", "https://evil.example")]);
    assert_eq!(refused(foreign).await, is(403, "forbidden_origin"));
    let head = server.http().send(Request::head(&path), Vec::new()).await;
    assert_eq!((head.status.as_u16(), &head.headers["allow"]), (405, &"GET".parse().unwrap()));
    let post = server.http().post(&path, &json!({})).await;
    assert_eq!(post.status, 405);
    EventReader::open(server.http(), &path, &[]).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn the_otp_s_positions_count_when_there_is_no_id() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    let offset = alice.says("general", "missed").await["offset"].as_u64().unwrap();
    let resume = json!({"epoch": alice.epoch, "positions": {"room.general": offset - 1}});
    let path = format!("{}otp={}", events(ROOM), server.otp(&alice.session, Some(resume)).await);
    let mut stream = EventReader::open(server.http(), &path, &[]).await.unwrap();
    assert_eq!(stream.hears("hello").await["topics"]["room.general"]["recovered"], true);
    assert_eq!(stream.event("new_message").await["offset"], offset);
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn a_cookie_is_good_only_from_a_page_of_ours() {
    let server = TestServer::start_with(with_app).await;
    let session = server.session("alice").await;
    let cookie = format!("__Host-session={session}");
    let open = |name: &'static str, value: String| {
        let (http, cookie) = (server.http(), cookie.clone());
        async move { EventReader::open(http, &events(ROOM), &[("cookie", &cookie), (name, &value)]).await }
    };
    assert!(open("sec-fetch-site", "same-origin".to_owned()).await.is_ok());
    assert!(open("origin", server.http().origin()).await.is_ok());
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("x-nothing", ""),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        assert_eq!(refused(open(name, value.to_owned())).await, is(403, "forbidden_origin"), "{name}: {value}");
    }
    // It may be of our site, and then the browser sends the cookie; but that is for our own pages.
    assert_eq!(refused(open("origin", APP.to_owned())).await, is(401, "unauthorized"));
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_can_read_its_stream_and_its_errors() {
    let server = TestServer::start_with(with_app).await;
    let session = server.session("alice").await;
    let headers = [("origin", APP)];
    let allows = |headers: &hyper::HeaderMap| {
        assert_eq!(headers["access-control-allow-origin"], APP);
        assert_eq!(headers["vary"], "origin");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    };
    // The back end of the app asked for it, so it names no page.
    let cookie = format!("__Host-session={session}");
    let no_page = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let otp = server.http().post_with("/otp", &json!({}), &no_page).await.json();
    let path = format!("{}otp={}", events(ROOM), otp["otp"].as_str().unwrap());
    let mut stream = EventReader::open(server.http(), &path, &headers).await.unwrap();
    allows(&stream.headers);
    stream.hears("hello").await;
    let again = EventReader::open(server.http(), &path, &headers).await.err().unwrap();
    assert_eq!((again.status.as_u16(), again.error_code().as_str()), (401, "bad_otp"));
    allows(&again.headers);
    // An OTP that our own page asked for is for that page.
    let path = format!("{}otp={}", events(ROOM), server.otp(&session, None).await);
    assert_eq!(refused(EventReader::open(server.http(), &path, &headers)).await, is(401, "bad_otp"));
    let evil = EventReader::open(server.http(), &path, &[("origin", "https://evil.example")]).await.err().unwrap();
    assert!(!evil.headers.contains_key("access-control-allow-origin"));
    // Nothing else is for other pages to read.
    let live = server.http().send(Request::get("/health/live").header("origin", APP), Vec::new()).await;
    assert!(!live.headers.contains_key("access-control-allow-origin"));
    server.stop().await;
}

#[tokio::test]
async fn what_may_not_be_heard_is_named_while_the_rest_is_heard() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    alice.asks("create_room", json!({"room": "secret", "public": false})).await;
    let session = server.session("bob").await;
    let topics = [
        "room.secret",
        "room.nowhere",
        "room.a%20b",
        "user.1",
        "user.2",
        "channel.",
        "channel.a..b",
        "nonsense",
        "room.General",
        "channel.caf%C3%A9",
    ];
    let mut stream = server.streams(&session, &topics, "").await.unwrap();
    let hello = stream.hears("hello").await;
    assert_eq!(
        hello["topics"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["channel.café", "room.general", "user.2"]
    );
    let codes: Vec<_> = hello["refused"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(topic, why)| (topic.as_str(), why["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        codes,
        [
            ("channel.", "bad_channel"),
            ("channel.a..b", "bad_channel"),
            ("nonsense", "bad_topic"),
            ("room.a b", "bad_room"),
            ("room.nowhere", "no_such_room"),
            ("room.secret", "no_such_room"),
            ("user.1", "forbidden"),
        ]
    );
    alice.says("secret", "not for bob").await;
    alice.says("general", "for bob").await;
    assert_eq!(stream.hears("new_message").await["message"], "for bob");
    // What is refused today keeps its place in the id.
    let mut again = server.streams(&session, &topics, &stream.last_id).await.unwrap();
    assert_eq!(again.hears("hello").await["topics"]["room.general"]["recovered"], true);
    drop((stream, again));
    for (topics, expected) in [
        (&["room.secret", "user.1"][..], is(404, "no_such_room")),
        (&["user.1", "room.secret"], is(403, "forbidden")),
        (&["nonsense"], is(400, "bad_topic")),
        (&["channel.a%2Fb"], is(400, "bad_channel")),
        (&["channel.%00"], is(400, "bad_channel")),
    ] {
        assert_eq!(refused(server.streams(&session, topics, "")).await, expected, "{topics:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stream_counts_as_a_connection() {
    let server = TestServer::start_with(|settings| settings.socket.connections_per_user = 2).await;
    let alice = server.client("alice").await;
    let first = server.streams(&alice.session, ROOM, "").await.unwrap();
    let answer = server.streams(&alice.session, ROOM, "").await.err().unwrap();
    assert_eq!((answer.status.as_u16(), answer.error_code().as_str()), (429, "too_many_requests"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(server.server().manager().clients().len(), 2, "the refused one is forgotten");
    drop(first);
    server.until(|server| server.manager().clients().len() == 1).await;
    server.streams(&alice.session, ROOM, "").await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn nobody_new_listens_while_the_server_stops() {
    let server = TestServer::start().await;
    let session = server.session("alice").await;
    // Who does not answer the close frame keeps the server from stopping for a moment.
    let mut silent = server.raw("silent").await;
    let cookie = format!("__Host-session={session}");
    let http = server.http();
    let early = http.connect().await;
    let latecomer = async move {
        assert_eq!(silent.close_code().await, 1012);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(early)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get(events(ROOM)).header("host", "x").header("cookie", cookie);
        let request = request.header("sec-fetch-site", "same-origin");
        let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
        // Either it is told, or its connection was closed already.
        if let Ok(answer) = timeout(BUDGET, sender.send_request(request)).await.expect("it ends") {
            assert_eq!(answer.status(), 503);
        }
        drop(silent);
    };
    tokio::join!(server.stop(), latecomer);
}

/// An API key with these scopes; its id and itself.
async fn key(server: &TestServer, owner: &str, name: &str, scopes: &[&str]) -> (i64, String) {
    let made = server.http().post_as(owner, "/keys", &json!({"name": name, "scopes": scopes})).await.json();
    (made["id"].as_i64().unwrap(), made["key"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn somebody_else_s_user_hears_what_their_otp_lists_until_the_key_is_revoked() {
    let server = TestServer::start_with(with_app).await;
    server.account("owner", Role::Owner).await;
    let (owner, _) = server.login("owner", None).await;
    let (id, app) = key(&server, &owner, "app", &["otp", "publish:*"]).await;
    let bearer = format!("Bearer {app}");
    let headers = [("authorization", bearer.as_str())];
    let user = json!({"user": {"id": "42", "name": "Ada"}, "topics": ["channel.orders.42.status"]});
    let otp = server.http().post_with("/otp", &user, &headers).await.json()["otp"].as_str().unwrap().to_owned();
    let path = format!("{}otp={otp}", events(&["channel.orders.42.status", "channel.orders.7.status", "room.general"]));
    let mut stream = EventReader::open(server.http(), &path, &[("origin", APP)]).await.unwrap();
    let hello = stream.hears("hello").await;
    assert_eq!(hello["user"], json!({"id": "42", "name": "Ada", "role": "external"}));
    for topic in ["channel.orders.7.status", "room.general"] {
        assert_eq!(hello["refused"][topic]["code"], "forbidden", "{topic}");
    }
    // White space of the publisher's own, line ends too, is none of the wire's.
    let body = b"{\"channel\":\"orders.42.status\",\r\n \"data\":{\"state\":\r\n\"sent\"}}".to_vec();
    let request = Request::post("/publish").header("content-type", "application/json").header("authorization", &bearer);
    assert_eq!(server.http().send(request, body).await.json()["subscribers"], 1);
    assert_eq!(stream.hears("published").await["data"], json!({"state": "sent"}));
    let cookie = format!("__Host-session={owner}");
    let revoke =
        Request::delete(format!("/keys/{id}")).header("cookie", &cookie).header("origin", server.http().origin());
    assert_eq!(server.http().send(revoke, Vec::new()).await.status, 204);
    stream.ends().await;
    server.stop().await;
}
