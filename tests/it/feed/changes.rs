//! What writers do, and what is published of it.

use super::shop::{EVERYWHERE, Kept, Shop, log, log_of, told, topic, watched};
use crate::support::{TestServer, postgres::Cluster};
use serde_json::json;
use std::fmt::Write as _;
use switchboard::model::FeedName;

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_published_on_its_row_and_its_table() {
    let Some(cluster) = Cluster::shared() else { return };
    for kept in EVERYWHERE {
        let shop = Shop::with_items(cluster, kept);
        let server = shop.server().await;
        shop.sql("INSERT INTO items VALUES ('a', 1, 'x'); UPDATE items SET n = 2; DELETE FROM items");
        let expected = [
            json!({"action": "INSERT", "key": "a", "row": {"id": "a", "n": 1, "note": "x"}}),
            json!({"action": "UPDATE", "key": "a", "row": {"id": "a", "n": 2, "note": "x"}}),
            json!({"action": "DELETE", "key": "a", "row": {"id": "a", "n": 2, "note": "x"}}),
        ];
        assert_eq!(log_of(&server, "items.*", 3).await, expected);
        assert_eq!(log_of(&server, "items.a", 3).await, expected);
        shop.is_empty().await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_any_size_are_told() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let server = shop.server().await;
    // Random, so that it does not compress to nothing. A quarter of an egress is 256 KiB.
    let long = |repeats| format!("(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, {repeats}))");
    shop.sql(&format!("INSERT INTO items VALUES ('a', 1, {})", long(1_000)));
    shop.sql(&format!("INSERT INTO items VALUES ('b', 2, {})", long(9_000)));
    shop.sql("UPDATE items SET n = 3 WHERE id = 'a'");
    shop.sql("UPDATE items SET n = 4, note = 'short' WHERE id = 'b'");
    let log = log_of(&server, "items.*", 4).await;
    assert_eq!(log[0]["row"]["note"].as_str().unwrap().len(), 32_000);
    assert_eq!(log[1], json!({"action": "INSERT", "key": "b", "row": null, "omitted": "too_large"}));
    // A value that did not change is told as well.
    assert_eq!(log[2]["row"]["note"], log[0]["row"]["note"]);
    assert_eq!(log[3], json!({"action": "UPDATE", "key": "b", "row": {"id": "b", "n": 4, "note": "short"}}));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_rows_in_one_statement_are_a_thousand_changes() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::SameDatabase);
    let server = shop.server().await;
    shop.sql("INSERT INTO items SELECT n, n FROM generate_series(1, 1000) AS n; UPDATE items SET n = n + 1");
    let log = log_of(&server, "items.*", 2_000).await;
    for n in 1..=1_000_usize {
        assert_eq!(log[n - 1]["row"]["n"], n);
        assert_eq!((&log[999 + n]["action"], &log[999 + n]["row"]["n"]), (&json!("UPDATE"), &json!(n + 1)));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_commits_out_of_order_is_not_skipped() {
    let Some(cluster) = Cluster::shared() else { return };
    for kept in EVERYWHERE {
        let shop = Shop::with_items(cluster, kept);
        let server = shop.server().await;
        let (first, second) = (shop.session().await, shop.session().await);
        first.batch_execute("BEGIN; INSERT INTO items VALUES ('first', 1)").await.unwrap();
        second.batch_execute("BEGIN; INSERT INTO items VALUES ('second', 2)").await.unwrap();
        second.batch_execute("COMMIT").await.unwrap();
        assert_eq!(told(&log_of(&server, "items.*", 1).await), [("INSERT".to_owned(), 2)]);
        shop.is_empty().await;
        // Its change has the smaller id.
        first.batch_execute("COMMIT").await.unwrap();
        let both = ["INSERT", "INSERT"].map(str::to_owned).into_iter().zip([2, 1]).collect::<Vec<_>>();
        assert_eq!(told(&log_of(&server, "items.*", 2).await), both);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rolled_back_is_not_published() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let server = shop.server().await;
    shop.sql("BEGIN; INSERT INTO items VALUES ('a', 1); ROLLBACK");
    shop.sql(
        "BEGIN; INSERT INTO items VALUES ('a', 2); SAVEPOINT s; UPDATE items SET n = 3; ROLLBACK TO s; \
         UPDATE items SET n = 4; SAVEPOINT t; UPDATE items SET n = 5; RELEASE t; COMMIT",
    );
    shop.sql("INSERT INTO items VALUES ('end', 6)");
    let numbers: Vec<_> = told(&log_of(&server, "items.*", 4).await).into_iter().map(|(_, n)| n).collect();
    assert_eq!(numbers, [2, 4, 5, 6]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_is_a_row_that_goes_and_one_that_comes() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let server = shop.server().await;
    shop.sql("INSERT INTO items VALUES ('old', 1); UPDATE items SET id = 'new', n = 2");
    let gone = json!({"action": "DELETE", "key": "old", "row": {"id": "old", "n": 1, "note": null}});
    let come = json!({"action": "INSERT", "key": "new", "row": {"id": "new", "n": 2, "note": null}});
    assert_eq!(log_of(&server, "items.*", 3).await[1..], [gone.clone(), come.clone()]);
    assert_eq!(log_of(&server, "items.old", 2).await[1], gone);
    assert_eq!(log_of(&server, "items.new", 1).await, [come]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn truncating_deletes_each_row() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let server = shop.server().await;
    shop.sql("INSERT INTO items SELECT n, n FROM generate_series(1, 3) AS n");
    shop.sql("BEGIN; TRUNCATE items; ROLLBACK");
    shop.sql("TRUNCATE items; INSERT INTO items VALUES ('1', 9)");
    let actions: Vec<_> = told(&log_of(&server, "items.*", 7).await)[3..].to_vec();
    let deleted = (1..=3).map(|n| ("DELETE".to_owned(), n));
    assert_eq!(actions, deleted.chain([("INSERT".to_owned(), 9)]).collect::<Vec<_>>());
    server.stop().await;
}

/// Each waits for the other's lock on the row.
#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_one_row_are_in_order_whoever_writes() {
    let Some(cluster) = Cluster::shared() else { return };
    const WRITERS: usize = 6;
    const EACH: usize = 50;
    for kept in EVERYWHERE {
        let shop = Shop::with_items(cluster, kept);
        let server = shop.server().await;
        shop.sql("INSERT INTO items VALUES ('a', 0)");
        let mut writing = Vec::new();
        for writer in 0..WRITERS {
            let session = shop.session().await;
            writing.push(tokio::spawn(async move {
                for turn in 0..EACH {
                    let end = if (turn + writer) % 3 == 0 { "ROLLBACK" } else { "COMMIT" };
                    let change = "UPDATE items SET n = n + 1 WHERE id = 'a'";
                    session.batch_execute(&format!("BEGIN; {change}; {change}; {end}")).await.unwrap();
                }
            }));
        }
        for writer in writing {
            writer.await.unwrap();
        }
        let last: u64 = shop.sql("SELECT n FROM items").parse().unwrap();
        let numbers: Vec<_> = told(&log_of(&server, "items.a", last + 1).await).into_iter().map(|(_, n)| n).collect();
        assert_eq!(numbers, (0..=last as i64).collect::<Vec<_>>());
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_may_be_any_text() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::SameDatabase);
    let server = shop.server().await;
    let keys = ["a b", "a.b", "a'b\"c", "ключ", "*", "%41", "a\nb", "\\", "$1", " ", "🦀", "a/b?c#d"];
    let session = shop.session().await;
    for key in keys {
        session.execute("INSERT INTO items VALUES ($1, 1)", &[&key]).await.unwrap();
    }
    let long = "k".repeat(600);
    for key in [long.as_str(), ""] {
        session.execute("INSERT INTO items VALUES ($1, 1)", &[&key]).await.unwrap();
    }
    let all = log_of(&server, "items.*", keys.len() as u64 + 2).await;
    let feed = FeedName::parse("items").unwrap();
    for (key, change) in keys.iter().chain([&long.as_str(), &""]).zip(&all) {
        assert_eq!((&change["key"], &change["row"]["id"]), (&json!(key), &json!(key)));
    }
    for key in keys {
        let topic = feed.row(key).unwrap();
        assert_eq!(log(server.server(), topic.as_str()).await.len(), 1, "{topic}");
    }
    // What was published can be asked for, too.
    let rows = server.server().rows().rows(keys.map(|key| feed.row(key).unwrap()).to_vec(), 100_000).await.unwrap();
    for (at, key) in rows.iter().zip(keys) {
        assert_eq!((at.rows.len(), at.rows[0].key.as_str(), at.state.head.0), (1, key, 1));
    }
    server.stop().await;
}

/// What a writer has set for its session does not change what is told.
#[tokio::test(flavor = "multi_thread")]
async fn values_are_written_the_same_whoever_writes_them() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::new(cluster, Kept::Embedded);
    shop.sql(
        "CREATE TABLE odd (at timestamptz PRIMARY KEY, price numeric(20, 4), big bigint, real float8, raw bytea, \
         doc json, \"Übergröße \"\"x\"\"\" text, t text DEFAULT 't', tags text[], span interval)",
    );
    let server = TestServer::start_with(|settings| shop.settings_for(settings, &[watched("odd", "at", "odd")])).await;
    shop.is_drained(&server).await;
    let mut sql = String::from(
        "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET bytea_output = 'escape'; SET extra_float_digits = 0; \
         SET IntervalStyle = 'iso_8601'; SET search_path = ''; SET standard_conforming_strings = off;",
    );
    let _ = write!(
        sql,
        "INSERT INTO public.odd VALUES ('2026-11-21 12:00:00+00', 12.5, 9007199254740993, 0.1::float8 + 0.2, \
         decode('00ff', 'hex'), E'{{\\n \"a\": [1,\\r\\n 2]}}', 'größer', DEFAULT, '{{a,b}}', '1 day 2 hours')"
    );
    shop.sql(&sql);
    let log = log_of(&server, "odd.*", 1).await;
    let text = {
        let range = switchboard::storage::LogRange::new(
            topic("odd.*"),
            switchboard::model::Offset(0),
            switchboard::model::Offset(9),
        );
        server.server().store().read_log(range, 9).await.unwrap()[0].payload.get().to_owned()
    };
    let expected = r#"{"action":"INSERT","key":"2026-11-21 12:00:00+00","row":{"at":"2026-11-21T12:00:00+00:00","price":12.5000,"big":9007199254740993,"real":0.30000000000000004,"raw":"\\x00ff","doc":{"a":[1,2]},"Übergröße \"x\"":"größer","t":"t","tags":["a","b"],"span":"1 day 02:00:00"}}"#;
    assert_eq!(text, expected);
    let row = FeedName::parse("odd").unwrap().row(log[0]["key"].as_str().unwrap()).unwrap();
    let rows = server.server().rows().rows(vec![row, topic("odd.*")], 10_000).await.unwrap();
    for at in rows {
        assert!(expected.contains(at.rows[0].row.get()), "{}", at.rows[0].row);
        assert_eq!(at.rows[0].key, "2026-11-21 12:00:00+00");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_products_are_told_as_rest_shows_them() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::new(cluster, Kept::SameDatabase);
    let server = TestServer::start_with(|settings| {
        let tables = settings.feed.table.clone();
        shop.settings_for(settings, &tables);
    })
    .await;
    shop.is_drained(&server).await;
    shop.sql("INSERT INTO products (manufacturer, price_per_unit, units_available, product_name) VALUES ('Acme', 12.5, 3, 'An\"vil')");
    log_of(&server, "products.1", 1).await;
    let range = switchboard::storage::LogRange::new(
        topic("products.1"),
        switchboard::model::Offset(0),
        switchboard::model::Offset(9),
    );
    let payload = server.server().store().read_log(range, 9).await.unwrap().remove(0).payload;
    let row =
        r#"{"productId":1,"manufacturer":"Acme","pricePerUnit":12.50,"unitsAvailable":3,"productName":"An\"vil"}"#;
    assert_eq!(payload.get(), format!(r#"{{"action":"INSERT","key":"1","row":{row}}}"#));
    let rows = server.server().rows().rows(vec![topic("products.*")], 10_000).await.unwrap();
    assert_eq!(rows[0].rows[0].row.get(), row);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_watched_with_their_table() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::new(cluster, Kept::Embedded);
    shop.sql(
        "CREATE TABLE items (id bigint PRIMARY KEY, n bigint, note text) PARTITION BY RANGE (id); \
         CREATE TABLE low PARTITION OF items FOR VALUES FROM (0) TO (100); \
         CREATE TABLE high PARTITION OF items FOR VALUES FROM (100) TO (200)",
    );
    let server = shop.server().await;
    shop.sql("INSERT INTO items VALUES (1, 1), (101, 2); UPDATE low SET n = 3; UPDATE items SET id = 102, n = 4 WHERE id = 1");
    shop.sql("CREATE TABLE top PARTITION OF items FOR VALUES FROM (200) TO (300); INSERT INTO top VALUES (201, 5)");
    let expected = [("INSERT", 1), ("INSERT", 2), ("UPDATE", 3), ("DELETE", 3), ("INSERT", 4), ("INSERT", 5)];
    let log = told(&log_of(&server, "items.*", 6).await);
    assert_eq!(log, expected.map(|(action, n)| (action.to_owned(), n)));
    let rows = server.server().rows().rows(vec![topic("items.*"), topic("items.201")], 10_000).await.unwrap();
    let keys: Vec<_> = rows[0].rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["101", "102", "201"]);
    assert_eq!(rows[1].rows.len(), 1);
    server.stop().await;
}

/// The writer's own triggers write the row once more: what it is in the end is told in the end.
#[tokio::test(flavor = "multi_thread")]
async fn what_triggers_of_the_table_change_comes_after_what_they_followed() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    shop.sql(
        "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \
         UPDATE items SET n = n + 1 WHERE id = NEW.id AND n < 3; RETURN NULL; END$$; \
         CREATE TRIGGER \"!!!\" AFTER INSERT OR UPDATE ON items FOR EACH ROW WHEN (false) EXECUTE FUNCTION again(); \
         CREATE TRIGGER aaa AFTER INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION again()",
    );
    let server = shop.server().await;
    shop.sql("INSERT INTO items VALUES ('a', 1)");
    let numbers: Vec<_> = told(&log_of(&server, "items.a", 3).await).into_iter().map(|(_, n)| n).collect();
    assert_eq!(numbers, [1, 2, 3]);
    server.stop().await;
}
