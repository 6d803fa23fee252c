//! Whether both stores hold the same: every row of both is read.

use super::{
    CopyError, Progress, Step, counters,
    rows::Checksum,
    source::Source,
    tables::{self, Table},
    target::Target,
};
use crate::storage::{StoreError, sql::Db};
use std::{ops::ControlFlow, thread};

/// How often it is told how far comparing is.
const TOLD_AFTER_ROWS: u64 = 10_000;

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// How many rows.
    pub rows: u64,
    /// SHA-256 of all its rows in the order of their keys, in hexadecimal digits; the same on every engine.
    pub checksum: String,
}

/// One table on both sides.
#[derive(Debug, Clone)]
pub struct Compared {
    /// Which.
    pub table: &'static str,
    /// In the source.
    pub from: Digest,
    /// In the destination.
    pub to: Digest,
    /// Whether the destination's next id comes after the source's last.
    pub ids_go_on: bool,
}

impl Compared {
    /// Whether the copy is good.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.from == self.to && self.ids_go_on
    }
}

/// Reads both, one beside the other.
pub(super) fn compare(
    source: &mut Source,
    target: &mut Target,
    tell: &mut dyn FnMut(Progress),
) -> Result<Vec<Compared>, CopyError> {
    let mut counts = source.counts().collect::<Vec<_>>().into_iter();
    let (from, to) = thread::scope(|scope| {
        let place = source.place.clone();
        let from = scope.spawn(move || {
            let digest = |table| Ok((digest(source.db(), table, |_| {})?, source.last_id(table)?));
            tables::all().iter().map(digest).collect::<Result<Vec<_>, StoreError>>()
        });
        let to = target.transact(|db| {
            let digest = |table: &'static Table| {
                let of = counts.next().unwrap_or(0);
                let tell = |done| tell(Progress { step: Step::Comparing, table: table.name, done, of });
                Ok((digest(db, table, tell)?, counters::last_id(db, table)?))
            };
            tables::all().iter().map(digest).collect::<Result<Vec<_>, StoreError>>()
        });
        let panicked = |_| Err(StoreError::Unavailable("a bug kept it from being read".to_owned()));
        (from.join().unwrap_or_else(panicked).map_err(|error| CopyError::at(&place, error)), to)
    });
    let both = tables::all().iter().zip(from?).zip(to?);
    let compared = both.map(|((table, (from, last)), (to, counted))| Compared {
        table: table.name,
        from,
        to,
        ids_go_on: counted.is_none_or(|counted| counted >= last),
    });
    Ok(compared.collect())
}

fn digest(db: Db<'_>, table: &'static Table, mut tell: impl FnMut(u64)) -> Result<Digest, StoreError> {
    let (mut rows, mut checksum) = (0, Checksum::default());
    db.visit(&table.rows, (), |row| {
        checksum.add(row, table.columns.len())?;
        rows += 1;
        if rows % TOLD_AFTER_ROWS == 0 {
            tell(rows);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Digest { rows, checksum: checksum.finish() })
}
