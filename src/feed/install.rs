//! Making what a feed needs in a watched database.

use super::{
    catalog::{self, Found, Inspection, Outbox, Standing},
    error::{FeedError, TableFault},
    link::{Link, answer},
    notation,
    source::Source,
    sql,
    table::Table,
};
use crate::model::Epoch;
use tokio_postgres::types::ToSql;

/// How long the removal of a table's triggers waits for the table.
const REMOVAL_WAIT_MS: u32 = 250;
/// Changes that are removed in one statement.
const REMOVED_AT_ONCE: u64 = 5_000;

/// What there is now.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The id of the outbox; `None`: nothing is watched, and nothing was installed.
    pub outbox: Option<String>,
    /// The tables of the settings.
    pub tables: Vec<TableMade>,
    /// Topics that were watched and are not any more, since the settings do not name them.
    pub removed: Vec<String>,
    /// Those that should not be watched any more, and still are.
    pub left: Vec<TableFault>,
}

/// What became of a table.
#[derive(Debug, Clone)]
pub struct TableMade {
    /// As the settings name it.
    pub table: String,
    /// What is sent for it.
    pub topic: String,
    /// Whether it is watched now.
    pub made: Result<Made, TableFault>,
}

/// Whose outbox may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopt {
    /// That of this store.
    OwnOnly,
    /// Any one; it is this store's from now on.
    Any,
}

/// Why a table is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// Its triggers were made, or made anew.
    Now,
    /// They were there.
    Before,
}

impl TableMade {
    /// Whether it was not watched before.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.made == Ok(Made::Now)
    }
}

impl Installed {
    /// What is not as the settings say, and why.
    pub fn faults(&self) -> impl Iterator<Item = &TableFault> {
        self.tables.iter().filter_map(|table| table.made.as_ref().err()).chain(&self.left)
    }
}

/// Makes the outbox, and triggers for the tables of `source`; takes away those of other tables. What is there already
/// stays, and no lock is taken on its table. A table that cannot be watched does not keep others from it.
///
/// # Errors
/// [`FeedError`]: there is no outbox that could be used.
pub async fn install(source: &Source, epoch: &Epoch, adopt: Adopt) -> Result<Installed, FeedError> {
    let link = Link::connect(&source.database).await?;
    install_on(&link, source, epoch, adopt).await
}

/// As [`install`], on this connection.
pub(super) async fn install_on(
    link: &Link,
    source: &Source,
    epoch: &Epoch,
    adopt: Adopt,
) -> Result<Installed, FeedError> {
    catalog::take_turn(link, &source.schema).await?;
    let done = bring_up_to_date(link, source, epoch, adopt).await;
    match catalog::end_turn(link, &source.schema).await {
        Err(error) if done.is_ok() => Err(error),
        _ => done,
    }
}

/// Only says what there is.
pub(super) async fn check_on(link: &Link, source: &Source, epoch: &Epoch) -> Result<Installed, FeedError> {
    let Inspection { found, tables, .. } = catalog::inspect(link, source).await?;
    let Found::Outbox(outbox) = found else {
        return Err(FeedError::NotInstalled { database: source.database.shown.clone() });
    };
    is_ours(&outbox, source, epoch)?;
    let made = |standing: Standing| {
        let table = standing.wanted.table;
        let made = match standing.table {
            Err(fault) => Err(fault),
            Ok(_) if standing.is_watched => Ok(Made::Before),
            Ok(_) => Err(TableFault::NotInstalled(table.clone())),
        };
        TableMade { table, topic: standing.wanted.topic.to_string(), made }
    };
    let tables = tables.into_iter().map(made).collect();
    Ok(Installed { outbox: Some(outbox.id), tables, removed: Vec::new(), left: Vec::new() })
}

fn is_ours(outbox: &Outbox, source: &Source, epoch: &Epoch) -> Result<(), FeedError> {
    if outbox.epoch != epoch.as_str() {
        return Err(FeedError::OtherInstallation(source.schema.clone()));
    }
    if outbox.source != source.name {
        let (schema, other) = (source.schema.clone(), outbox.source.clone());
        return Err(FeedError::OtherSource { schema, other, this: source.name });
    }
    Ok(())
}

async fn bring_up_to_date(link: &Link, source: &Source, epoch: &Epoch, adopt: Adopt) -> Result<Installed, FeedError> {
    let Inspection { found, tables, surplus } = catalog::inspect(link, source).await?;
    let outbox = match &found {
        Found::Outbox(outbox) => {
            match is_ours(outbox, source, epoch) {
                Err(_) if adopt == Adopt::Any => adopt_outbox(link, source, epoch).await?,
                ours => ours?,
            }
            outbox.id.clone()
        }
        _ if source.tables.is_empty() => {
            return Ok(Installed { outbox: None, tables: Vec::new(), removed: Vec::new(), left: Vec::new() });
        }
        _ => make_outbox(link, source, epoch, &found).await?,
    };
    let (mut removed, mut left) = (Vec::new(), Vec::new());
    for topic in surplus {
        match unwatch(link, source, &topic).await? {
            Ok(()) => removed.push(topic),
            Err(fault) => left.push(fault),
        }
    }
    let mut made = Vec::new();
    for standing in tables {
        let topic = standing.wanted.topic.to_string();
        let outcome = match (standing.table, standing.is_watched) {
            (Err(fault), _) => Err(fault),
            (Ok(_), true) => Ok(Made::Before),
            (Ok(table), false) if !table.may_trigger => Err(TableFault::MayNotTrigger(table.shown())),
            (Ok(table), false) => watch(link, source, &topic, &table).await?.map(|()| Made::Now),
        };
        made.push(TableMade { table: standing.wanted.table, topic, made: outcome });
    }
    Ok(Installed { outbox: Some(outbox), tables: made, removed, left })
}

