//! Texts that are replaced while others are typing in them.

use super::*;
use crate::support::documents::{Editor, new_doc};

#[tokio::test]
async fn who_types_keeps_their_words_when_a_program_writes() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let shop = Caller::back_end(&server, "documents:*").await;
    shop.makes(json!({"room": "general", "name": "plan", "text": "Hello world"})).await;
    let mut writer = Editor::opens(server.http(), &alice.session, "plan").await;
    assert_eq!(writer.text(), "Hello world");
    // What she has typed is on its way while the program still knows the text of before.
    writer.types(11, "!").await;
    assert_eq!(shop.put("/documents/plan/text", "Good morning world").await.status, 204);
    writer.fence().await;
    writer.types(0, ">").await;
    writer.fence().await;
    let text = shop.reads("plan").await;
    assert!(text.contains("Good morning") && text.starts_with('>'), "{text}");
    writer.reads(&text).await;
    let seen = etag(&shop.get("/documents/plan/text").await);
    writer.types(0, "#").await;
    writer.fence().await;
    let late = shop.and("if-match", &seen).put("/documents/plan/text", "nobody's").await;
    assert_refused("what was typed counts", &late, 412, "precondition_failed");
    assert_eq!(shop.reads("plan").await, format!("#{text}"));
    server.stop().await;
}

#[tokio::test]
async fn only_what_differs_is_changed() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let shop = Caller::back_end(&server, "documents:*").await;
    shop.makes(json!({"room": "general", "name": "plan", "text": "one\ntwo\nthree\n"})).await;
    let mut offline = Editor::opens(server.http(), &alice.session, "plan").await;
    // She writes into the second line without a connection, and a program changes the first and the last.
    let change = offline.writes(7, " and a half");
    assert_eq!(shop.put("/documents/plan/text", "ONE\ntwo\nthree\nfour\n").await.status, 204);
    offline.sends(crate::support::documents::UPDATE, &change).await;
    offline.fence().await;
    assert_eq!(shop.reads("plan").await, "ONE\ntwo and a half\nthree\nfour\n");
    offline.reads("ONE\ntwo and a half\nthree\nfour\n").await;
    // A text that is there already is no change.
    let heard = offline.updates;
    assert_eq!(shop.put("/documents/plan/text", offline.text()).await.status, 204);
    offline.fence().await;
    assert_eq!(offline.updates, heard);
    server.stop().await;
}

#[tokio::test]
async fn a_version_is_restored_around_what_two_people_type() {
    let server = TestServer::start().await;
    let [alice, bob] = server.clients(["alice", "bob"]).await;
    let caller = Caller::member(&server, &alice);
    caller.makes(json!({"room": "general", "name": "plan", "text": "one\ntwo\nthree\n"})).await;
    let mut writer = Editor::opens(server.http(), &alice.session, "plan").await;
    let mut other = Editor::opens(server.http(), &bob.session, "plan").await;
    caller.post("/documents/plan/versions", &json!({"name": "v"})).await;
    writer.deletes(0, 4).await;
    writer.fence().await;
    other.reads("two\nthree\n").await;
    assert_eq!(caller.reads("plan").await, "two\nthree\n", "what is typed can be read at once");
    // Written while the version comes back, and sent after it.
    let (change, others) = (writer.writes(writer.text().len() as u32, "four\n"), other.writes(3, " and a half"));
    let restored = caller.send(Method::POST, "/documents/plan/versions/1/restore", "", "").await;
    assert_eq!(restored.status, 204);
    for (editor, change) in [(&mut writer, change), (&mut other, others)] {
        editor.sends(crate::support::documents::UPDATE, &change).await;
        editor.fence().await;
    }
    let all = "one\ntwo and a half\nthree\nfour\n";
    assert_eq!(caller.reads("plan").await, all);
    writer.reads(all).await;
    other.reads(all).await;
    // And while both go on typing: whatever is undone of that, all have the same.
    let restore = caller.send(Method::POST, "/documents/plan/versions/1/restore", "", "");
    let ((), (), restored) = tokio::join!(types_much(&mut writer), types_much(&mut other), restore);
    assert_eq!(restored.status, 204);
    writer.fence().await;
    other.fence().await;
    let all = caller.reads("plan").await;
    assert!(["one\n", "two\n", "three\n"].iter().all(|line| all.contains(line)), "{all}");
    writer.reads(&all).await;
    other.reads(&all).await;
    assert_eq!(caller.get("/documents/plan/versions/1").await.body, "one\ntwo\nthree\n");
    server.stop().await;
}

async fn types_much(editor: &mut Editor) {
    for _ in 0..20 {
        editor.types(0, "> ").await;
    }
}

#[tokio::test]
async fn rights_that_change_reach_those_who_have_it_open() {
    let server = TestServer::start().await;
    let [alice, bob] = server.clients(["alice", "bob"]).await;
    let caller = Caller::member(&server, &alice);
    caller.makes(json!({"room": "general", "name": "plan", "text": "one"})).await;
    let mut of_bob = Editor::opens(server.http(), &bob.session, "plan").await;
    of_bob.types(3, "!").await;
    of_bob.fence().await;
    caller.patch("/documents/plan", &json!({"members": "read"})).await;
    of_bob.types(4, "?").await;
    of_bob.fence().await;
    assert_eq!(
        (of_bob.denied.as_slice(), caller.reads("plan").await.as_str()),
        (["read_only".to_owned()].as_slice(), "one!")
    );
    caller.delete("/documents/plan").await;
    assert_eq!(of_bob.is_closed().await, 4007);
    server.stop().await;
}

#[tokio::test]
async fn an_external_user_opens_what_their_otp_lists() {
    let server = TestServer::start().await;
    let key = server.made_key("app", &["otp", "documents:app.*"]).await;
    let key = key.secret.expose();
    let app = Caller::with_key(&server, key);
    app.makes(json!({"name": "app.notice", "text": "read me"})).await;
    let body =
        json!({"user": {"id": "42"}, "documents": {"app.plan": "write", "app.notice": "read", "app.none": "read"}});
    let otp = async || server.external_otp(key, &body).await.json()["otp"].as_str().unwrap().to_owned();
    let http = server.http();
    // It comes into being when somebody opens it who may write in it.
    let mut writer = Editor::connects_by(http, &otp().await, "App.Plan", new_doc()).await.expect("it may");
    writer.syncs().await;
    writer.types(0, "mine").await;
    writer.fence().await;
    assert_eq!(app.reads("app.plan").await, "mine");
    let mut reader = Editor::connects_by(http, &otp().await, "app.notice", new_doc()).await.expect("it may");
    reader.syncs().await;
    assert_eq!(reader.text(), "read me");
    reader.types(0, "not ").await;
    reader.fence().await;
    assert_eq!(
        (reader.denied.as_slice(), app.reads("app.notice").await.as_str()),
        (["read_only".to_owned()].as_slice(), "read me")
    );
    for name in ["app.none", "app.other", "nowhere"] {
        assert_eq!(Editor::connects_by(http, &otp().await, name, new_doc()).await.err(), Some(404), "{name}");
    }
    server.stop().await;
}
