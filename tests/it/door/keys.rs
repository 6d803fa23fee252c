//! API keys.

use crate::support::{Response, TestServer};
use hyper::{Method, Request};
use serde_json::{Value, json};
use switchboard::{
    auth::{KeyRequest, MadeKey, Secret, make_key},
    model::{KeyName, Role},
    storage::NewKey,
};

/// Signs in somebody of this role.
async fn session_of(server: &TestServer, name: &str, role: Role) -> String {
    server.account(name, role).await;
    server.login(name, None).await.0
}

/// Makes a key as the command line does.
async fn made(server: &TestServer, name: &str, scope: &str) -> MadeKey {
    let request =
        KeyRequest { name: KeyName::parse(name).unwrap(), scopes: vec![scope.parse().unwrap()], expires_in: None };
    make_key(&**server.server().store(), request).await.unwrap()
}

/// Puts in a key that has expired.
async fn expired(server: &TestServer) -> Secret {
    let secret = Secret::random_key().unwrap();
    let key = NewKey {
        name: KeyName::parse("expired").unwrap(),
        token_hash: secret.key_hash().unwrap(),
        hint: secret.expose()[..10].to_owned(),
        scopes: vec!["admin".parse().unwrap()],
        expires_at: Some(1),
        at: 0,
    };
    server.server().store().create_key(key).await.unwrap();
    secret
}

async fn send(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let builder = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    server.http().send(builder, body.as_bytes().to_vec()).await
}

async fn with_key(server: &TestServer, key: &str, method: Method, path: &str, body: Value) -> Response {
    send(server, method, path, &[("authorization", &format!("Bearer {key}"))], &body.to_string()).await
}

async fn list_with(server: &TestServer, key: &str) -> Response {
    with_key(server, key, Method::GET, "/keys", Value::Null).await
}

async fn as_page(server: &TestServer, session: &str, method: Method, path: &str, body: Value) -> Response {
    let (cookie, origin) = (format!("__Host-session={session}"), server.http().origin());
    send(server, method, path, &[("cookie", &cookie), ("origin", &origin)], &body.to_string()).await
}

fn assert_refused(what: &str, answer: &Response, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.error_code().as_str()), (status, code), "{what}");
    assert_eq!(answer.headers.contains_key("www-authenticate"), code == "bad_key", "{what}");
}

#[tokio::test]
async fn the_owner_makes_lists_and_revokes_keys() {
    let server = TestServer::start().await;
    let owner = session_of(&server, "owner", Role::Owner).await;
    let wanted = json!({"name": "Shop", "scopes": ["publish:news.*", "otp"], "expires_in_secs": 3_600});
    let answer = as_page(&server, &owner, Method::POST, "/keys", wanted.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.headers["cache-control"].to_str().unwrap()), (201, "no-store"));
    let mut made = answer.json();
    let key = made.as_object_mut().unwrap().remove("key").unwrap().as_str().unwrap().to_owned();
    assert!(key.starts_with("sbk_") && key.len() == 47, "{key}");
    assert_eq!((&made["name"], &made["hint"]), (&json!("Shop"), &json!(key[..10])));
    assert_eq!((&made["scopes"], &made["last_used"]), (&json!(["publish:news.*", "otp"]), &Value::Null));
    let life = made["expires_at"].as_i64().unwrap() - made["created_at"].as_i64().unwrap();
    assert_eq!(life, 3_600_000);

    let listed = as_page(&server, &owner, Method::GET, "/keys", Value::Null).await;
    assert_eq!(listed.headers["cache-control"], "no-store");
    assert_eq!(listed.json(), json!({"keys": [made]}), "the same without its secret");
    let taken = as_page(&server, &owner, Method::POST, "/keys", json!({"name": "SHOP", "scopes": ["otp"]})).await;
    assert_refused("a taken name", &taken, 409, "name_taken");

    let path = format!("/keys/{}", made["id"]);
    let revoke = async || as_page(&server, &owner, Method::DELETE, &path, Value::Null).await;
    assert_eq!(revoke().await.status, 204);
    assert_refused("a revoked key", &revoke().await, 404, "not_found");
    assert_refused("no key", &as_page(&server, &owner, Method::DELETE, "/keys/x", Value::Null).await, 404, "not_found");
    let listed = as_page(&server, &owner, Method::GET, "/keys", Value::Null).await;
    assert_eq!(listed.json(), json!({"keys": []}));
    assert_eq!(as_page(&server, &owner, Method::POST, "/keys", wanted).await.status, 201, "the name is free again");
    server.stop().await;
}

