//! The store that is copied. It is only read.

use super::{CopyError, Place, counters, known_schema, rows::Key, tables, tables::Table};
use crate::storage::{
    Alone, StoreError,
    sql::{Connection, Db, corrupt, epoch, unfinished_from},
};
use sha2::{Digest as _, Sha256};

/// Read in one transaction from beginning to end.
pub(super) struct Source {
    pub(super) place: Place,
    connection: Box<dyn Connection>,
    epoch: String,
    /// Of all tables.
    counts: Vec<u64>,
}

impl Source {
    pub(super) fn open(place: &Place) -> Result<Self, CopyError> {
        let at = |error| CopyError::at(place, error);
        let nothing = || CopyError::Nothing(place.to_string());
        let Alone { mut connection, schema: found } = place.to_read()?.ok_or_else(nothing)?;
        let known = known_schema();
        if found > known {
            return Err(at(StoreError::NewerSchema { found, known }));
        }
        if found == 0 {
            return Err(nothing());
        }
        if found < known {
            return Err(CopyError::OldSchema { place: place.to_string(), found, known });
        }
        connection.begin().map_err(at)?;
        let db = connection.db();
        if unfinished_from(db).map_err(at)?.is_some() {
            return Err(at(StoreError::UnfinishedCopy));
        }
        let epoch = epoch(db).map_err(at)?.ok_or_else(nothing)?.as_str().to_owned();
        let counts = tables::all().iter().map(|table| count(db, table)).collect::<Result<_, _>>().map_err(at)?;
        Ok(Self { place: place.clone(), connection, epoch, counts })
    }

    pub(super) fn db(&self) -> Db<'_> {
        self.connection.db()
    }

    /// Rows of each table.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().copied()
    }

    /// Which installation it is.
    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Tells it from itself at another time, if not for sure: that is what comparing is for.
    pub(super) fn mark(&self) -> String {
        let mut hash = Sha256::new();
        for (table, count) in tables::all().iter().zip(&self.counts) {
            hash.update(format!("{} {count}\n", table.name));
        }
        let digits: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{} {digits}", self.epoch)
    }

    /// The last id given out in `table`, by the engine's count or by the rows that are there; 0 where there are none.
    pub(super) fn last_id(&self, table: &'static Table) -> Result<i64, StoreError> {
        if table.id().is_none() {
            return Ok(0);
        }
        let counted = counters::last_id(self.db(), table)?.unwrap_or(0);
        let last = self.db().one(&table.last_key, (), |row| row.get(0))?.unwrap_or(0);
        Ok(counted.max(last))
    }
}

/// How many rows a table has.
pub(super) fn count(db: Db<'_>, table: &'static Table) -> Result<u64, StoreError> {
    let count = db.one(&table.count, (), |row| row.get::<i64>(0))?.unwrap_or(0);
    u64::try_from(count).map_err(corrupt)
}

/// The last key of a table.
pub(super) fn last_key(db: Db<'_>, table: &'static Table) -> Result<Option<Key>, StoreError> {
    db.one(&table.last_key, (), |row| Key::read(row, table.key_columns))
}
