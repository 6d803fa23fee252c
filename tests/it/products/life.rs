//! From the first to the last of a product, and what its watchers are told.

use super::*;
use crate::support::BUDGET;
use std::time::{Duration, Instant};
use switchboard::{
    model::{Offset, TopicName},
    storage::LogRange,
};
use tokio_postgres::NoTls;

async fn log(server: &TestServer, topic: &str) -> Vec<(u64, String, String)> {
    let range = LogRange::new(TopicName::parse(topic).unwrap(), Offset::ZERO, Offset(u64::MAX));
    let log = server.server().store().read_log(range, 1_000).await.unwrap();
    log.into_iter().map(|one| (one.offset.0, one.event_type.to_string(), one.payload.get().to_owned())).collect()
}

#[tokio::test]
async fn a_product_is_made_read_replaced_and_deleted() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    let made = shop.post(&anvil()).await;
    assert_eq!((made.status.as_u16(), header(&made, "location")), (201, "/products/1"));
    assert_eq!(header(&made, "content-location"), "/products/1");
    assert_eq!(made.body, shown(1, "Anvil", "12.50", 3));
    let read = shop.get("/products/1").await;
    assert_eq!((read.status.as_u16(), &read.body), (200, &made.body));
    assert_eq!(header(&read, "content-type"), "application/json");
    assert_eq!(header(&read, "cache-control"), "private, no-cache");
    assert_eq!(etag(&read), etag(&made));
    assert!(etag(&read).starts_with('"'), "strong");
    let head = shop.send(Method::HEAD, "/products/1", "").await;
    assert_eq!((head.status.as_u16(), etag(&head), head.body.len()), (200, etag(&read), 0));
    assert_eq!(header(&head, "content-length"), read.body.len().to_string());
    let body = json!({"productId": 1, "manufacturer": " Acme ", "pricePerUnit": 9_999_999_999.99_f64,
        "unitsAvailable": 9_007_199_254_740_991_i64, "productName": "Anvil", "colour": "red"});
    let replaced = shop.put(1, &body).await;
    assert_eq!(replaced.status, 200, "{:?}", replaced.body);
    assert_eq!(replaced.body, shown(1, "Anvil", "9999999999.99", 9_007_199_254_740_991));
    assert_eq!(
        (etag(&shop.get("/products/1").await), header(&replaced, "content-location")),
        (etag(&replaced), "/products/1")
    );
    assert_ne!(etag(&replaced), etag(&made));
    let gone = shop.delete(1).await;
    assert_eq!((gone.status.as_u16(), gone.body.len(), header(&gone, "cache-control")), (204, 0, "no-store"));
    for answer in [shop.get("/products/1").await, shop.put(1, &anvil()).await, shop.delete(1).await] {
        assert_refused("gone", &answer, 404, "not_found");
    }
    assert_eq!(shop.makes(&anvil()).await, 2, "an id is given once");
    let all = log(&server, "products.*").await;
    if is_on_postgres() {
        return server.stop().await; // the feed's
    }
    let change = |action: &str, row: String| format!(r#"{{"action":"{action}","key":"1","row":{row}}}"#);
    let told = [
        change("INSERT", shown(1, "Anvil", "12.50", 3)),
        change("UPDATE", shown(1, "Anvil", "9999999999.99", 9_007_199_254_740_991)),
        change("DELETE", shown(1, "Anvil", "9999999999.99", 9_007_199_254_740_991)),
    ];
    let told: Vec<_> = (1..).zip(told).map(|(offset, payload)| (offset, "row_changed".to_owned(), payload)).collect();
    assert_eq!(log(&server, "products.1").await, told);
    assert_eq!(all[..3], told);
    assert_eq!((all.len(), log(&server, "products.2").await.len()), (4, 1));
    server.stop().await;
}

