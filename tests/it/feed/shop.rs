//! A database with a watched table, and a server that watches it.

use crate::support::{BUDGET, TestServer, postgres::Cluster};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use switchboard::{
    app::Server,
    model::{FeedName, Offset, TopicName},
    settings::{FeedTable, Settings, Watchers},
    storage::{LogRange, RowsAt, RowsError, Store, Wanted},
};
use tokio_postgres::{Client, NoTls};

/// Where the server keeps its own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Embedded,
    SameDatabase,
    OtherDatabase,
}

pub const EVERYWHERE: [Kept; 3] = [Kept::Embedded, Kept::SameDatabase, Kept::OtherDatabase];

/// A database of the test's own.
pub struct Shop<'c> {
    pub cluster: &'c Cluster,
    pub url: String,
    kept: Kept,
    storage: String,
}

/// The table of most tests.
pub const ITEMS: &str = "CREATE TABLE items (id text PRIMARY KEY, n bigint NOT NULL DEFAULT 0, note text)";

impl<'c> Shop<'c> {
    pub fn new(cluster: &'c Cluster, kept: Kept) -> Self {
        let url = cluster.database();
        let storage = match kept {
            Kept::Embedded => "sqlite".to_owned(),
            Kept::SameDatabase => url.clone(),
            Kept::OtherDatabase => cluster.database(),
        };
        Self { cluster, url, kept, storage }
    }

    /// With [`ITEMS`] in it.
    pub fn with_items(cluster: &'c Cluster, kept: Kept) -> Self {
        let shop = Self::new(cluster, kept);
        shop.sql(ITEMS);
        shop
    }

    pub fn name(&self) -> &str {
        self.url.rsplit_once('/').unwrap().1
    }

    /// As the database's owner.
    pub fn sql(&self, sql: &str) -> String {
        self.cluster.sql(self.name(), sql)
    }

    /// A session of a writer's.
    pub async fn session(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.expect("the database is there");
        tokio::spawn(connection);
        client
    }

    /// The settings of a server that watches `items`.
    pub fn settings(&self, settings: &mut Settings) {
        self.settings_for(settings, &[watched("items", "id", "items")]);
    }

    pub fn settings_for(&self, settings: &mut Settings, tables: &[FeedTable]) {
        settings.storage.url = self.storage.as_str().into();
        if self.kept != Kept::SameDatabase {
            settings.feed.url = self.url.as_str().into();
        }
        settings.feed.table = tables.to_vec();
        settings.server.restart_jitter = Duration::ZERO;
    }

    pub async fn server(&self) -> TestServer {
        self.server_with(|_| {}).await
    }

    /// A server that watches `items` and drains the outbox already.
    pub async fn server_with(&self, change: impl FnOnce(&mut Settings)) -> TestServer {
        let server = TestServer::start_with(|settings| {
            self.settings(settings);
            change(settings);
        })
        .await;
        self.is_drained(&server).await;
        server
    }

    /// The same settings for the program: a file, and where it is. Whoever comes back can have all that was missed.
    pub fn config(&self, data_dir: &Path) -> PathBuf {
        let file = data_dir.join("settings.toml");
        let url = if self.kept == Kept::SameDatabase { "" } else { &self.url };
        let text = format!(
            "[storage]\nurl = \"{}\"\n[feed]\nurl = \"{url}\"\n[[feed.table]]\ntable = \"items\"\nkey = \"id\"\n\
             topic = \"items\"\nhistory_count = 1000000\n[recovery]\nmax_publications = 100000\n",
            self.storage
        );
        fs::write(&file, text).unwrap();
        file
    }

