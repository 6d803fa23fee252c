//! Who may what.

use super::*;
use switchboard::model::Role;

#[tokio::test]
async fn each_may_do_what_they_may_and_nothing_more() {
    let server = TestServer::start().await;
    server.account("boss", Role::Admin).await;
    let [mut alice, mut bob, mut boss, carol] = server.clients(["alice", "bob", "boss", "carol"]).await;
    alice.asks("create_room", json!({"room": "den"})).await;
    bob.joins("den").await;
    boss.joins("den").await;
    let [alice, bob, boss, carol] = [&alice, &bob, &boss, &carol].map(|client| Caller::member(&server, client));
    let shop = Caller::back_end(&server, "documents:plan").await;
    for (who, members, writes, manages) in [
        (&alice, "read", true, true),
        (&boss, "read", true, true),
        (&shop, "read", true, true),
        (&bob, "write", true, false),
        (&bob, "read", false, false),
    ] {
        alice.makes(json!({"room": "den", "name": "plan", "members": members, "text": "one"})).await;
        let version = alice.post("/documents/plan/versions", &json!({"name": "v"})).await.json()["id"].clone();
        let shown = who.get("/documents/plan").await.json();
        assert_eq!(
            (&shown["access"], &shown["manages"]),
            (&json!(if writes { "write" } else { "read" }), &json!(manages))
        );
        for (place, (method, path, content_type, body)) in requests("plan").into_iter().enumerate() {
            let path = path.replace("versions/1", &format!("versions/{version}"));
            let answer = who.send(method.clone(), &path, content_type, body).await;
            let what = format!("{shown} {method} {path}");
            // Another's version is for who manages.
            let for_managers = place >= READING + WRITING
                || path == format!("/documents/plan/versions/{version}") && method == Method::DELETE;
            match () {
                () if place < READING || manages || (writes && !for_managers) => {
                    assert!(answer.status.is_success(), "{what}: {:?}", answer.body);
                }
                () if place < READING + WRITING && !writes => assert_refused(&what, &answer, 403, "read_only"),
                () => assert_refused(&what, &answer, 403, "forbidden"),
            }
        }
        if !manages {
            assert_eq!(alice.delete("/documents/plan").await.status, 204);
        }
    }
    // Own versions are one's own to delete, while one may write.
    alice.makes(json!({"room": "den", "name": "plan"})).await;
    for _ in 0..2 {
        assert_eq!(bob.post("/documents/plan/versions", &json!({"name": "mine"})).await.status, 201);
    }
    let ids: Vec<_> = bob.get("/documents/plan/versions").await.json()["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["id"].clone())
        .collect();
    assert_eq!(bob.delete(&format!("/documents/plan/versions/{}", ids[0])).await.status, 204);
    alice.patch("/documents/plan", &json!({"members": "read"})).await;
    assert_refused("no longer", &bob.delete(&format!("/documents/plan/versions/{}", ids[1])).await, 403, "read_only");
    assert_refused("carol", &carol.get("/documents/plan").await, 404, "no_such_document");
    server.stop().await;
}

/// To the byte: whoever is not in a room cannot find out what it has, by any request.
#[tokio::test]
async fn what_is_not_for_somebody_looks_as_if_it_were_not_there() {
    let server = TestServer::start().await;
    let [mut alice, bob] = server.clients(["alice", "bob"]).await;
    alice.asks("create_room", json!({"room": "den", "public": false})).await;
    alice.asks("create_room", json!({"room": "open"})).await;
    let (alice, bob) = (Caller::member(&server, &alice), Caller::member(&server, &bob));
    let other = Caller::back_end(&server, "documents:other.*").await;
    for (name, room) in [("plan", "den"), ("public", "open")] {
        alice.makes(json!({"room": room, "name": name, "text": "secret"})).await;
        alice.post(&format!("/documents/{name}/versions"), &json!({"name": "v"})).await;
    }
    for who in [&bob, &other] {
        for name in ["plan", "public"] {
            for (there, nowhere) in requests(name).into_iter().zip(requests("nowhere")) {
                let (method, path, content_type, body) = there;
                let seen = who.send(method.clone(), &path, content_type, body).await;
                let absent = who.send(nowhere.0, &nowhere.1, nowhere.2, nowhere.3).await;
                assert_refused(&path, &seen, 404, "no_such_document");
                assert_eq!(seen.body, absent.body, "{method} {path}");
            }
        }
    }
    for room in ["den", "open"] {
        let listed = bob.get(&format!("/documents?room={room}")).await;
        assert_refused(room, &listed, 404, "no_such_room");
        assert_eq!(listed.body, bob.get("/documents?room=nowhere").await.body);
    }
    assert_eq!(alice.reads("plan").await, "secret", "nothing was changed");
    assert_eq!(alice.get("/documents/plan").await.json()["title"], "plan");
    server.stop().await;
}

#[tokio::test]
async fn whoever_leaves_a_room_leaves_its_documents() {
    let server = TestServer::start().await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    alice.asks("create_room", json!({"room": "den"})).await;
    bob.joins("den").await;
    let caller = Caller::member(&server, &bob);
    caller.makes(json!({"room": "den", "name": "plan", "text": "mine"})).await;
    bob.asks("leave_room", json!({"room": "den"})).await;
    assert_refused("his own", &caller.get("/documents/plan/text").await, 404, "no_such_document");
    assert_refused("his own", &caller.delete("/documents/plan").await, 404, "no_such_document");
    bob.joins("den").await;
    assert_eq!(caller.get("/documents/plan").await.json()["manages"], true);
    server.stop().await;
}

#[tokio::test]
async fn nobody_comes_in_without_a_session_or_a_key_of_a_scope() {
    // Every refused key counts.
    let server = TestServer::start_with(|settings| settings.auth.throttle_keys_per_minute = 1_000).await;
    let alice = server.client("alice").await;
    let shop = Caller::back_end(&server, "documents:*").await;
    shop.makes(json!({"room": "general", "name": "plan"})).await;
    let revoked = server.made_key("revoked", &["documents:*"]).await;
    server.server().store().revoke_key(revoked.key.id).await.unwrap();
    let nobody = Caller::nobody(&server);
    let session = Caller::with_session(&server, "nobody's");
    let late = Caller::with_key(&server, revoked.secret.expose());
    let other = Caller::back_end(&server, "publish:*").await;
    for (who, status, code) in [
        (&nobody, 401, "bad_key"),
        (&session, 401, "unauthorized"),
        (&late, 401, "bad_key"),
        (&other, 403, "forbidden"),
    ] {
        let lists = [
            (Method::GET, "/documents?room=general".to_owned(), "", ""),
            (Method::POST, "/documents".to_owned(), "application/json", r#"{"room":"general"}"#),
        ];
        for (method, path, content_type, body) in requests("plan").into_iter().chain(lists) {
            let answer = who.send(method.clone(), &path, content_type, body).await;
            assert_refused(&format!("{method} {path}"), &answer, status, code);
        }
    }
    let cookie = format!("__Host-session={}", alice.session);
    for foreign in [nobody.and("cookie", &cookie).and("origin", "https://evil.example"), nobody.and("cookie", &cookie)]
    {
        assert_refused("a foreign page", &foreign.delete("/documents/plan").await, 403, "forbidden_origin");
        assert_refused("a foreign page", &foreign.put("/documents/plan/text", "x").await, 403, "forbidden_origin");
    }
    for path in ["/documents?key=x", "/documents/plan?key=x", "/documents/plan/text?a=sbk_x"] {
        assert_refused(path, &shop.get(path).await, 400, "bad_payload");
    }
    assert_eq!(shop.reads("plan").await, "");
    server.stop().await;
}

#[tokio::test]
async fn a_key_has_what_its_scopes_cover() {
    let server = TestServer::start().await;
    let mut alice = server.client("alice").await;
    alice.asks("create_room", json!({"room": "den", "public": false})).await;
    let of_alice = Caller::member(&server, &alice);
    let all = Caller::back_end(&server, "documents:*").await;
    let some = server.made_key("some", &["documents:shop.*", "documents:plan"]).await;
    let some = Caller::with_key(&server, some.secret.expose());
    of_alice.makes(json!({"room": "den", "name": "plan"})).await;
    for n in 0..5 {
        all.makes(json!({"room": "den", "name": format!("shop.{n}")})).await;
        all.makes(json!({"room": "general", "name": format!("other.{n}")})).await;
    }
    let made = some.makes(json!({"room": "den", "name": "shop.5"})).await;
    assert_eq!((&made["created_by"], &made["manages"]), (&Value::Null, &json!(true)));
    assert_refused(
        "not covered",
        &some.post("/documents", &json!({"room": "den", "name": "shop"})).await,
        403,
        "forbidden",
    );
    assert_refused("any name", &some.post("/documents", &json!({"room": "den"})).await, 403, "forbidden");
    assert_refused("no room", &some.post("/documents", &json!({"name": "shop.6"})).await, 400, "bad_payload");
    assert_refused(
        "no such room",
        &some.post("/documents", &json!({"name": "shop.6", "room": "x"})).await,
        404,
        "no_such_room",
    );
    assert_eq!(all.makes(json!({"room": "den"})).await["name"].as_str().unwrap().len(), 12);
    let names = |answer: Response| {
        let documents = answer.json()["documents"].as_array().unwrap().clone();
        documents.iter().map(|document| document["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(some.get("/documents?room=den").await), "plan shop.0 shop.1 shop.2 shop.3 shop.4 shop.5");
    assert_eq!(names(some.get("/documents").await), "plan shop.0 shop.1 shop.2 shop.3 shop.4 shop.5");
    assert_eq!(names(some.get("/documents?room=general").await), "");
    assert_eq!(names(all.get("/documents?room=general").await), "other.0 other.1 other.2 other.3 other.4");
    // However little of a page is covered, the next one begins behind it.
    let (mut next, mut read) = ("/documents?limit=2".to_owned(), Vec::new());
    loop {
        let page = some.get(&next).await;
        let link = header(&page, "link").strip_suffix(">; rel=\"next\"").map(str::to_owned);
        read.push(names(page));
        let Some(link) = link else { break };
        next = link.strip_prefix('<').unwrap().to_owned();
    }
    assert_eq!(read, ["plan shop.0", "shop.1 shop.2", "shop.3 shop.4", "shop.5"]);
    server.stop().await;
}

#[tokio::test]
async fn members_write_at_their_pace_and_keys_at_theirs() {
    let server = TestServer::start_with(|settings| {
        (settings.socket.events_per_sec, settings.socket.events_burst) = (1, 5);
    })
    .await;
    let (alice, shop) = (server.client("alice").await, Caller::back_end(&server, "documents:*").await);
    let alice = Caller::member(&server, &alice);
    shop.makes(json!({"room": "general", "name": "plan"})).await;
    shop.post("/documents/plan/versions", &json!({"name": "v"})).await;
    for (method, path, content_type, body) in [
        (Method::POST, "/documents", "application/json", r#"{"room":"general"}"#),
        (Method::PATCH, "/documents/plan", "application/json", r#"{"title":"x"}"#),
        (Method::PUT, "/documents/plan/text", "text/plain", "x"),
        (Method::POST, "/documents/plan/versions", "application/json", r#"{"name":"x"}"#),
        (Method::POST, "/documents/plan/versions/1/restore", "", ""),
        (Method::DELETE, "/documents/plan/versions/9", "", ""),
        (Method::DELETE, "/documents/nowhere", "", ""),
    ] {
        // As often as it takes: one comes back each second, and a machine may be slow.
        let mut refused = alice.send(method.clone(), path, content_type, body).await;
        for _ in 0..200 {
            if refused.status != 429 {
                refused = alice.send(method.clone(), path, content_type, body).await;
            }
        }
        assert_refused(&format!("{method} {path}"), &refused, 429, "too_many_requests");
        assert_eq!(header(&refused, "retry-after"), "1");
    }
    assert_eq!(alice.get("/documents/plan").await.status, 200, "reading is not writing");
    for n in 0..20 {
        assert_eq!(shop.put("/documents/plan/text", format!("{n}")).await.status, 204);
    }
    server.stop().await;
}
