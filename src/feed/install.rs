//! Making what a feed needs in a watched database.

use super::{
    catalog::{self, Found, Inspection, Outbox, Standing},
    error::{FeedError, TableFault},
    link::{Link, answer},
    source::Source,
    sql,
    table::Table,
};
use crate::model::Epoch;

/// What there is now.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The id of the outbox; `None`: nothing is watched, and nothing was installed.
    pub outbox: Option<String>,
    /// The tables of the settings.
    pub tables: Vec<TableMade>,
    /// Topics that were watched and are not any more, since the settings do not name them.
    pub removed: Vec<String>,
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
    /// The tables that are not watched, and why.
    pub fn faults(&self) -> impl Iterator<Item = (&TableMade, &TableFault)> {
        self.tables.iter().filter_map(|table| table.made.as_ref().err().map(|fault| (table, fault)))
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
    Ok(Installed { outbox: Some(outbox.id), tables, removed: Vec::new() })
}

fn is_ours(outbox: &Outbox, source: &Source, epoch: &Epoch) -> Result<(), FeedError> {
    if outbox.epoch == epoch.as_str() { Ok(()) } else { Err(FeedError::OtherInstallation(source.schema.clone())) }
}

async fn bring_up_to_date(link: &Link, source: &Source, epoch: &Epoch, adopt: Adopt) -> Result<Installed, FeedError> {
    let Inspection { found, tables, surplus } = catalog::inspect(link, source).await?;
    let outbox = match &found {
        Found::Outbox(outbox) => {
            if outbox.epoch != epoch.as_str() && adopt == Adopt::Any {
                let (schema, epoch) = (sql::name(&source.schema), sql::literal(epoch.as_str()));
                let update = format!("UPDATE {schema}.installation SET epoch = {epoch}");
                link.script(&update).await?;
            } else {
                is_ours(outbox, source, epoch)?;
            }
            outbox.id.clone()
        }
        _ if source.tables.is_empty() => {
            return Ok(Installed { outbox: None, tables: Vec::new(), removed: Vec::new() });
        }
        _ => make_outbox(link, source, epoch, &found).await?,
    };
    for topic in &surplus {
        unwatch(link, source, topic).await?;
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
    Ok(Installed { outbox: Some(outbox), tables: made, removed: surplus })
}

async fn make_outbox(link: &Link, source: &Source, epoch: &Epoch, found: &Found) -> Result<String, FeedError> {
    let id = format!("{:032x}", rand::random::<u128>());
    let schema = sql::name(&source.schema);
    let mut script = String::from("BEGIN;");
    if *found == Found::Nothing {
        script.push_str(&format!("CREATE SCHEMA {schema};"));
    }
    script.push_str(&sql::make_outbox(&source.schema));
    script.push_str(&format!(
        "INSERT INTO {schema}.installation VALUES ({}, {}, {}); COMMIT",
        sql::literal(&id),
        sql::literal(epoch.as_str()),
        sql::VERSION
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
    let script = format!(
        "BEGIN;{}{definition}\
         INSERT INTO {}.watched VALUES ({}, {}, {}) ON CONFLICT (topic) \
         DO UPDATE SET relation = excluded.relation, definition = excluded.definition; COMMIT",
        sql::unwatch(&source.schema, topic),
        sql::name(&source.schema),
        sql::literal(topic),
        table.oid,
        sql::literal(&sql::fingerprint(&definition)),
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

/// Forgets a table that the settings do not name any more, and its changes, which nobody may hear.
async fn unwatch(link: &Link, source: &Source, topic: &str) -> Result<(), FeedError> {
    let (schema, text) = (sql::name(&source.schema), sql::literal(topic));
    let script = format!(
        "BEGIN;{}DELETE FROM {schema}.watched WHERE topic = {text};DELETE FROM {schema}.outbox WHERE topic = {text};COMMIT",
        sql::unwatch(&source.schema, topic)
    );
    let done = link.script(&script).await;
    if done.is_err() {
        let _ = link.script("ROLLBACK").await; // what failed says more
    }
    done
}

/// How many changes wait in the outbox, counted as far as `most`.
pub(super) async fn waiting(link: &Link, schema: &str, most: i64) -> Result<i64, FeedError> {
    let count = format!("SELECT count(*) FROM (SELECT FROM {}.outbox LIMIT $1) AS few", sql::name(schema));
    Ok(answer(link.client.query_one(&count, &[&most])).await?.get(0))
}
