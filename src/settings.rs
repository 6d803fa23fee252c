//! Typed settings, one struct per table of `config/default.toml`, which is the only home of
//! defaults: a missing key fails at start, and so does a misspelt one.
//!
//! [`Settings::load`] lays file, environment and flags over the defaults and reports every
//! fault at once.

mod authority;
mod documents;
mod error;
mod feed;
mod layers;
mod origin;
mod parse;
mod store_url;
#[cfg(test)]
mod tests;
mod validate;

pub use authority::{host_address, split_authority};
pub use documents::{DocumentNamespace, Documents, NamespaceMembers};
pub use error::{Fault, SettingsError};
pub use feed::{Feed, FeedTable, Watchers};
pub use layers::{Overrides, environment};
pub use store_url::{Database, StoreAddress, StoreUrl, Trust};

use crate::model::ChannelPattern;
use ipnet::IpNet;
use parse::{days, directory, hours, networks, secs};
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it listens and keeps its things.
    pub server: Server,
    /// HTTPS or not.
    pub tls: Tls,
    /// What is accepted over HTTP.
    pub http: Http,
    /// Passwords, throttling, sessions.
    pub auth: Auth,
    /// One-time passwords.
    pub otp: Otp,
    /// One connected client.
    pub socket: Socket,
    /// What is replayed to a client that returns.
    pub recovery: Recovery,
    /// Chat rooms.
    pub rooms: Rooms,
    /// Group commit.
    pub journal: Journal,
    /// What survives a restart.
    pub storage: Storage,
    /// The log.
    pub log: Log,
    /// Which push channels there are; the first that matches counts.
    pub namespace: Vec<Namespace>,
    /// Which tables are watched, and where.
    pub feed: Feed,
    /// Documents that several people write together.
    pub document: Documents,
}

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // each key is described in config/default.toml
pub struct Server {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub name: String,
    pub public_url: String,
    #[serde(rename = "drain_wait_secs", deserialize_with = "secs")]
    pub drain_wait: Duration,
    #[serde(rename = "restart_jitter_secs", deserialize_with = "secs")]
    pub restart_jitter: Duration,
}

/// Whether TLS is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// HTTPS.
    On,
    /// Plain HTTP.
    Off,
}

/// `[tls]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Tls {
    pub mode: TlsMode,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub allow_plain_on_network: bool,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricsAccess {
    /// Programs on this machine.
    Loopback,
    /// Whoever can reach the port.
    Anyone,
}

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Http {
    pub allowed_origins: Vec<String>,
    pub hosts: Vec<String>,
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    #[serde(deserialize_with = "directory")]
    pub frontend_dir: Option<PathBuf>,
    pub metrics: MetricsAccess,
    #[serde(rename = "header_wait_secs", deserialize_with = "secs")]
    pub header_wait: Duration,
    #[serde(rename = "body_wait_secs", deserialize_with = "secs")]
    pub body_wait: Duration,
    #[serde(rename = "write_wait_secs", deserialize_with = "secs")]
    pub write_wait: Duration,
    #[serde(rename = "idle_wait_secs", deserialize_with = "secs")]
    pub idle_wait: Duration,
    pub max_body_bytes: usize,
    pub max_publish_bytes: usize,
    pub max_connections: usize,
    pub max_connections_per_address: usize,
}

/// `[auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Auth {
    pub password_min_chars: usize,
    pub argon2_memory_kib: u32,
    pub argon2_passes: u32,
    pub argon2_lanes: u32,
    pub hash_concurrency: usize,
    pub hash_queue: usize,
    pub throttle_free_attempts: u32,
    #[serde(rename = "throttle_max_secs", deserialize_with = "secs")]
    pub throttle_max: Duration,
    pub throttle_stop_after: u32,
    pub throttle_address_per_minute: u32,
    pub throttle_keys_per_minute: u32,
    #[serde(rename = "session_idle_days", deserialize_with = "days")]
    pub session_idle: Duration,
    #[serde(rename = "session_max_days", deserialize_with = "days")]
    pub session_max: Duration,
}

/// `[otp]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Otp {
    #[serde(rename = "ttl_secs", deserialize_with = "secs")]
    pub ttl: Duration,
    pub max_outstanding: usize,
    pub max_per_user: usize,
}

