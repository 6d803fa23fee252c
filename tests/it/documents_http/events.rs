//! What a room is told of its documents, to the byte of meaning; and who is not told.

use super::*;

#[tokio::test]
async fn the_room_hears_what_becomes_of_its_documents() {
    let server = TestServer::start().await;
    let [alice, mut bob] = server.clients(["alice", "bob"]).await;
    let (alice, shop) = (Caller::member(&server, &alice), Caller::back_end(&server, "documents:*").await);
    let shown = alice.makes(json!({"room": "general", "name": "plan", "text": "one"})).await;
    let mut document = shown.clone();
    (document.as_object_mut().unwrap()).retain(|field, _| field != "access" && field != "manages");
    let created = bob.event("document_created").await;
    assert_eq!(created["topic"], "room.general");
    assert_eq!(created["payload"], json!({"room": "general", "document": document, "by": "alice"}));
    shop.patch("/documents/plan", &json!({"title": "Our plan"})).await;
    document["title"] = "Our plan".into();
    assert_eq!(bob.hears("document_updated").await, json!({"room": "general", "document": document, "by": null}));
    // What changes nothing is nothing new.
    alice.patch("/documents/plan", &json!({"title": "Our plan", "members": "write"})).await;
    alice.patch("/documents/plan", &json!({"members": "read"})).await;
    document["members"] = "read".into();
    assert_eq!(bob.hears("document_updated").await, json!({"room": "general", "document": document, "by": "alice"}));
    let version = alice.post("/documents/plan/versions", &json!({"name": "First"})).await.json();
    assert_eq!(version["by"], "alice");
    let saved = bob.hears("document_version_saved").await;
    assert_eq!(saved, json!({"room": "general", "name": "plan", "version": version}));
    alice.delete("/documents/plan/versions/1").await;
    assert_eq!(bob.hears("document_version_deleted").await, saved);
    shop.delete("/documents/plan").await;
    let deleted =
        json!({"room": "general", "name": "plan", "id": document["id"], "title": document["title"], "by": null});
    assert_eq!(bob.hears("document_deleted").await, deleted);
    server.stop().await;
}

#[tokio::test]
async fn what_is_refused_or_written_is_not_announced_and_private_rooms_hear_alone() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.asks("create_room", json!({"room": "den", "public": false})).await;
    let (of_alice, of_bob) = (Caller::member(&server, &alice), Caller::member(&server, &bob));
    let shop = Caller::back_end(&server, "documents:*").await;
    of_alice.makes(json!({"room": "den", "name": "secret"})).await;
    assert_eq!(alice.hears("document_created").await["room"], "den");
    shop.makes(json!({"name": "app.plan"})).await;
    assert_refused(
        "taken",
        &of_bob.post("/documents", &json!({"room": "general", "name": "secret"})).await,
        409,
        "document_exists",
    );
    assert_refused("the room", &of_bob.post("/documents", &json!({"room": "den"})).await, 404, "no_such_room");
    shop.put("/documents/secret/text", "words").await;
    shop.put("/documents/app.plan/text", "words").await;
    for event in ["document_created", "document_updated"] {
        bob.has_not_heard(event).await;
        alice.has_not_heard(event).await;
    }
    // Whoever was away hears of it, as of everything in a room's log.
    let (session, resume) = (alice.session.clone(), alice.resume());
    alice.leaves().await;
    shop.delete("/documents/secret").await;
    let mut alice = server.returns("alice", &session, Some(resume)).await;
    assert_eq!(alice.hears("document_deleted").await["name"], "secret");
    server.stop().await;
}
