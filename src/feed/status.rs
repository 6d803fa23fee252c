//! How it stands with a feed, for people.

use super::{
    catalog::{self, Found, Inspection},
    error::{FeedError, TableFault},
    install::waiting,
    link::{Link, answer},
    notation,
    outbox::DRAIN,
    source::Source,
};
use std::time::Duration;

/// Changes that wait are counted as far as this.
const MOST_COUNTED: i64 = 1_000_000;

/// How it stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// Whether there is an outbox.
    pub is_installed: bool,
    /// The store whose changes these are; `None` when nothing is installed.
    pub epoch: Option<String>,
    /// The tables of the settings.
    pub tables: Vec<TableStatus>,
    /// Topics that are still watched and not in the settings any more.
    pub surplus: Vec<String>,
    /// Changes that wait to be published.
    pub waiting: i64,
    /// How long the oldest of them has waited.
    pub oldest: Option<Duration>,
    /// Who publishes them.
    pub drainer: Option<Drainer>,
}

/// A table of the settings.
#[derive(Debug, Clone)]
pub struct TableStatus {
    /// As the settings name it.
    pub table: String,
    /// What is sent for it.
    pub topic: String,
    /// What is missing.
    pub fault: Option<TableFault>,
}

/// The connection that drains the outbox.
#[derive(Debug, Clone)]
pub struct Drainer {
    /// Its process in the database.
    pub pid: i32,
    /// What it calls itself, and where it comes from.
    pub who: String,
}

/// Looks at everything.
///
/// # Errors
/// [`FeedError`]
pub async fn status(source: &Source) -> Result<Status, FeedError> {
    let link = Link::connect(&source.database).await?;
    let Inspection { found, tables, mut surplus } = catalog::inspect(&link, source).await?;
    surplus.sort();
    let tables = tables.into_iter().map(|standing| {
        let table = standing.wanted.table;
        let missing = || Some(TableFault::NotInstalled(table.clone()));
        let fault = match standing.table {
            Err(fault) => Some(fault),
            Ok(_) => {
                if standing.is_watched {
                    None
                } else {
                    missing()
                }
            }
        };
        TableStatus { topic: standing.wanted.topic.to_string(), fault, table }
    });
    let mut status = Status {
        is_installed: false,
        epoch: None,
        tables: tables.collect(),
        surplus,
        waiting: 0,
        oldest: None,
        drainer: None,
    };
    if let Found::Outbox(outbox) = found {
        status.is_installed = true;
        status.epoch = Some(outbox.epoch);
        status.waiting = waiting(&link, &source.schema, MOST_COUNTED).await?;
        status.oldest = oldest(&link, &source.schema).await?;
        status.drainer = drainer(&link, &source.schema).await?;
    }
    Ok(status)
}

async fn oldest(link: &Link, schema: &str) -> Result<Option<Duration>, FeedError> {
    let read = format!(
        "SELECT extract(epoch FROM clock_timestamp() - at)::float8 FROM {}.outbox ORDER BY id LIMIT 1",
        notation::name(schema)
    );
    let row = answer(link.client.query_opt(&read, &[])).await?;
    Ok(row.map(|row| Duration::from_secs_f64(row.get::<_, f64>(0).max(0.0))))
}

async fn drainer(link: &Link, schema: &str) -> Result<Option<Drainer>, FeedError> {
    let read = "SELECT l.pid, coalesce(nullif(a.application_name, ''), 'a server') || \
            coalesce(' at ' || host(a.client_addr), ' on the database''s machine') \
        FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 \
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
            AND l.classid::bigint = $1 AND l.objid::bigint = hashtext($2)::bigint & 4294967295";
    let row = answer(link.client.query_opt(read, &[&i64::from(DRAIN), &schema])).await?;
    Ok(row.map(|row| Drainer { pid: row.get(0), who: row.get::<_, Option<String>>(1).unwrap_or_default() }))
}
