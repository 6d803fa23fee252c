//! Those who watch while everything is killed, and what they must have heard.

use super::{
    kill_loop::KEYS,
    shop::Shop,
    snapshots::{Rows, follow},
    watchers::{Account, Count, Follower, Looker, Place, TABLE},
};
use crate::support::{BUDGET, ServerProcess};
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::{task::JoinHandle, time::timeout};

/// Every so many-th key is watched alone.
const WATCHED: usize = 5;

/// What a change is, apart from its row.
pub type Told = (String, i64);

/// What was told, by key.
pub type Changes = BTreeMap<String, Vec<Told>>;

pub fn told(change: &Value) -> Told {
    assert_eq!(change["key"], change["row"]["id"].to_string());
    (change["action"].as_str().unwrap().to_owned(), change["row"]["mark"].as_i64().unwrap())
}

/// What a log of the whole table tells.
pub fn by_key(log: &[Value]) -> Changes {
    let mut all = Changes::new();
    for change in log {
        all.entry(change["key"].as_str().unwrap().to_owned()).or_default().push(told(change));
    }
    all
}

/// Those who watch from before the first change until after the last.
pub struct Audience {
    /// Of the whole table, and of some of its keys.
    followers: [JoinHandle<Follower>; 2],
    looker: JoinHandle<Looker>,
    pub heard: [Count; 3],
}

impl Audience {
    pub async fn of(server: &ServerProcess, place: &Place) -> Self {
        let account = Account::of(server).await;
        let (table, by_table) = Follower::new(&account, [TABLE.to_owned()]);
        let (keys, by_keys) = Follower::new(&account, watched().map(|key| format!("items.{key}")));
        let (looker, by_looker) = Looker::new(&account);
        Self {
            followers: [table, keys].map(|follower| tokio::spawn(follower.follows(place.clone()))),
            looker: tokio::spawn(looker.looks(place.clone())),
            heard: [by_table, by_keys, by_looker],
        }
    }

    /// Waits until each has heard as much as there is to hear.
    pub async fn has_heard(&mut self, committed: &Changes) {
        let all: usize = committed.values().map(Vec::len).sum();
        let of_keys: usize = watched().filter_map(|key| committed.get(&key)).map(Vec::len).sum();
        for (heard, there) in self.heard.iter_mut().zip([all, of_keys, all]) {
            let enough = timeout(BUDGET * 3, heard.wait_for(|heard| *heard >= there as u64)).await;
            let failed = enough.map(|enough| enough.is_err());
            assert_eq!(failed, Ok(false), "a watcher has heard {} of {there} changes", *heard.borrow());
        }
    }

    /// Compares, once the server is gone and nothing more can come.
    pub async fn judge(self, shop: &Shop<'_>, committed: &Changes) -> String {
        let [table, keys] = self.followers;
        let (table, keys, looker) = (table.await.unwrap(), keys.await.unwrap(), self.looker.await.unwrap());
        let log = &table.heard[TABLE];
        assert!(by_key(log) == *committed, "who watched the table heard something else than what was committed");
        for key in watched() {
            let heard: Vec<_> = keys.heard[&format!("items.{key}")].iter().map(told).collect();
            assert_eq!(heard, committed.get(&key).cloned().unwrap_or_default(), "who watched {key}");
        }
        let (mut rows, mut at) = (Rows::new(), 0);
        for (offset, snapshot) in &looker.snapshots {
            follow(&mut rows, &log[..*offset as usize], at);
            at = *offset;
            assert_eq!(*snapshot, rows, "a snapshot at {offset}");
        }
        let now = shop.sql("SELECT coalesce(json_object_agg(id, row_to_json(items)), '{}') FROM items");
        let now: Rows = serde_json::from_str(&now).unwrap();
        assert_eq!(looker.rows, now, "a snapshot and what followed");
        let snapshots = looker.snapshots.len();
        format!("watched by {} and {} arrivals and {snapshots} snapshots", table.arrivals, keys.arrivals)
    }
}

/// Keys that somebody watches one by one.
fn watched() -> impl Iterator<Item = String> {
    (1..=KEYS).step_by(WATCHED).map(|key| key.to_string())
}
