//! Pages of others: refused before anything is decided.

use crate::support::{Http, TestClient, TestServer};
use hyper::Request;
use serde_json::json;

/// Origins that are not this server's, however much they look like it.
fn foreign(http: Http) -> Vec<String> {
    let port = http.address.port();
    vec![
        "null".to_owned(),
        String::new(),
        "https://evil.example".to_owned(),
        format!("http://evil.example:{port}"),
        format!("http://127.0.0.1.evil.example:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://evil-127.0.0.1:{port}"),
        format!("http://127.0.0.1@evil.example:{port}"),
        format!("http://user@127.0.0.1:{port}"),
        format!("http://127.0.0.1:{}", port.wrapping_add(1).max(1)),
        "http://127.0.0.1".to_owned(),
        format!("http://localhost:{port}"),
        format!("http://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}/page"),
        format!("http://127.0.0.1:{port}, http://evil.example"),
        format!("ws://127.0.0.1:{port}"),
        format!("//127.0.0.1:{port}"),
        format!("127.0.0.1:{port}"),
        "file://".to_owned(),
        "chrome-extension://abcdefghijklmnop".to_owned(),
    ]
}

#[tokio::test]
async fn a_foreign_page_opens_no_socket_and_spends_no_otp() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let otp = server.otp(&alice.session, None).await;
    let path = format!("/ws?otp={otp}");
    for origin in foreign(server.http()) {
        let refused = server.http().upgrade(&path, &[("origin", &origin)]).await;
        assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (403, "forbidden_origin"), "{origin:?}");
    }
    // A browser's cookie without the page it comes from.
    let cookie = format!("__Host-session={}", alice.session);
    assert_eq!(server.http().upgrade(&path, &[("cookie", &cookie)]).await.error_code(), "forbidden_origin");
    let ours = server.http().origin();
    let twice = [("origin", ours.as_str()), ("origin", "http://evil.example")];
    assert_eq!(server.http().upgrade(&path, &twice).await.status, 403);
    let socket = TestClient::open_with(server.http(), &path, &[("origin", &ours)]).await.expect("it was not touched");
    TestClient::arrive("alice", &alice.session, socket).await.says("general", "in").await;
    server.stop().await;
}

#[tokio::test]
async fn a_foreign_page_signs_nobody_in_or_out() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    let cookie = format!("__Host-session={}", alice.session);
    let login = json!({"username": "alice", "password": crate::support::PASSWORD});
    for origin in foreign(server.http()) {
        for path in ["/login", "/logout", "/otp", "/setup", "/invitations", "/invitations/check", "/invitations/accept"]
        {
            let refused = server.http().post_with(path, &login, &[("origin", &origin), ("cookie", &cookie)]).await;
            assert_eq!(refused.error_code(), "forbidden_origin", "{path} from {origin:?}");
            assert!(refused.headers.get("set-cookie").is_none());
            assert!(refused.headers.get("access-control-allow-origin").is_none());
        }
    }
    alice.says("general", "still signed in").await;
    server.stop().await;
}

/// A browser may leave `Origin` out; then it says by another header where a request comes from.
#[tokio::test]
async fn a_cookie_needs_a_page_of_ours() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let cookie = format!("__Host-session={}", alice.session);
    let post = async |headers: &[(&str, &str)]| {
        let headers = [&[("cookie", cookie.as_str())], headers].concat();
        server.http().post_with("/otp", &json!({}), &headers).await.status.as_u16()
    };
    assert_eq!(post(&[]).await, 403);
    for site in ["cross-site", "same-site", "none", "Same-Origin", ""] {
        assert_eq!(post(&[("sec-fetch-site", site)]).await, 403, "{site:?}");
    }
    assert_eq!(post(&[("sec-fetch-site", "same-origin")]).await, 200);
    let ours = server.http().origin();
    assert_eq!(post(&[("origin", &ours)]).await, 200);
    let foreign = [("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")];
    assert_eq!(post(&foreign).await, 403);
    let delete = Request::delete("/invitations/1").header("cookie", &cookie);
    assert_eq!(server.http().send(delete, Vec::new()).await.status, 403);
    server.stop().await;
}

#[tokio::test]
async fn cross_origin_reading_stays_off() {
    let server = TestServer::start().await;
    let preflight = Request::options("/login")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let answer = server.http().send(preflight, Vec::new()).await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")));
    server.stop().await;
}

#[tokio::test]
async fn a_listed_origin_is_ours_and_an_otp_stays_with_the_page_that_asked() {
    let server = TestServer::start_with(|settings| {
        settings.http.allowed_origins = vec!["https://app.example".to_owned()];
    })
    .await;
    let alice = server.client("alice").await;
    let cookie = format!("__Host-session={}", alice.session);
    let asked = [("cookie", cookie.as_str()), ("origin", "https://app.example")];
    let otp = async || {
        let answer = server.http().post_with("/otp", &json!({}), &asked).await;
        assert_eq!(answer.status, 200);
        format!("/ws?otp={}", answer.json()["otp"].as_str().unwrap())
    };
    let from = async |path: String, origin: &str| server.http().upgrade(&path, &[("origin", origin)]).await.status;
    assert_eq!(from(otp().await, "https://app.example").await, 101);
    assert_eq!(from(otp().await, "https://app.example.evil.example").await, 403);
    assert_eq!(from(otp().await, "http://app.example").await, 403);
    assert_eq!(from(otp().await, &server.http().origin()).await, 401, "asked for by another page");
    server.stop().await;
}

#[tokio::test]
async fn only_listed_hosts_are_served() {
    let server = TestServer::start_with(|settings| settings.http.hosts = vec!["chat.example".to_owned()]).await;
    let status = async |host: &str| {
        let answer = server.http().send(Request::get("/health/live").header("host", host), Vec::new()).await;
        (answer.status.as_u16(), (answer.status != 200).then(|| answer.error_code()))
    };
    assert_eq!(status("chat.example").await, (200, None));
    assert_eq!(status("Chat.Example:8080").await, (200, None));
    for host in ["evil.example", "chat.example.evil.example", "127.0.0.1", "chat.example@evil.example", "a b", ""] {
        assert_eq!(status(host).await, (421, Some("misdirected".to_owned())), "{host:?}");
    }
    server.stop().await;
}
