//! The door as a client sees it: bytes, statuses and headers, on a real store.

use super::*;
use crate::{
    auth::testing::{PASSWORD, World},
    events::{Channels, Namespaces},
    http::{error, host, security_headers},
    model::Credential,
};
use axum::{
    body::Body,
    extract::{ConnectInfo, Request},
    http::{Method, header},
    middleware,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Mutex, time::Duration};
use tower::ServiceExt;

const ORIGIN: &str = "https://chat.example";

struct Site {
    world: World,
    router: Router,
    ended: Arc<Mutex<Vec<SessionId>>>,
    metrics: Arc<Metrics>,
}

struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }

    fn cookie(&self) -> String {
        let set = self.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap());
        set.map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
    }
}

impl Site {
    async fn new() -> Self {
        Self::of(World::peopled().await)
    }

    fn of(world: World) -> Self {
        let (ended, metrics): (Arc<Mutex<Vec<_>>>, Arc<Metrics>) = Default::default();
        let settings = Arc::new(world.settings.clone());
        let state = DoorState {
            door: world.door.clone(),
            keys: Arc::new(Keys::new(world.store.clone(), world.door.clone(), &settings)),
            topics: {
                let (journal, _) = crate::journal::Journal::new(&settings);
                let namespaces = Namespaces::new(&settings);
                Topics::new(world.store.clone(), vec![Channels::new(world.store.clone(), journal, namespaces)])
            },
            documents: {
                let (journal, _) = crate::journal::Journal::new(&settings);
                Documents::new(world.store.clone(), journal, settings.clone(), metrics.documents.clone())
            },
            settings: settings.clone(),
            on_session_end: Arc::new({
                let ended = ended.clone();
                move |session| ended.lock().unwrap().push(session)
            }),
            on_newcomer: Arc::new(|_| {}),
            metrics: metrics.clone(),
        };
        let router = routes(state)
            .0
            .fallback(error::not_found)
            .layer(middleware::from_fn_with_state(settings.clone(), host::guard))
            .layer(middleware::from_fn_with_state(settings, security_headers::add));
        Self { world, router, ended, metrics }
    }

    fn counted(&self, series: &str) {
        let text = self.metrics.encode();
        assert!(text.contains(&format!("switchboard_{series}\n")), "{series} is missing from {text}");
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::new(body.into());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert("host", "chat.example".parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap());
        }
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn post(&self, path: &str, cookie: &str, body: Value) -> Answer {
        let mut headers = vec![("content-type", "application/json"), ("origin", ORIGIN)];
        if !cookie.is_empty() {
            headers.push(("cookie", cookie));
        }
        self.send(Method::POST, path, &headers, body.to_string()).await
    }

    async fn login(&self, username: &str) -> Answer {
        let answer = self.post("/login", "", json!({"username": username, "password": PASSWORD})).await;
        assert_eq!(answer.status, 200);
        answer
    }
}

#[tokio::test]
async fn signing_in_reconnecting_and_signing_out() {
    let site = Site::new().await;
    let answer = site.login("alice").await;
    let body = answer.json();
    assert_eq!(body["expires_in"], 5);
    assert_eq!(body["user"], json!({"id": 1, "name": "alice", "role": "owner"}));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let set: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert!(set[0].starts_with("__Host-session=") && set[0].contains("; Max-Age=2592000; "));
    assert!(set[1].starts_with("__Host-device="));
    let cookie = answer.cookie();

    let resume = json!({"resume": {"epoch": "e", "positions": {"room.general": 41}}});
    let fresh = site.post("/otp", &cookie, resume).await;
    assert_eq!(fresh.status, 200);
    let otp = fresh.json()["otp"].as_str().unwrap().to_owned();
    let admission = site.world.otps.redeem(&otp, std::time::Instant::now()).unwrap();
    assert_eq!(admission.origin.as_deref(), Some(ORIGIN));
    assert_eq!(admission.resume.unwrap().positions.len(), 1);

    let out = site.post("/logout", &cookie, json!({})).await;
    assert_eq!((out.status, out.body.len()), (204, 0));
    assert!(out.headers["set-cookie"].to_str().unwrap().starts_with("__Host-session=; Max-Age=0;"));
    let ended: Vec<_> = site.ended.lock().unwrap().iter().copied().map(Credential::Session).collect();
    assert_eq!(ended, [admission.credential]);
    site.counted("logins_total{outcome=\"signed_in\"} 1");
    site.counted("otps_total{outcome=\"issued\"} 2");
    for path in ["/otp", "/logout"] {
        assert_eq!(site.post(path, &cookie, json!({})).await.code(), "unauthorized");
    }
}

