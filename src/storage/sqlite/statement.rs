//! Running statements: prepared once per connection, bound in the order `$1`, `$2` …

use crate::storage::{
    StoreError,
    sql::{Row, Value},
};
use rusqlite::{
    CachedStatement, Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use std::ops::ControlFlow;

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// How many rows changed.
pub(in crate::storage) fn run(db: &Connection, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
    Ok(prepare(db, sql)?.execute(params_from_iter(values))? as u64)
}

/// The id of the inserted row.
pub(in crate::storage) fn insert(db: &Connection, sql: &str, values: &[Value<'_>]) -> Result<i64, StoreError> {
    Ok(prepare(db, sql)?.insert(params_from_iter(values))?)
}

/// Shows one row after the other until `visit` breaks off.
pub(in crate::storage) fn visit(
    db: &Connection,
    sql: &str,
    values: &[Value<'_>],
    visit: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let mut statement = prepare(db, sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        if visit(&Row::Sqlite(row))?.is_break() {
            break;
        }
    }
    Ok(())
}

/// What a column holds.
pub(in crate::storage) fn value<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> Result<Value<'r>, StoreError> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(text) => Value::Text(str::from_utf8(text).map_err(super::corrupt)?),
        ValueRef::Blob(bytes) => Value::Bytes(bytes),
        ValueRef::Real(_) => return Err(super::corrupt("a column holds a fraction")),
    })
}

/// Prepares, or finds the prepared one. Parameters must first appear in the order of their
/// numbers: SQLite takes `$n` for a name and counts appearances.
fn prepare<'c>(db: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, StoreError> {
    let statement = db.prepare_cached(sql)?;
    debug_assert!(
        (1..=statement.parameter_count()).all(|n| statement.parameter_name(n) == Some(&format!("${n}"))),
        "parameters out of order in {sql}"
    );
    Ok(statement)
}
