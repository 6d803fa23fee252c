//! The setup link and invitations.

use crate::support::{PASSWORD, Response, TestServer};
use futures_util::future::join_all;
use hyper::Request;
use serde_json::{Value, json};
use switchboard::{auth::Secret, model::Role, storage::NewInvitation};

fn setup_token(server: &TestServer) -> String {
    let link = server.server().setup_link().expect("a new server has one");
    link.split_once("/#setup=").expect("a setup link").1.to_owned()
}

fn person(token: &str, username: &str) -> Value {
    json!({"token": token, "username": username, "password": PASSWORD})
}

async fn accepts(server: &TestServer, token: &str, username: &str) -> Response {
    server.http().post("/invitations/accept", &person(token, username)).await
}

/// Signs in somebody of this role.
async fn session_of(server: &TestServer, name: &str, role: Role) -> String {
    server.account(name, role).await;
    server.login(name, None).await.0
}

async fn invites(server: &TestServer, session: &str, link: Value) -> Value {
    let answer = server.http().post_as(session, "/invitations", &link).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.json()
}

#[tokio::test]
async fn the_setup_link_makes_the_owner_once() {
    let server = TestServer::start().await;
    let token = setup_token(&server);
    assert_eq!(server.http().get("/setup").await.json()["needed"], true);
    for (what, body, status, code) in [
        ("a wrong token", person(&"A".repeat(43), "owner"), 403, "bad_token"),
        ("no token", person("", "owner"), 403, "bad_token"),
        ("a bad name", person(&token, "a b"), 400, "bad_name"),
        ("a short password", json!({"token": token, "username": "owner", "password": "x9$kfQ"}), 400, "weak_password"),
        ("no password", json!({"token": token, "username": "owner"}), 400, "bad_payload"),
    ] {
        let refused = server.http().post("/setup", &body).await;
        assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (status, code), "{what}");
    }
    let made = server.http().post("/setup", &person(&token, "owner")).await;
    assert_eq!((made.status.as_u16(), &made.json()["user"]["role"]), (200, &json!("owner")));
    assert_eq!(server.http().get("/setup").await.json()["needed"], false);
    assert!(server.server().setup_link().is_none());
    let again = server.http().post("/setup", &person(&token, "mallory")).await;
    assert_eq!((again.status.as_u16(), again.error_code().as_str()), (403, "bad_token"));
    let server = server.restart().await;
    assert!(server.server().setup_link().is_none());
    server.stop().await;
}

