//! The end of a session is the end of its sockets, whoever ends it.

use crate::support::{TestClient, TestServer};
use hyper::Request;
use serde_json::json;
use switchboard::{
    auth::Secret,
    model::{Credential, Role, SessionId, UserName},
    storage::NewSession,
};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

fn signed_out(close: &CloseFrame) -> bool {
    (u16::from(close.code), close.reason.as_str()) == (4001, "signed_out")
}

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

#[tokio::test]
async fn logout_closes_the_sockets_of_its_session_and_no_others() {
    let server = TestServer::start().await;
    server.account("alice", Role::Member).await;
    let [(on_laptop, _), (on_phone, _)] = [server.login("alice", None).await, server.login("alice", None).await];
    let mut laptop = server.returns("alice", &on_laptop, None).await;
    let mut laptop_too = server.returns("alice", &laptop.session, None).await;
    let mut phone = server.returns("alice", &on_phone, None).await;
    let mut bob = server.client("bob").await;
    assert_ne!(laptop.session, phone.session, "every login has its own session");
    let held = server.otp(&laptop.session, None).await;
    let answer = server.http().post_as(&laptop.session, "/logout", &json!({})).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.cookie("__Host-session").as_deref(), Some(""), "the browser forgets it");
    assert!(signed_out(&laptop.is_closed().await));
    assert!(signed_out(&laptop_too.is_closed().await));
    for path in ["/otp", "/logout"] {
        let refused = server.http().post_as(&laptop.session, path, &json!({})).await;
        assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (401, "unauthorized"), "{path}");
    }
    assert_eq!(TestClient::open(server.http(), &held).await.err(), Some(401));
    phone.says("general", "still here").await;
    bob.says("general", "me too").await;
    server.stop().await;
}

#[tokio::test]
async fn an_account_that_another_process_disables_is_out() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    let held = server.otp(&alice.session, None).await;
    let elsewhere = server.store_of_another_process();
    assert!(elsewhere.disable_account(&name("alice")).await.unwrap());
    assert!(signed_out(&alice.is_closed().await));
    assert_eq!(TestClient::open(server.http(), &held).await.err(), Some(401));
    let refused = server.http().post_as(&alice.session, "/otp", &json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (401, "unauthorized"));
    // Signing in anew is refused as any wrong password is.
    let right = json!({"username": "alice", "password": crate::support::PASSWORD});
    let wrong = json!({"username": "nobody", "password": crate::support::PASSWORD});
    let [right, wrong] = [server.http().post("/login", &right).await, server.http().post("/login", &wrong).await];
    assert_eq!((right.status, &right.body), (wrong.status, &wrong.body));
    assert_eq!(right.error_code(), "bad_credentials");
    bob.says("general", "still here").await;
    elsewhere.close().await;
    server.stop().await;
}

#[tokio::test]
async fn a_session_that_another_process_ends_loses_its_sockets() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    let elsewhere = server.store_of_another_process();
    elsewhere.end_session(session_of(&server, "alice").await).await.unwrap();
    assert!(signed_out(&alice.is_closed().await));
    assert_eq!(server.http().post_as(&alice.session, "/otp", &json!({})).await.status, 401);
    let mut again = server.client("alice").await;
    again.says("general", "signed in again").await;
    bob.says("general", "still here").await;
    elsewhere.close().await;
    server.stop().await;
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_of_the_account() {
    let server = TestServer::start().await;
    let mut laptop = server.client("alice").await;
    let mut phone = server.client("alice").await;
    let hash = server.server().store().account(&name("alice")).await.unwrap().unwrap().password_hash;
    let elsewhere = server.store_of_another_process();
    assert!(elsewhere.reset_password(&name("alice"), &hash).await.unwrap());
    assert!(signed_out(&laptop.is_closed().await));
    assert!(signed_out(&phone.is_closed().await));
    elsewhere.close().await;
    server.stop().await;
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_an_otp_does_not() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let session = alice.session.clone();
    let held = server.otp(&session, None).await;
    drop(alice);
    let server = server.restart().await;
    assert_eq!(TestClient::open(server.http(), &held).await.err(), Some(401));
    server.returns("alice", &session, None).await.says("general", "back").await;
    server.stop().await;
}

#[tokio::test]
async fn only_a_session_of_ours_is_one() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let good = alice.session.clone();
    let ours = server.http().origin();
    for (what, cookie) in [
        ("none", String::new()),
        ("empty", "__Host-session=".to_owned()),
        ("wrong", format!("__Host-session={}", "A".repeat(43))),
        ("cut", format!("__Host-session={}", &good[..42])),
        ("longer", format!("__Host-session={good}A")),
        ("by another name", format!("session={good}")),
        ("in another case", format!("__host-session={good}")),
        ("behind a wrong one", format!("__Host-session=x; __Host-session={good}")),
        ("large", format!("__Host-session={}", "A".repeat(4_000))),
    ] {
        let refused = server.http().post_with("/otp", &json!({}), &[("cookie", &cookie), ("origin", &ours)]).await;
        assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (401, "unauthorized"), "{what}");
        let list = Request::get("/invitations").header("cookie", &cookie);
        assert_eq!(server.http().send(list, Vec::new()).await.status, 401, "{what}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_cookies_are_for_this_host_and_no_script() {
    let server = TestServer::start().await;
    server.account("alice", Role::Member).await;
    let login = json!({"username": "alice", "password": crate::support::PASSWORD});
    let answer = server.http().post("/login", &login).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 2);
    for cookie in cookies {
        let attributes: Vec<_> = cookie.split("; ").skip(1).collect();
        for needed in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(attributes.contains(&needed), "{needed} is missing: {attributes:?}");
        }
        assert!(cookie.starts_with("__Host-") && !cookie.contains("Domain"));
    }
    server.stop().await;
}

/// However the two meet: nobody stays whose session has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_opens_while_its_session_ends_is_closed() {
    let server = TestServer::start().await;
    server.account("alice", Role::Member).await;
    let user = server.server().store().account(&name("alice")).await.unwrap().unwrap().user.id;
    for _ in 0..100 {
        let token = Secret::random().unwrap();
        let session = NewSession { user, token_hash: token.token_hash().unwrap(), at: now() };
        server.server().store().create_session(session).await.unwrap();
        let otp = server.otp(token.expose(), None).await;
        let http = server.http();
        let opening = tokio::spawn(async move { TestClient::open(http, &otp).await });
        let answer = http.post_as(token.expose(), "/logout", &json!({})).await;
        assert_eq!(answer.status, 204);
        if let Ok(socket) = opening.await.unwrap() {
            let close = TestClient::new("alice", token.expose(), socket).is_closed().await;
            assert!(signed_out(&close), "{close:?}");
        }
    }
    server.stop().await;
}

fn now() -> i64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap()
}

async fn session_of(server: &TestServer, user: &str) -> SessionId {
    let account = server.server().store().account(&name(user)).await.unwrap().unwrap();
    match server.server().manager().clients().of_user(account.user.id)[0].credential() {
        Credential::Session(session) => session,
        Credential::Key(key) => panic!("admitted by key {key}"),
    }
}
