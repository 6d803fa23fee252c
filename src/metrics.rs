//! What the server counts, for Prometheus. One [`Metrics`] per server, no globals.
//!
//! Counting is a look-up by label and an atomic addition: once per event, publication or
//! commit, never per delivery. Every label has a bounded set of values.

mod documents;

pub use documents::DocumentMeter;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{
    borrow::Cow,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

/// The `Content-Type` of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Types of events out that get a series of their own; programs that publish choose names too.
const MAX_TYPES: usize = 100;
/// What further types are counted as.
const OTHER: &str = "other";

macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident => $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$value_doc])* $value),+ }

        impl $name {
            const ALL: &[Self] = &[$(Self::$value),+];

            fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text),+ }
            }
        }
    };
}

label!(
    /// What became of one-time passwords.
    Otp {
        /// Handed out.
        Issued => "issued",
        /// Opened a socket.
        Redeemed => "redeemed",
        /// Missing, wrong, used or expired.
        Refused => "refused",
    }
);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TypeLabel {
    r#type: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NamespaceLabel {
    namespace: String,
}

/// What is counted of the topics of one namespace.
#[derive(Debug, Clone)]
pub struct TopicMeter {
    publications: Counter,
    deliveries: Counter,
    slow: Counter,
    /// Subscriptions now.
    pub subscribers: Gauge,
}

impl TopicMeter {
    /// So many publications, deliveries of them, and clients that were cut because they had no room.
    pub fn published(&self, publications: usize, deliveries: usize, slow: usize) {
        self.publications.inc_by(publications as u64);
        self.deliveries.inc_by(deliveries as u64);
        self.slow.inc_by(slow as u64);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DatabaseLabel {
    database: &'static str,
}

/// What is counted of the feed of one database.
#[derive(Debug, Clone)]
pub struct FeedMeter {
    changes: Counter,
    batches: Counter,
    connections: Counter,
    up: Gauge,
    waiting: Gauge,
    lag: Histogram,
}

impl FeedMeter {
    /// A batch of changes that were made at these moments.
    pub fn published(&self, made: impl Iterator<Item = SystemTime>) {
        self.batches.inc();
        let now = SystemTime::now();
        for at in made {
            self.changes.inc();
            // The clocks of two machines differ.
            self.lag.observe(now.duration_since(at).unwrap_or_default().as_secs_f64());
        }
    }

    /// So many changes wait.
    pub fn waiting(&self, changes: i64) {
        self.waiting.set(changes);
    }

    /// The outbox is drained, on a new connection.
    pub fn connected(&self) {
        self.connections.inc();
        self.up.set(1);
    }

    /// It is not drained by this server any more.
    pub fn disconnected(&self) {
        self.up.set(0);
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Clients connected now.
    pub connections: Gauge,
    /// Clients that ever connected.
    pub connections_total: Counter,
    events_in: Family<TypeLabel, Counter>,
    events_out: Family<TypeLabel, Counter>,
    /// How many series `events_out` has; a race makes one too few.
    out_types: AtomicUsize,
    egress_closes: Family<ReasonLabel, Counter>,
    commit_duration: Histogram,
    commit_batch: Histogram,
    logins: Family<OutcomeLabel, Counter>,
    otps: Family<OutcomeLabel, Counter>,
    requests: Family<StatusLabel, Counter>,
    publications: Family<NamespaceLabel, Counter>,
    deliveries: Family<NamespaceLabel, Counter>,
    slow_subscribers: Family<NamespaceLabel, Counter>,
    subscribers: Family<NamespaceLabel, Gauge>,
    feed_changes: Family<DatabaseLabel, Counter>,
    feed_batches: Family<DatabaseLabel, Counter>,
    feed_connections: Family<DatabaseLabel, Counter>,
    feed_up: Family<DatabaseLabel, Gauge>,
    feed_waiting: Family<DatabaseLabel, Gauge>,
    feed_lag: Family<DatabaseLabel, Histogram>,
    /// What is counted of documents.
    pub documents: DocumentMeter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("switchboard"),
            connections: Gauge::default(),
            connections_total: Counter::default(),
            events_in: Family::default(),
            events_out: Family::default(),
            out_types: AtomicUsize::new(0),
            egress_closes: Family::default(),
            // 0.25 ms, a fast disk's fsync, to 4 s
            commit_duration: Histogram::new(exponential_buckets(0.000_25, 2.0, 15)),
            commit_batch: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            logins: Family::default(),
            otps: Family::default(),
            requests: Family::default(),
            publications: Family::default(),
            deliveries: Family::default(),
            slow_subscribers: Family::default(),
            subscribers: Family::default(),
            feed_changes: Family::default(),
            feed_batches: Family::default(),
            feed_connections: Family::default(),
            feed_up: Family::default(),
            feed_waiting: Family::default(),
            // 0.5 ms to an hour
            feed_lag: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_5, 2.0, 24))),
            documents: DocumentMeter::default(),
        };
        metrics.register();
        // From the start at zero: a rate over a series that just appeared misses its first event.
        for outcome in Otp::ALL.iter().map(|outcome| outcome.as_str()) {
            let _ = metrics.otps.get_or_create(&OutcomeLabel { outcome });
        }
        metrics
    }
}

