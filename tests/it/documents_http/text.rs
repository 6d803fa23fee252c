//! The text of a document, whole.

use super::*;
use futures_util::future::join_all;

#[tokio::test]
async fn a_text_is_read_back_as_it_was_written() {
    let server = TestServer::start().await;
    let shop = Caller::back_end(&server, "documents:*").await;
    shop.makes(json!({"room": "general", "name": "plan"})).await;
    for text in [
        "",
        "one",
        "a\r\nb\nc\rd\r\n",
        "\u{feff}with a mark",
        "nothing\0 there",
        "👋🏽 e\u{301} 世界 \u{202e}\u{7f}\u{1}",
        "\"\\/<script>&amp;",
        " ",
    ] {
        let put = shop.put("/documents/plan/text", text).await;
        assert_eq!((put.status.as_u16(), put.body.len()), (204, 0), "{text:?}");
        assert_eq!(shop.reads("plan").await, text);
        assert_eq!(etag(&shop.get("/documents/plan/text").await), etag(&put), "{text:?}");
        let version = shop.post("/documents/plan/versions", &json!({"name": "v"})).await.json();
        assert_eq!(version["bytes"], text.len());
        let kept = shop.get(&format!("/documents/plan/versions/{}", version["id"])).await;
        assert_eq!((kept.body.as_ref(), etag(&kept)), (text.as_bytes(), etag(&put)), "{text:?}");
    }
    let long: String = "0123456789abcde\n".repeat(65_536);
    assert_eq!(shop.put("/documents/plan/text", long.clone()).await.status, 204);
    assert_eq!(shop.reads("plan").await, long);
    server.stop().await;
}

#[tokio::test]
async fn a_change_depends_on_what_was_seen() {
    let server = TestServer::start().await;
    let alice = Caller::member(&server, &server.client("alice").await);
    alice.makes(json!({"room": "general", "name": "plan", "text": "one"})).await;
    let path = "/documents/plan/text";
    let first = etag(&alice.get(path).await);
    let second = etag(&alice.and("if-match", &first).put(path, "two").await);
    assert_ne!(first, second);
    let (weak, list) = (format!("W/{second}"), format!("\"x,y\", {first} ,{second}"));
    let beside_a_star = format!("{second}x, *");
    for refused in [first.as_str(), &weak, "\"\"", "", second.trim_matches('"'), "*, *", &beside_a_star] {
        let only = alice.and("if-match", refused);
        assert_refused(refused, &only.put(path, "three").await, 412, "precondition_failed");
        assert_refused(refused, &only.get(path).await, 412, "precondition_failed");
    }
    assert_eq!(alice.reads("plan").await, "two", "nothing was written");
    for good in [second.as_str(), "*", &list] {
        assert_eq!(etag(&alice.and("if-match", good).put(path, "two").await), second, "{good}");
    }
    let on_two_lines = alice.and("if-match", "\"x\"").and("if-match", &second);
    assert_eq!(on_two_lines.put(path, "two").await.status, 204);
    let missing = alice.and("if-match", "*").put("/documents/none/text", "").await;
    assert_refused("what is not there", &missing, 404, "no_such_document");
    for (none, status) in [("*", 412), (second.as_str(), 412), (&weak, 412), (&first, 204)] {
        assert_eq!(alice.and("if-none-match", none).put(path, "two").await.status, status, "{none}");
    }
    for known in [second.as_str(), &weak, "*", &format!("\"x\",{second}")] {
        let answer = alice.and("if-none-match", known).get(path).await;
        assert_eq!((answer.status.as_u16(), answer.body.len(), etag(&answer)), (304, 0, second.clone()), "{known}");
        assert_eq!(header(&answer, "cache-control"), "private, no-cache");
    }
    let other = alice.and("if-none-match", "\"x\", \"y,z\"").and("if-none-match", "W/\"w\", *").get(path).await;
    assert_eq!((other.status.as_u16(), &other.body[..]), (200, &b"two"[..]));
    let emptied = alice.and("if-match", "*").put(path, "").await;
    assert_eq!((emptied.status.as_u16(), alice.reads("plan").await.as_str()), (204, ""));
    assert_eq!(alice.and("if-match", &etag(&emptied)).put(path, "one").await.status, 204);
    assert_eq!(alice.and("if-none-match", &second).get(path).await.body, "one");
    assert_eq!(etag(&alice.get(path).await), first, "the tag stands for the text and for nothing else");
    server.stop().await;
}

