//! Forgetting old publications, in the order of commits, so that what is left of a log has no hole.

use super::sql::{Failure, Sql};
use crate::model::UnixMillis;
use rusqlite::Connection;
use std::collections::HashMap;

/// Forgets what is older than `retention_ms` or than its own `keep_ms`, at most `limit`; answers how many.
pub(super) fn trim(db: &Connection, now: UnixMillis, retention_ms: i64, limit: u32) -> Result<u32, Failure> {
    let mut count = 0;
    let mut keep = db.one(NEXT_AGE, [-1_i64], |row| Ok(row.get::<_, Option<i64>>(0)?))?.flatten();
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
        keep = db.one(NEXT_AGE, [keep_ms], |row| Ok(row.get::<_, Option<i64>>(0)?))?.flatten();
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
    fn find(db: &Connection, sql: &str, params: impl rusqlite::Params, before: UnixMillis) -> Result<Self, Failure> {
        let mut old = Self::default();
        let mut statement = db.statement(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            if row.get::<_, UnixMillis>(3)? >= before {
                break;
            }
            old.last = Some(row.get(0)?);
            old.count += 1;
            old.trimmed.insert(row.get(1)?, row.get(2)?); // ascending: the last one stays
        }
        Ok(old)
    }

    fn mark_topics(&self, db: &Connection) -> Result<(), Failure> {
        for (topic, offset) in &self.trimmed {
            db.run("UPDATE topic SET trimmed = $1 WHERE id = $2 AND trimmed < $1", (offset, topic))?;
        }
        Ok(())
    }
}
