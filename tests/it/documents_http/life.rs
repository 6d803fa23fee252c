//! Made, found, renamed, listed, deleted.

use super::*;

#[tokio::test]
async fn a_document_is_made_found_renamed_and_deleted() {
    let server = TestServer::start().await;
    let alice = Caller::member(&server, &server.client("alice").await);
    let made = alice
        .post("/documents", &json!({"room": "general", "name": "Plan", "title": " The plan ", "text": "# é\r\n"}))
        .await;
    assert_eq!((made.status.as_u16(), header(&made, "location")), (201, "/documents/plan"));
    assert_eq!(header(&made, "cache-control"), "no-store");
    let mut plan = made.json();
    let at = plan["created_at"].clone();
    assert!(at.as_i64().unwrap() > 1_700_000_000_000);
    assert_eq!(
        plan,
        json!({"name": "plan", "id": 1, "title": "The plan", "room": "general", "members": "write", "created_by": "alice",
               "created_at": at, "changed_at": at, "access": "write", "manages": true})
    );
    assert_eq!(alice.reads("plan").await, "# é\r\n");
    assert_eq!(alice.get("/documents/PLAN").await.json(), plan);
    let renamed = alice.patch("/documents/plan", &json!({"title": "Our plan", "members": "read"})).await;
    (plan["title"], plan["members"]) = (json!("Our plan"), json!("read"));
    assert_eq!((renamed.status.as_u16(), renamed.json()), (200, plan.clone()));
    let unchanged = alice.patch("/documents/plan", &json!({})).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.json()), (200, plan.clone()));
    assert_eq!(alice.get("/documents/plan").await.json(), plan);
    assert_refused(
        "taken",
        &alice.post("/documents", &json!({"room": "general", "name": "PLAN"})).await,
        409,
        "document_exists",
    );
    assert_eq!(alice.delete("/documents/plan").await.status, 204);
    assert_refused("gone", &alice.get("/documents/plan").await, 404, "no_such_document");
    assert_refused("gone", &alice.delete("/documents/plan").await, 404, "no_such_document");
    let again = alice.makes(json!({"room": "general", "name": "plan"})).await;
    assert_eq!((&again["id"], &again["title"]), (&json!(2), &json!("plan")), "nothing is left of the other");
    assert_eq!(alice.reads("plan").await, "");
    server.stop().await;
}

#[tokio::test]
async fn a_document_without_a_name_gets_one_of_its_own() {
    let server = TestServer::start().await;
    let alice = Caller::member(&server, &server.client("alice").await);
    let (one, two) = (alice.makes(json!({"room": "general"})).await, alice.makes(json!({"room": "general"})).await);
    for made in [&one, &two] {
        let name = made["name"].as_str().unwrap();
        assert!(name.len() == 12 && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{name}");
        assert_eq!(made["title"], name);
    }
    assert_ne!(one["name"], two["name"]);
    server.stop().await;
}

#[tokio::test]
async fn names_of_any_script_have_their_address() {
    let server = TestServer::start().await;
    let alice = Caller::member(&server, &server.client("alice").await);
    let made = alice.post("/documents", &json!({"room": "general", "name": "Ｐlän-世界", "text": "hi"})).await;
    let location = header(&made, "location").to_owned();
    assert_eq!(
        (location.as_str(), &made.json()["name"]),
        ("/documents/pl%C3%A4n-%E4%B8%96%E7%95%8C", &json!("plän-世界"))
    );
    assert_eq!(alice.get(&location).await.json()["name"], "plän-世界");
    let version = alice.post(&format!("{location}/versions"), &json!({"name": "v"})).await;
    assert_eq!(header(&version, "location"), format!("{location}/versions/1"));
    assert_eq!(alice.get(header(&version, "location")).await.body, "hi");
    server.stop().await;
}

#[tokio::test]
async fn a_room_is_listed_by_name_and_page_by_page() {
    let server = TestServer::start_with(|settings| settings.document.max_per_room = 7).await;
    let alice = Caller::member(&server, &server.client("alice").await);
    for name in ["g", "b", "ä", "e", "a", "c", "f"] {
        alice.makes(json!({"room": "general", "name": name})).await;
    }
    assert_refused("full", &alice.post("/documents", &json!({"room": "general"})).await, 409, "too_many_documents");
    let names = |answer: &Response| {
        let documents = answer.json()["documents"].as_array().unwrap().clone();
        documents.iter().map(|document| document["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let whole = alice.get("/documents?room=general").await;
    assert_eq!(header(&whole, "cache-control"), "private, no-cache");
    assert_eq!(
        (names(&whole).join(""), &whole.json()["more"], header(&whole, "link")),
        ("abcefgä".to_owned(), &json!(false), "")
    );
    assert_eq!(whole.json()["documents"][0].as_object().unwrap().len(), 8, "{:?}", whole.body);
    let (mut next, mut read) = ("/documents?room=GENERAL&limit=3".to_owned(), Vec::new());
    loop {
        let page = alice.get(&next).await;
        read.push(names(&page).join(""));
        let Some(link) = header(&page, "link").strip_suffix(">; rel=\"next\"") else { break };
        assert_eq!(page.json()["more"], true);
        next = link.strip_prefix('<').unwrap().to_owned();
    }
    assert_eq!(read, ["abc", "efg", "ä"]);
    assert_eq!(
        names(&alice.get("/documents?room=general&after=%C3%84").await).len(),
        0,
        "names are compared in lower case"
    );
    for (query, status, code) in [
        ("", 400, "bad_payload"),
        ("?room=", 400, "bad_room"),
        ("?room=a/b", 400, "bad_room"),
        ("?room=general&room=general", 400, "bad_payload"),
        ("?room=general&limit=0", 400, "bad_payload"),
        ("?room=general&limit=x", 400, "bad_payload"),
        ("?room=general&limit=-1", 400, "bad_payload"),
        ("?room=general&after=", 400, "bad_document"),
        ("?room=general&after=a%20b", 400, "bad_document"),
        ("?room=nowhere", 404, "no_such_room"),
        ("?room=general&key=x", 400, "bad_payload"),
    ] {
        assert_refused(query, &alice.get(&format!("/documents{query}")).await, status, code);
    }
    server.stop().await;
}

#[tokio::test]
async fn documents_outlive_a_restart() {
    let server = TestServer::start().await;
    let alice = server.client("alice").await;
    let caller = Caller::member(&server, &alice);
    let made = caller.makes(json!({"room": "general", "name": "plan", "text": "one"})).await;
    assert_eq!(caller.put("/documents/plan/text", "one and two").await.status, 204);
    caller.post("/documents/plan/versions", &json!({"name": "v"})).await;
    let session = alice.session.clone();
    let server = server.restart().await;
    let caller = Caller::with_session(&server, &session);
    assert_eq!(caller.get("/documents/plan").await.json()["id"], made["id"]);
    assert_eq!(caller.reads("plan").await, "one and two");
    assert_eq!(caller.get("/documents/plan/versions/1").await.body, "one and two");
    server.stop().await;
}