async fn adopt_outbox(link: &Link, source: &Source, epoch: &Epoch) -> Result<(), FeedError> {
    let (schema, epoch, name) =
        (notation::name(&source.schema), notation::literal(epoch.as_str()), notation::literal(source.name));
    link.script(&format!("UPDATE {schema}.installation SET epoch = {epoch}, source = {name}")).await
}

async fn make_outbox(link: &Link, source: &Source, epoch: &Epoch, found: &Found) -> Result<String, FeedError> {
    let id = format!("{:032x}", rand::random::<u128>());
    let schema = notation::name(&source.schema);
    let mut script = String::from("BEGIN;");
    if *found == Found::Nothing {
        script.push_str(&format!("CREATE SCHEMA {schema};"));
    }
    script.push_str(&sql::make_outbox(&source.schema));
    script.push_str(&format!(
        "INSERT INTO {schema}.installation VALUES ({}, {}, {}, {}); COMMIT",
        notation::literal(&id),
        notation::literal(epoch.as_str()),
        sql::VERSION,
        notation::literal(source.name),
    ));
    match link.script(&script).await {
        Ok(()) => Ok(id),
        Err(error) => {
            let _ = link.script("ROLLBACK").await; // what failed says more
            let database = source.database.shown.clone();
            let why = error.to_string();
            Err(if error.is_forbidden() { FeedError::MayNotInstall { database, why } } else { error })
        }
    }
}

/// Makes a table's triggers, in a transaction of its own: no two tables are locked at once. The database's refusal is
/// this table's.
async fn watch(link: &Link, source: &Source, topic: &str, table: &Table) -> Result<Result<(), TableFault>, FeedError> {
    let definition = sql::watch(&source.schema, topic, table);
    let asked: [&(dyn ToSql + Sync); 3] = [&source.schema, &topic, &table.oid];
    let looked = answer(link.client.query_one(sql::LOOK_BEFORE, &asked)).await?;
    let (can_replace, is_in_the_way): (bool, bool) = (looked.get(0), looked.get(1));
    let script = format!(
        "BEGIN;{}{}\
         INSERT INTO {}.watched VALUES ({}, {}, {}) ON CONFLICT (topic) \
         DO UPDATE SET relation = excluded.relation, definition = excluded.definition; COMMIT",
        if is_in_the_way { remove(source, topic) } else { String::new() },
        if can_replace { definition.clone() } else { definition.replace("OR REPLACE TRIGGER", "TRIGGER") },
        notation::name(&source.schema),
        notation::literal(topic),
        table.oid,
        notation::literal(&sql::fingerprint(&definition)),
    );
    match link.script(&script).await {
        Ok(()) => Ok(Ok(())),
        Err(error @ FeedError::Database { code: None, .. }) => Err(error),
        Err(error) => {
            link.script("ROLLBACK").await?;
            Ok(Err(TableFault::Refused { table: table.shown(), why: error.to_string() }))
        }
    }
}

/// Takes a table's triggers away. Not even readers may be at it then, nor come to it while we wait: so not for long.
fn remove(source: &Source, topic: &str) -> String {
    let unwatch = sql::unwatch(&source.schema, topic);
    format!("SET LOCAL lock_timeout = {REMOVAL_WAIT_MS};{unwatch}")
}

/// Forgets a table that the settings do not name any more, and its changes, which nobody may hear.
async fn unwatch(link: &Link, source: &Source, topic: &str) -> Result<Result<(), TableFault>, FeedError> {
    let (schema, text) = (notation::name(&source.schema), notation::literal(topic));
    let script = format!("BEGIN;{}DELETE FROM {schema}.watched WHERE topic = {text};COMMIT", remove(source, topic));
    match link.script(&script).await {
        Ok(()) => {}
        Err(error @ FeedError::Database { code: None, .. }) => return Err(error),
        Err(error) => {
            link.script("ROLLBACK").await?;
            return Ok(Err(TableFault::StillWatched { topic: topic.to_owned(), why: error.to_string() }));
        }
    }
    // Outside the lock, and as far as it goes: whoever drains the outbox deletes what is left.
    let few = format!("SELECT id FROM {schema}.outbox WHERE topic = $1 ORDER BY id LIMIT {REMOVED_AT_ONCE}");
    let delete = format!("DELETE FROM {schema}.outbox WHERE id = ANY (ARRAY({few}))");
    while answer(link.client.execute(&delete, &[&topic])).await.is_ok_and(|gone| gone == REMOVED_AT_ONCE) {}
    Ok(Ok(()))
}

/// How many changes wait in the outbox, counted as far as `most`.
pub(super) async fn waiting(link: &Link, schema: &str, most: i64) -> Result<i64, FeedError> {
    let count = format!("SELECT count(*) FROM (SELECT FROM {}.outbox LIMIT $1) AS few", notation::name(schema));
    Ok(answer(link.client.query_one(&count, &[&most])).await?.get(0))
}
