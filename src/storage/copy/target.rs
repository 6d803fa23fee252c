//! The store that is filled.

use super::{
    CopyError, Place, Progress, Step, counters, known_schema,
    rows::Batch,
    source::{self, Source},
    tables,
    tables::Table,
};
use crate::storage::{
    Alone, StoreError,
    sql::{Connection, Db, Row, UNFINISHED, epoch, unfinished_from},
};
use std::ops::ControlFlow;

/// Marked as unfinished until [`Target::finish`].
pub(super) struct Target {
    place: Place,
    connection: Box<dyn Connection>,
}

/// What was found in the destination.
enum Found {
    Empty,
    /// From where, as [`Source::mark`] says.
    Unfinished(String),
    /// A whole installation, and its epoch.
    Installation(Option<String>),
}

impl Target {
    /// Opens and marks it, unless it holds something else than an earlier attempt.
    pub(super) fn open(place: &Place, source: &Source) -> Result<Self, CopyError> {
        let Alone { connection, schema: found } = place.to_write()?;
        let (shown, known) = (place.to_string(), known_schema());
        if found < known {
            return Err(CopyError::OldSchema { place: shown, found, known });
        }
        let mut target = Self { place: place.clone(), connection };
        match target.transact(look)? {
            Found::Empty => {
                let mark = source.mark();
                let sql = "INSERT INTO meta (name, value) VALUES ($1, $2)";
                target.transact(|db| db.run(sql, (UNFINISHED, mark.as_str())))?;
                Ok(target)
            }
            Found::Unfinished(mark) if mark == source.mark() => Ok(target),
            Found::Unfinished(mark) if mark.starts_with(source.epoch()) => {
                Err(CopyError::SourceChanged { from: source.place.to_string(), to: shown })
            }
            Found::Unfinished(_) => Err(CopyError::OtherCopy(shown)),
            Found::Installation(Some(epoch)) if epoch == source.epoch() => Err(CopyError::SameInstallation(shown)),
            Found::Installation(_) => Err(CopyError::Occupied(shown)),
        }
    }

    /// Copies what is missing of a table, of which the source has so many `rows`.
    pub(super) fn fill(
        &mut self,
        table: &'static Table,
        source: &Source,
        rows: u64,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<(), CopyError> {
        let (last, mut done) = self.transact(|db| Ok((source::last_key(db, table)?, source::count(db, table)?)))?;
        let mut batch = Batch::new(table.columns.len());
        let mut failed = None;
        let take = |row: &Row<'_>| {
            batch.push(row)?;
            if !batch.is_full() {
                return Ok(ControlFlow::Continue(()));
            }
            if let Err(error) = self.write(table, &mut batch, &mut done) {
                failed = Some(error);
                return Ok(ControlFlow::Break(()));
            }
            tell(Progress { step: Step::Copying, table: table.name, done, of: rows });
            Ok(ControlFlow::Continue(()))
        };
        let read = match last {
            Some(key) => source.db().visit(&table.rows_after, key, take),
            None => source.db().visit(&table.rows, (), take),
        };
        if let Some(error) = failed {
            return Err(error);
        }
        read.map_err(|error| CopyError::at(&source.place, error))?;
        self.write(table, &mut batch, &mut done)
    }

    /// Writes a batch in a transaction of its own, and empties it.
    fn write(&mut self, table: &'static Table, batch: &mut Batch, done: &mut u64) -> Result<(), CopyError> {
        if batch.len() > 0 {
            self.transact(|db| db.run_for_each(&[(&table.insert(), &*batch)]))?;
            *done += batch.len() as u64;
            batch.clear();
        }
        Ok(())
    }

    /// Has new ids come after all that the source ever gave out.
    pub(super) fn go_on_counting(&mut self, source: &Source) -> Result<(), CopyError> {
        for table in tables::all() {
            let last = source.last_id(table).map_err(|error| CopyError::at(&source.place, error))?;
            self.transact(|db| counters::set_last_id(db, table, last))?;
        }
        Ok(())
    }

    /// From now on it is an installation.
    pub(super) fn finish(mut self) -> Result<(), CopyError> {
        self.transact(|db| db.run("DELETE FROM meta WHERE name = $1", [UNFINISHED]))?;
        if let Db::Postgres(client) = self.connection.db() {
            // Until it knows what it has, its plans are bad; it would find out by itself, later.
            let names: Vec<_> = tables::all().iter().map(|table| table.name).collect();
            let _ = client.script(&format!("ANALYZE {}", names.join(", ")));
        }
        self.connection.close();
        Ok(())
    }

    /// Does `work` in a durable transaction.
    pub(super) fn transact<T>(&mut self, work: impl FnOnce(Db<'_>) -> Result<T, StoreError>) -> Result<T, CopyError> {
        let connection = &mut self.connection;
        let transact = || {
            connection.begin()?;
            let done = work(connection.db()).and_then(|answer| connection.commit().map(|()| answer));
            match &done {
                Ok(_) => connection.tidy_up(),
                Err(error) => connection.roll_back(Some(error)),
            }
            done
        };
        transact().map_err(|error| CopyError::at(&self.place, error))
    }
}

fn look(db: Db<'_>) -> Result<Found, StoreError> {
    if let Some(mark) = unfinished_from(db)? {
        return Ok(Found::Unfinished(mark));
    }
    for table in tables::all() {
        if db.any(&table.any, ())? {
            return Ok(Found::Installation(epoch(db)?.map(|epoch| epoch.as_str().to_owned())));
        }
    }
    Ok(Found::Empty)
}
