//! Removing every trace of a feed from a watched database.

use super::{
    catalog::{self, Found, Outbox},
    error::FeedError,
    install::waiting,
    link::{Link, answer},
    notation,
    source::Source,
    sql,
};

/// What was removed.
#[derive(Debug, Clone)]
pub struct Uninstalled {
    /// The id that the outbox had: the store may forget it.
    pub outbox: String,
    /// The topics that were watched, with those that the settings do not name any more.
    pub topics: Vec<String>,
    /// Changes that were never published, counted as far as [`MOST_COUNTED`] and one more; `None`: they could not be.
    pub lost: Option<i64>,
    /// The schema is still there: it has other things in it, or is another's.
    pub schema_stays: bool,
}

/// More than so many changes are not counted.
pub const MOST_COUNTED: i64 = 10_000;

/// Removes triggers, functions, outbox and schema. `None`: nothing was installed.
///
/// # Errors
/// [`FeedError`]; everything is still there then.
pub async fn uninstall(source: &Source) -> Result<Option<Uninstalled>, FeedError> {
    let link = Link::connect(&source.database).await?;
    catalog::take_turn(&link, &source.schema).await?;
    let Found::Outbox(outbox) = catalog::found(&link, &source.schema).await? else { return Ok(None) };
    // Before any table is locked; what is written until then is not counted.
    let lost = waiting(&link, &source.schema, MOST_COUNTED + 1).await.ok();
    link.script("BEGIN").await?;
    let done = remove(&link, source, outbox, lost).await;
    catalog::end(&link, done).await.map(Some)
}

async fn remove(link: &Link, source: &Source, outbox: Outbox, lost: Option<i64>) -> Result<Uninstalled, FeedError> {
    let schema = notation::name(&source.schema);
    let read = format!("SELECT topic FROM {schema}.watched ORDER BY topic");
    let rows = answer(link.client.query(&read, &[])).await?;
    let topics: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for topic in &topics {
        link.script(&sql::unwatch(&source.schema, topic)).await?;
    }
    let drop = format!("DROP TABLE {schema}.outbox; DROP TABLE {schema}.installation; DROP TABLE {schema}.watched");
    link.script(&drop).await?;
    let drop = format!("SAVEPOINT schema; DROP SCHEMA {schema}; RELEASE SAVEPOINT schema");
    let schema_stays = match link.script(&drop).await {
        Ok(()) => false,
        Err(error @ FeedError::Database { code: None, .. }) => return Err(error),
        Err(_) => {
            link.script("ROLLBACK TO SAVEPOINT schema").await?;
            true
        }
    };
    Ok(Uninstalled { outbox: outbox.id, topics, lost, schema_stays })
}