#[tokio::test]
async fn a_head_says_what_the_whole_would() {
    let server = TestServer::start().await;
    let shop = Caller::back_end(&server, "documents:*").await;
    shop.makes(json!({"room": "general", "name": "plan", "text": "one\r\n"})).await;
    shop.post("/documents/plan/versions", &json!({"name": "v"})).await;
    let known = shop.and("if-none-match", "*");
    let paths = requests("plan").into_iter().take(READING).map(|(_, path, ..)| path);
    for path in paths.chain(["/documents".to_owned(), "/documents/none/text".to_owned(), "/documents/a%20b".to_owned()])
    {
        for who in [&shop, &known] {
            let (whole, head) = (who.get(&path).await, who.send(Method::HEAD, &path, "", "").await);
            assert_eq!((whole.status, head.body.len()), (head.status, 0), "{path}");
            for name in ["content-type", "etag", "cache-control"] {
                assert_eq!(header(&whole, name), header(&head, name), "{name} of {path}");
            }
            if whole.status != 304 {
                assert_eq!(header(&whole, "content-length"), header(&head, "content-length"), "{path}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_have_seen_the_same_one_wins() {
    let server = TestServer::start().await;
    let shop = Caller::back_end(&server, "documents:*").await;
    shop.makes(json!({"room": "general", "name": "plan", "text": "start"})).await;
    let path = "/documents/plan/text";
    let mut seen = etag(&shop.get(path).await);
    for round in 0..5 {
        let race = (0..8).map(|n| {
            let writer = shop.and("if-match", &seen);
            tokio::spawn(async move { writer.put(path, format!("{round}-{n}")).await })
        });
        let answers: Vec<_> = join_all(race).await.into_iter().map(Result::unwrap).collect();
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 204);
        assert_eq!(won.len(), 1);
        lost.iter().for_each(|answer| assert_refused("lost", answer, 412, "precondition_failed"));
        seen = etag(&shop.get(path).await);
        assert_eq!(seen, etag(won[0]));
    }
    server.stop().await;
}

#[tokio::test]
async fn another_root_is_another_text() {
    let server = TestServer::start().await;
    let shop = Caller::back_end(&server, "documents:*").await;
    shop.makes(json!({"room": "general", "name": "plan", "text": "one"})).await;
    let notes = "/documents/plan/text?root=notes%20%E4%B8%96";
    assert_eq!(shop.get(notes).await.body, "");
    assert_eq!(shop.put(notes, "two").await.status, 204);
    assert_eq!((shop.get(notes).await.body, shop.reads("plan").await.as_str()), ("two".into(), "one"));
    assert_eq!(shop.get("/documents/plan/text?root=text").await.body, "one");
    let long = "x".repeat(65);
    for bad in ["?root=", "?root", "?root=a&root=b", &format!("?root={long}")] {
        assert_refused(bad, &shop.get(&format!("/documents/plan/text{bad}")).await, 400, "bad_payload");
        assert_refused(bad, &shop.put(&format!("/documents/plan/text{bad}"), "x").await, 400, "bad_payload");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_text_in_utf_8_or_too_long_is_refused() {
    let server = TestServer::start_with(|settings| settings.document.max_update_bytes = 65_536).await;
    let shop = Caller::back_end(&server, "documents:*").await;
    shop.makes(json!({"room": "general", "name": "plan", "text": "one"})).await;
    let path = "/documents/plan/text";
    for kind in [
        "",
        "application/json",
        "text/html",
        "text/plain; charset=iso-8859-1",
        "text/plainer",
        "application/octet-stream",
    ] {
        assert_refused(kind, &shop.send(Method::PUT, path, kind, "two").await, 415, "unsupported_media_type");
    }
    let packed = shop.and("content-encoding", "gzip").put(path, "two").await;
    assert_refused("packed", &packed, 415, "unsupported_media_type");
    for bytes in [b"\xff".as_slice(), b"a\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x91"] {
        assert_refused("not UTF-8", &shop.put(path, bytes).await, 400, "bad_payload");
    }
    assert_refused("too long", &shop.put(path, "x".repeat(65_537)).await, 413, "too_large");
    assert_eq!(shop.reads("plan").await, "one");
    assert_eq!(shop.put(path, "x".repeat(65_536)).await.status, 204, "just as much as may be");
    for kind in ["text/plain", "Text/Plain;Charset=\"UTF-8\"", "text/plain; format=flowed"] {
        assert_eq!(shop.send(Method::PUT, path, kind, "two").await.status, 204, "{kind}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_document_has_its_bound() {
    let server = TestServer::start_with(|settings| {
        (settings.document.max_bytes, settings.document.max_update_bytes) = (65_536, 65_536);
    })
    .await;
    let shop = Caller::back_end(&server, "documents:*").await;
    let most = "x".repeat(65_500);
    let new = json!({"room": "general", "name": "large", "text": most});
    assert_refused(
        "made",
        &shop.post("/documents", &json!({"room": "general", "text": "x".repeat(65_530)})).await,
        413,
        "document_full",
    );
    shop.makes(new).await;
    assert_refused(
        "more",
        &shop.put("/documents/large/text", format!("{most}{}", "y".repeat(36))).await,
        413,
        "document_full",
    );
    assert_eq!(shop.reads("large").await, most);
    assert_eq!(shop.put("/documents/large/text", "small").await.status, 204, "less is always possible");
    server.stop().await;
}
