//! What the server counts, for Prometheus. One [`Metrics`] per server, no globals.
//!
//! Counting is an atomic addition on a handle that was looked up before: look up by label once
//! per batch or per connection, never per delivery. Every label has a bounded set of values.

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
    collections::BTreeSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The `Content-Type` of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What event types that nobody registered are counted as.
const UNKNOWN: &str = "unknown";

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
    /// How a login ended.
    Login {
        /// Signed in.
        Ok => "ok",
        /// Unknown user, wrong password, disabled account.
        BadCredentials => "bad_credentials",
        /// Failed too often before.
        Throttled => "throttled",
        /// Too many hashes wait.
        Busy => "busy",
    }
);

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

/// Everything that is counted; a clone counts into the same.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    connections: Gauge,
    opened: Counter,
    events_in: Family<TypeLabel, Counter>,
    events_out: Family<TypeLabel, Counter>,
    known_types: OnceLock<BTreeSet<Cow<'static, str>>>,
    egress_closes: Family<ReasonLabel, Counter>,
    commit_duration: Histogram,
    commit_batch: Histogram,
    logins: Family<OutcomeLabel, Counter>,
    otps: Family<OutcomeLabel, Counter>,
    requests: Family<StatusLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("switchboard"),
            connections: Gauge::default(),
            opened: Counter::default(),
            events_in: Family::default(),
            events_out: Family::default(),
            known_types: OnceLock::new(),
            egress_closes: Family::default(),
            // 0.25 ms, a fast disk's fsync, to 4 s
            commit_duration: Histogram::new(exponential_buckets(0.000_25, 2.0, 15)),
            commit_batch: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            logins: Family::default(),
            otps: Family::default(),
            requests: Family::default(),
        };
        inner.register();
        // From the start at zero: a rate over a series that just appeared misses its first event.
        for outcome in Login::ALL {
            let _ = inner.logins.get_or_create(&OutcomeLabel { outcome: outcome.as_str() });
        }
        for outcome in Otp::ALL {
            let _ = inner.otps.get_or_create(&OutcomeLabel { outcome: outcome.as_str() });
        }
        Self(Arc::new(inner))
    }

    /// One more client; one less when the guard is dropped.
    #[must_use]
    pub fn connection(&self) -> ConnectionGuard {
        self.0.connections.inc();
        self.0.opened.inc();
        ConnectionGuard(self.0.connections.clone())
    }

    /// Names the event types that get a label of their own; all others are `unknown`, so that
    /// clients cannot invent series. The first call counts, the registry makes it.
    pub fn know_types(&self, types: impl IntoIterator<Item = impl Into<Cow<'static, str>>>) {
        let _ = self.0.known_types.set(types.into_iter().map(Into::into).collect());
    }

    /// Events of this type from clients; the handle may be kept.
    #[must_use]
    pub fn events_in(&self, event_type: &str) -> Counter {
        self.0.of_type(&self.0.events_in, event_type)
    }

    /// Deliveries of events of this type to clients: add once per batch.
    #[must_use]
    pub fn events_out(&self, event_type: &str) -> Counter {
        self.0.of_type(&self.0.events_out, event_type)
    }

    /// A socket that we closed. `reason` is that of the close-code table.
    pub fn closed(&self, reason: &'static str) {
        self.0.egress_closes.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// A commit of so many drafts that took so long.
    pub fn committed(&self, drafts: usize, took: Duration) {
        self.0.commit_duration.observe(took.as_secs_f64());
        self.0.commit_batch.observe(drafts as f64);
    }

    /// A login that ended.
    pub fn login(&self, outcome: Login) {
        self.0.logins.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
    }

    /// A one-time password.
    pub fn otp(&self, outcome: Otp) {
        self.0.otps.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
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
        self.0.requests.get_or_create(&StatusLabel { status }).inc();
    }

    /// Everything as OpenMetrics text; see [`CONTENT_TYPE`].
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(8 * 1024);
        // Writing into a `String` does not fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }
}

impl Inner {
    fn register(&mut self) {
        let to = &mut self.registry;
        // The encoder adds `_total` to counters and the full stop to texts.
        to.register("connections", "Clients connected now", self.connections.clone());
        to.register("connections_opened", "Clients that ever connected", self.opened.clone());
        to.register("events_in", "Events from clients by type", self.events_in.clone());
        to.register("events_out", "Deliveries of events to clients by type", self.events_out.clone());
        to.register("egress_closes", "Sockets closed by the server by reason", self.egress_closes.clone());
        let text = "Time a commit took, until it was on disk";
        to.register_with_unit("commit_duration", text, Unit::Seconds, self.commit_duration.clone());
        to.register("commit_batch_size", "Drafts in one commit", self.commit_batch.clone());
        to.register("logins", "Logins by outcome", self.logins.clone());
        to.register("otps", "One-time passwords by what became of them", self.otps.clone());
        to.register("http_requests", "Answers over HTTP by class of status", self.requests.clone());
    }

    fn of_type(&self, family: &Family<TypeLabel, Counter>, event_type: &str) -> Counter {
        let known = self.known_types.get().and_then(|types| types.get(event_type));
        family.get_or_create_owned(&TypeLabel { r#type: known.cloned().unwrap_or(Cow::Borrowed(UNKNOWN)) })
    }
}

/// Counts a client until it is dropped.
#[derive(Debug)]
pub struct ConnectionGuard(Gauge);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_in_the_text() {
        let metrics = Metrics::new();
        metrics.know_types(["send_message", "new_message"]);
        let first = metrics.connection();
        drop(metrics.clone().connection());
        metrics.events_in("send_message").inc();
        metrics.events_in("made_up_by_a_client").inc();
        metrics.events_in("another").inc();
        metrics.events_out("new_message").inc_by(1000);
        metrics.closed("slow_consumer");
        metrics.committed(12, Duration::from_millis(3));
        metrics.login(Login::Ok);
        metrics.otp(Otp::Refused);
        metrics.request(404);
        let text = metrics.encode();
        for line in [
            "switchboard_connections 1",
            "switchboard_connections_opened_total 2",
            "switchboard_events_in_total{type=\"send_message\"} 1",
            "switchboard_events_in_total{type=\"unknown\"} 2",
            "switchboard_events_out_total{type=\"new_message\"} 1000",
            "switchboard_egress_closes_total{reason=\"slow_consumer\"} 1",
            "switchboard_commit_duration_seconds_bucket{le=\"0.004\"} 1",
            "switchboard_commit_batch_size_bucket{le=\"16.0\"} 1",
            "switchboard_logins_total{outcome=\"ok\"} 1",
            "switchboard_logins_total{outcome=\"throttled\"} 0",
            "switchboard_otps_total{outcome=\"refused\"} 1",
            "switchboard_http_requests_total{status=\"4xx\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing from:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        drop(first);
        assert!(metrics.encode().contains("switchboard_connections 0\n"));
    }

    #[test]
    fn a_name_is_registered_once() {
        let text = Metrics::new().encode();
        let mut names: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let all = names.len();
        names.dedup_by_key(|line| line.split(' ').nth(2));
        assert_eq!(names.len(), all, "{text}");
    }
}
