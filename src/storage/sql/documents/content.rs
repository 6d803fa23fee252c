//! What documents hold: what was merged, and the updates above it.

use super::super::{
    db::{Db, Row, corrupt},
    log,
};
use crate::{
    model::{DocumentId, DocumentName, Offset, UnixMillis},
    storage::{StaleDocument, StoreError, StoredContent, StoredUpdate},
};

/// The caller's transaction makes it one snapshot.
pub(in crate::storage::sql) fn content(db: Db<'_>, id: DocumentId) -> Result<Option<StoredContent>, StoreError> {
    const FIND: &str = "SELECT document.merged, document_snapshot.state FROM document \
         LEFT JOIN document_snapshot ON document_snapshot.document_id = document.id WHERE document.id = $1";
    let read = |row: &Row<'_>| Ok((log::offset(row, 0)?, row.get::<Option<Vec<u8>>>(1)?.unwrap_or_default()));
    let Some((merged, snapshot)) = db.one(FIND, [id.0], read)? else { return Ok(None) };
    Ok(Some(StoredContent { snapshot, merged, updates: updates(db, id, merged)? }))
}

pub(in crate::storage::sql) fn updates(
    db: Db<'_>,
    id: DocumentId,
    after: Offset,
) -> Result<Vec<StoredUpdate>, StoreError> {
    let above = "SELECT number, body FROM document_update WHERE document_id = $1 AND number > $2 ORDER BY number";
    db.all(above, (id.0, log::sql(after)), |row| Ok(StoredUpdate { number: log::offset(row, 0)?, update: row.get(1)? }))
}

/// Puts `state` in the place of the updates up to `upto`, unless as much was merged before.
pub(in crate::storage::sql) fn compact(
    db: Db<'_>,
    id: DocumentId,
    upto: Offset,
    state: &[u8],
) -> Result<bool, StoreError> {
    let upto = log::sql(upto);
    let merge = "UPDATE document SET merged = $1 WHERE id = $2 AND merged < $1 AND head >= $1";
    if db.run(merge, (upto, id.0))? == 0 {
        return Ok(false);
    }
    let put = "INSERT INTO document_snapshot (document_id, state) VALUES ($1, $2) \
               ON CONFLICT (document_id) DO UPDATE SET state = excluded.state";
    db.run(put, (id.0, state))?;
    db.run("DELETE FROM document_update WHERE document_id = $1 AND number <= $2", (id.0, upto))?;
    Ok(true)
}

/// Those that have waited longest come first. `+` keeps SQLite from reading all updates in the order of their documents.
pub(in crate::storage) const STALE: &str = "SELECT old.oldest, document.id, document.name FROM \
     (SELECT + document_id AS document_id, MIN(created_at) AS oldest FROM document_update WHERE created_at < $1 \
     GROUP BY + document_id HAVING MIN(created_at) > $2 OR (MIN(created_at) = $2 AND + document_id > $3) \
     ORDER BY oldest, document_id LIMIT $4) AS old \
     JOIN document ON document.id = old.document_id ORDER BY old.oldest, document.id";

pub(in crate::storage::sql) fn stale(
    db: Db<'_>,
    before: UnixMillis,
    after: Option<(UnixMillis, DocumentId)>,
    limit: u32,
) -> Result<Vec<StaleDocument>, StoreError> {
    let (since, id) = after.unwrap_or((i64::MIN, DocumentId(0)));
    db.all(STALE, (before, since, id.0, limit), |row| {
        let name = DocumentName::parse(row.text(2)?).map_err(corrupt)?;
        Ok(StaleDocument { since: row.get(0)?, id: DocumentId(row.get(1)?), name })
    })
}