#[tokio::test]
async fn of_many_owners_at_once_one_is_made() {
    let server = TestServer::start().await;
    let token = setup_token(&server);
    let names: Vec<_> = (0..6).map(|n| format!("owner{n}")).collect();
    let bodies: Vec<_> = names.iter().map(|name| person(&token, name)).collect();
    let http = server.http();
    let answers = join_all(bodies.iter().map(|body| http.post("/setup", body))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 403].contains(status)), "{statuses:?}");
    assert_eq!(server.server().store().accounts().await.unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn an_account_made_elsewhere_ends_the_setup() {
    let server = TestServer::start().await;
    let token = setup_token(&server);
    server.account("first", Role::Owner).await;
    assert_eq!(server.http().get("/setup").await.json()["needed"], false);
    assert_eq!(server.http().post("/setup", &person(&token, "second")).await.error_code(), "bad_token");
    server.stop().await;
}

#[tokio::test]
async fn an_invitation_is_good_for_its_uses_and_no_more() {
    let server = TestServer::start().await;
    let owner = session_of(&server, "owner", Role::Owner).await;
    let invitation = invites(&server, &owner, json!({"uses": 2})).await;
    let token = invitation["token"].as_str().unwrap();
    let checked = server.http().post("/invitations/check", &json!({"token": token})).await.json();
    assert_eq!((&checked["role"], &checked["invited_by"]), (&json!("member"), &json!("owner")));
    let taken = accepts(&server, token, "Owner").await;
    assert_eq!((taken.status.as_u16(), taken.error_code().as_str()), (409, "name_taken"));
    let alice = accepts(&server, token, "alice").await;
    assert_eq!((alice.status.as_u16(), &alice.json()["user"]["role"]), (200, &json!("member")));
    assert_eq!(accepts(&server, token, "bob").await.status, 200, "a name that was taken cost nothing");
    let spent = accepts(&server, token, "carol").await;
    assert_eq!((spent.status.as_u16(), spent.error_code().as_str()), (403, "bad_token"));
    let check = server.http().post("/invitations/check", &json!({"token": token})).await;
    assert_eq!((check.status, &check.body), (spent.status, &spent.body));
    let (mut alice, mut bob) = (server.client("alice").await, server.client("bob").await);
    alice.says("general", "hello").await;
    assert_eq!(bob.hears("new_message").await["from"], "alice");
    server.stop().await;
}

#[tokio::test]
async fn of_many_guests_at_once_with_one_use_one_gets_in() {
    let server = TestServer::start().await;
    let owner = session_of(&server, "owner", Role::Owner).await;
    let invitation = invites(&server, &owner, json!({})).await;
    let token = invitation["token"].as_str().unwrap();
    let names: Vec<_> = (0..6).map(|n| format!("guest{n}")).collect();
    let answers = join_all(names.iter().map(|name| accepts(&server, token, name))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(server.server().store().accounts().await.unwrap().len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn an_expired_or_revoked_invitation_is_as_good_as_none() {
    let server = TestServer::start().await;
    let owner = session_of(&server, "owner", Role::Owner).await;
    let expired = Secret::random().unwrap();
    let invitation = NewInvitation {
        token_hash: expired.token_hash().unwrap(),
        role: Role::Member,
        uses: 1,
        expires_at: 1,
        created_by: None,
        at: 0,
    };
    server.server().store().create_invitation(invitation).await.unwrap();
    let revoked = invites(&server, &owner, json!({"uses": 5})).await;
    let path = format!("/invitations/{}", revoked["id"]);
    assert_eq!(revokes(&server, &owner, &path).await, 204);
    assert_eq!(revokes(&server, &owner, &path).await, 404);
    let unknown = accepts(&server, &"A".repeat(43), "alice").await;
    assert_eq!((unknown.status.as_u16(), unknown.error_code().as_str()), (403, "bad_token"));
    for token in [expired.expose(), revoked["token"].as_str().unwrap(), "", "x"] {
        let refused = accepts(&server, token, "alice").await;
        assert_eq!((refused.status, &refused.body), (unknown.status, &unknown.body));
    }
    let list = Request::get("/invitations").header("cookie", format!("__Host-session={owner}"));
    assert_eq!(server.http().send(list, Vec::new()).await.json(), json!({"invitations": []}));
    server.stop().await;
}

#[tokio::test]
async fn nobody_invites_above_themselves() {
    let server = TestServer::start().await;
    let owner = session_of(&server, "owner", Role::Owner).await;
    let admin = session_of(&server, "admin", Role::Admin).await;
    let member = session_of(&server, "member", Role::Member).await;
    for (who, session, role, status) in [
        ("owner", &owner, "owner", 403),
        ("owner", &owner, "admin", 201),
        ("owner", &owner, "member", 201),
        ("admin", &admin, "owner", 403),
        ("admin", &admin, "admin", 403),
        ("admin", &admin, "member", 201),
        ("member", &member, "member", 403),
    ] {
        let answer = server.http().post_as(session, "/invitations", &json!({"role": role})).await;
        assert_eq!(answer.status.as_u16(), status, "{who} invites {role}");
    }
    let list = Request::get("/invitations").header("cookie", format!("__Host-session={member}"));
    assert_eq!(server.http().send(list, Vec::new()).await.status, 403);
    for (field, value) in [
        ("uses", json!(0)),
        ("uses", json!(1_000_000_000)),
        ("uses", json!(-1)),
        ("expires_in_secs", json!(0)),
        ("expires_in_secs", json!(u64::MAX)),
        ("role", json!("king")),
    ] {
        let refused = server.http().post_as(&owner, "/invitations", &json!({field: value})).await;
        assert_eq!((refused.status.as_u16(), refused.error_code().as_str()), (400, "bad_payload"), "{field} {value}");
    }
    server.stop().await;
}

async fn revokes(server: &TestServer, session: &str, path: &str) -> u16 {
    let request = Request::delete(path)
        .header("cookie", format!("__Host-session={session}"))
        .header("origin", server.http().origin());
    server.http().send(request, Vec::new()).await.status.as_u16()
}
