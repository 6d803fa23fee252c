//! Names and bodies that nobody means well with.

use super::*;

#[tokio::test]
async fn hostile_names_are_no_documents() {
    let server = TestServer::start().await;
    let shop = Caller::back_end(&server, "documents:*").await;
    let long = "x".repeat(129);
    let bomb = "%EF%B7%BA".repeat(20);
    for name in [
        "a%20b",
        "%00",
        "a%2Fb",
        "%2e%2e%2f",
        ".",
        "..",
        "%E2%80%AEabc",
        "%3Cb%3E",
        "a%27--",
        "%E2%80%8B",
        "%FF",
        "%C3%28",
        "a%25b",
        "*",
        "a~b",
        &long,
        &bomb,
    ] {
        for (method, path, content_type, body) in requests(name) {
            let answer = shop.send(method.clone(), &path, content_type, body).await;
            assert_refused(&format!("{method} {path}"), &answer, 400, "bad_document");
        }
    }
    for name in ["", " ", "a b", "a/b", "a\0", ".", "..", "\u{202e}abc", "<b>", "a'--", "\u{200b}", &long] {
        let body = json!({"room": "general", "name": name});
        assert_refused(name, &shop.post("/documents", &body).await, 400, "bad_document");
    }
    assert_eq!(shop.get("/documents").await.json(), json!({"documents": [], "more": false}));
    let most = "x".repeat(128);
    shop.makes(json!({"room": "general", "name": most})).await;
    assert_eq!(shop.get(&format!("/documents/{most}")).await.json()["title"], "x".repeat(100));
    server.stop().await;
}

#[tokio::test]
async fn hostile_bodies_change_nothing() {
    let server = TestServer::start_with(|settings| settings.document.max_update_bytes = 65_536).await;
    let shop = Caller::back_end(&server, "documents:*").await;
    shop.makes(json!({"room": "general", "name": "plan"})).await;
    let (deep, huge) = ("[".repeat(10_000), format!(r#"{{"room":"general","text":"{}"}}"#, "x".repeat(200_000)));
    for (body, status, code) in [
        ("", 400, "bad_json"),
        ("{", 400, "bad_json"),
        ("null", 400, "bad_payload"),
        ("[]", 400, "bad_payload"),
        (&deep, 400, "bad_json"),
        (&huge, 413, "too_large"),
        (r#"{"room":"general","room":"general"}"#, 400, "bad_json"),
        (r#"{"room":"a b"}"#, 400, "bad_room"),
        (r#"{"room":1}"#, 400, "bad_payload"),
        (r#"{"room":"general","name":1}"#, 400, "bad_payload"),
        (r#"{"room":"general","title":""}"#, 400, "bad_payload"),
        (r#"{"room":"general","title":"a\nb"}"#, 400, "bad_payload"),
        (r#"{"room":"general","title":"\u202eb"}"#, 400, "bad_payload"),
        (r#"{"room":"general","members":"all"}"#, 400, "bad_payload"),
        (r#"{"room":"general","text":1}"#, 400, "bad_payload"),
        (r#"{"room":"general","text":"\ud800"}"#, 400, "bad_json"),
    ] {
        let answer = shop.send(Method::POST, "/documents", "application/json", body).await;
        assert_refused(body.get(..60).unwrap_or(body), &answer, status, code);
    }
    for body in
        [r#"{"title":1}"#, r#"{"title":" "}"#, r#"{"members":null,"title":""}"#, r#"{"members":"nothing"}"#, "[]"]
    {
        let answer = shop.send(Method::PATCH, "/documents/plan", "application/json", body).await;
        assert_refused(body, &answer, 400, "bad_payload");
    }
    for (method, path) in
        [(Method::POST, "/documents"), (Method::PATCH, "/documents/plan"), (Method::POST, "/documents/plan/versions")]
    {
        for body in
            [b"{\"room\":\"general\",\"name\":\"\xff\"}".as_slice(), br#"{"name":"\ud800","title":"\udc00"}"#, b"\0"]
        {
            let answer = shop.send(method.clone(), path, "application/json", body).await;
            assert_refused(&format!("{method} {path}"), &answer, 400, "bad_json");
        }
    }
    assert_eq!(shop.get("/documents/plan/versions").await.json(), json!({"versions": []}));
    let plain = shop.send(Method::POST, "/documents", "text/plain", r#"{"room":"general"}"#).await;
    assert_refused("not JSON", &plain, 415, "unsupported_media_type");
    let listed = shop.get("/documents").await.json();
    assert_eq!(listed["documents"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["documents"][0]["title"], "plan");
    let escaped = shop.makes(json!({"room": "general", "name": "text", "text": "\0\u{1}\\\"\r\n"})).await;
    assert_eq!((&escaped["name"], shop.reads("text").await.as_str()), (&json!("text"), "\0\u{1}\\\"\r\n"));
    server.stop().await;
}