#[tokio::test]
async fn unknown_wrong_and_disabled_get_the_same_bytes() {
    let site = Site::new().await;
    let mut answers = Vec::new();
    for (username, password) in [("nobody", PASSWORD), ("bob", "wrong"), ("mallory", PASSWORD), ("<no name>", "x")] {
        let answer = site.post("/login", "", json!({"username": username, "password": password})).await;
        answers.push((answer.status, answer.headers, answer.body));
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    site.counted("logins_total{outcome=\"bad_credentials\"} 4");
}

#[tokio::test]
async fn too_many_failures_are_told_how_long_to_wait() {
    let site = Site::new().await;
    for _ in 0..5 {
        site.post("/login", "", json!({"username": "bob", "password": "x"})).await;
    }
    let answer = site.post("/login", "", json!({"username": "bob", "password": PASSWORD})).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_attempts"));
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn a_body_is_json_and_small_and_whole() {
    let site = Site::new().await;
    let json = ("content-type", "application/json");
    let send = |headers: Vec<(&'static str, &'static str)>, body: Vec<u8>| {
        let site = &site;
        async move { site.send(Method::POST, "/login", &headers, body).await }
    };
    let big = format!(r#"{{"username":"{}"}}"#, "a".repeat(5_000)).into_bytes();
    for (headers, body, status, code) in [
        (vec![], b"{}".to_vec(), 415, "unsupported_media_type"),
        (vec![("content-type", "text/plain")], b"{}".to_vec(), 415, "unsupported_media_type"),
        (vec![json], big, 413, "too_large"),
        (vec![json], b"{".to_vec(), 400, "bad_json"),
        (vec![json], b"\xff".to_vec(), 400, "bad_json"),
        (vec![json], br#"{"username":"a","username":"b","password":"c"}"#.to_vec(), 400, "bad_json"),
        (vec![json], b"[]".to_vec(), 400, "bad_payload"),
        (vec![json], b"{}".to_vec(), 400, "bad_payload"),
    ] {
        let answer = send(headers, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let missing = send(vec![json], br#"{"username":"a"}"#.to_vec()).await;
    assert_eq!(missing.json()["error"]["message"], "`password`: is missing");
    let charset = ("content-type", "application/json; charset=utf-8");
    assert_eq!(send(vec![charset], br#"{"username":"a","password":"b"}"#.to_vec()).await.code(), "bad_credentials");
}

#[tokio::test]
async fn only_a_session_may_send_many_positions_and_there_is_a_bound() {
    let site = Site::new().await;
    let positions = |n: u32| (0..n).map(|n| (format!("user.{n}"), json!(1))).collect::<serde_json::Map<_, _>>();
    let resume = |n| json!({"resume": {"epoch": "e", "positions": positions(n)}});
    assert_eq!(site.post("/otp", "", resume(1_024)).await.code(), "unauthorized");
    let cookie = site.login("bob").await.cookie();
    assert_eq!(site.post("/otp", &cookie, resume(1_024)).await.status, 200);
    let refused = site.post("/otp", &cookie, resume(1_025)).await;
    assert_eq!(refused.code(), "bad_payload");
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("resume.positions"));
    let bad = json!({"resume": {"epoch": "e", "positions": {"room.general": -1}}});
    assert_eq!(site.post("/otp", &cookie, bad).await.code(), "bad_payload");
}

#[tokio::test]
async fn foreign_pages_are_kept_out() {
    let site = Site::new().await;
    let cookie = site.login("bob").await.cookie();
    let json = ("content-type", "application/json");
    for origin in ["null", "https://evil.example", "http://chat.example", "https://chat.example:444"] {
        let answer = site.send(Method::POST, "/login", &[json, ("origin", origin)], "{}").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_origin"), "{origin}");
        let answer = site.send(Method::GET, "/invitations", &[("cookie", &cookie), ("origin", origin)], "").await;
        assert_eq!(answer.code(), "forbidden_origin");
    }
    let with_cookie = |more: Option<(&'static str, &'static str)>| {
        let headers: Vec<_> = [json, ("cookie", cookie.as_str())].into_iter().chain(more).collect();
        let site = &site;
        async move { site.send(Method::POST, "/otp", &headers, "{}").await.status }
    };
    assert_eq!(with_cookie(None).await, 403);
    assert_eq!(with_cookie(Some(("sec-fetch-site", "same-site"))).await, 403);
    assert_eq!(with_cookie(Some(("sec-fetch-site", "same-origin"))).await, 200);
    assert_eq!(with_cookie(Some(("origin", ORIGIN))).await, 200);
    let program = site.send(Method::POST, "/login", &[json], r#"{"username":"x","password":"y"}"#).await;
    assert_eq!(program.code(), "bad_credentials", "without a cookie nobody needs an Origin");
}

#[tokio::test]
async fn from_the_setup_link_to_an_invited_member() {
    let site = Site::of(World::empty().await);
    let needed = |site: &Site| {
        let router = site.router.clone();
        async move {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = "/setup".parse().unwrap();
            request.headers_mut().insert("host", "chat.example".parse().unwrap());
            let body = router.oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
            serde_json::from_slice::<Value>(&body).unwrap()["needed"].clone()
        }
    };
    assert_eq!(needed(&site).await, true);
    let account = |token: &str, username: &str, password: &str| json!({"token": token, "username": username, "password": password});
    let token = site.world.door.setup_token().unwrap();
    assert_eq!(site.post("/setup", "", account("wrong", "alice", PASSWORD)).await.code(), "bad_token");
    assert_eq!(site.post("/setup", "", account(&token, "a b", PASSWORD)).await.code(), "bad_name");
    assert_eq!(site.post("/setup", "", account(&token, "alice", "password1234567")).await.code(), "weak_password");
    let owner = site.post("/setup", "", account(&token, "alice", PASSWORD)).await;
    assert_eq!((owner.status, &owner.json()["user"]["role"]), (200, &json!("owner")));
    assert_eq!(needed(&site).await, false);

    let cookie = owner.cookie();
    let made = site.post("/invitations", &cookie, json!({})).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!((&made["role"], &made["uses"]), (&json!("member"), &json!(1)));
    let bad = site.post("/invitations", &cookie, json!({"uses": 0})).await;
    assert_eq!(bad.json()["error"]["message"], "`uses`: must be 1 to 1000");
    assert_eq!(site.post("/invitations", &cookie, json!({"role": "king"})).await.code(), "bad_payload");

    let list = site.send(Method::GET, "/invitations", &[("cookie", &cookie)], "").await.json();
    assert_eq!(list["invitations"][0]["created_by"], "alice");
    assert_eq!(list["invitations"][0]["uses_left"], 1);
    let token = made["token"].as_str().unwrap();
    let offered = site.post("/invitations/check", "", json!({"token": token})).await.json();
    assert_eq!(offered, json!({"role": "member", "invited_by": "alice", "expires_at": made["expires_at"]}));
    assert_eq!(site.post("/invitations/accept", "", account(token, "Alice", PASSWORD)).await.code(), "name_taken");
    let bob = site.post("/invitations/accept", "", account(token, "bob", PASSWORD)).await;
    assert_eq!(bob.json()["user"], json!({"id": 2, "name": "bob", "role": "member"}));
    assert_eq!(site.post("/invitations/accept", "", account(token, "carol", PASSWORD)).await.code(), "bad_token");
    assert_eq!(site.post("/invitations", &bob.cookie(), json!({})).await.code(), "forbidden");

    let second = site.post("/invitations", &cookie, json!({})).await.json()["id"].to_string();
    let headers = [("cookie", cookie.as_str()), ("origin", ORIGIN)];
    let revoke = |id: String| {
        let (site, headers) = (&site, &headers);
        async move { site.send(Method::DELETE, &format!("/invitations/{id}"), headers, "").await.status }
    };
    assert_eq!(revoke(second.clone()).await, 204);
    assert_eq!(revoke(second).await, 404);
    assert_eq!(revoke("x".to_owned()).await, 404);
    assert_eq!(revoke("%ff".to_owned()).await, 404);
}

#[tokio::test]
async fn every_answer_is_guarded_and_json() {
    let site = Site::new().await;
    let not_there = site.send(Method::GET, "/nowhere", &[], "").await;
    assert_eq!((not_there.status, not_there.code().as_str()), (404, "not_found"));
    let method = site.send(Method::GET, "/login", &[], "").await;
    assert_eq!((method.status, method.code().as_str()), (405, "method_not_allowed"));
    assert_eq!(method.headers["allow"], "POST");
    let misdirected = site.send(Method::GET, "/setup", &[("host", "a b")], "").await;
    assert_eq!((misdirected.status, misdirected.code().as_str()), (421, "misdirected"));
    for answer in [not_there, method, misdirected, site.login("bob").await] {
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["content-security-policy"], security_headers::API_CSP);
        assert_eq!(answer.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn a_body_that_stalls_or_does_not_say_its_size_is_bounded_too() {
    let mut world = World::peopled().await;
    world.settings.http.body_wait = Duration::from_millis(20);
    let site = Site::of(world);
    let json = [("content-type", "application/json")];
    let stalled = Body::from_stream(futures_util::stream::pending::<Result<&[u8], std::io::Error>>());
    let answer = site.send(Method::POST, "/login", &json, stalled).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "timeout"));
    // In no time, or a slow machine would be told that it was late.
    let site = Site::new().await;
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(&[b' '; 512][..]));
    let answer = site.send(Method::POST, "/login", &json, Body::from_stream(endless)).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}
