//! What every answer has, and what wrong requests get.

use crate::support::{PASSWORD, Response, TestServer};
use futures_util::future::join_all;
use hyper::{Method, Request, header::HeaderMap};
use serde_json::json;
use std::time::{Duration, Instant};
use switchboard::{model::Role, settings::MetricsAccess};

const EVERYWHERE: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

fn assert_guarded(what: &str, headers: &HeaderMap) {
    for (name, value) in EVERYWHERE {
        assert_eq!(headers.get(*name).map(|value| value.to_str().unwrap()), Some(*value), "{what}: {name}");
    }
    let csp = headers.get("content-security-policy").unwrap_or_else(|| panic!("{what}: no policy")).to_str().unwrap();
    assert!(csp.starts_with("default-src 'none'") && csp.contains("frame-ancestors 'none'"), "{what}: {csp}");
    assert!(!csp.contains("unsafe") && !csp.contains('*'), "{what}: {csp}");
    assert!(headers.contains_key("permissions-policy"), "{what}");
    assert!(!headers.contains_key("server") && !headers.contains_key("x-powered-by"), "{what}");
}

async fn request(server: &TestServer, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let builder = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    server.http().send(builder, body.as_bytes().to_vec()).await
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let json = ("content-type", "application/json");
    let text = ("content-type", "text/plain");
    let cookie = format!("__Host-session={}", alice.session);
    let signed_in = [json, ("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    let long = "x".repeat(5_000);
    for (status, method, path, headers, body) in [
        (200, "GET", "/", &[][..], ""),
        (200, "HEAD", "/", &[], ""),
        (200, "GET", "/app.js", &[], ""),
        (200, "GET", "/setup", &[], ""),
        (200, "GET", "/health/live", &[], ""),
        (200, "GET", "/health/ready", &[], ""),
        (200, "GET", "/metrics", &[], ""),
        (404, "GET", "/nowhere", &[], ""),
        (404, "GET", "/nowhere.js", &[], ""),
        (404, "DELETE", "/nowhere", &[], ""),
        (405, "POST", "/", &[json], "{}"),
        (405, "GET", "/login", &[], ""),
        (405, "PUT", "/otp", &[json], "{}"),
        (405, "POST", "/health/live", &[json], "{}"),
        (426, "GET", "/ws", &[], ""),
        (405, "POST", "/ws", &[json], "{}"),
        (400, "POST", "/login", &[json], "{"),
        (400, "POST", "/login", &[json], "[]"),
        (400, "POST", "/login", &[json], r#"{"username":"a","username":"b","password":"x"}"#),
        (400, "POST", "/login", &[json], r#"{"username":"a"}"#),
        (401, "POST", "/login", &[json], r#"{"username":"a","password":"x"}"#),
        (401, "POST", "/otp", &[json], "{}"),
        (401, "GET", "/invitations", &[], ""),
        (403, "POST", "/otp", &signed_in, "{}"),
        (403, "POST", "/invitations/check", &[json], r#"{"token":"x"}"#),
        (413, "POST", "/login", &[json], &long),
        (415, "POST", "/login", &[text], "{}"),
        (415, "POST", "/login", &[], "{}"),
        (415, "POST", "/logout", &[("content-type", "application/x-www-form-urlencoded")], "a=b"),
        (415, "POST", "/setup", &[("content-type", "multipart/form-data; boundary=x")], "--x--"),
        (415, "POST", "/invitations/accept", &[("content-type", "application/jsonp")], "{}"),
    ] {
        let what = format!("{method} {path} {body:.20}");
        let answer = request(&server, method, path, headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{what}");
        assert_guarded(&what, &answer.headers);
        if status >= 400 {
            assert_eq!(answer.headers["content-type"], "application/json", "{what}");
            assert!(!answer.error_code().is_empty(), "{what}");
        }
        if status == 405 {
            assert!(answer.headers.contains_key("allow"), "{what}");
        }
    }
    let otp = server.otp(&alice.session, None).await;
    let upgraded = server.http().upgrade(&format!("/ws?otp={otp}"), &[]).await;
    assert_eq!(upgraded.status, 101);
    assert_guarded("an upgrade", &upgraded.headers);
    server.stop().await;
}

#[tokio::test]
async fn tricks_with_paths_lead_nowhere() {
    let server = TestServer::start().await;
    for path in [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/....//....//etc/passwd",
        "//etc/passwd",
        "/index.html/..",
        "/index.html%00.js",
        "/.git/config",
        "/vendor/",
        "/lib",
        "/WS",
        "/ws/",
        "/login/",
        "/health",
        "/%77%73",
        "/index.html;x",
    ] {
        let answer = server.http().get(path).await;
        assert_eq!((answer.status.as_u16(), answer.error_code().as_str()), (404, "not_found"), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn failing_too_often_is_answered_429_and_says_how_long_to_wait() {
    let server = TestServer::start_with(|settings| settings.auth.throttle_address_per_minute = 10_000).await;
    let throttled = throttled_after_five(&server).await;
    assert_eq!((throttled.status.as_u16(), throttled.error_code().as_str()), (429, "too_many_attempts"));
    assert_eq!(throttled.headers["retry-after"], "1");
    assert_guarded("429", &throttled.headers);
    server.stop().await;
}

/// The answer to the right password behind five wrong ones. Waiting costs a second; a machine that takes longer to ask
/// tries with another account.
async fn throttled_after_five(server: &TestServer) -> Response {
    for n in 0..20 {
        let name = format!("alice{n}");
        server.account(&name, Role::Member).await;
        let wrong = json!({"username": name, "password": "wrong horse battery staple"});
        let mut failed = Instant::now();
        for _ in 0..5 {
            failed = Instant::now();
            let refused = server.http().post("/login", &wrong).await;
            assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (401, "bad_credentials"));
        }
        // The right password does not help now, or guesses could go on unpunished.
        let right = server.http().post("/login", &json!({"username": name, "password": PASSWORD})).await;
        if right.status != 200 {
            return right;
        }
        assert!(failed.elapsed() >= Duration::from_secs(1), "it did not have to wait");
    }
    panic!("this machine is too slow to ask again within a second");
}

#[tokio::test]
async fn an_address_that_fails_too_often_is_throttled_whatever_the_names() {
    let server = TestServer::start_with(|settings| {
        settings.auth.throttle_address_per_minute = 3;
        settings.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    server.account("alice", Role::Member).await;
    let login = async |name: &str, password: &str, from: &str| {
        let body = json!({"username": name, "password": password});
        server.http().post_with("/login", &body, &[("x-forwarded-for", from)]).await
    };
    for n in 0..3 {
        assert_eq!(login(&format!("nobody{n}"), "x", "192.0.2.1").await.status, 401);
    }
    let throttled = login("alice", PASSWORD, "192.0.2.1").await;
    assert_eq!(throttled.status, 429);
    let wait: u64 = throttled.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // What stands further left was written by the client itself.
    assert_eq!(login("alice", PASSWORD, "198.51.100.7, 192.0.2.1").await.status, 429);
    assert_eq!(login("alice", PASSWORD, "192.0.2.1, 198.51.100.7").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_are_answered_alike() {
    let server = TestServer::start().await;
    server.account("alice", Role::Member).await;
    let answer = async |username: &str, password: &str| {
        let answer = server.http().post("/login", &json!({"username": username, "password": password})).await;
        let mut headers = answer.headers.clone();
        headers.remove("date");
        (answer.status, headers, answer.body)
    };
    let expected = answer("alice", "wrong horse battery staple").await;
    assert_eq!(expected.0, 401);
    assert_eq!(answer("nobody", PASSWORD).await, expected);
    assert_eq!(answer("a b", PASSWORD).await, expected, "what cannot be a name");
    assert_eq!(answer("", "").await, expected);
    assert_eq!(answer("alice", &"x".repeat(3_000)).await, expected);
    server.stop().await;
}

#[tokio::test]
async fn more_logins_than_may_wait_are_answered_503_and_the_others_get_in() {
    let server = TestServer::start_with(|settings| {
        settings.auth.hash_concurrency = 1;
        settings.auth.hash_queue = 2;
    })
    .await;
    server.account("alice", Role::Member).await;
    let (http, body) = (server.http(), json!({"username": "alice", "password": PASSWORD}));
    let answers = join_all((0..20).map(|_| http.post("/login", &body))).await;
    let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert!(with(200) >= 1 && with(503) >= 1, "{} got in, {} were refused", with(200), with(503));
    assert_eq!(with(200) + with(503), 20);
    for refused in answers.iter().filter(|answer| answer.status == 503) {
        assert_eq!(refused.error_code(), "unavailable");
        assert!(refused.headers.contains_key("retry-after"));
    }
    assert_eq!(http.post("/login", &body).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn metrics_are_for_this_machine_unless_the_settings_say_otherwise() {
    for (access, status) in [(MetricsAccess::Loopback, 403), (MetricsAccess::Anyone, 200)] {
        let server = TestServer::start_with(|settings| {
            settings.http.metrics = access;
            settings.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        })
        .await;
        assert_eq!(server.http().get("/metrics").await.status, 200);
        let from_elsewhere = [("x-forwarded-for", "192.0.2.1")];
        let answer = request(&server, "GET", "/metrics", &from_elsewhere, "").await;
        assert_eq!(answer.status.as_u16(), status, "{access:?}");
        server.stop().await;
    }
}
