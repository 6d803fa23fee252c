//! What is wrong with a request is told, all of it, as a problem.

use super::*;

#[tokio::test]
async fn every_faulty_field_is_named_at_once() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    let id = shop.makes(&anvil()).await;
    let empty = shop.post(&json!({})).await;
    assert_refused("empty", &empty, 422, "invalid_product");
    let missing = |field| json!({"field": field, "problem": "is missing"});
    let fields = ["manufacturer", "pricePerUnit", "unitsAvailable", "productName"];
    assert_eq!(empty.json()["errors"], json!(fields.map(missing)));
    let bad = json!({"productId": 7, "manufacturer": "", "pricePerUnit": 0.001, "unitsAvailable": -1, "productName": "x".repeat(201)});
    let answer = shop.put(id, &bad).await;
    assert_refused("PUT", &answer, 422, "invalid_product");
    let expected = [
        ("productId", "must be 1, or left out"),
        ("manufacturer", "must have 1 to 200 printable characters"),
        ("pricePerUnit", "must have at most two decimals"),
        ("unitsAvailable", "must not be negative"),
        ("productName", "must have 1 to 200 printable characters"),
    ];
    assert_eq!(
        answer.json()["errors"],
        json!(expected.map(|(field, problem)| json!({"field": field, "problem": problem})))
    );
    for (field, value) in [
        ("pricePerUnit", json!("12")),
        ("pricePerUnit", json!(-0.01)),
        ("pricePerUnit", json!(10_000_000_000_i64)),
        ("pricePerUnit", json!(null)),
        ("unitsAvailable", json!(0.5)),
        ("unitsAvailable", json!(9_007_199_254_740_992_i64)),
        ("unitsAvailable", json!([1])),
        ("manufacturer", json!("a\u{7}")),
        ("manufacturer", json!(" \u{202e} ")),
        ("productName", json!({"a": 1})),
    ] {
        let mut product = anvil();
        product[field] = value.clone();
        let answer = shop.post(&product).await;
        assert_refused(&format!("{field} {value}"), &answer, 422, "invalid_product");
        let errors = answer.json()["errors"].clone();
        assert_eq!((errors.as_array().unwrap().len(), &errors[0]["field"]), (1, &json!(field)));
    }
    assert_eq!(shop.get("/products").await.json()["products"].as_array().unwrap().len(), 1, "nothing was written");
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    let good = anvil().to_string();
    for (body, code) in [
        ("{", "bad_json"),
        ("nul", "bad_json"),
        (r#"{"manufacturer":"a","manufacturer":"b"}"#, "bad_json"),
        (r#"{"pricePerUnit":1e999}"#, "bad_json"),
        ("[]", "bad_payload"),
        ("1", "bad_payload"),
    ] {
        assert_refused(body, &shop.send(Method::POST, "/products", body).await, 400, code);
        assert_refused(body, &shop.send(Method::PUT, "/products/1", body).await, 400, code);
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let answer = shop.and("content-type", kind).send(Method::POST, "/products", good.clone()).await;
        assert_refused(kind, &answer, 415, "unsupported_media_type");
    }
    assert_refused("no body", &shop.send(Method::POST, "/products", "").await, 415, "unsupported_media_type");
    let large = json!({"more": "x".repeat(70_000)}).to_string();
    assert_refused("large", &shop.send(Method::POST, "/products", large).await, 413, "too_large");
    for id in ["x", "01", "+1", "1.0", "99999999999999999999", "%31x", "1/2", ""] {
        let path = format!("/products/{id}");
        assert_refused(&path, &shop.get(&path).await, 404, "not_found");
    }
    for (method, path, allow) in [
        (Method::PATCH, "/products/1", "GET,HEAD,PUT,DELETE"),
        (Method::POST, "/products/1", "GET,HEAD,PUT,DELETE"),
        (Method::DELETE, "/products", "GET,HEAD,POST"),
        (Method::PUT, "/products", "GET,HEAD,POST"),
    ] {
        let answer = shop.send(method.clone(), path, good.clone()).await;
        assert_refused(&format!("{method} {path}"), &answer, 405, "method_not_allowed");
        let sorted = |list: &str| {
            let mut methods: Vec<_> = list.split(',').map(|method| method.trim().to_owned()).collect();
            methods.sort();
            methods
        };
        assert_eq!(sorted(header(&answer, "allow")), sorted(allow));
    }
    let head = shop.send(Method::HEAD, "/products/9", "").await;
    assert_eq!(
        (head.status.as_u16(), header(&head, "content-type"), head.body.len()),
        (404, "application/problem+json", 0)
    );
    server.stop().await;
}

/// The store cannot be written for a while: nothing is made, and the repeat makes it once.
#[tokio::test]
async fn what_failed_is_made_once_when_it_is_sent_again() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await.and("idempotency-key", "x");
    for table in ["publish_receipt", "products"] {
        server.meddles(&format!("ALTER TABLE {table} RENAME TO hidden"));
        let failed = shop.post(&anvil()).await;
        assert!(failed.status.is_server_error(), "{:?}", failed.body);
        assert_eq!(header(&failed, "content-type"), "application/problem+json");
        server.meddles(&format!("ALTER TABLE hidden RENAME TO {table}"));
    }
    let made = shop.post(&anvil()).await;
    assert_eq!((made.status.as_u16(), header(&made, "idempotent-replayed")), (201, ""), "{:?}", made.body);
    assert_eq!(shop.get("/products").await.json()["products"].as_array().unwrap().len(), 1);
    server.stop().await;
}