/// `[socket]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Socket {
    #[serde(rename = "ping_period_secs", deserialize_with = "secs")]
    pub ping_period: Duration,
    #[serde(rename = "pong_wait_secs", deserialize_with = "secs")]
    pub pong_wait: Duration,
    #[serde(rename = "write_wait_secs", deserialize_with = "secs")]
    pub write_wait: Duration,
    pub max_event_bytes: usize,
    pub max_fragments: u32,
    #[serde(rename = "fragment_wait_secs", deserialize_with = "secs")]
    pub fragment_wait: Duration,
    pub events_per_sec: u32,
    pub events_burst: u32,
    pub pings_per_sec: u32,
    pub bad_events_per_minute: u32,
    pub max_in_flight: usize,
    pub egress_events: usize,
    pub egress_bytes: usize,
    pub max_subscriptions: usize,
    pub connections_per_user: usize,
    pub connections_per_address: usize,
    pub read_buffer_bytes: usize,
}

/// `[recovery]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Recovery {
    pub max_publications: u64,
}

/// `[rooms]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Rooms {
    pub max_joined: u32,
}

/// `[journal]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Journal {
    pub queue: usize,
    pub max_batch: usize,
    #[serde(rename = "retention_days", deserialize_with = "days")]
    pub retention: Duration,
}

/// How much of a commit is on disk when it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// All of it.
    Full,
    /// A power cut may lose the last commits.
    Normal,
}

/// `[storage]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Storage {
    pub url: StoreUrl,
    pub synchronous: Synchronous,
    pub readers: usize,
}

/// Who may subscribe to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subscribers {
    /// Anyone with an account.
    Members,
    /// The member whom the pattern names.
    User,
    /// Nobody but external users whose OTP lists it.
    Listed,
}

/// Who may publish to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Publishers {
    /// API keys with the scope for it.
    Keys,
    /// And members who may subscribe to it.
    Members,
}

/// `[[namespace]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Namespace {
    pub pattern: ChannelPattern,
    pub subscribe: Subscribers,
    pub publish: Publishers,
    pub history_count: u64,
    #[serde(rename = "history_hours", deserialize_with = "hours")]
    pub history_age: Duration,
    pub max_data_bytes: usize,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Log {
    pub filter: String,
    pub format: LogFormat,
}

impl Settings {
    /// Lays `file`, the `SWITCHBOARD__SECTION__KEY` variables in `env` and `overrides` over the
    /// defaults, each over the one before.
    ///
    /// # Errors
    /// [`SettingsError`] lists everything that is wrong, not only what is met first.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        overrides: Overrides,
    ) -> Result<Self, SettingsError> {
        layers::Layers::read(file, env, overrides).settings()
    }

    /// The settings in force as TOML, each that is not a default with where it comes from.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn show(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        overrides: Overrides,
    ) -> Result<String, SettingsError> {
        layers::Layers::read(file, env, overrides).show()
    }

    /// The defaults, as compiled in.
    ///
    /// # Panics
    /// Never: a test loads them.
    #[must_use]
    pub fn defaults() -> Self {
        Self::load(None, [], Overrides::default()).expect("config/default.toml is tested")
    }

    /// The database whose tables are watched, our own products aside: that of the feed, or else that of the storage.
    /// `None`: neither is PostgreSQL.
    ///
    /// # Errors
    /// What is wrong with the URL, for people.
    pub fn feed_database(&self) -> Result<Option<Database>, String> {
        let url = if self.feed.url.is_empty() { &self.storage.url } else { &self.feed.url };
        match url.address()? {
            StoreAddress::Sqlite => Ok(None),
            StoreAddress::Postgres(database) => Ok(Some(*database)),
        }
    }

    /// The most that one request may publish, in bytes: more than a quarter of an egress would close clients that read
    /// well.
    #[must_use]
    pub fn publish_limit(&self) -> usize {
        self.http.max_publish_bytes.min(self.socket.egress_bytes / 4)
    }

    /// The largest message to or from a document's editor, in bytes: more than an egress takes would reach nobody.
    #[must_use]
    pub fn update_limit(&self) -> usize {
        self.document.max_update_bytes.min(self.socket.egress_bytes)
    }

    /// Where the certificate chain and the key are.
    #[must_use]
    pub fn tls_files(&self) -> (PathBuf, PathBuf) {
        // `join` with an absolute path is that path.
        (self.server.data_dir.join(&self.tls.certificate), self.server.data_dir.join(&self.tls.key))
    }
}
