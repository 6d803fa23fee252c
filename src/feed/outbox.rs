//! The outbox, for whoever drains it.

use super::{
    error::FeedError,
    link::{Link, answer},
    notation,
};
use futures_util::future::try_join;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_postgres::{Client, Statement, types::ToSql};

/// "SWBF": who drains.
pub(super) const DRAIN: i32 = 0x5357_4246;

/// How much is taken out at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portion {
    /// Changes.
    pub(super) rows: i64,
    /// Bytes, as far as it is more than one change.
    pub(super) bytes: i64,
    /// A longer row is left where it is: its change is told without it.
    pub(super) row_bytes: i32,
}

/// A change that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: i64,
    /// When it was made, by the database's clock.
    pub(super) at: SystemTime,
    pub(super) topic: String,
    pub(super) action: String,
    pub(super) key: String,
    /// `None`: it is too long.
    pub(super) row: Option<String>,
}

impl Waiting {
    /// About what it costs whoever hears it, in bytes.
    pub(super) fn weight(&self) -> usize {
        OVERHEAD + self.key.len() + self.row.as_ref().map_or(0, String::len)
    }
}

/// What a change costs beside its key and its row, about.
const OVERHEAD: usize = 128;

/// The outbox, on a connection that drains it.
pub(super) struct OpenOutbox {
    pub(super) link: Link,
    pub(super) schema: String,
    fetch: Statement,
    delete: Statement,
}

impl OpenOutbox {
    pub(super) async fn open(link: Link, schema: &str) -> Result<Self, FeedError> {
        let outbox = format!("{}.outbox", notation::name(schema));
        // The first rows by id, as far as their sum is within bounds, and the first of them in any case.
        let fetch = format!(
            "SELECT id, at, topic, action, key, CASE WHEN octet_length(body) <= $3 THEN body END FROM (\
                SELECT *, sum(weight) OVER (ORDER BY id) AS total FROM (\
                    SELECT *, {OVERHEAD} + octet_length(key) \
                        + CASE WHEN octet_length(body) <= $3 THEN octet_length(body) ELSE 0 END AS weight \
                    FROM {outbox} ORDER BY id LIMIT $1) AS first) AS summed \
             WHERE total <= $2 OR total = weight ORDER BY id"
        );
        let delete = format!(
            "DELETE FROM {outbox} USING unnest($1::bigint[], $2::timestamptz[]) AS gone (id, at) \
             WHERE outbox.id = gone.id AND outbox.at = gone.at"
        );
        let fetch = answer(link.client.prepare(&fetch)).await?;
        let delete = answer(link.client.prepare(&delete)).await?;
        Ok(Self { link, schema: schema.to_owned(), fetch, delete })
    }

    /// Becomes the one who drains; `false`: another one is. It ends with the connection.
    pub(super) async fn take(link: &Link, schema: &str) -> Result<bool, FeedError> {
        let take = "SELECT pg_try_advisory_lock($1, hashtext($2))";
        Ok(answer(link.client.query_one(take, &[&DRAIN, &schema])).await?.get(0))
    }

    /// From here on the bell is heard.
    pub(super) async fn listen(&self) -> Result<(), FeedError> {
        self.link.script(&format!("LISTEN {}", notation::name(&self.schema))).await
    }

    /// The oldest changes, by id.
    pub(super) async fn fetch(&self, portion: Portion) -> Result<Vec<Waiting>, FeedError> {
        Self::fetch_on(&self.link.client, &self.fetch, portion).await
    }

    /// As [`Self::fetch`], in a transaction that borrows the connection.
    pub(super) async fn fetch_on(
        client: &Client,
        fetch: &Statement,
        portion: Portion,
    ) -> Result<Vec<Waiting>, FeedError> {
        let params: [&(dyn ToSql + Sync); 3] = [&portion.rows, &portion.bytes, &portion.row_bytes];
        let fetched = answer(client.query(fetch, &params)).await?;
        fetched.iter().map(read).collect::<Result<_, _>>().map_err(FeedError::from)
    }

    /// For [`Self::fetch_on`].
    pub(super) fn fetch_statement(&self) -> Statement {
        self.fetch.clone()
    }

    /// Deletes just these changes: an id alone may be another change's, after a restore of the database.
    pub(super) async fn delete(&self, changes: &[(i64, i64)]) -> Result<(), FeedError> {
        let (ids, moments): (Vec<_>, Vec<_>) = changes.iter().map(|(id, at)| (*id, from_micros(*at))).unzip();
        answer(self.link.client.execute(&self.delete, &[&ids, &moments])).await.map(drop)
    }

    /// Deletes and fetches in one round trip.
    pub(super) async fn delete_and_fetch(
        &self,
        changes: &[(i64, i64)],
        portion: Portion,
    ) -> Result<Vec<Waiting>, FeedError> {
        let ((), fetched) = try_join(self.delete(changes), self.fetch(portion)).await?;
        Ok(fetched)
    }
}

fn read(row: &tokio_postgres::Row) -> Result<Waiting, tokio_postgres::Error> {
    Ok(Waiting {
        id: row.try_get(0)?,
        at: row.try_get(1)?,
        topic: row.try_get(2)?,
        action: row.try_get(3)?,
        key: row.try_get(4)?,
        row: row.try_get(5)?,
    })
}

/// Microseconds since 1970, which is how exact PostgreSQL's moments are.
pub(super) fn micros(at: SystemTime) -> i64 {
    let since = |later: SystemTime, earlier| later.duration_since(earlier).ok().map(|gap| gap.as_micros());
    let exact = |micros: u128| i64::try_from(micros).unwrap_or(i64::MAX);
    since(at, UNIX_EPOCH).map(exact).or_else(|| since(UNIX_EPOCH, at).map(|gap| -exact(gap))).unwrap_or(0)
}

fn from_micros(micros: i64) -> SystemTime {
    let gap = Duration::from_micros(micros.unsigned_abs());
    if micros < 0 { UNIX_EPOCH - gap } else { UNIX_EPOCH + gap }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_in_microseconds() {
        for at in [0, 1, -1, 1_795_262_400_123_457, -62_135_596_800_000_000] {
            assert_eq!(micros(from_micros(at)), at);
        }
    }
}
