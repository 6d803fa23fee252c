//! A whole installation from one store into another, on whatever engines.
//!
//! Both stores are had alone until the end, so nothing changes meanwhile. Rows go over in the order of their keys, a batch
//! a transaction: how far an earlier attempt came, the destination's last keys say. Until every table has been read again
//! on both sides and found the same, the destination has a mark (`sql::UNFINISHED`) and no server starts on it.

mod compare;
mod counters;
mod rows;
mod source;
mod tables;
mod target;
#[cfg(test)]
mod tests;

pub use compare::{Compared, Digest};

use super::{Alone, StoreError, migrations, postgres, sqlite};
use crate::settings::Database;
use source::Source;
use std::{fmt, fs, path::PathBuf};
use target::Target;

/// Where an installation is, or is to be.
#[derive(Debug, Clone)]
pub enum Place {
    /// In `switchboard.db` in this directory.
    Sqlite(PathBuf),
    /// In a database.
    Postgres(Box<Database>),
}

/// Without a password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(dir) => write!(f, "sqlite:{}", dir.display()),
            Self::Postgres(database) => f.write_str(&database.shown),
        }
    }
}

impl Place {
    /// Whether both are the same, as far as their names tell.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite(one), Self::Sqlite(other)) => {
                one == other || fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|o| o == one))
            }
            _ => self.to_string() == other.to_string(),
        }
    }

    /// Opens it to read; `None`: there is nothing.
    fn to_read(&self) -> Result<Option<Alone>, CopyError> {
        let opened = match self {
            Self::Sqlite(dir) => sqlite::alone::to_read(dir),
            Self::Postgres(database) => postgres::alone::to_read(database),
        };
        opened.map_err(|error| CopyError::at(self, error))
    }

    /// Opens it to write, making what is missing.
    fn to_write(&self) -> Result<Alone, CopyError> {
        let opened = match self {
            Self::Sqlite(dir) => sqlite::alone::to_write(dir),
            Self::Postgres(database) => postgres::alone::to_write(database),
        };
        opened.map_err(|error| CopyError::at(self, error))
    }
}

/// Why there is no copy, for the person who wanted one.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the two stores failed, or is in use.
    #[error("{place}: {error}")]
    Store {
        /// Which.
        place: String,
        /// What is wrong.
        error: StoreError,
    },
    /// There is nothing to copy.
    #[error("{0} holds no installation")]
    Nothing(String),
    /// A store of an older program.
    #[error("{place} has schema {found}, this program's is {known}: any other command of this program upgrades it")]
    OldSchema {
        /// Which.
        place: String,
        /// In the store.
        found: u32,
        /// In this program.
        known: u32,
    },
    /// The destination is somebody's.
    #[error("{0} is not empty, and nothing in it was changed: copy into a directory or a database of its own")]
    Occupied(String),
    /// Nothing is left to be done.
    #[error("{0} holds this installation already: a copy has come to its end there, or a server uses it")]
    SameInstallation(String),
    /// The copy that was begun is another one.
    #[error("{0} is an unfinished copy of another installation: finish that, or copy into an empty store")]
    OtherCopy(String),
    /// What was copied by an earlier attempt may not be so any more.
    #[error("{from} has changed since the copy into {to} was begun: empty {to} and copy again, with no server between")]
    SourceChanged {
        /// The source.
        from: String,
        /// The destination.
        to: String,
    },
}

impl CopyError {
    fn at(place: &Place, error: StoreError) -> Self {
        Self::Store { place: place.to_string(), error }
    }
}

/// What a copy is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Rows go over.
    Copying,
    /// Rows are read again.
    Comparing,
}

/// How far a copy is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// What it is doing.
    pub step: Step,
    /// With which table.
    pub table: &'static str,
    /// Rows done, those of an earlier attempt included.
    pub done: u64,
    /// Rows there are.
    pub of: u64,
}

/// Copies the installation in `from` into `to`, which is empty or an unfinished copy of the same; tells how far it is. It
/// blocks.
///
/// Answers what both hold now. Unless every [`Compared::is_same`], the destination stays unfinished.
///
/// # Errors
/// [`CopyError`]; what was copied until then stays, and the next attempt goes on behind it.
pub fn copy(from: &Place, to: &Place, tell: &mut dyn FnMut(Progress)) -> Result<Vec<Compared>, CopyError> {
    let mut source = Source::open(from)?;
    let mut target = Target::open(to, &source)?;
    for (table, rows) in tables::all().iter().zip(source.counts()) {
        target.fill(table, &source, rows, tell)?;
    }
    target.go_on_counting(&source)?;
    let compared = compare::compare(&mut source, &mut target, tell)?;
    if compared.iter().all(Compared::is_same) {
        target.finish()?;
    }
    Ok(compared)
}

/// The schema that this program knows; the same on every engine.
fn known_schema() -> u32 {
    u32::try_from(migrations::SQLITE.len()).unwrap_or(u32::MAX)
}
