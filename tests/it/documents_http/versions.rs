//! States of a text that somebody gave a name.

use super::*;

#[tokio::test]
async fn a_version_keeps_the_text_and_brings_it_back() {
    let server = TestServer::start().await;
    let alice = Caller::member(&server, &server.client("alice").await);
    let shop = Caller::back_end(&server, "documents:*").await;
    alice.makes(json!({"room": "general", "name": "plan", "text": "one\r\n"})).await;
    let first = alice.post("/documents/plan/versions", &json!({"name": " The first "})).await;
    assert_eq!((first.status.as_u16(), header(&first, "location")), (201, "/documents/plan/versions/1"));
    let first = first.json();
    assert_eq!(first, json!({"id": 1, "name": "The first", "by": "alice", "at": first["at"], "bytes": 5}));
    alice.put("/documents/plan/text", "two").await;
    let second = shop.post("/documents/plan/versions", &json!({"name": "The first"})).await.json();
    assert_eq!((&second["by"], &second["name"]), (&Value::Null, &json!("The first")), "names need not differ");
    let listed = alice.get("/documents/plan/versions").await.json();
    assert_eq!(listed, json!({"versions": [second, first]}));
    let kept = alice.get("/documents/plan/versions/1").await;
    assert_eq!(
        (kept.body.as_ref(), header(&kept, "content-type")),
        (b"one\r\n".as_slice(), "text/plain; charset=utf-8")
    );
    let again = alice.and("if-none-match", &etag(&kept)).get("/documents/plan/versions/1").await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    let restored = alice.send(Method::POST, "/documents/plan/versions/1/restore", "", "").await;
    assert_eq!((restored.status.as_u16(), etag(&restored)), (204, etag(&kept)));
    assert_eq!(alice.reads("plan").await, "one\r\n");
    assert_eq!(alice.get("/documents/plan/versions").await.json(), listed, "restoring is no version");
    assert_eq!(alice.delete("/documents/plan/versions/1").await.status, 204);
    assert_refused("gone", &alice.get("/documents/plan/versions/1").await, 404, "no_such_version");
    assert_eq!(alice.reads("plan").await, "one\r\n", "the text stays");
    server.stop().await;
}

#[tokio::test]
async fn names_of_versions_stay_as_they_are_written() {
    let server = TestServer::start().await;
    let shop = Caller::back_end(&server, "documents:*").await;
    shop.makes(json!({"room": "general", "name": "plan"})).await;
    let long = "👋🏽".repeat(50);
    let names = ["e\u{301}", "é", "👩\u{200d}👩\u{200d}👧", "שלום", "Ａ/../\\\"'<b>%00", "\u{10ffff}", &long];
    for name in names {
        let saved = shop.post("/documents/plan/versions", &json!({"name": format!("\u{3000} {name} ")})).await;
        assert_eq!((saved.status.as_u16(), &saved.json()["name"]), (201, &json!(name)));
    }
    let listed = shop.get("/documents/plan/versions").await.json();
    let listed: Vec<_> = listed["versions"].as_array().unwrap().iter().rev().map(|version| &version["name"]).collect();
    assert_eq!(listed, names);
    server.stop().await;
}

#[tokio::test]
async fn versions_are_bounded_and_of_one_document() {
    let server = TestServer::start_with(|settings| settings.document.max_versions = 2).await;
    let shop = Caller::back_end(&server, "documents:*").await;
    for name in ["plan", "other"] {
        shop.makes(json!({"room": "general", "name": name, "text": name})).await;
    }
    let version = json!({"name": "v"});
    for _ in 0..2 {
        assert_eq!(shop.post("/documents/plan/versions", &version).await.status, 201);
    }
    assert_refused("full", &shop.post("/documents/plan/versions", &version).await, 409, "too_many_versions");
    assert_eq!(shop.post("/documents/other/versions", &version).await.status, 201);
    assert_eq!(shop.delete("/documents/plan/versions/1").await.status, 204);
    assert_eq!(shop.post("/documents/plan/versions", &version).await.status, 201);
    for id in ["1", "3", "9", "-1", "0", "x", "01", "2.0", "+2", "99999999999999999999", "%31x", "2%20"] {
        let path = format!("/documents/plan/versions/{id}");
        assert_refused(id, &shop.get(&path).await, 404, "no_such_version");
        assert_refused(id, &shop.delete(&path).await, 404, "no_such_version");
        let restore = shop.send(Method::POST, &format!("{path}/restore"), "", "").await;
        assert_refused(id, &restore, 404, "no_such_version");
    }
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "a\nb"}),
        json!({"name": "a\0b"}),
        json!({"name": "\u{85}"}),
        json!({"name": "a\u{202e}b"}),
        json!({"name": "\u{3000}\u{2003}"}),
        json!({"name": "👋🏽".repeat(51)}),
        json!({"name": "x".repeat(1_000)}),
        json!({"name": "x".repeat(101)}),
        json!({"name": 1}),
        json!([]),
    ] {
        assert_refused(&body.to_string(), &shop.post("/documents/plan/versions", &body).await, 400, "bad_payload");
    }
    assert_eq!(shop.get("/documents/other/versions").await.json()["versions"][0]["id"], 3);
    // With its document it goes.
    shop.delete("/documents/other").await;
    shop.makes(json!({"room": "general", "name": "other"})).await;
    assert_eq!(shop.get("/documents/other/versions").await.json(), json!({"versions": []}));
    server.stop().await;
}