/// However a number is written, the same is stored and shown.
#[tokio::test]
async fn a_price_never_becomes_a_float() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    for (written, shown) in [
        ("0", "0.00"),
        ("-0", "0.00"),
        ("12", "12.00"),
        ("12.500", "12.50"),
        ("1.25e1", "12.50"),
        ("0.07", "0.07"),
        ("8888888888.88", "8888888888.88"),
        ("9999999999.99", "9999999999.99"),
    ] {
        let body = format!(r#"{{"manufacturer":"a","pricePerUnit":{written},"unitsAvailable":1e2,"productName":"b"}}"#);
        let made = shop.send(Method::POST, "/products", body).await;
        assert_eq!(made.status, 201, "{written}: {:?}", made.body);
        let text = format!(r#""pricePerUnit":{shown},"unitsAvailable":100,"#);
        assert!(String::from_utf8_lossy(&made.body).contains(&text), "{written}: {:?}", made.body);
        let read = shop.get(header(&made, "location")).await;
        assert_eq!(read.body, made.body);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_repeat_with_an_idempotency_key_makes_nothing() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    let once = shop.and("idempotency-key", "order-1");
    let first = once.post(&anvil()).await;
    assert_eq!((first.status.as_u16(), header(&first, "idempotent-replayed")), (201, ""));
    assert_eq!(shop.put(1, &named("Rocket")).await.status, 200);
    let again = once.post(&anvil()).await;
    assert_eq!((again.status.as_u16(), header(&again, "idempotent-replayed")), (201, "true"));
    assert_eq!((&again.body, etag(&again), header(&again, "location")), (&first.body, etag(&first), "/products/1"));
    assert_refused("another body", &once.post(&named("Rocket")).await, 409, "conflict");
    assert_refused("no name", &shop.and("idempotency-key", "a b").post(&anvil()).await, 400, "bad_payload");
    assert_eq!(shop.get("/products").await.json()["products"].as_array().unwrap().len(), 1);
    // The same name and body at another path are another request.
    let both = server.made_key("both", &["products", "publish:*"]).await;
    let mut body = anvil();
    (body["channel"], body["data"]) = (json!("a"), json!(1));
    let both = Editor::with_key(server.http(), both.secret.expose()).and("idempotency-key", "same");
    assert_eq!(both.send(Method::POST, "/publish", body.to_string()).await.status, 200);
    assert_refused("both", &both.post(&body).await, 409, "conflict");
    server.stop().await;
}

/// On SQLite as good as none: nobody else writes there.
#[tokio::test]
async fn what_psql_writes_is_read_over_rest_and_the_other_way_round() {
    if !is_on_postgres() {
        return;
    }
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    until_watched(&server).await;
    let columns = "product_id, manufacturer, price_per_unit, units_available, product_name";
    server.meddles(&format!(
        "INSERT INTO products ({columns}) VALUES (0, 'Acme', 1, 2, 'zero'), (1, 'Acme', 1.5, 2, 'one'), (2, 'Acme', 2, 2, 'two'), \
         (-3, '', 0, 9223372036854775807, E'a\\n'), (4, 'Acme', 4, 4, 'four')"
    ));
    assert_eq!(shop.get("/products/0").await.body, shown(0, "zero", "1.00", 2));
    assert_eq!(shop.get("/products/1").await.body, shown(1, "one", "1.50", 2));
    let odd = shop.get("/products/-3").await.json();
    assert_eq!((&odd["unitsAvailable"], &odd["productName"]), (&json!(i64::MAX), &json!("a\n")));
    // Ids that were given by hand are stepped over.
    assert_eq!((shop.makes(&anvil()).await, shop.makes(&anvil()).await), (3, 5));
    // A version that was seen is over when psql writes the row.
    let seen = etag(&shop.get("/products/1").await);
    server.meddles("UPDATE products SET price_per_unit = 1.51 WHERE product_id = 1");
    assert_refused("seen", &shop.and("if-match", &seen).put(1, &anvil()).await, 412, "precondition_failed");
    let seen = etag(&shop.get("/products/1").await);
    server.meddles("UPDATE products SET price_per_unit = 1.510 WHERE product_id = 1");
    assert_eq!(shop.and("if-match", &seen).put(1, &anvil()).await.status, 200, "the same content is the same version");
    server.meddles("DO $$ BEGIN ASSERT (SELECT price_per_unit FROM products WHERE product_id = 1) = 12.50; END $$");
    server.meddles("ALTER TABLE products ADD CONSTRAINT few CHECK (units_available < 10 OR product_id < 0)");
    let many = json!({"manufacturer": "Acme", "pricePerUnit": 1, "unitsAvailable": 10, "productName": "many"});
    assert_refused("a rule of the database's", &shop.post(&many).await, 409, "conflict");
    for bad in ["-0.01", "'NaN'", "10000000000"] {
        let refused = format!(
            "DO $$ BEGIN UPDATE products SET price_per_unit = {bad}; ASSERT false, 'taken'; \
             EXCEPTION WHEN check_violation OR numeric_value_out_of_range THEN NULL; END $$"
        );
        server.meddles(&refused);
    }
    server.stop().await;
}

/// A transaction of somebody else's that keeps a row locked holds up nobody but who asks for that row.
#[tokio::test]
async fn a_locked_row_holds_up_nobody_else() {
    if !is_on_postgres() {
        return;
    }
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    let (one, other) = (shop.makes(&named("one")).await, shop.makes(&named("other")).await);
    until_watched(&server).await;
    let (holder, connection) = tokio_postgres::connect(&server.store_url(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let lock = format!("BEGIN; UPDATE products SET units_available = 7 WHERE product_id = {one}");
    holder.batch_execute(&lock).await.unwrap();
    assert_refused("PUT", &shop.put(one, &anvil()).await, 503, "unavailable");
    let refused = shop.delete(one).await;
    assert_refused("DELETE", &refused, 503, "unavailable");
    assert!(!header(&refused, "retry-after").is_empty());
    assert_eq!(shop.put(other, &anvil()).await.status, 200);
    assert_eq!(shop.get(&format!("/products/{one}")).await.json()["unitsAvailable"], 1);
    holder.batch_execute("COMMIT").await.unwrap();
    drop(holder);
    connection.await.unwrap().unwrap();
    assert_eq!(shop.get(&format!("/products/{one}")).await.json()["unitsAvailable"], 7);
    assert_eq!(shop.put(one, &anvil()).await.status, 200);
    server.stop().await;
}

/// Until the feed has made its triggers, for which it locks the table; whoever writes then waits behind it.
async fn until_watched(server: &TestServer) {
    let trigger = "SELECT 1 FROM pg_trigger WHERE tgrelid = 'products'::regclass AND NOT tgisinternal";
    let (client, connection) = tokio_postgres::connect(&server.store_url(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let started = Instant::now();
    while client.query(trigger, &[]).await.unwrap().len() < 2 {
        assert!(started.elapsed() < BUDGET, "the feed is not installed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(client);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_kept_for_no_time_is_not_kept() {
    if is_on_postgres() {
        return; // there the feed publishes
    }
    let server = TestServer::start_with(|settings| settings.feed.table[0].history_age = Duration::ZERO).await;
    let shop = Editor::of(&server).await;
    shop.makes(&named("one")).await;
    assert!(log(&server, "products.*").await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn without_its_table_there_are_no_products() {
    let server = TestServer::start_with(|settings| settings.feed.table.clear()).await;
    let shop = Editor::of(&server).await;
    for path in ["/products", "/products/1"] {
        let answer = shop.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.body.clone()), (404, server.http().get("/nothing").await.body));
    }
    assert!(server.http().get("/openapi.json").await.json()["paths"].get("/products").is_none());
    server.stop().await;
}
