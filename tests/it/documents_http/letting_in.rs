//! `documents` of `POST /otp`: a back end lets its own users open some.

use super::*;
use switchboard::settings::DocumentNamespace;

#[tokio::test]
async fn each_fault_of_the_list_is_named() {
    let server = TestServer::start_with(|settings| {
        let mut second: DocumentNamespace = settings.document.namespace[0].clone();
        second.pattern = "shop.*".parse().unwrap();
        settings.document.namespace.push(second);
    })
    .await;
    let alice = server.client("alice").await;
    let key = server.made_key("shop", &["otp", "documents:app.*", "documents:plan"]).await;
    let (both, otp) = (key.secret.expose(), server.key("otp").await);
    let documents = server.key("documents:*").await;
    let of = |documents: Value| json!({"user": {"id": "42"}, "documents": documents});
    let good = of(json!({"app.plan": "write", "App.Notice": "read"}));
    let answer = server.external_otp(both, &good).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["user"]["role"]), (200, &json!("external")));
    assert_eq!(server.external_otp(both, &of(json!({}))).await.status, 200);
    let with_topics = json!({"user": {"id": "42"}, "topics": ["channel.a"], "documents": {"app.plan": "read"}});
    assert_eq!(server.external_otp(both, &with_topics).await.status, 200);
    let many: serde_json::Map<_, _> = (0..1_025).map(|n| (format!("app.{n}"), json!("read"))).collect();
    for (key, documents, status, code, names) in [
        (both, json!({"app.plan": "admin"}), 400, "bad_payload", "documents"),
        (both, json!({"app.plan": true}), 400, "bad_payload", "documents"),
        (both, json!(["app.plan"]), 400, "bad_payload", "documents"),
        (both, json!(many), 400, "bad_payload", "`documents`"),
        (both, json!({"a b": "read"}), 400, "bad_document", "`documents.a b`"),
        (both, json!({"..": "read"}), 400, "bad_document", "`documents...`"),
        (both, json!({"app.plan": "read", "plan": "read"}), 404, "no_such_namespace", "`documents.plan`"),
        (both, json!({"app.plan": "read", "shop.plan": "read"}), 403, "forbidden", "`documents.shop.plan`"),
        (both, json!({"app.plan": "read", "APP.plan": "write"}), 400, "bad_payload", "`documents.app.plan`"),
        (&otp, json!({"app.plan": "read"}), 403, "forbidden", "`documents.app.plan`"),
        (&documents, json!({"app.plan": "read"}), 403, "forbidden", ""),
    ] {
        let answer = server.external_otp(key, &of(documents)).await;
        assert_refused(names, &answer, status, code);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(names), "{message} does not name {names}");
    }
    let neither = server.external_otp(both, &json!({"user": {"id": "42"}})).await;
    assert_refused("neither", &neither, 400, "bad_payload");
    let member = server.http().post_as(&alice.session, "/otp", &json!({"documents": {"app.plan": "read"}})).await;
    assert_refused("a member", &member, 400, "bad_payload");
    server.stop().await;
}
