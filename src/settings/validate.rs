//! Relations between settings, and limits that a type does not show.

use super::{Fault, Settings, StoreAddress, Subscribers, TlsMode, split_authority};
use crate::model::FeedName;
use axum::http::Uri;
use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};
use tracing_subscriber::EnvFilter;

/// The least Argon2id parameters that are accepted: memory in KiB, passes, lanes (OWASP,
/// Password Storage Cheat Sheet).
const ARGON2_LEAST: (u32, u32, u32) = (19_456, 2, 1);

/// A broken relation and the keys it ties together.
pub(super) struct Relation {
    keys: Vec<&'static str>,
    message: String,
}

impl Relation {
    pub(super) fn concerns(&self, keys: &BTreeSet<String>) -> bool {
        self.keys.iter().any(|key| keys.contains(*key))
    }

    pub(super) fn fault<'a>(self, origin: impl Fn(&'static str) -> Option<&'a str>) -> Fault {
        let place = |key| match origin(key) {
            Some(origin) => format!("{key} ({origin})"),
            None => key.to_owned(),
        };
        Fault { place: self.keys.into_iter().map(place).collect::<Vec<_>>().join(", "), message: self.message }
    }
}

struct Check(Vec<Relation>);

impl Check {
    fn that<const N: usize>(&mut self, good: bool, keys: [&'static str; N], message: impl Into<String>) {
        if !good {
            self.0.push(Relation { keys: keys.to_vec(), message: message.into() });
        }
    }

    fn within(&mut self, key: &'static str, value: u64, range: RangeInclusive<u64>) {
        let (least, most) = (range.start(), range.end());
        let message = match *most {
            u64::MAX => format!("must be at least {least}, not {value}"),
            most => format!("must be between {least} and {most}, not {value}"),
        };
        self.that(range.contains(&value), [key], message);
    }

    fn some_time(&mut self, key: &'static str, value: Duration) {
        self.that(!value.is_zero(), [key], "must be more than zero");
    }
}

/// Every relation that does not hold.
pub(super) fn relations(settings: &Settings) -> Vec<Relation> {
    let mut check = Check(Vec::new());
    server(settings, &mut check);
    door(settings, &mut check);
    socket(settings, &mut check);
    store(settings, &mut check);
    namespaces(settings, &mut check);
    feed(settings, &mut check);
    documents(settings, &mut check);
    check.0
}

fn server(Settings { server, tls, http, log, .. }: &Settings, check: &mut Check) {
    check.that(!server.data_dir.as_os_str().is_empty(), ["server.data_dir"], "must not be empty");
    let name = server.name.trim();
    let good_name = !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    check.that(good_name, ["server.name"], "must have 1 to 100 characters and no control characters");
    if !server.public_url.is_empty() {
        let origin = origin(&server.public_url);
        check.that(origin.is_ok(), ["server.public_url"], origin.err().unwrap_or_default());
        let plain = server.public_url.starts_with("http:") && tls.mode == TlsMode::On;
        check.that(!plain, ["server.public_url", "tls.mode"], "is http:// while TLS is on");
    }
    check.that(
        server.drain_wait > server.restart_jitter,
        ["server.drain_wait_secs", "server.restart_jitter_secs"],
        "the first must exceed the second, or the server is gone before its clients are",
    );
    check.that(
        tls.mode == TlsMode::On || server.listen.ip().is_loopback() || tls.allow_plain_on_network,
        ["tls.mode", "server.listen", "tls.allow_plain_on_network"],
        "without TLS passwords would cross the network in the clear: listen on 127.0.0.1, turn TLS on, or say \
         allow_plain_on_network = true",
    );
    check.that(!tls.certificate.as_os_str().is_empty(), ["tls.certificate"], "must not be empty");
    check.that(!tls.key.as_os_str().is_empty(), ["tls.key"], "must not be empty");
    for text in &http.allowed_origins {
        let origin = origin(text);
        check.that(origin.is_ok(), ["http.allowed_origins"], origin.err().unwrap_or_default());
    }
    for host in &http.hosts {
        // As requests are judged: what is no host there would never match here.
        let good = split_authority(host).is_some();
        check.that(good, ["http.hosts"], format!("`{host}` is no host[:port] such as chat.example.org or [::1]:8080"));
    }
    check.some_time("http.header_wait_secs", http.header_wait);
    check.some_time("http.body_wait_secs", http.body_wait);
    check.some_time("http.write_wait_secs", http.write_wait);
    check.within("http.max_body_bytes", http.max_body_bytes as u64, 4096..=1 << 30);
    let filter = EnvFilter::builder().parse(&log.filter);
    check.that(filter.is_ok(), ["log.filter"], filter.err().map(|error| error.to_string()).unwrap_or_default());
}

fn documents(Settings { document, .. }: &Settings, check: &mut Check) {
    check.within("document.max_update_bytes", document.max_update_bytes as u64, 1_024..=16 << 20);
    check.within("document.max_bytes", document.max_bytes as u64, 1_024..=256 << 20);
    check.that(
        document.max_bytes >= document.max_update_bytes,
        ["document.max_bytes", "document.max_update_bytes"],
        "the first must not be less than the second",
    );
    check.within("document.messages_per_sec", document.messages_per_sec.into(), 1..=u64::MAX);
    check.within("document.messages_burst", document.messages_burst.into(), 1..=u64::MAX);
    check.within("document.max_awareness_bytes", document.max_awareness_bytes as u64, 256..=1 << 20);
    check.some_time("document.idle_secs", document.idle);
    check.within("document.compact_updates", document.compact_updates, 1..=1_000_000);
    check.within("document.compact_bytes", document.compact_bytes as u64, 1_024..=256 << 20);
    check.some_time("document.compact_hours", document.compact_age);
    check.within("document.max_per_room", document.max_per_room.into(), 1..=1_000_000);
    check.within("document.max_per_namespace", document.max_per_namespace.into(), 1..=10_000_000);
    check.within("document.max_versions", document.max_versions.into(), 1..=100_000);
    check.within("document.max_versions_bytes", document.max_versions_bytes, 1_024..=1 << 40);
    check.that(
        document.max_open_bytes >= document.max_bytes,
        ["document.max_open_bytes", "document.max_bytes"],
        "the first must not be less than the second",
    );
}

fn door(Settings { auth, otp, .. }: &Settings, check: &mut Check) {
    check.within("auth.password_min_chars", auth.password_min_chars as u64, 8..=256);
    let (memory, passes, lanes) = ARGON2_LEAST;
    check.within("auth.argon2_memory_kib", auth.argon2_memory_kib.into(), memory.into()..=4 << 20);
    check.within("auth.argon2_passes", auth.argon2_passes.into(), passes.into()..=1000);
    check.within("auth.argon2_lanes", auth.argon2_lanes.into(), lanes.into()..=64);
    check.within("auth.hash_concurrency", auth.hash_concurrency as u64, 0..=1024);
    check.within("auth.hash_queue", auth.hash_queue as u64, 1..=u64::MAX);
    check.some_time("auth.throttle_max_secs", auth.throttle_max);
    check.within("auth.throttle_address_per_minute", auth.throttle_address_per_minute.into(), 1..=u64::MAX);
    check.within("auth.throttle_keys_per_minute", auth.throttle_keys_per_minute.into(), 1..=u64::MAX);
    check.that(
        auth.throttle_stop_after > auth.throttle_free_attempts,
        ["auth.throttle_stop_after", "auth.throttle_free_attempts"],
        "the first must exceed the second",
    );
    check.some_time("auth.session_idle_days", auth.session_idle);
    check.that(
        auth.session_max >= auth.session_idle,
        ["auth.session_max_days", "auth.session_idle_days"],
        "the first must not be less than the second",
    );
    check.some_time("otp.ttl_secs", otp.ttl);
    check.within("otp.max_per_user", otp.max_per_user as u64, 1..=u64::MAX);
    check.that(
        otp.max_outstanding >= otp.max_per_user,
        ["otp.max_outstanding", "otp.max_per_user"],
        "the first must not be less than the second",
    );
}

fn socket(Settings { socket, http, .. }: &Settings, check: &mut Check) {
    check.that(
        http.idle_wait > socket.pong_wait,
        ["http.idle_wait_secs", "socket.pong_wait_secs"],
        "the first must exceed the second, or quiet WebSockets over HTTP/2 are cut",
    );
    check.some_time("socket.ping_period_secs", socket.ping_period);
    check.that(
        socket.pong_wait > socket.ping_period,
        ["socket.pong_wait_secs", "socket.ping_period_secs"],
        "the first must exceed the second, or every quiet client is cut",
    );
    check.some_time("socket.write_wait_secs", socket.write_wait);
    check.some_time("socket.fragment_wait_secs", socket.fragment_wait);
    check.within("socket.max_event_bytes", socket.max_event_bytes as u64, 1024..=16 << 20);
    check.within("socket.max_fragments", socket.max_fragments.into(), 1..=u64::MAX);
    check.within("socket.bad_events_per_minute", socket.bad_events_per_minute.into(), 1..=u64::MAX);
    check.within("socket.max_in_flight", socket.max_in_flight as u64, 1..=65_536);
    check.within("socket.egress_events", socket.egress_events as u64, 16..=1 << 20);
    check.within("socket.read_buffer_bytes", socket.read_buffer_bytes as u64, 512..=1 << 20);
    check.that(
        socket.egress_bytes / 2 >= socket.max_event_bytes,
        ["socket.egress_bytes", "socket.max_event_bytes"],
        "the first must be at least twice the second, or one event closes a client that reads well",
    );
}

fn store(Settings { recovery, rooms, journal, storage, .. }: &Settings, check: &mut Check) {
    check.within("recovery.max_publications", recovery.max_publications, 1..=100_000);
    check.within("rooms.max_joined", rooms.max_joined.into(), 1..=100_000);
    check.within("journal.queue", journal.queue as u64, 1..=1 << 20);
    check.within("journal.max_batch", journal.max_batch as u64, 1..=65_536);
    check.some_time("journal.retention_days", journal.retention);
    let address = storage.url.address();
    check.that(address.is_ok(), ["storage.url"], address.err().unwrap_or_default());
    check.within("storage.readers", storage.readers as u64, 1..=64);
}

fn namespaces(Settings { namespace: namespaces, http, socket, journal, .. }: &Settings, check: &mut Check) {
    check.within("socket.max_subscriptions", socket.max_subscriptions as u64, 1..=1_000_000);
    check.within("http.max_publish_bytes", http.max_publish_bytes as u64, 1024..=1 << 30);
    for (place, one) in namespaces.iter().enumerate() {
        let pattern = &one.pattern;
        if let Some(wider) = namespaces[..place].iter().find(|earlier| earlier.pattern.covers(pattern)) {
            let message =
                format!("`{pattern}` never counts: `{}` stands before it and matches all of it", wider.pattern);
            check.that(false, ["namespace"], message);
        }
        let message = format!("`{pattern}` must name {{user}} or {{user_id}} for subscribe = \"user\"");
        check.that(pattern.names_user() || one.subscribe != Subscribers::User, ["namespace"], message);
        let message = format!("`{pattern}` names a user, so subscribe must be \"user\" or \"listed\"");
        check.that(!pattern.names_user() || one.subscribe != Subscribers::Members, ["namespace"], message);
        let message = format!("max_data_bytes of `{pattern}` must be at least 1 and at most http.max_publish_bytes");
        let fits = (1..=http.max_publish_bytes).contains(&one.max_data_bytes);
        check.that(fits, ["namespace", "http.max_publish_bytes"], message);
        let message = format!("history_hours of `{pattern}` must not exceed journal.retention_days");
        check.that(one.history_age <= journal.retention, ["namespace", "journal.retention_days"], message);
        let message = format!("history_count of `{pattern}` must be at most 1000000");
        check.that(one.history_count <= 1_000_000, ["namespace"], message);
    }
}

fn feed(settings: &Settings, check: &mut Check) {
    let Settings { feed, journal, .. } = settings;
    let database = settings.feed_database();
    if !feed.url.is_empty() {
        let problem = match &database {
            Ok(Some(_)) => None,
            Ok(None) => Some("must be empty or a URL such as postgres://user:password@host:5432/database".to_owned()),
            Err(problem) => Some(problem.clone()),
        };
        check.that(problem.is_none(), ["feed.url"], problem.unwrap_or_default());
    }
    let storage = settings.storage.url.address();
    let is_same = feed.url != settings.storage.url
        && matches!((&storage, &database), (Ok(StoreAddress::Postgres(one)), Ok(Some(other))) if one.is_where(other));
    let message = "are the same database, written differently: leave the first empty";
    check.that(!is_same || feed.url.is_empty(), ["feed.url", "storage.url"], message);
    check.some_time("feed.probe_secs", feed.probe_period);
    let good = FeedName::parse(&feed.schema).is_ok() && !feed.schema.starts_with("pg_");
    check.that(good, ["feed.schema"], "must be 1 to 32 of a-z and _, and not begin with pg_");
    for (place, one) in feed.table.iter().enumerate() {
        let table = &one.table;
        let names = [("table", table), ("key", &one.key)];
        for (key, name) in names {
            let good = !name.is_empty() && name.len() <= 127 && !name.chars().any(char::is_control);
            check.that(good, ["feed.table"], format!("{key} of `{table}` must have 1 to 127 printable characters"));
        }
        let taken = feed.table[..place].iter().any(|earlier| earlier.topic == one.topic);
        check.that(!taken, ["feed.table"], format!("the topic `{}` stands twice", one.topic));
        let unwatchable = !one.is_products() && matches!(database, Ok(None));
        let message = format!("`{table}` can be watched in PostgreSQL only: say where it is in feed.url");
        check.that(!unwatchable, ["feed.table", "feed.url", "storage.url"], message);
        let message = format!("history_hours of `{table}` must not exceed journal.retention_days");
        check.that(one.history_age <= journal.retention, ["feed.table", "journal.retention_days"], message);
        let message = format!("history_count of `{table}` must be at most 1000000");
        check.that(one.history_count <= 1_000_000, ["feed.table"], message);
        let key_ok = !one.is_products() || one.key == "product_id";
        check.that(key_ok, ["feed.table"], "the key of our own `products` is `product_id`");
    }
}

/// Whether `text` is what a browser would send as `Origin`: anything else would never match one.
pub(super) fn origin(text: &str) -> Result<(), String> {
    let bad = |why: &str| Err(format!("`{text}` is not an origin such as https://chat.example.org: {why}"));
    let Ok(uri) = text.parse::<Uri>() else { return bad("it is no URL") };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return bad("it must start with https:// or http://");
    };
    if !matches!(scheme, "https" | "http") {
        return bad("it must start with https:// or http://");
    }
    if authority.as_str().contains('@') || authority.host().is_empty() || authority.as_str().ends_with(':') {
        return bad("it must have a host and at most a port");
    }
    if format!("{scheme}://{authority}") != text {
        return bad("nothing may follow the host and port, not even a slash");
    }
    if text.chars().any(char::is_uppercase) {
        return bad("it must be in lower case");
    }
    match (scheme, authority.port_u16()) {
        ("https", Some(443)) | ("http", Some(80)) => bad("leave out the usual port, as browsers do"),
        _ => Ok(()),
    }
}