    /// Waits until the server drains the outbox.
    pub async fn is_drained(&self, server: &TestServer) {
        let started = Instant::now();
        while idle(server).await.is_some() {
            assert!(started.elapsed() < BUDGET, "the outbox is not drained");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until some server drains the outbox.
    pub async fn has_drainer(&self) {
        let started = Instant::now();
        while self.drainers() == 0 {
            assert!(started.elapsed() < BUDGET, "nobody drains the outbox");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many connections drain the outbox.
    pub fn drainers(&self) -> usize {
        let count = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
            WHERE locktype = 'advisory' AND classid = 1398227526 AND granted AND datname = current_database()";
        self.sql(count).parse().unwrap()
    }

    pub fn waiting(&self) -> i64 {
        self.sql("SELECT count(*) FROM switchboard_feed.outbox").parse().unwrap()
    }

    /// Waits until nothing is left to publish.
    pub async fn is_empty(&self) {
        let started = Instant::now();
        while self.waiting() > 0 {
            assert!(started.elapsed() < BUDGET * 3, "{} changes are not published", self.waiting());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub fn watched(table: &str, key: &str, topic: &str) -> FeedTable {
    FeedTable {
        table: table.to_owned(),
        key: key.to_owned(),
        topic: FeedName::parse(topic).unwrap(),
        subscribe: Watchers::Members,
        history_count: 1_000_000,
        history_age: Duration::from_secs(24 * 3_600),
    }
}

pub fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

/// Why the server does not drain the outbox; `None`: it does.
pub async fn idle(server: &TestServer) -> Option<String> {
    let feed = &server.server().manager().settings().feed.table[0].topic;
    let asked = server.server().rows().rows(vec![feed.row("none").unwrap()], 1_000).await;
    asked.err().map(|error| error.to_string())
}

/// Waits until the server says so of why it does not drain the outbox.
pub async fn is_idle_because(server: &TestServer, reason: &str) {
    let started = Instant::now();
    loop {
        let why = idle(server).await;
        if why.as_ref().is_some_and(|why| why.contains(reason)) {
            return;
        }
        assert!(started.elapsed() < BUDGET, "{why:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Asserts that rows were refused for a reason, and not because nobody had answered when the patience was at its end.
pub fn assert_told_why(answer: Result<Vec<RowsAt>, RowsError>) {
    match answer {
        Err(RowsError::Unavailable(why)) => assert!(!why.contains("in time"), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// How far the log of a topic reaches, as far as the store can be read.
pub async fn head(server: &Server, name: &str) -> u64 {
    let wanted = Wanted { heard_by: None, named: vec![topic(name)] };
    server.store().topic_states(wanted).await.map_or(0, |states| states[0].head.0)
}

/// What was published on a topic.
pub async fn log(server: &Server, name: &str) -> Vec<Value> {
    log_in(&**server.store(), name).await
}

/// As [`log()`], in a store that no server has open.
pub async fn log_in(store: &dyn Store, name: &str) -> Vec<Value> {
    let mut log: Vec<Value> = Vec::new();
    loop {
        let range = LogRange::new(topic(name), Offset(log.len() as u64), Offset(u64::MAX));
        let next = store.read_log(range, 10_000).await.unwrap();
        if next.is_empty() {
            return log;
        }
        for publication in next {
            assert_eq!(publication.offset.0, log.len() as u64 + 1, "{name} has a hole");
            assert_eq!(publication.event_type, "row_changed");
            log.push(serde_json::from_str(publication.payload.get()).unwrap());
        }
    }
}

/// What was published on a topic, once that is so much.
pub async fn log_of(server: &TestServer, name: &str, count: u64) -> Vec<Value> {
    let started = Instant::now();
    while head(server.server(), name).await < count {
        assert!(started.elapsed() < BUDGET * 2, "{:?}", log(server.server(), name).await);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    log(server.server(), name).await
}

/// Action and `n` of each change.
pub fn told(log: &[Value]) -> Vec<(String, i64)> {
    log.iter()
        .map(|change| (change["action"].as_str().unwrap().to_owned(), change["row"]["n"].as_i64().unwrap()))
        .collect()
}
