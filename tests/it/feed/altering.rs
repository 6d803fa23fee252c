//! Tables that are changed while they are watched, in sessions that know them from before.

use super::shop::{Kept, Shop, log_of, topic, watched};
use crate::support::{TestServer, postgres::Cluster};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_writing_after_the_table_was_altered() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::new(cluster, Kept::Embedded);
    shop.sql("CREATE TABLE items (id int PRIMARY KEY, n int, note text)");
    let server = shop.server().await;
    let session = shop.session().await;
    let mut turn = 0;
    for change in [
        "SELECT",
        "ALTER TABLE items ALTER id TYPE bigint",
        "ALTER TABLE items ALTER n TYPE numeric(10, 2)",
        "ALTER TABLE items ADD more text DEFAULT 'm'",
        "ALTER TABLE items DROP note",
        "ALTER TABLE items RENAME more TO less",
        "ALTER TABLE items ALTER id TYPE text",
    ] {
        shop.sql(change);
        turn += 1;
        // Often enough for the session to keep its plans.
        for _ in 0..7 {
            let write = format!(
                "INSERT INTO items (id, n) VALUES ('{turn}', 1); UPDATE items SET n = 2 WHERE id = '{turn}'; \
                 UPDATE items SET id = '100' WHERE id = '{turn}'; DELETE FROM items"
            );
            session.batch_execute(&write).await.unwrap_or_else(|error| panic!("{change}: {error:?}"));
        }
    }
    let log = log_of(&server, "items.*", turn * 7 * 5).await;
    let last = json!({"action": "DELETE", "key": "100", "row": {"id": "100", "n": 2.00, "less": "m"}});
    assert_eq!(log.last(), Some(&last));
    assert_eq!(log[0], json!({"action": "INSERT", "key": "1", "row": {"id": 1, "n": 1, "note": null}}));
    server.stop().await;
}

/// The key of a change is the text of the value, as `::text` writes it and as snapshots have it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_any_type_is_its_text() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::new(cluster, Kept::Embedded);
    let kinds = [
        ("numeric", "1.50", "1.50"),
        ("timestamp", "2026-11-21 12:00:00.5", "2026-11-21 12:00:00.5"),
        ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("inet", "10.0.0.1", "10.0.0.1/32"),
        ("char(5)", "ab", "ab"),
        ("boolean", "t", "true"),
        ("bytea", "\\x00ff", "\\x00ff"),
        ("int[]", "{1,2}", "{1,2}"),
    ];
    let name = |place: usize| format!("k{}", char::from(b'a' + place as u8));
    for (place, (kind, ..)) in kinds.iter().enumerate() {
        shop.sql(&format!("CREATE TABLE {} (id {kind} PRIMARY KEY)", name(place)));
    }
    let tables: Vec<_> = (0..kinds.len()).map(|place| watched(&name(place), "id", &name(place))).collect();
    let server = TestServer::start_with(|settings| shop.settings_for(settings, &tables)).await;
    shop.is_drained(&server).await;
    for (place, (kind, value, text)) in kinds.iter().enumerate() {
        shop.sql(&format!("INSERT INTO {} VALUES ('{value}')", name(place)));
        let all = format!("{}.*", name(place));
        assert_eq!(log_of(&server, &all, 1).await[0]["key"], *text, "{kind}");
        let rows = server.server().rows().rows(vec![topic(&all)], 1_000).await.unwrap();
        assert_eq!(rows[0].rows[0].key, *text, "{kind}");
    }
    server.stop().await;
}

/// Where a collation takes two texts for one, they are two keys all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_changes_its_case_is_another_key() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::new(cluster, Kept::Embedded);
    shop.sql(
        "CREATE COLLATION anyhow (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         CREATE TABLE items (id text COLLATE anyhow PRIMARY KEY, n int)",
    );
    let server = shop.server().await;
    shop.sql("INSERT INTO items VALUES ('a', 1); UPDATE items SET id = 'A'");
    let log = log_of(&server, "items.*", 3).await;
    assert_eq!(log[1], json!({"action": "DELETE", "key": "a", "row": {"id": "a", "n": 1}}));
    assert_eq!(log[2], json!({"action": "INSERT", "key": "A", "row": {"id": "A", "n": 1}}));
    let rows = server.server().rows().rows(vec![topic("items.a"), topic("items.A")], 1_000).await.unwrap();
    assert_eq!((rows[0].rows.len(), rows[1].rows.len()), (0, 1));
    server.stop().await;
}
