//! y-websocket's provider as it comes from npm.

use super::{
    line::Line,
    writer::{Door, Kind, Writer},
    yjs::Yjs,
};
use crate::support::{Http, ServerProcess, TestServer};
use hyper::Request;
use serde_json::json;
use switchboard::model::Role;
use tokio::sync::watch;

async fn key(server: &TestServer) -> String {
    server.made_key("app", &["otp", "documents:app.*"]).await.secret.expose().to_owned()
}

async fn text(http: Http, key: &str, document: &str) -> String {
    let request = Request::get(format!("/documents/{document}/text")).header("authorization", format!("Bearer {key}"));
    let answer = http.send(request, Vec::new()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test]
async fn providers_see_each_others_words_and_cursors() {
    // No time passes, so that nobody is seen only because they renew themselves.
    let Some(yjs) = Yjs::start(&["--fake-clock"]) else { return };
    let server = TestServer::start().await;
    let key = key(&server).await;
    let door = |user| Door::of_external(server.http(), &key, user, "app.notes", "write");
    let ada = Writer::new(Kind::Provider, &yjs, door("Ada"), 1).await;
    let bob = Writer::new(Kind::Provider, &yjs, door("Bob"), 2).await;
    ada.does("append", json!({"insert": "one 😀\n"})).await;
    bob.does("until_text", json!({"text": "one 😀\n"})).await;
    bob.does("append", json!({"insert": "two\n"})).await;
    ada.does("until_text", json!({"text": "one 😀\ntwo\n"})).await;

    // The name is whoever the server knows them to be.
    let state = json!({"user": {"name": "Bob", "color": "#336699"}, "cursor": {"anchor": 1}});
    ada.does("shows", json!({"state": state})).await;
    let state = json!({"user": {"name": "Ada", "color": "#336699"}, "cursor": {"anchor": 1}});
    bob.does("until_others", json!({"states": [state]})).await;
    ada.goes_offline().await;
    bob.does("until_others", json!({"states": []})).await;
    // Who comes later sees them too.
    ada.comes_back().await;
    bob.does("shows", json!({"state": {"user": {"name": "Bob"}}})).await;
    let carla = Writer::new(Kind::Provider, &yjs, door("Carla"), 3).await;
    let bobs = json!({"user": {"name": "Bob"}});
    carla.does("until_others", json!({"states": [state, bobs]})).await;
    server.stop().await;
}

#[tokio::test]
async fn providers_come_back_after_a_restart_with_what_was_written_meanwhile() {
    let Some(yjs) = Yjs::start(&[]) else { return };
    let data = tempfile::tempdir().unwrap();
    let at_once = [("SWITCHBOARD__SERVER__RESTART_JITTER_SECS", "0")];
    let mut server = ServerProcess::start(data.path(), &at_once);
    let owner = server.owner().await;
    let made = server.http.post_as(&owner, "/documents", &json!({"room": "general", "name": "minutes"})).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let address = watch::Sender::new(Some(server.http.address));
    let mut writers = Vec::new();
    for seed in [1, 2] {
        let line = Line::new(address.subscribe()).await;
        let door = Door::of_member(Http { address: line.address, tls: false }, &owner, "minutes");
        let writer = Writer::new(Kind::Provider, &yjs, door, seed).await;
        writer.does("synced", json!({})).await;
        writers.push(writer.on(line));
    }
    let (mut whole, mut said) = (String::new(), 0..);
    for kill in [true, false] {
        for here in [true, false] {
            if !here {
                address.send_replace(None);
                if kill {
                    server.kill()
                } else {
                    assert!(server.terminate().success())
                }
                server = ServerProcess::start(data.path(), &at_once);
            }
            // They take turns, so that the order is known; the second only when it has heard the first.
            let line = format!("{}\n", said.next().unwrap());
            whole.push_str(&line);
            writers[0].does("append", json!({"insert": line})).await;
            address.send_replace(Some(server.http.address));
            writers[1].does("until_text", json!({"text": whole})).await;
            writers[0].saves().await;
        }
    }
    let request = Request::get("/documents/minutes/text").header("cookie", format!("__Host-session={owner}"));
    assert_eq!(server.http.send(request, Vec::new()).await.body, whole);
}

#[tokio::test]
async fn a_provider_stays_connected_while_nobody_does_anything() {
    let Some(yjs) = Yjs::start(&["--fake-clock"]) else { return };
    let server = TestServer::start().await;
    let key = key(&server).await;
    let writer =
        Writer::new(Kind::Provider, &yjs, Door::of_external(server.http(), &key, "a", "app.notes", "write"), 1).await;
    writer.does("synced", json!({})).await;
    writer.saves().await;
    // Thirty times as long as a provider that hears nothing waits; each fifteen seconds cost a round trip.
    writer.does("idles", json!({"seconds": 900})).await;
    assert_eq!(writer.does("closed_times", json!({})).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_provider_that_may_only_read_is_told_so_and_goes_on_hearing() {
    let Some(yjs) = Yjs::start(&[]) else { return };
    let server = TestServer::start().await;
    let key = key(&server).await;
    let door = |user, access| Door::of_external(server.http(), &key, user, "app.notes", access);
    let writer = Writer::new(Kind::Provider, &yjs, door("writer", "write"), 1).await;
    writer.does("append", json!({"insert": "for all to read"})).await;
    writer.saves().await;
    let reader = Writer::new(Kind::Provider, &yjs, door("reader", "read"), 2).await;
    reader.does("until_text", json!({"text": "for all to read"})).await;
    reader.does("replace", json!({"from": "all", "to": "nobody"})).await;
    let told = reader.does("until_complains", json!({})).await;
    assert!(told[0].as_str().unwrap().ends_with("\nread_only"), "{told}");
    writer.does("replace", json!({"from": "for ", "to": "there for "})).await;
    reader.does("until_text", json!({"text": "there for nobody to read"})).await;
    assert_eq!(reader.does("closed_times", json!({})).await, 0);
    writer.saves().await;
    assert_eq!(writer.state().await.text, "there for all to read");
    assert_eq!(text(server.http(), &key, "app.notes").await, "there for all to read");
    server.stop().await;
}

#[tokio::test]
async fn members_and_users_of_somebody_elses_meet_in_a_namespace() {
    let Some(yjs) = Yjs::start(&[]) else { return };
    let server = TestServer::start_with(|settings| {
        settings.document.namespace[0].members = switchboard::settings::NamespaceMembers::Write;
    })
    .await;
    let key = key(&server).await;
    server.account("alice", Role::Member).await;
    let (session, _) = server.login("alice", None).await;
    let alice = Writer::new(Kind::Provider, &yjs, Door::of_member(server.http(), &session, "app.plan"), 1).await;
    let door = Door::of_external(server.http(), &key, "guest", "app.plan", "write");
    alice.does("synced", json!({})).await;
    let guest = Writer::new(Kind::Provider, &yjs, door, 2).await;
    guest.does("append", json!({"insert": "ours"})).await;
    alice.does("until_text", json!({"text": "ours"})).await;
    // What the one-time password does not list is not there for its user.
    let body = json!({"user": {"id": "guest"}, "documents": {"app.plan": "write"}});
    let otp = server.external_otp(&key, &body).await.json()["otp"].as_str().unwrap().to_owned();
    let other = server.http().upgrade(&format!("/documents/app.other?otp={otp}"), &[]).await;
    assert_eq!((other.status.as_u16(), other.error_code()), (404, "no_such_document".to_owned()));
    server.stop().await;
}
