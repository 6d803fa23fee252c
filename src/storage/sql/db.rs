//! The handle with which every statement of ours is run, on either engine.
//!
//! The statements are written once, for both: integers, texts and bytes, `$1`, `$2` … in the order of their first
//! appearance. Where PostgreSQL wants fewer and larger statements there is [`Db::run_for_each`].

use super::value::{FromValue, Params, Rows, Value};
use crate::storage::{StoreError, postgres, sqlite};
use std::ops::ControlFlow;

/// A connection with a transaction open, lent for one piece of work.
#[derive(Clone, Copy)]
pub(in crate::storage) enum Db<'c> {
    Sqlite(&'c rusqlite::Connection),
    Postgres(&'c postgres::Client),
}

/// A row, while it is looked at.
pub(in crate::storage) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

/// One change to many rows, as either engine likes it.
pub(in crate::storage) struct ForEach {
    /// For one row.
    pub(in crate::storage) one: &'static str,
    /// For all of them: its parameters are arrays, one for each parameter of `one`.
    pub(in crate::storage) all: &'static str,
}

/// For what a column holds and no constructor accepts.
pub(in crate::storage) fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

impl Db<'_> {
    /// How many rows changed.
    pub(in crate::storage) fn run(self, sql: &'static str, params: impl Params) -> Result<u64, StoreError> {
        params.with(|values| match self {
            Self::Sqlite(db) => sqlite::statement::run(db, sql, values),
            Self::Postgres(db) => db.run(sql, values),
        })
    }

    /// The id of the inserted row.
    pub(in crate::storage) fn insert(self, sql: &'static str, params: impl Params) -> Result<i64, StoreError> {
        params.with(|values| match self {
            Self::Sqlite(db) => sqlite::statement::insert(db, sql, values),
            Self::Postgres(db) => db.insert(sql, values),
        })
    }

    /// Makes changes to many rows, one change after the other. PostgreSQL is asked once for all of them.
    pub(in crate::storage) fn run_for_each(self, changes: &[(&ForEach, &dyn Rows)]) -> Result<(), StoreError> {
        let mut changes = changes.iter().filter(|(_, rows)| !rows.is_empty());
        match self {
            Self::Sqlite(db) => changes
                .try_for_each(|(sql, rows)| rows.each(&mut |row| sqlite::statement::run(db, sql.one, row).map(drop))),
            Self::Postgres(db) => db.run_over(changes.map(|(sql, rows)| (sql.all, rows.columns())).collect()),
        }
    }

    /// Shows one row after the other to `visit` until it breaks off.
    pub(in crate::storage) fn visit(
        self,
        sql: &'static str,
        params: impl Params,
        mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        params.with(|values| match self {
            Self::Sqlite(db) => sqlite::statement::visit(db, sql, values, &mut visit),
            Self::Postgres(db) => db.visit(sql, values, &mut visit),
        })
    }

    /// The first row, if there is any.
    pub(in crate::storage) fn one<T>(
        self,
        sql: &'static str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut found = None;
        self.visit(sql, params, |row| {
            found = Some(read(row)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Every row.
    pub(in crate::storage) fn all<T>(
        self,
        sql: &'static str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.visit(sql, params, |row| {
            found.push(read(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Rows up to `limit` and until `size` of them comes to more than `max_bytes`, the first
    /// in any case; and whether there are more.
    pub(in crate::storage) fn page<T>(
        self,
        sql: &'static str,
        params: impl Params,
        (limit, max_bytes): (u32, usize),
        size: impl Fn(&T) -> usize,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<(Vec<T>, bool), StoreError> {
        let (mut page, mut bytes, mut more) = (Vec::new(), 0, false);
        self.visit(sql, params, |row| {
            more = page.len() >= limit as usize;
            if !more {
                let item = read(row)?;
                bytes += size(&item);
                more = bytes > max_bytes && !page.is_empty();
                if !more {
                    page.push(item);
                }
            }
            Ok(if more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok((page, more))
    }

    /// Whether there is a row.
    pub(in crate::storage) fn any(self, sql: &'static str, params: impl Params) -> Result<bool, StoreError> {
        Ok(self.one(sql, params, |_| Ok(()))?.is_some())
    }
}

impl Row<'_> {
    /// Reads a column; the first is 0.
    pub(in crate::storage) fn get<T: FromValue>(&self, column: usize) -> Result<T, StoreError> {
        T::from_value(self.value(column)?)
    }

    /// A column's text, where it lies.
    pub(in crate::storage) fn text(&self, column: usize) -> Result<&str, StoreError> {
        let Value::Text(text) = self.value(column)? else { return Err(corrupt("a column holds no text")) };
        Ok(text)
    }

    /// What a column holds, where it lies.
    pub(in crate::storage) fn value(&self, column: usize) -> Result<Value<'_>, StoreError> {
        match self {
            Self::Sqlite(row) => sqlite::statement::value(row, column),
            Self::Postgres(row) => row.try_get(column).map_err(corrupt),
        }
    }
}
