//! Watched rows without a feed: a table is what its log says, and its changes are published through the journal.

use super::{TestClient, TestServer};
use async_trait::async_trait;
use rand::RngExt;
use serde_json::{Value, json, value::to_raw_value};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};
use switchboard::{
    journal::Journal,
    model::{FeedName, Offset, RowTopic, TopicName},
    settings::{FeedTable, Settings},
    storage::{
        Change, Draft, Keep, LogRange, NewPublication, Row, RowSource, RowsAt, RowsError, Store, TopicState, Wanted,
        now,
    },
};
use tokio::sync::Semaphore;

/// A table as a client or the truth has it: its rows by their keys.
pub type Table = BTreeMap<u64, Value>;

pub fn products() -> FeedName {
    FeedName::parse("products").unwrap()
}

/// Where one waits until it is let pass.
pub struct Gate {
    arrived: Semaphore,
    passes: Semaphore,
}

impl Gate {
    pub fn closed() -> Arc<Self> {
        Arc::new(Self { arrived: Semaphore::new(0), passes: Semaphore::new(0) })
    }

    pub async fn somebody_waits(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    pub fn lets_one_pass(&self) {
        self.passes.add_permits(1);
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        self.passes.acquire().await.unwrap().forget();
    }
}

/// Gives way to other tasks, a few times.
pub async fn dawdle(most: u32) {
    let times = rand::rng().random_range(0..=most);
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// Reads a table out of its log: exact by construction, and at any pace.
pub struct LoggedRows {
    pub store: Arc<dyn Store>,
    /// Before it looks where the topics stand, and before it answers.
    pub gates: Option<[Arc<Gate>; 2]>,
}

#[async_trait]
impl RowSource for LoggedRows {
    async fn rows(&self, topics: Vec<TopicName>, max_bytes: usize) -> Result<Vec<RowsAt>, RowsError> {
        match &self.gates {
            Some([before, _]) => before.pass().await,
            None => dawdle(60).await,
        }
        let states = self.store.topic_states(Wanted { heard_by: None, named: topics }).await?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        for state in states {
            let rows = read(&*self.store, &state).await?;
            bytes += rows.iter().map(|row| row.row.get().len()).sum::<usize>();
            found.push(RowsAt { state, rows });
        }
        match &self.gates {
            Some([_, after]) => after.pass().await,
            None => dawdle(60).await,
        }
        if bytes > max_bytes { Err(RowsError::TooLarge) } else { Ok(found) }
    }
}

async fn read(store: &dyn Store, state: &TopicState) -> Result<Vec<Row>, RowsError> {
    assert!(products().topic(&state.topic).is_some(), "{} is not asked of this source", state.topic);
    let (mut rows, mut after) = (Table::new(), Offset(0));
    while after < state.head {
        for publication in store.read_log(LogRange::new(state.topic.clone(), after, state.head), 500).await? {
            assert_eq!(publication.offset, after.next());
            after = publication.offset;
            apply(&mut rows, &serde_json::from_str(publication.payload.get()).unwrap());
        }
    }
    let row = |(key, row): (u64, Value)| Row { key: key.to_string(), row: to_raw_value(&row).unwrap().into() };
    Ok(rows.into_iter().map(row).collect())
}

/// What the payload of `row_changed` does to a table.
fn apply(rows: &mut Table, change: &Value) {
    let key = change["key"].as_str().unwrap().parse().unwrap();
    match change["action"].as_str().unwrap() {
        "DELETE" => drop(rows.remove(&key)),
        "INSERT" | "UPDATE" => drop(rows.insert(key, change["row"].clone())),
        other => panic!("{other} is no action"),
    }
}

pub fn row(key: u64, value: impl Into<Value>) -> Value {
    json!({"productId": key, "value": value.into()})
}

/// Somebody who changes rows.
#[derive(Clone)]
pub struct Writer(Journal);

impl Writer {
    /// Commits changes `(action, key, row)` together, each on its row's topic and on the table's.
    pub async fn changes(&self, changes: &[(&str, u64, Value)]) {
        let (feed, keep) = (products(), Keep { count: 1_000_000, age_ms: 3_600_000 });
        let publications = changes.iter().flat_map(|(action, key, row)| {
            let change = json!({"action": action, "key": key.to_string(), "row": row});
            let payload: Arc<_> = to_raw_value(&change).unwrap().into();
            [feed.row(&key.to_string()).unwrap(), feed.table()].map(|topic| NewPublication {
                topic,
                event_type: "row_changed".into(),
                payload: Arc::clone(&payload),
                keep: Some(keep),
                subscribers: 0,
            })
        });
        let change = Change::Publish { publications: publications.collect(), once: None, key: None };
        self.0.append(Draft { at: now(), change }).await.unwrap().committed().await.unwrap();
    }

    pub async fn sets(&self, key: u64, value: impl Into<Value>) {
        self.changes(&[("UPDATE", key, row(key, value))]).await;
    }

    pub async fn deletes(&self, key: u64) {
        self.changes(&[("DELETE", key, row(key, 0))]).await;
    }

    /// Makes so many random changes to some rows that nobody else writes: `truth` becomes what they are in the end.
    pub async fn makes_changes(&self, count: u64, keys: &[u64], mut truth: Table) -> Table {
        for n in 0..count {
            dawdle(20).await;
            let some = |most: usize| rand::rng().random_range(1..=most);
            let mut batch = Vec::new();
            for _ in 0..some(3) {
                let key = keys[rand::rng().random_range(0..keys.len())];
                let action = match (truth.contains_key(&key), some(4)) {
                    (false, _) => "INSERT",
                    (true, 1) => "DELETE",
                    (true, _) => "UPDATE",
                };
                let row = row(key, n * 10 + batch.len() as u64);
                if action == "DELETE" {
                    drop(truth.remove(&key))
                } else {
                    drop(truth.insert(key, row.clone()))
                }
                batch.push((action, key, row));
            }
            self.changes(&batch).await;
        }
        truth
    }
}

/// What a client has of what it watches, kept as docs/protocol.md says.
#[derive(Default)]
pub struct Watched(BTreeMap<String, Mirror>);

#[derive(Default)]
struct Mirror {
    rows: Table,
    offset: u64,
}

impl Watched {
    /// Takes the answer to a `subscribe` with a snapshot.
    pub fn answered(&mut self, ok: &Value) {
        for (topic, state) in ok["topics"].as_object().unwrap() {
            let offset = state["offset"].as_u64().unwrap();
            let rows = match (state.get("row"), state.get("rows")) {
                (Some(Value::Null), None) => vec![],
                (Some(row), None) => vec![row.clone()],
                (None, Some(rows)) => rows.as_array().unwrap().clone(),
                // Everything after its position is about to come.
                (None, None) if state["recovered"] == true => continue,
                _ => panic!("{topic}: {state}"),
            };
            let rows: Table = rows.into_iter().map(|row| (row["productId"].as_u64().unwrap(), row)).collect();
            self.0.insert(topic.clone(), Mirror { rows, offset });
        }
    }

    /// Takes an event of the wire, if it is one of these topics'.
    pub fn hears(&mut self, event: &Value) {
        let (Some(topic), Some(offset)) = (event["topic"].as_str(), event["offset"].as_u64()) else { return };
        let Some(mirror) = self.0.get_mut(topic) else {
            assert_ne!(event["type"], "row_changed", "{topic} is not watched: {event}");
            return;
        };
        assert_eq!(offset, mirror.offset + 1, "{topic}: {event}");
        mirror.offset = offset;
        apply(&mut mirror.rows, &event["payload"]);
    }

    pub fn topics(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub fn positions(&self) -> Value {
        self.0
            .iter()
            .map(|(topic, mirror)| (topic.clone(), json!(mirror.offset)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn forgets(&mut self, topics: &[String]) {
        self.0.retain(|topic, _| !topics.contains(topic));
    }

    /// It has what there is.
    pub fn agrees_with(&self, truth: &Table) {
        for (topic, mirror) in &self.0 {
            let about = products().topic(&TopicName::parse(topic).unwrap());
            let there: Table = match about.expect("a topic of the table") {
                RowTopic::Table => truth.clone(),
                RowTopic::Row(key) => {
                    let key = key.parse().unwrap();
                    truth.get(&key).map(|row| (key, row.clone())).into_iter().collect()
                }
            };
            assert_eq!(mirror.rows, there, "{topic} at {}", mirror.offset);
        }
    }
}

/// A client that keeps what it watches.
pub struct Watcher {
    pub client: TestClient,
    pub watched: Watched,
}

impl Watcher {
    pub async fn new(server: &TestServer, name: &str) -> Self {
        Self { client: server.client(name).await, watched: Watched::default() }
    }

    /// Asks, and takes what comes up to the answer in the order of the wire.
    async fn asks(&mut self, event_type: &str, payload: Value) -> Value {
        let id = self.client.posts(event_type, payload).await;
        loop {
            let event = self.client.next_event().await;
            if event["id"] == id {
                assert_eq!(event["type"], "ok", "{event}");
                return event["payload"].clone();
            }
            self.watched.hears(&event);
        }
    }

    pub async fn watches(&mut self, topics: &[String]) -> Value {
        let ok = self.asks("subscribe", json!({"topics": topics, "snapshot": true})).await;
        self.watched.answered(&ok);
        for (topic, state) in ok["topics"].as_object().unwrap() {
            self.client.positions.insert(topic.clone(), state["offset"].as_u64().unwrap());
        }
        ok
    }

    pub async fn leaves(&mut self, topics: &[String]) {
        self.asks("unsubscribe", json!({"topics": topics})).await;
        self.watched.forgets(topics);
        self.client.positions.retain(|topic, _| !topics.contains(topic));
    }

    /// Takes all that has come up to now.
    pub async fn catches_up(&mut self) {
        self.asks("unsubscribe", json!({"topics": ["channel.nobody"]})).await;
    }

    /// Begins and ends to watch, at random; some of it again, to be on the safe side.
    pub async fn looks_around(&mut self, rounds: u32, topics: &[String]) {
        for _ in 0..rounds {
            dawdle(200).await;
            let some: Vec<_> = topics.iter().filter(|_| rand::rng().random_ratio(1, 3)).cloned().collect();
            let leaves = rand::rng().random_ratio(1, 4);
            match some.is_empty() {
                true => {}
                false if leaves => self.leaves(&some).await,
                false => drop(self.watches(&some).await),
            }
        }
    }
}

impl TestServer {
    /// A server whose table `products` is what [`TestServer::writer`] writes.
    pub async fn start_watched(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_gated(change, None).await
    }

    /// As [`TestServer::start_watched`], with gates on the way to the rows.
    pub async fn start_gated(change: impl FnOnce(&mut Settings), gates: Option<[Arc<Gate>; 2]>) -> Self {
        let source: OnceLock<Arc<dyn RowSource>> = OnceLock::new();
        let rows_of = move |table: &FeedTable, store: &Arc<dyn Store>| {
            let rows = || -> Arc<dyn RowSource> { Arc::new(LoggedRows { store: store.clone(), gates: gates.clone() }) };
            table.is_products().then(|| source.get_or_init(rows).clone())
        };
        let change = |settings: &mut Settings| {
            settings.socket.events_per_sec = 0;
            change(settings);
        };
        Self::start_watching(change, rows_of).await
    }

    pub fn writer(&self) -> Writer {
        Writer(self.server().journal().clone())
    }

    /// What one line of the metrics says.
    pub async fn metric(&self, line: &str) -> u64 {
        let text = String::from_utf8(self.http().get("/metrics").await.body.to_vec()).unwrap();
        let found = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        found.map_or(0, |number| number.parse().expect("a whole number"))
    }
}
