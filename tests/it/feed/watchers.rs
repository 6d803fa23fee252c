//! What browsers see of a feed over all lives of the server: they come back after every cut, by their positions or with
//! a snapshot taken anew.

use super::snapshots::{Rows, follow};
use crate::support::{BUDGET, Http, ServerProcess, TestClient};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    slice,
    time::{Duration, Instant},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

pub const TABLE: &str = "items.*";

/// Where the server is; `None`: it will not come back.
pub type Place = watch::Receiver<Option<Http>>;

/// How much somebody has heard.
pub type Count = watch::Receiver<u64>;

/// Who watches, and what.
#[derive(Clone)]
pub struct Account {
    session: String,
    epoch: String,
}

impl Account {
    /// The owner of a new server, on which nothing has been published.
    pub async fn of(server: &ServerProcess) -> Self {
        let session = server.owner().await;
        let client = server.client("owner", &session).await;
        Self { session, epoch: client.epoch.clone() }
    }

    /// Connects to where the server is, however long that takes: the socket and `hello`. `None`: it is over.
    async fn arrives(&self, place: &mut Place, resume: Option<Value>) -> Option<(TestClient, Value)> {
        let started = Instant::now();
        loop {
            let http = (*place.borrow_and_update())?;
            if let Some(arrived) = self.tries_to_arrive(http, &resume).await {
                return Some(arrived);
            }
            assert!(started.elapsed() < BUDGET * 3, "a watcher is not let in");
            // The server has been killed, or its database is away.
            let _ = timeout(Duration::from_millis(20), place.changed()).await;
        }
    }

    async fn tries_to_arrive(&self, http: Http, resume: &Option<Value>) -> Option<(TestClient, Value)> {
        let (cookie, origin) = (format!("__Host-session={}", self.session), http.origin());
        let headers = [("cookie", &*cookie), ("origin", &*origin)];
        let answer = http.tries_to_post("/otp", &json!({"resume": resume}), &headers).await?;
        if answer.status != 200 {
            return None;
        }
        let socket = TestClient::tries_to_open(http, answer.json()["otp"].as_str().unwrap()).await?;
        let mut client = TestClient::new("watcher", &self.session, socket);
        let hello = client.next_unless_cut().await.ok()?;
        assert_eq!(hello["type"], "hello", "{hello}");
        Some((client, hello["payload"].clone()))
    }
}

/// Goes on where it was, after every cut.
pub struct Follower {
    account: Account,
    /// All that each of its topics has said.
    pub heard: BTreeMap<String, Vec<Value>>,
    pub arrivals: u32,
    count: watch::Sender<u64>,
}

impl Follower {
    pub fn new(account: &Account, topics: impl IntoIterator<Item = String>) -> (Self, Count) {
        let (count, heard) = watch::channel(0);
        let topics = topics.into_iter().map(|topic| (topic, Vec::new())).collect();
        (Self { account: account.clone(), heard: topics, arrivals: 0, count }, heard)
    }

    fn resume(&self) -> Value {
        let positions: BTreeMap<_, _> = self.heard.iter().map(|(topic, heard)| (topic, heard.len())).collect();
        json!({"epoch": self.account.epoch, "positions": positions})
    }

    /// Listens until it is over.
    pub async fn follows(mut self, mut place: Place) -> Self {
        while let Some((mut client, hello)) = self.account.arrives(&mut place, Some(self.resume())).await {
            self.arrivals += 1;
            for (topic, heard) in &self.heard {
                let state = &hello["topics"][topic];
                assert_eq!(state["recovered"], true, "{topic} after {}: {hello}", heard.len());
            }
            while let Ok(event) = client.next_unless_cut().await {
                self.note(&event);
            }
        }
        self
    }

    fn note(&mut self, event: &Value) {
        if event["type"] != "row_changed" {
            return;
        }
        let heard = self.heard.get_mut(event["topic"].as_str().unwrap()).expect("it watches that");
        assert_eq!(event["offset"], heard.len() + 1, "{event}");
        heard.push(event["payload"].clone());
        self.count.send_modify(|count| *count += 1);
    }
}

/// Takes a snapshot of the table after every cut, and goes on from there.
pub struct Looker {
    account: Account,
    pub rows: Rows,
    /// Every snapshot, and the offset that it came with.
    pub snapshots: Vec<(u64, Rows)>,
    offset: watch::Sender<u64>,
}

impl Looker {
    pub fn new(account: &Account) -> (Self, Count) {
        let (offset, heard) = watch::channel(0);
        (Self { account: account.clone(), rows: Rows::new(), snapshots: Vec::new(), offset }, heard)
    }

    /// Listens until it is over.
    pub async fn looks(mut self, mut place: Place) -> Self {
        while let Some((mut client, _)) = self.account.arrives(&mut place, None).await {
            // Or it was cut once more, before there was an answer.
            if let Ok(state) = snapshot(&mut client).await {
                self.take(&state);
                while let Ok(event) = client.next_unless_cut().await {
                    self.note(&event);
                }
            }
        }
        self
    }

    fn take(&mut self, state: &Value) {
        let row = |row: &Value| (row["id"].to_string(), row.clone());
        self.rows = state["rows"].as_array().expect("it asked for rows").iter().map(row).collect();
        let offset = state["offset"].as_u64().unwrap();
        self.snapshots.push((offset, self.rows.clone()));
        self.offset.send_replace(offset);
    }

    fn note(&mut self, event: &Value) {
        if event["type"] == "row_changed" {
            let offset = *self.offset.borrow() + 1;
            assert_eq!((&event["topic"], &event["offset"]), (&json!(TABLE), &json!(offset)), "{event}");
            follow(&mut self.rows, slice::from_ref(&event["payload"]), 0);
            self.offset.send_replace(offset);
        }
    }
}

/// What the table is and at which offset, as soon as it can be read. `Err`: it was cut.
async fn snapshot(client: &mut TestClient) -> Result<Value, String> {
    loop {
        let id = client.tries_to_post("subscribe", json!({"topics": [TABLE], "snapshot": true})).await;
        let mut event = client.next_unless_cut().await?;
        while event["id"] != id {
            assert_ne!(event["type"], "row_changed", "it does not watch yet");
            event = client.next_unless_cut().await?;
        }
        if let Some(state) = event["payload"]["topics"].get(TABLE) {
            return Ok(state.clone());
        }
        let code = match event["payload"].get("refused") {
            Some(refused) => &refused[TABLE]["code"],
            None => &event["payload"]["code"],
        };
        // The table cannot be read, or not even the store.
        assert!(code == "unavailable" || code == "storage_unavailable", "{event}");
        // Not faster than a client may ask.
        sleep(Duration::from_millis(100)).await;
    }
}
