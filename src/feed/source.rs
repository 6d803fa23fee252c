//! Which databases have watched tables, and which tables those are.

use crate::settings::{Database, FeedTable, Settings, StoreAddress};

/// A database with watched tables, and an outbox of its own.
#[derive(Debug, Clone)]
pub struct Source {
    /// What it is called in metrics: `storage` or `feed`.
    pub name: &'static str,
    /// Where.
    pub database: Database,
    /// The schema of the outbox.
    pub schema: String,
    /// What is watched there. Perhaps nothing any more.
    pub tables: Vec<FeedTable>,
}

/// The databases that the settings name: that of the storage, if it is one, and that of the feed, if it is another.
///
/// # Errors
/// What is wrong with a URL, for people.
pub fn sources(settings: &Settings) -> Result<Vec<Source>, String> {
    let source = |name, database, tables| Source { name, database, schema: settings.feed.schema.clone(), tables };
    let storage = match settings.storage.url.address()? {
        StoreAddress::Sqlite => None,
        StoreAddress::Postgres(database) => Some(*database),
    };
    let all = settings.feed.table.clone();
    if settings.feed.url.is_empty() || settings.feed.url == settings.storage.url {
        return Ok(storage.map(|database| source("storage", database, all)).into_iter().collect());
    }
    let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(FeedTable::is_products);
    let storage = storage.map(|database| source("storage", database, own));
    let feed = settings.feed_database()?.map(|database| source("feed", database, others));
    Ok(storage.into_iter().chain(feed).collect())
}
