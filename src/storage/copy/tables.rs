//! Every table of an installation, in one place, and the statements that move any of them.

use crate::storage::sql::{ForEach, UNFINISHED};
use std::sync::LazyLock;

/// A table's name, the columns of its primary key, the others; with PostgreSQL's types, which are those of unnest too. A
/// `numeric` travels as the text that it is on SQLite.
///
/// In the order in which they are filled: what others refer to comes before them. A test compares the list with what the
/// migrations make.
const TABLES: &[(&str, &str, &str)] = &[
    (
        "account",
        "id bigint",
        "name text, name_key text, role text, password_hash text, disabled bigint, created_at bigint",
    ),
    ("topic", "id bigint", "name text, head bigint, trimmed bigint"),
    (
        "room",
        "id bigint",
        "name text, title text, public bigint, topic_id bigint, members bigint, created_by bigint, created_at bigint",
    ),
    ("member", "account_id bigint, room_id bigint", "joined_at bigint"),
    (
        "message",
        "id bigint",
        "room_id bigint, topic_offset bigint, author_id bigint, body text, sent bigint, client_id text",
    ),
    (
        "publication",
        "id bigint",
        "topic_id bigint, topic_offset bigint, created_at bigint, event_type text, payload text, keep_ms bigint",
    ),
    ("session", "id bigint", "account_id bigint, token_hash bytea, created_at bigint, last_seen bigint"),
    ("device", "account_id bigint, token_hash bytea", "last_seen bigint"),
    (
        "invitation",
        "id bigint",
        "token_hash bytea, role text, uses_left bigint, expires_at bigint, created_by bigint, created_at bigint",
    ),
    (
        "api_key",
        "id bigint",
        "name text, name_key text, token_hash bytea, hint text, scopes text, created_at bigint, last_used bigint, \
         expires_at bigint",
    ),
    ("publish_receipt", "issuer text, idempotency_key text", "fingerprint bytea, answer text, created_at bigint"),
    (
        "products",
        "product_id bigint",
        "manufacturer text, price_per_unit numeric, units_available bigint, product_name text",
    ),
    ("feed_source", "outbox text", "batch bigint, changes text"),
    (
        "document",
        "id bigint",
        "name text, title text, room_id bigint, read_only bigint, created_by bigint, created_at bigint, \
         changed_at bigint, head bigint, merged bigint",
    ),
    ("document_snapshot", "document_id bigint", "state bytea"),
    ("document_update", "document_id bigint, number bigint", "created_at bigint, body bytea"),
    (
        "document_version",
        "id bigint",
        "document_id bigint, name text, created_by bigint, created_at bigint, bytes bigint, body bytea",
    ),
    ("meta", "name text", "value text"),
];

static ALL: LazyLock<Vec<Table>> =
    LazyLock::new(|| TABLES.iter().map(|(name, key, rest)| Table::new(name, key, rest)).collect());

/// All of them.
pub(super) fn all() -> &'static [Table] {
    &ALL
}

/// A table and the statements that move it. Both engines order its keys in the same way: by number, or byte by byte.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Name and type; those of the primary key come first.
    pub(super) columns: Vec<(&'static str, &'static str)>,
    pub(super) key_columns: usize,
    /// How many rows it has.
    pub(super) count: String,
    /// Whether it has any.
    pub(super) any: String,
    /// All rows in the order of their keys.
    pub(super) rows: String,
    /// Those above a key.
    pub(super) rows_after: String,
    /// The last key.
    pub(super) last_key: String,
    one: String,
    many: String,
}

impl Table {
    fn new(name: &'static str, key: &'static str, rest: &'static str) -> Self {
        let split = |list: &'static str| list.split(", ").filter_map(|column| column.split_once(' '));
        let columns: Vec<_> = split(key).chain(split(rest)).collect();
        let key_columns = split(key).count();
        let listed = |of: &[(&str, &str)], show: &dyn Fn(usize, &str, &str) -> String| {
            let shown: Vec<_> = of.iter().enumerate().map(|(n, (name, kind))| show(n + 1, name, kind)).collect();
            shown.join(", ")
        };
        let key = &columns[..key_columns];
        let names = listed(&columns, &|_, name, _| name.to_owned());
        let read = listed(&columns, &|_, name, kind| if_numeric(kind, || format!("CAST({name} AS TEXT)"), name));
        let written = listed(&columns, &|_, name, kind| if_numeric(kind, || format!("CAST({name} AS NUMERIC)"), name));
        let keys = listed(key, &|_, name, _| name.to_owned());
        let keys_down = listed(key, &|_, name, _| format!("{name} DESC"));
        let key_marks = listed(key, &|n, _, _| format!("${n}"));
        let marks = listed(&columns, &|n, _, _| format!("${n}"));
        let arrays =
            listed(&columns, &|n, _, kind| format!("${n}::{}[]", if_numeric(kind, || "text".to_owned(), kind)));
        // What says that a copy is unfinished is no part of it.
        let own = if name == "meta" { format!("name <> '{UNFINISHED}'") } else { "1 = 1".to_owned() };
        Self {
            name,
            key_columns,
            count: format!("SELECT count(*) FROM {name} WHERE {own}"),
            any: format!("SELECT 1 FROM {name} WHERE {own} LIMIT 1"),
            rows: format!("SELECT {read} FROM {name} WHERE {own} ORDER BY {keys}"),
            rows_after: format!("SELECT {read} FROM {name} WHERE {own} AND ({keys}) > ({key_marks}) ORDER BY {keys}"),
            last_key: format!("SELECT {keys} FROM {name} WHERE {own} ORDER BY {keys_down} LIMIT 1"),
            one: format!("INSERT INTO {name} ({names}) VALUES ({marks})"),
            many: format!("INSERT INTO {name} ({names}) SELECT {written} FROM unnest({arrays}) AS copied ({names})"),
            columns,
        }
    }

    pub(super) fn insert(&'static self) -> ForEach {
        ForEach { one: &self.one, all: &self.many }
    }

    /// The column that numbers its rows, if it has one.
    pub(super) fn id(&self) -> Option<&'static str> {
        match self.columns[..self.key_columns] {
            [(name, "bigint")] => Some(name),
            _ => None,
        }
    }
}

fn if_numeric(kind: &str, numeric: impl FnOnce() -> String, other: &str) -> String {
    if kind == "numeric" { numeric() } else { other.to_owned() }
}

#[cfg(test)]
mod tests;
