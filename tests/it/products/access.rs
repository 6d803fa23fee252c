//! Who may.

use super::*;
use switchboard::model::Role;

#[tokio::test]
async fn members_and_keys_with_the_scope_read_and_write_and_nobody_else() {
    let server = TestServer::start().await;
    server.account("alice", Role::Member).await;
    let (session, _) = server.login("alice", None).await;
    let alice = Editor::member(server.http(), &session);
    let shop = Editor::of(&server).await;
    let id = alice.makes(&anvil()).await;
    assert_eq!(shop.put(id, &named("Rocket")).await.status, 200);
    assert_eq!(alice.get(&format!("/products/{id}")).await.status, 200);
    let other = Editor::with_key(server.http(), &server.key("publish:*").await);
    let revoked = server.made_key("revoked", &["products"]).await;
    let late = Editor::with_key(server.http(), revoked.secret.expose());
    assert_eq!(late.get("/products").await.status, 200);
    server.server().store().revoke_key(revoked.key.id).await.unwrap();
    let nobody = Editor { http: server.http(), headers: Vec::new() };
    let stranger = Editor::member(server.http(), "nobody's");
    for (what, editor, status, code) in [
        ("neither", &nobody, 401, "bad_key"),
        ("a revoked key", &late, 401, "bad_key"),
        ("another scope", &other, 403, "forbidden"),
        ("no session", &stranger, 401, "unauthorized"),
    ] {
        let (path, body) = (format!("/products/{id}"), anvil().to_string());
        for (method, path) in [
            (Method::GET, "/products"),
            (Method::POST, "/products"),
            (Method::GET, &path),
            (Method::PUT, &path),
            (Method::DELETE, &path),
        ] {
            let body = if method == Method::GET || method == Method::DELETE { String::new() } else { body.clone() };
            let answer = editor.send(method.clone(), path, body).await;
            assert_refused(&format!("{what} {method} {path}"), &answer, status, code);
            assert_eq!(answer.headers.contains_key("www-authenticate"), code == "bad_key");
        }
    }
    assert_eq!(shop.get("/products").await.json()["products"][0]["productName"], "Rocket");
    let in_url = shop.get("/products?key=sbk_x").await;
    assert_refused("a key in the URL", &in_url, 400, "bad_payload");
    server.stop().await;
}

#[tokio::test]
async fn foreign_pages_and_hosts_are_refused_as_problems() {
    let server = TestServer::start_with(|settings| settings.http.hosts = vec!["shop.example.org".to_owned()]).await;
    server.account("alice", Role::Member).await;
    let http = server.http();
    let host = ("host".to_owned(), "shop.example.org".to_owned());
    let headers = |more: &[(&str, &str)]| {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Editor { http, headers: std::iter::once(host.clone()).chain(more).collect() }
    };
    let login = json!({"username": "alice", "password": crate::support::PASSWORD}).to_string();
    let login = headers(&[]).send(Method::POST, "/login", login).await;
    let cookie = format!("__Host-session={}", login.cookie("__Host-session").unwrap());
    let foreign = headers(&[("cookie", &cookie), ("origin", "https://evil.example")]);
    assert_refused("POST", &foreign.post(&anvil()).await, 403, "forbidden_origin");
    assert_refused("GET", &foreign.get("/products").await, 403, "forbidden_origin");
    let silent = headers(&[("cookie", &cookie)]);
    assert_refused("no page", &silent.post(&anvil()).await, 403, "forbidden_origin");
    assert_eq!(silent.get("/products").await.status, 200);
    let same = headers(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")]);
    assert_eq!(same.post(&anvil()).await.status, 201);
    let elsewhere = Editor { http, headers: vec![("host".to_owned(), "other.example.org".to_owned())] };
    assert_refused("another host", &elsewhere.get("/products").await, 421, "misdirected");
    let page = elsewhere.get("/productsX").await;
    assert_eq!(header(&page, "content-type"), "application/json", "only ours are problems");
    server.stop().await;
}

#[tokio::test]
async fn members_write_at_their_pace_and_keys_at_theirs() {
    let server = TestServer::start_with(|settings| {
        (settings.socket.events_per_sec, settings.socket.events_burst) = (1, 5);
        settings.auth.throttle_keys_per_minute = 3;
    })
    .await;
    server.account("alice", Role::Member).await;
    let (session, _) = server.login("alice", None).await;
    let alice = Editor::member(server.http(), &session);
    let mut made = 0;
    let refused = loop {
        let answer = alice.post(&anvil()).await;
        match answer.status.as_u16() {
            201 => made += 1,
            _ => break answer,
        }
    };
    assert!(made >= 5, "{made}");
    assert_refused("too fast", &refused, 429, "too_many_requests");
    assert_eq!(header(&refused, "retry-after"), "1");
    assert_eq!(alice.get("/products").await.status, 200, "reading is not writing");
    let shop = Editor::of(&server).await;
    for _ in 0..20 {
        assert_eq!(shop.post(&anvil()).await.status, 201);
    }
    let wrong = Editor::with_key(server.http(), &format!("sbk_{}", "A".repeat(43)));
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(wrong.get("/products").await.error_code());
    }
    assert_eq!((codes[0].as_str(), codes[5].as_str()), ("bad_key", "too_many_attempts"));
    assert_eq!(shop.get("/products").await.status, 200, "the right key passes");
    server.stop().await;
}
