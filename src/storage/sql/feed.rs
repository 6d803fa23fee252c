//! What is published from the outboxes of feeds, once.

use super::{
    commit::{Batch, Decision},
    db::{Db, ForEach, Row, corrupt},
};
use crate::{
    model::UnixMillis,
    storage::{FeedProgress, NewPublication, Refusal, StoreError},
};

/// A row of `feed_source`: outbox, batch, changes.
pub(super) type FeedRow = (String, i64, String);

pub(super) const NOTE_PROGRESS: ForEach = ForEach {
    one: "INSERT INTO feed_source (outbox, batch, changes) VALUES ($1, $2, $3) \
          ON CONFLICT (outbox) DO UPDATE SET batch = excluded.batch, changes = excluded.changes",
    all: "INSERT INTO feed_source (outbox, batch, changes) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[]) \
          ON CONFLICT (outbox) DO UPDATE SET batch = excluded.batch, changes = excluded.changes",
};

impl Batch<'_> {
    /// Publishes the next batch of an outbox; any other one is refused.
    pub(super) fn publish_from_outbox(
        &mut self,
        outbox: &str,
        progress: &FeedProgress,
        publications: &[NewPublication],
        at: UnixMillis,
    ) -> Decision {
        let known = match self.outboxes.get(outbox) {
            Some(batch) => *batch,
            None => self::progress(self.db, outbox)?.batch,
        };
        if progress.batch != known + 1 {
            self.outboxes.insert(outbox.to_owned(), known);
            return Ok(Err(Refusal::NotTheNextBatch));
        }
        self.outboxes.insert(outbox.to_owned(), progress.batch);
        let batch = i64::try_from(progress.batch).map_err(corrupt)?;
        let changes = serde_json::to_string(&progress.changes).map_err(corrupt)?;
        self.new_progress.retain(|(noted, ..)| noted != outbox);
        self.new_progress.push((outbox.to_owned(), batch, changes));
        self.publish(publications, None, at)
    }
}

/// How far an outbox is published.
pub(super) fn progress(db: Db<'_>, outbox: &str) -> Result<FeedProgress, StoreError> {
    let found = db.one("SELECT batch, changes FROM feed_source WHERE outbox = $1", [outbox], |row| {
        let changes = serde_json::from_str(row.text(1)?).map_err(corrupt)?;
        Ok(FeedProgress { batch: batch(row, 0)?, changes })
    })?;
    Ok(found.unwrap_or_default())
}

/// Reads a batch's number.
pub(in crate::storage) fn batch(row: &Row<'_>, column: usize) -> Result<u64, StoreError> {
    u64::try_from(row.get::<i64>(column)?).map_err(corrupt)
}

/// Forgets an outbox.
pub(super) fn forget(db: Db<'_>, outbox: &str) -> Result<(), StoreError> {
    db.run("DELETE FROM feed_source WHERE outbox = $1", [outbox]).map(drop)
}
