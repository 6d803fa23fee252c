//! Rows as they are, at the place where the stream of their changes goes on.

use super::shop::{EVERYWHERE, Kept, Shop, assert_told_why, head, idle, log, log_of, topic, watched};
use crate::support::{BUDGET, TestServer, postgres::Cluster};
use rand::RngExt;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use switchboard::{
    model::TopicName,
    storage::{RowsAt, RowsError},
};

const SNAPSHOTS: usize = 20;

/// A table, by its keys.
pub type Rows = BTreeMap<String, Value>;

fn rows_of(at: &RowsAt) -> Rows {
    let row = |row: &switchboard::storage::Row| (row.key.clone(), serde_json::from_str(row.row.get()).unwrap());
    at.rows.iter().map(row).collect()
}

/// Follows a stream from where a snapshot stood.
pub fn follow(rows: &mut Rows, log: &[Value], from: u64) {
    for change in &log[usize::try_from(from).unwrap()..] {
        let key = change["key"].as_str().unwrap().to_owned();
        match change["action"].as_str().unwrap() {
            "INSERT" => assert!(rows.insert(key, change["row"].clone()).is_none(), "{change} was there"),
            "UPDATE" => assert!(rows.insert(key, change["row"].clone()).is_some(), "{change} was not there"),
            _ => assert!(rows.remove(&key).is_some(), "{change} was not there"),
        }
    }
}

/// Writes at random until it is over.
async fn write(session: tokio_postgres::Client, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        let mut sql = String::from("BEGIN;");
        // In the order of their keys, so that writers wait for each other and never in a circle.
        let mut keys: Vec<_> = (0..rand::rng().random_range(1..5)).map(|_| rand::rng().random_range(0..40)).collect();
        keys.sort();
        for key in keys {
            let n = rand::rng().random_range(0..1_000_000);
            sql += &match rand::rng().random_range(0..10) {
                0..5 => format!("INSERT INTO items VALUES ('k {key}', {n}) ON CONFLICT (id) DO UPDATE SET n = {n};"),
                5..7 => format!("UPDATE items SET n = {n} WHERE id = 'k {key}';"),
                7 => format!("SAVEPOINT s; DELETE FROM items WHERE id = 'k {key}'; ROLLBACK TO s;"),
                _ => format!("DELETE FROM items WHERE id = 'k {key}';"),
            };
        }
        sql += if rand::rng().random_range(0..4) == 0 { "ROLLBACK" } else { "COMMIT" };
        session.batch_execute(&sql).await.unwrap();
    }
}

