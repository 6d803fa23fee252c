//! Documents that belong to no room.

use super::*;
use switchboard::{
    model::Role,
    settings::{DocumentNamespace, NamespaceMembers, Settings},
};

fn namespaces(settings: &mut Settings) {
    let namespace = |(pattern, members): (&str, _)| DocumentNamespace { pattern: pattern.parse().unwrap(), members };
    let all = [
        ("app.*", NamespaceMembers::Nothing),
        ("notice.*", NamespaceMembers::Read),
        ("wiki.*", NamespaceMembers::Write),
    ];
    settings.document.namespace = all.map(namespace).into();
}

#[tokio::test]
async fn back_ends_make_them_and_the_settings_say_what_members_may() {
    let server = TestServer::start_with(namespaces).await;
    server.account("boss", Role::Owner).await;
    let [alice, boss] = server.clients(["alice", "boss"]).await.map(|client| Caller::member(&server, &client));
    let shop = Caller::back_end(&server, "documents:*").await;
    for name in ["app.plan", "notice.plan", "wiki.plan"] {
        let made = shop.makes(json!({"name": name, "text": "one"})).await;
        assert_eq!(
            (&made["room"], &made["created_by"], &made["access"]),
            (&Value::Null, &Value::Null, &json!("write"))
        );
    }
    for (who, name, access, manages) in [
        (&alice, "notice.plan", "read", false),
        (&alice, "wiki.plan", "write", false),
        (&boss, "notice.plan", "write", true),
        (&boss, "wiki.plan", "write", true),
    ] {
        let shown = who.get(&format!("/documents/{name}")).await.json();
        assert_eq!((&shown["access"], &shown["manages"]), (&json!(access), &json!(manages)), "{name}");
        let put = who.put(&format!("/documents/{name}/text"), "two").await;
        assert_eq!(put.status, if access == "write" { 204 } else { 403 }, "{name}");
    }
    assert_refused("nothing", &alice.get("/documents/app.plan").await, 404, "no_such_document");
    assert_refused("nothing", &boss.get("/documents/app.plan/text").await, 404, "no_such_document");
    assert_refused("alice", &alice.delete("/documents/wiki.plan").await, 403, "forbidden");
    assert_eq!(boss.delete("/documents/wiki.plan").await.status, 204);
    server.stop().await;
}

#[tokio::test]
async fn a_name_is_of_a_room_or_of_a_namespace() {
    let server = TestServer::start_with(namespaces).await;
    let alice = Caller::member(&server, &server.client("alice").await);
    let shop = Caller::back_end(&server, "documents:*").await;
    for (who, body, status, code) in [
        (&alice, json!({"name": "wiki.a"}), 403, "forbidden"),
        (&alice, json!({"name": "app.a"}), 403, "forbidden"),
        (&alice, json!({"name": "wiki.a", "room": "general"}), 400, "bad_payload"),
        (&alice, json!({"name": "plan"}), 400, "bad_payload"),
        (&alice, json!({}), 400, "bad_payload"),
        (&shop, json!({"name": "app.a", "room": "general"}), 400, "bad_payload"),
        (&shop, json!({"name": "plan"}), 400, "bad_payload"),
        (&shop, json!({}), 400, "bad_payload"),
    ] {
        assert_refused(&body.to_string(), &who.post("/documents", &body).await, status, code);
    }
    // The dot belongs to the pattern.
    alice.makes(json!({"name": "app", "room": "general"})).await;
    shop.makes(json!({"name": "APP.A"})).await;
    assert_eq!(shop.get("/documents/app.a").await.status, 200);
    server.stop().await;
}
