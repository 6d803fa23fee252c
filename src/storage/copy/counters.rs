//! The last ids given out. Rows that are gone had ids too, which nobody may get again.

use super::tables::Table;
use crate::storage::{StoreError, sql::Db};

/// The last id given out in `table`; `None`: the engine keeps no count and goes by the rows.
pub(super) fn last_id(db: Db<'_>, table: &Table) -> Result<Option<i64>, StoreError> {
    let Some(id) = table.id() else { return Ok(None) };
    let last = match db {
        Db::Sqlite(_) if !counts(db, table)? => None,
        Db::Sqlite(_) => {
            let last = db.one("SELECT seq FROM sqlite_sequence WHERE name = $1", [table.name], |row| row.get(0))?;
            Some(last.unwrap_or(0))
        }
        Db::Postgres(_) => {
            let sequence = "SELECT coalesce(last_value, 0) FROM pg_sequences \
                            WHERE format('%I.%I', schemaname, sequencename) = pg_get_serial_sequence($1, $2)";
            db.one(sequence, (table.name, id), |row| row.get(0))?
        }
    };
    Ok(last)
}

/// Has the next id of `table` come after `last`, where the engine counts.
pub(super) fn set_last_id(db: Db<'_>, table: &Table, last: i64) -> Result<(), StoreError> {
    let Some(id) = table.id() else { return Ok(()) };
    match db {
        // A sequence that has given out nothing cannot be told so; a new one has not.
        _ if last == 0 => {}
        Db::Sqlite(_) if !counts(db, table)? => {}
        Db::Sqlite(_) => {
            db.run("DELETE FROM sqlite_sequence WHERE name = $1", [table.name])?;
            db.run("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", (table.name, last))?;
        }
        Db::Postgres(_) => {
            db.any("SELECT setval(pg_get_serial_sequence($1, $2)::regclass, $3)", (table.name, id, last))?;
        }
    }
    Ok(())
}

/// Whether SQLite counts: `sqlite_sequence` itself is there only if it does for some table.
fn counts(db: Db<'_>, table: &Table) -> Result<bool, StoreError> {
    db.any(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1 AND sql LIKE '%AUTOINCREMENT%'",
        [table.name],
    )
}