impl Metrics {
    /// An event from a client: a registered type, or `unknown`.
    pub fn event_in(&self, event_type: &'static str) {
        self.events_in.get_or_create(&TypeLabel { r#type: Cow::Borrowed(event_type) }).inc();
    }

    /// So many deliveries of one event: call it once per publication.
    pub fn events_out(&self, event_type: &str, deliveries: u64) {
        let label = TypeLabel { r#type: Cow::Owned(event_type.to_owned()) };
        if let Some(counter) = self.events_out.get(&label) {
            counter.inc_by(deliveries);
            return;
        }
        let label = if self.out_types.fetch_add(1, Ordering::Relaxed) < MAX_TYPES {
            label
        } else {
            TypeLabel { r#type: Cow::Borrowed(OTHER) }
        };
        self.events_out.get_or_create(&label).inc_by(deliveries);
    }

    /// A socket that we closed. `reason` is that of the close-code table.
    pub fn egress_closed(&self, reason: &'static str) {
        self.egress_closes.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Where the topics of a namespace are counted, e.g. `channel.news.*`; ask once and keep it. Namespaces are those of
    /// the settings, so their number is bounded.
    #[must_use]
    pub fn topic_meter(&self, namespace: &str) -> TopicMeter {
        let label = NamespaceLabel { namespace: namespace.to_owned() };
        TopicMeter {
            publications: self.publications.get_or_create(&label).clone(),
            deliveries: self.deliveries.get_or_create(&label).clone(),
            slow: self.slow_subscribers.get_or_create(&label).clone(),
            subscribers: self.subscribers.get_or_create(&label).clone(),
        }
    }

    /// Where the feed of a database is counted, `storage` or `feed`; ask once and keep it.
    #[must_use]
    pub fn feed_meter(&self, database: &'static str) -> FeedMeter {
        let label = DatabaseLabel { database };
        FeedMeter {
            changes: self.feed_changes.get_or_create(&label).clone(),
            batches: self.feed_batches.get_or_create(&label).clone(),
            connections: self.feed_connections.get_or_create(&label).clone(),
            up: self.feed_up.get_or_create(&label).clone(),
            waiting: self.feed_waiting.get_or_create(&label).clone(),
            lag: self.feed_lag.get_or_create(&label).clone(),
        }
    }

    /// A commit of so many drafts that took so long.
    pub fn committed(&self, drafts: usize, took: Duration) {
        self.commit_duration.observe(took.as_secs_f64());
        self.commit_batch.observe(drafts as f64);
    }

    /// Shows login outcomes from the start, at zero.
    pub fn expect_logins(&self, outcomes: impl IntoIterator<Item = &'static str>) {
        for outcome in outcomes {
            let _ = self.logins.get_or_create(&OutcomeLabel { outcome });
        }
    }

    /// A login that ended.
    pub fn login(&self, outcome: &'static str) {
        self.logins.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// A one-time password.
    pub fn otp(&self, outcome: Otp) {
        self.otps.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
    }

    /// An answer over HTTP, by its status; an upgrade is a 101, or a 200 over HTTP/2.
    pub fn request(&self, status: u16) {
        let status = match status {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
        self.requests.get_or_create(&StatusLabel { status }).inc();
    }

    /// Everything as OpenMetrics text; see [`CONTENT_TYPE`].
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(8 * 1024);
        // Writing into a `String` does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn register(&mut self) {
        let to = &mut self.registry;
        // The encoder adds `_total` to counters and the full stop to texts.
        to.register("connections", "Clients connected now", self.connections.clone());
        to.register("connections_opened", "Clients that ever connected", self.connections_total.clone());
        to.register("events_in", "Events from clients by type", self.events_in.clone());
        to.register("events_out", "Deliveries of events to clients by type", self.events_out.clone());
        to.register("egress_closes", "Sockets closed by the server by reason", self.egress_closes.clone());
        let text = "Time a commit took, until it was on disk";
        to.register_with_unit("commit_duration", text, Unit::Seconds, self.commit_duration.clone());
        to.register("commit_batch_size", "Drafts in one commit", self.commit_batch.clone());
        to.register("logins", "Logins by outcome", self.logins.clone());
        to.register("otps", "One-time passwords by what became of them", self.otps.clone());
        to.register("publications", "Publications by namespace", self.publications.clone());
        to.register("deliveries", "Deliveries of publications by namespace", self.deliveries.clone());
        let text = "Subscribers closed for reading too slowly by the namespace that found no room";
        to.register("slow_subscribers", text, self.slow_subscribers.clone());
        to.register("subscribers", "Subscriptions now by namespace", self.subscribers.clone());
        to.register("feed_changes", "Changes of watched rows that were published", self.feed_changes.clone());
        to.register("feed_batches", "Batches of such changes", self.feed_batches.clone());
        let text = "Connections on which an outbox was drained: one more than it was lost";
        to.register("feed_connections", text, self.feed_connections.clone());
        to.register("feed_up", "Whether this server drains an outbox: 1 or 0", self.feed_up.clone());
        to.register("feed_waiting", "Changes that wait in an outbox; 10000: or more", self.feed_waiting.clone());
        let text = "Time from a change to its publication";
        to.register_with_unit("feed_lag", text, Unit::Seconds, self.feed_lag.clone());
        self.documents.register(to);
        to.register("http_requests", "Answers over HTTP by class of status", self.requests.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_in_the_text() {
        let metrics = Metrics::default();
        metrics.connections.inc();
        metrics.connections_total.inc_by(2);
        metrics.event_in("send_message");
        metrics.event_in("unknown");
        metrics.events_out("new_message", 1000);
        metrics.egress_closed("slow_consumer");
        metrics.committed(12, Duration::from_millis(3));
        metrics.expect_logins(["signed_in", "throttled"]);
        metrics.login("signed_in");
        metrics.otp(Otp::Refused);
        metrics.request(404);
        let news = metrics.topic_meter("channel.news.*");
        news.subscribers.inc();
        news.published(2, 10, 1);
        let text = metrics.encode();
        for line in [
            "switchboard_connections 1",
            "switchboard_connections_opened_total 2",
            "switchboard_events_in_total{type=\"send_message\"} 1",
            "switchboard_events_in_total{type=\"unknown\"} 1",
            "switchboard_events_out_total{type=\"new_message\"} 1000",
            "switchboard_egress_closes_total{reason=\"slow_consumer\"} 1",
            "switchboard_commit_duration_seconds_bucket{le=\"0.004\"} 1",
            "switchboard_commit_batch_size_bucket{le=\"16.0\"} 1",
            "switchboard_logins_total{outcome=\"signed_in\"} 1",
            "switchboard_logins_total{outcome=\"throttled\"} 0",
            "switchboard_otps_total{outcome=\"refused\"} 1",
            "switchboard_http_requests_total{status=\"4xx\"} 1",
            "switchboard_publications_total{namespace=\"channel.news.*\"} 2",
            "switchboard_deliveries_total{namespace=\"channel.news.*\"} 10",
            "switchboard_slow_subscribers_total{namespace=\"channel.news.*\"} 1",
            "switchboard_subscribers{namespace=\"channel.news.*\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing from:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn publishers_cannot_make_series_without_end() {
        let metrics = Metrics::default();
        for n in 0..1000 {
            metrics.events_out(&format!("type_{n}"), 1);
        }
        let text = metrics.encode();
        assert!(text.contains("switchboard_events_out_total{type=\"other\"} 900\n"), "{text}");
    }

    #[test]
    fn a_name_is_registered_once() {
        let text = Metrics::default().encode();
        let mut names: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let all = names.len();
        names.dedup_by_key(|line| line.split(' ').nth(2));
        assert_eq!(names.len(), all, "{text}");
    }
}
