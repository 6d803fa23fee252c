//! Forgetting old publications, in the order of commits, so that what is left of a log has no hole.

use super::{db::Db, log::MARK_TRIMMED, value::Params};
use crate::{model::UnixMillis, storage::StoreError};

use std::{collections::HashMap, ops::ControlFlow};

/// Forgets what is older than `retention_ms` or than its own `keep_ms`, at most `limit`; answers how many.
pub(super) fn trim(db: Db<'_>, now: UnixMillis, retention_ms: i64, limit: u32) -> Result<u32, StoreError> {
    let mut count = 0;
    let mut keep = db.one(NEXT_AGE, [-1_i64], |row| row.get(0))?.flatten();
    while let Some(keep_ms) = keep {
        if count == limit {
            return Ok(count);
        }
        let oldest =
            "SELECT id, topic_id, topic_offset, created_at FROM publication WHERE keep_ms = $1 ORDER BY id LIMIT $2";
        let old = Old::find(db, oldest, (keep_ms, limit - count), now.saturating_sub(keep_ms))?;
        if let Some(last) = old.last {
            db.run("DELETE FROM publication WHERE keep_ms = $1 AND id <= $2", (keep_ms, last))?;
        }
        old.mark_topics(db)?;
        count += old.count;
        keep = db.one(NEXT_AGE, [keep_ms], |row| row.get(0))?.flatten();
    }
    let oldest = "SELECT id, topic_id, topic_offset, created_at FROM publication ORDER BY id LIMIT $1";
    let old = Old::find(db, oldest, [limit - count], now.saturating_sub(retention_ms))?;
    if let Some(last) = old.last {
        db.run("DELETE FROM publication WHERE id <= $1", [last])?;
    }
    old.mark_topics(db)?;
    Ok(count + old.count)
}

/// The ages that are in use are few: those of the settings, now and before.
const NEXT_AGE: &str = "SELECT MIN(keep_ms) FROM publication WHERE keep_ms > $1";

/// The oldest publications, up to the first that is young enough: whatever the clock did, what
/// was committed after a young one stays with it.
#[derive(Default)]
struct Old {
    last: Option<i64>,
    count: u32,
    /// The last offset of each topic.
    trimmed: HashMap<i64, i64>,
}

impl Old {
    fn find(db: Db<'_>, sql: &'static str, params: impl Params, before: UnixMillis) -> Result<Self, StoreError> {
        let mut old = Self::default();
        db.visit(sql, params, |row| {
            if row.get::<UnixMillis>(3)? >= before {
                return Ok(ControlFlow::Break(()));
            }
            old.last = Some(row.get(0)?);
            old.count += 1;
            old.trimmed.insert(row.get(1)?, row.get(2)?); // ascending: the last one stays
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(old)
    }

    fn mark_topics(&self, db: Db<'_>) -> Result<(), StoreError> {
        let marks: Vec<_> = self.trimmed.iter().map(|(topic, offset)| (*offset, *topic)).collect();
        db.run_for_each(&[(&MARK_TRIMMED, &marks)])
    }
}