#[tokio::test]
async fn an_admin_key_makes_lists_and_revokes_keys() {
    let server = TestServer::start().await;
    let admin = made(&server, "admin", "admin").await.secret;
    let admin = admin.expose();
    let wanted = json!({"name": "shop", "scopes": ["publish:*"]});
    let answer = with_key(&server, admin, Method::POST, "/keys", wanted).await;
    assert_eq!(answer.status, 201);
    let (shop, path) = (answer.json()["key"].as_str().unwrap().to_owned(), format!("/keys/{}", answer.json()["id"]));
    assert_eq!(answer.json()["expires_at"], Value::Null);
    let listed = list_with(&server, admin).await;
    let names: Vec<_> = listed.json()["keys"].as_array().unwrap().iter().map(|key| key["name"].clone()).collect();
    assert_eq!(names, ["admin", "shop"]);
    let body = String::from_utf8(listed.body.to_vec()).unwrap();
    assert!(!body.contains(admin) && !body.contains(&shop), "{body}");
    assert_refused("another scope", &list_with(&server, &shop).await, 403, "forbidden");
    assert_eq!(with_key(&server, admin, Method::DELETE, &path, Value::Null).await.status, 204);
    assert_refused("a revoked key", &list_with(&server, &shop).await, 401, "bad_key");
    // Without regard to the scheme's case; a cookie beside the key changes nothing, but then a page must have sent it.
    let cookie = ("cookie", "__Host-session=x");
    let (lower, foreign) = (format!("bearer {admin}"), ("origin", "https://evil.example"));
    assert_eq!(send(&server, Method::GET, "/keys", &[("authorization", &lower), cookie], "").await.status, 200);
    let page = send(&server, Method::GET, "/keys", &[("authorization", &lower), foreign], "").await;
    assert_refused("a foreign page", &page, 403, "forbidden_origin");
    server.stop().await;
}