/// Asks, as often as the feed is behind with more than fits into a client's egress.
async fn taken(server: &TestServer, topics: Vec<TopicName>) -> Vec<RowsAt> {
    let started = Instant::now();
    loop {
        match server.server().rows().rows(topics.clone(), 1 << 20).await {
            Err(RowsError::Unavailable(why)) => assert!(started.elapsed() < BUDGET, "{why}"),
            rows => return rows.unwrap(),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_and_what_follows_are_the_table() {
    let Some(cluster) = Cluster::shared() else { return };
    for kept in EVERYWHERE {
        let shop = Shop::with_items(cluster, kept);
        let server = shop.server().await;
        let over = Arc::new(AtomicBool::new(false));
        let mut writing = Vec::new();
        for _ in 0..4 {
            writing.push(tokio::spawn(write(shop.session().await, over.clone())));
        }
        let keys: Vec<_> = (0..40).map(|key| format!("items.k%20{key}")).collect();
        let mut snapshots = Vec::new();
        for _ in 0..SNAPSHOTS {
            let topics = keys.iter().map(|key| topic(key)).chain([topic("items.*")]).collect();
            snapshots.push(taken(&server, topics).await);
        }
        over.store(true, Ordering::Relaxed);
        for writer in writing {
            writer.await.unwrap();
        }
        shop.is_empty().await;
        let table = log(server.server(), "items.*").await;
        let now: Rows = serde_json::from_str(
            &shop.sql("SELECT coalesce(json_object_agg(id, row_to_json(items)), '{}') FROM items"),
        )
        .unwrap();
        let mut logs = Vec::new();
        for key in &keys {
            logs.push(log(server.server(), key).await);
        }
        for snapshot in &snapshots {
            let (whole, single) = snapshot.split_last().unwrap();
            let mut rows = rows_of(whole);
            // All of it is one snapshot.
            let together: Rows = single.iter().flat_map(rows_of).collect();
            assert_eq!(together, rows);
            follow(&mut rows, &table, whole.state.head.0);
            assert_eq!(rows, now);
            for (at, log) in single.iter().zip(&logs) {
                let mut row = rows_of(at);
                follow(&mut row, log, at.state.head.0);
                assert_eq!(
                    row.values().next(),
                    at.state.topic.as_str().strip_prefix("items.k%20").and_then(|key| now.get(&format!("k {key}")))
                );
            }
        }
        println!("{kept:?}: {} snapshots over {} changes", snapshots.len(), table.len());
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_bounded_and_in_key_order() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::new(cluster, Kept::Embedded);
    shop.sql("CREATE TABLE items (id int PRIMARY KEY, n int)");
    let server = shop.server().await;
    shop.sql("INSERT INTO items SELECT n, n FROM generate_series(-5, 2000) AS n");
    let rows = server.server().rows();
    let all = taken(&server, vec![topic("items.*")]).await;
    let keys: Vec<i64> = all[0].rows.iter().map(|row| row.key.parse().unwrap()).collect();
    assert_eq!(keys, (-5..=2000).collect::<Vec<_>>());
    assert_eq!(all[0].state.head.0, 2006);
    assert!(matches!(rows.rows(vec![topic("items.*")], 10_000).await, Err(RowsError::TooLarge)));
    let few = ["items.7", "items.-5", "items.07", "items.seven", "items.99999999999", "items.2001"];
    let found = rows.rows(few.map(topic).to_vec(), 10_000).await.unwrap();
    assert_eq!(found.iter().map(|at| at.rows.len()).collect::<Vec<_>>(), [1, 1, 0, 0, 0, 0]);
    assert!(matches!(rows.rows(few.map(topic).to_vec(), 20).await, Err(RowsError::TooLarge)));
    assert!(matches!(rows.rows(vec![topic("other.7")], 20).await, Err(RowsError::Unavailable(_))));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_snapshot_while_the_database_is_away() {
    let Some(cluster) = Cluster::start() else { return };
    let shop = Shop::with_items(&cluster, Kept::Embedded);
    let server: TestServer = shop.server().await;
    shop.sql("INSERT INTO items VALUES ('a', 1)");
    cluster.order("crash");
    assert_told_why(server.server().rows().rows(vec![topic("items.*")], 1_000).await);
    let asked = Instant::now();
    while metric(&server, "up").await != "0" {
        assert!(asked.elapsed() < BUDGET, "nobody would be told");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    cluster.order("start");
    shop.is_drained(&server).await;
    assert_eq!(metric(&server, "up").await, "1");
    let answer = server.server().rows().rows(vec![topic("items.*")], 1_000).await.unwrap();
    assert_eq!((answer[0].rows.len(), answer[0].state.head.0), (1, 1));
    assert_eq!(head(server.server(), "items.*").await, 1);
    server.stop().await;
}

/// A metric of the feed of another database than the storage.
async fn metric(server: &TestServer, name: &str) -> String {
    let metrics = String::from_utf8(server.http().get("/metrics").await.body.to_vec()).unwrap();
    let line = format!("switchboard_feed_{name}{{database=\"feed\"}} ");
    metrics.lines().find_map(|text| text.strip_prefix(&line)).unwrap_or_else(|| panic!("{metrics}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_cannot_be_read_holds_up_no_other() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    shop.sql(
        "CREATE TABLE others (id text PRIMARY KEY, n int); \
         CREATE TYPE mood AS ENUM ('glad'); CREATE TABLE moods (id text PRIMARY KEY, mood mood); \
         INSERT INTO moods VALUES ('good', NULL), ('bad', 'glad'); \
         CREATE FUNCTION told(mood) RETURNS json LANGUAGE plpgsql AS $$BEGIN RAISE 'not to be told'; END$$; \
         CREATE CAST (mood AS json) WITH FUNCTION told(mood)",
    );
    let tables = ["items", "others", "moods"].map(|name| watched(name, "id", name));
    let server = shop.server_with(|settings| shop.settings_for(settings, &tables)).await;
    let rows = server.server().rows();
    let session = shop.session().await;
    session.batch_execute("BEGIN; LOCK TABLE items").await.unwrap();
    shop.sql("INSERT INTO others VALUES ('a', 1)");
    let asking = |name: &str| rows.rows(vec![topic(name)], 10_000);
    let (locked, too, bad, good, other) =
        tokio::join!(asking("items.*"), asking("items.a"), asking("moods.*"), asking("moods.good"), asking("others.*"));
    for refused in [locked, too, bad] {
        assert_told_why(refused);
    }
    assert_eq!((good.unwrap()[0].rows.len(), other.unwrap()[0].rows.len()), (1, 1));
    log_of(&server, "others.a", 1).await;
    session.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(idle(&server).await, None);
    assert_eq!(metric(&server, "connections_total").await, "1");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_answered_with_the_same_rows() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let server = shop.server().await;
    shop.sql("INSERT INTO items SELECT n, n FROM generate_series(1, 1000) AS n");
    log_of(&server, "items.*", 1_000).await;
    let rows = server.server().rows();
    let asking = (0..200).map(|_| rows.rows(vec![topic("items.*"), topic("items.7")], 1 << 20));
    let answers = futures_util::future::join_all(asking).await;
    let mut reads = HashSet::new();
    for answer in &answers {
        let answer = answer.as_ref().unwrap();
        assert_eq!((answer[0].rows.len(), answer[1].rows.len(), answer[0].state.head.0), (1_000, 1, 1_000));
        reads.insert(Arc::as_ptr(&answer[0].rows[0].row).cast::<u8>());
    }
    assert!(reads.len() < answers.len() / 4, "{} reads for {} answers", reads.len(), answers.len());
    server.stop().await;
}

/// What tools do that change a database's schema.
#[tokio::test(flavor = "multi_thread")]
async fn triggers_that_vanish_are_noticed_and_made_again() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let server = shop.server().await;
    let vanish = [
        "DROP TABLE items; CREATE TABLE items (id text PRIMARY KEY, n bigint)",
        "ALTER TABLE items DISABLE TRIGGER USER",
        "DROP TABLE items; CREATE TABLE items (id int PRIMARY KEY, n bigint)",
    ];
    for (n, sql) in vanish.into_iter().enumerate() {
        shop.sql(sql);
        let answer = server.server().rows().rows(vec![topic("items.*")], 10_000).await;
        assert!(matches!(answer, Err(RowsError::Unavailable(_))), "{answer:?} after {sql}");
        shop.is_drained(&server).await;
        shop.sql(&format!("INSERT INTO items VALUES ('{n}', {n})"));
        log_of(&server, &format!("items.{n}"), 1).await;
    }
    server.stop().await;
}
