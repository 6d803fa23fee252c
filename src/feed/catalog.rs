//! What is installed in a watched database, and what would have to be.

use super::{
    error::{FeedError, TableFault},
    link::{Link, answer},
    notation,
    source::Source,
    sql,
    table::{self, Table},
};
use crate::settings::FeedTable;
use std::collections::{HashMap, HashSet};
use tokio_postgres::types::Oid;

/// "SWBI": who installs or removes, one after the other.
const TURN: i32 = 0x5357_4249;

/// The schema of the settings, as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// It does not exist.
    Nothing,
    /// It exists, and has nothing in it.
    Empty,
    /// It has an outbox.
    Outbox(Outbox),
}

/// Whose outbox it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outbox {
    pub(super) id: String,
    /// Of the store that publishes what is in it.
    pub(super) epoch: String,
    /// Which of the settings' databases it was made for: see [`Source::name`].
    pub(super) source: String,
}

/// How it stands with a table that the settings name.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) wanted: FeedTable,
    pub(super) table: Result<Table, TableFault>,
    /// Whether its triggers are as they have to be.
    pub(super) is_watched: bool,
}

/// Everything that is looked at.
#[derive(Debug)]
pub(super) struct Inspection {
    pub(super) found: Found,
    pub(super) tables: Vec<Standing>,
    /// Topics that are watched and not in the settings any more.
    pub(super) surplus: Vec<String>,
}

/// What is known of a topic in the database.
struct Watched {
    relation: Oid,
    definition: String,
}

/// Lets nobody else install or remove, until [`end_turn`] or the end of the connection.
pub(super) async fn take_turn(link: &Link, schema: &str) -> Result<(), FeedError> {
    answer(link.client.execute("SELECT pg_advisory_lock($1, hashtext($2))", &[&TURN, &schema])).await.map(drop)
}

pub(super) async fn end_turn(link: &Link, schema: &str) -> Result<(), FeedError> {
    answer(link.client.execute("SELECT pg_advisory_unlock($1, hashtext($2))", &[&TURN, &schema])).await.map(drop)
}

/// Ends a transaction as its work has ended.
pub(super) async fn end<T>(link: &Link, done: Result<T, FeedError>) -> Result<T, FeedError> {
    match &done {
        Ok(_) => link.script("COMMIT").await?,
        // What failed says more than this could.
        Err(_) => drop(link.script("ROLLBACK").await),
    }
    done
}

/// Looks at everything, and changes nothing.
pub(super) async fn inspect(link: &Link, source: &Source) -> Result<Inspection, FeedError> {
    link.script("BEGIN READ ONLY").await?;
    let done = look(link, source).await;
    end(link, done).await
}

async fn look(link: &Link, source: &Source) -> Result<Inspection, FeedError> {
    let encoding: String = answer(link.client.query_one("SELECT getdatabaseencoding()::text", &[])).await?.get(0);
    if encoding == "SQL_ASCII" {
        return Err(FeedError::NoEncoding(source.database.shown.clone()));
    }
    let mut candidates = Vec::new();
    for wanted in &source.tables {
        candidates.push((wanted, table::find(&link.client, wanted).await?));
    }
    link.script("SET LOCAL search_path = pg_catalog").await?;
    let found = found(link, &source.schema).await?;
    let (watched, triggers) = match &found {
        Found::Outbox(_) => (watched(link, &source.schema).await?, triggers(link, &source.schema).await?),
        _ => (HashMap::new(), HashMap::new()),
    };
    let mut tables = Vec::new();
    for (wanted, candidate) in candidates {
        let table = match candidate {
            Ok(candidate) => candidate.judge(&link.client, wanted).await?,
            Err(fault) => Err(fault),
        };
        let topic = wanted.topic.as_str();
        let is_watched = table.as_ref().is_ok_and(|table| {
            let definition = sql::fingerprint(&sql::watch(&source.schema, topic, table));
            let as_made =
                watched.get(topic).is_some_and(|one| one.relation == table.oid && one.definition == definition);
            let both: HashSet<_> = ["row", "truncate"].map(|kind| (format!("{kind}_{topic}"), table.oid)).into();
            as_made && triggers.get(topic) == Some(&both)
        });
        tables.push(Standing { wanted: wanted.clone(), table, is_watched });
    }
    let is_surplus = |topic: &String| !source.tables.iter().any(|table| table.topic.as_str() == topic);
    let surplus = watched.into_keys().filter(is_surplus).collect();
    Ok(Inspection { found, tables, surplus })
}

/// What the schema is.
pub(super) async fn found(link: &Link, schema: &str) -> Result<Found, FeedError> {
    let look = "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid AND relname = 'installation'), \
            EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid) \
                OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid) \
                OR EXISTS (SELECT FROM pg_type WHERE typnamespace = n.oid) \
        FROM pg_namespace n WHERE nspname::text = $1";
    let Some(row) = answer(link.client.query_opt(look, &[&schema])).await? else { return Ok(Found::Nothing) };
    match (row.get(0), row.get(1)) {
        (true, _) => installation(link, schema).await,
        (false, false) => Ok(Found::Empty),
        (false, true) => Err(FeedError::ForeignSchema(schema.to_owned())),
    }
}

async fn installation(link: &Link, schema: &str) -> Result<Found, FeedError> {
    let read = format!("SELECT outbox, epoch, version, source FROM {}.installation", notation::name(schema));
    let foreign = || FeedError::ForeignSchema(schema.to_owned());
    let row = answer(link.client.query_opt(&read, &[])).await?.ok_or_else(foreign)?;
    if row.get::<_, i32>(2) > sql::VERSION {
        return Err(FeedError::Newer(schema.to_owned()));
    }
    Ok(Found::Outbox(Outbox { id: row.get(0), epoch: row.get(1), source: row.get(3) }))
}

async fn watched(link: &Link, schema: &str) -> Result<HashMap<String, Watched>, FeedError> {
    let read = format!("SELECT topic, relation, definition FROM {}.watched", notation::name(schema));
    let rows = answer(link.client.query(&read, &[])).await?;
    let read = |row: &tokio_postgres::Row| (row.get(0), Watched { relation: row.get(1), definition: row.get(2) });
    Ok(rows.iter().map(read).collect())
}

/// The triggers that fire, by topic: what they call, and on which table.
async fn triggers(link: &Link, schema: &str) -> Result<HashMap<String, HashSet<(String, Oid)>>, FeedError> {
    let read = "SELECT p.proname::text, t.tgrelid FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid \
        JOIN pg_namespace n ON n.oid = p.pronamespace \
        WHERE n.nspname::text = $1 AND t.tgparentid = 0 AND t.tgenabled IN ('O', 'A')";
    let mut triggers = HashMap::<_, HashSet<_>>::new();
    for row in answer(link.client.query(read, &[&schema])).await? {
        let function: String = row.get(0);
        if let Some((_, topic)) = function.split_once('_') {
            triggers.entry(topic.to_owned()).or_default().insert((function.clone(), row.get(1)));
        }
    }
    Ok(triggers)
}