#[tokio::test]
async fn nobody_else_deals_with_keys() {
    let server = TestServer::start().await;
    let owner = session_of(&server, "owner", Role::Owner).await;
    let wanted = json!({"name": "shop", "scopes": ["otp"]});
    for (name, role) in [("admin", Role::Admin), ("member", Role::Member)] {
        let session = session_of(&server, name, role).await;
        for (method, path) in [(Method::GET, "/keys"), (Method::POST, "/keys"), (Method::DELETE, "/keys/1")] {
            let answer = as_page(&server, &session, method.clone(), path, wanted.clone()).await;
            assert_refused(&format!("{name} {method}"), &answer, 403, "forbidden");
        }
    }
    let answer = as_page(&server, &"A".repeat(43), Method::GET, "/keys", Value::Null).await;
    assert_refused("no session", &answer, 401, "unauthorized");
    let cookie = format!("__Host-session={owner}");
    let answer = send(&server, Method::POST, "/keys", &[("cookie", &cookie)], &wanted.to_string()).await;
    assert_refused("no page of ours", &answer, 403, "forbidden_origin");
    assert!(server.server().store().keys().await.unwrap().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn whatever_is_no_good_key_gets_one_answer() {
    let server = TestServer::start().await;
    let good = made(&server, "good", "admin").await;
    let revoked = made(&server, "revoked", "admin").await;
    // Another process, as the command line is.
    let elsewhere = server.store_of_another_process();
    assert!(elsewhere.revoke_key(revoked.key.id).await.unwrap());
    elsewhere.close().await;
    let bearer = |key: &str| format!("Bearer {key}");
    let (good_key, expired) = (good.secret.expose(), expired(&server).await);
    let good = bearer(good_key);
    let lines = |lines: &[String]| lines.to_vec();
    let expected = send(&server, Method::GET, "/keys", &[], "").await;
    assert_refused("missing", &expected, 401, "bad_key");
    assert_eq!(expected.headers["www-authenticate"], "Bearer");
    for (what, lines) in [
        ("wrong", lines(&[bearer(Secret::random_key().unwrap().expose())])),
        ("revoked", lines(&[bearer(revoked.secret.expose())])),
        ("expired", lines(&[bearer(expired.expose())])),
        ("cut", lines(&[bearer(&good_key[..46])])),
        ("longer", lines(&[format!("{good}A")])),
        ("another scheme", lines(&[format!("Basic {good_key}")])),
        ("no scheme", lines(&[good_key.to_owned()])),
        ("twice", lines(&[good.clone(), good.clone()])),
        ("empty", lines(&[String::new()])),
    ] {
        let headers: Vec<_> = lines.iter().map(|line| ("authorization", line.as_str())).collect();
        let answer = send(&server, Method::GET, "/keys", &headers, "").await;
        assert_refused(what, &answer, 401, "bad_key");
        assert_eq!(answer.body, expected.body, "{what}");
    }
    assert_eq!(list_with(&server, good_key).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_another_process_revokes_publishes_nothing_more() {
    let server = TestServer::start().await;
    let key = made(&server, "shop", "publish:news.*").await;
    let secret = key.secret.expose();
    let publish = async |channel| {
        let body = json!({"channel": channel, "data": 1});
        with_key(&server, secret, Method::POST, "/publish", body).await
    };
    assert_eq!(publish("news.all").await.status, 200);
    assert_refused("another channel", &publish("other").await, 403, "forbidden");
    let elsewhere = server.store_of_another_process();
    assert!(elsewhere.revoke_key(key.key.id).await.unwrap());
    elsewhere.close().await;
    assert_refused("revoked", &publish("news.all").await, 401, "bad_key");
    assert_refused("revoked, another channel", &publish("other").await, 401, "bad_key");
    server.stop().await;
}

#[tokio::test]
async fn a_key_does_not_belong_in_a_url() {
    let server = TestServer::start().await;
    let admin = made(&server, "admin", "admin").await.secret;
    for query in ["key", "api_key", "access_token", "anything"] {
        let path = format!("/keys?{query}={}", admin.expose());
        let answer = list_at(&server, admin.expose(), &path).await;
        assert_refused(query, &answer, 400, "bad_payload");
        let message = answer.json()["error"]["message"].to_string();
        assert!(message.contains("Authorization: Bearer") && !message.contains(admin.expose()), "{message}");
    }
    assert_eq!(list_at(&server, admin.expose(), "/keys?page=1").await.status, 200);
    server.stop().await;
}

async fn list_at(server: &TestServer, key: &str, path: &str) -> Response {
    with_key(server, key, Method::GET, path, Value::Null).await
}

#[tokio::test]
async fn what_a_key_shall_be_is_checked_and_the_field_named() {
    let server = TestServer::start().await;
    let admin = made(&server, "admin", "admin").await.secret;
    let scopes: Vec<_> = (0..21).map(|n| format!("publish:n{n}")).collect();
    for (field, wanted) in [
        ("name", json!({"scopes": ["otp"]})),
        ("name", json!({"name": "a b", "scopes": ["otp"]})),
        ("name", json!({"name": "x".repeat(65), "scopes": ["otp"]})),
        ("scopes", json!({"name": "x"})),
        ("scopes", json!({"name": "x", "scopes": []})),
        ("scopes", json!({"name": "x", "scopes": scopes})),
        ("scopes", json!({"name": "x", "scopes": ["publish"]})),
        ("scopes", json!({"name": "x", "scopes": ["root"]})),
        ("expires_in_secs", json!({"name": "x", "scopes": ["otp"], "expires_in_secs": 59})),
        ("expires_in_secs", json!({"name": "x", "scopes": ["otp"], "expires_in_secs": 315_576_001})),
        ("expires_in_secs", json!({"name": "x", "scopes": ["otp"], "expires_in_secs": -1})),
    ] {
        let answer = with_key(&server, admin.expose(), Method::POST, "/keys", wanted.clone()).await;
        assert_refused(&wanted.to_string(), &answer, 400, "bad_payload");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(field), "{wanted}: {message}");
    }
    // Who may not make keys is not told what is wrong with them.
    let stranger = send(&server, Method::POST, "/keys", &[], "{").await;
    assert_refused("a stranger", &stranger, 401, "bad_key");
    assert_eq!(server.server().store().keys().await.unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn failing_too_often_is_answered_429_while_a_good_key_passes() {
    let server = TestServer::start_with(|settings| {
        settings.auth.throttle_keys_per_minute = 3;
        settings.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let (admin, other) = (made(&server, "admin", "admin").await.secret, made(&server, "other", "otp").await.secret);
    let from = async |key: &str, address: &str| {
        let headers = [("authorization", &*format!("Bearer {key}")), ("x-forwarded-for", address)];
        send(&server, Method::GET, "/keys", &headers, "").await
    };
    let wrong = Secret::random_key().unwrap();
    assert_refused("wrong", &from(wrong.expose(), "192.0.2.1").await, 401, "bad_key");
    assert_refused("another scope", &from(other.expose(), "192.0.2.1").await, 403, "forbidden");
    assert_refused("malformed", &from("x", "192.0.2.1").await, 401, "bad_key");
    for (what, key) in [("wrong", &wrong), ("another scope", &other)] {
        let throttled = from(key.expose(), "192.0.2.1").await;
        assert_refused(what, &throttled, 429, "too_many_attempts");
        let wait: u64 = throttled.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(from(admin.expose(), "192.0.2.1").await.status, 200, "a good key passes");
    }
    assert_refused("elsewhere", &from(wrong.expose(), "198.51.100.7").await, 401, "bad_key");
    server.stop().await;
}

#[tokio::test]
async fn a_use_is_seen_in_the_list() {
    let server = TestServer::start().await;
    let admin = made(&server, "admin", "admin").await.secret;
    made(&server, "unused", "otp").await;
    let first = list_with(&server, admin.expose()).await;
    assert_eq!(first.json()["keys"][1]["last_used"], Value::Null);
    let noted = async {
        loop {
            let used = list_with(&server, admin.expose()).await.json()["keys"][0]["last_used"].clone();
            if !used.is_null() {
                return used;
            }
        }
    };
    let noted = tokio::time::timeout(crate::support::BUDGET, noted).await.expect("it is noted");
    assert!(noted.is_i64());
    server.stop().await;
}
