//! Which tables are watched, and where.

use super::{
    parse::{hours, secs},
    store_url::StoreUrl,
};
use crate::model::FeedName;
use serde::Deserialize;
use std::time::Duration;

/// `[feed]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Feed {
    /// Empty: that of the storage.
    pub url: StoreUrl,
    pub schema: String,
    pub install: bool,
    #[serde(rename = "probe_secs", deserialize_with = "secs")]
    pub probe_period: Duration,
    pub table: Vec<FeedTable>,
}

/// `[[feed.table]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FeedTable {
    pub table: String,
    pub key: String,
    pub topic: FeedName,
    pub subscribe: Watchers,
    pub history_count: u64,
    #[serde(rename = "history_hours", deserialize_with = "hours")]
    pub history_age: Duration,
}

/// Who may watch a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Watchers {
    /// Anyone with an account.
    Members,
    /// Nobody but external users whose OTP lists it.
    Listed,
}

impl Feed {
    /// Our own table of products, if it is watched.
    #[must_use]
    pub fn products(&self) -> Option<&FeedTable> {
        self.table.iter().find(|table| table.is_products())
    }
}

impl FeedTable {
    /// Whether it is the worked example: our own table, in the storage wherever that is.
    #[must_use]
    pub fn is_products(&self) -> bool {
        self.table == "products" && self.topic.as_str() == "products"
    }
}
