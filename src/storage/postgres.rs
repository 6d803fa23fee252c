//! PostgreSQL: the same store in a database of its own.
//!
//! Every transaction that writes first takes one lock, so servers and commands on the same database write one after the
//! other, as processes on one SQLite file do: offsets have no holes, and what was looked up is still so when it is
//! written. Readers see snapshots beside it.
//!
//! A database that is away is tried again, at first soon, then every few seconds. What was not sent to it when it went is
//! not stored; a commit that was under way is in doubt.

pub(super) mod alone;
mod client;
mod connection;
mod failure;
mod open;
mod prefetch;
#[cfg(test)]
pub(super) mod tests;
mod tls;
mod value;

pub(super) use client::Client;
pub(super) use failure::Undone;
pub use failure::{ends_connection, text as failure_text};
pub(super) use prefetch::prefetch;
pub use tls::connector;

use super::{Check, StoreError, sql::SqlStore};
use crate::settings::Database;
use std::{thread, time::Duration};

/// How long a database may be away when a server starts, and when a command does.
const SERVER_PATIENCE: Duration = Duration::from_secs(30);
const COMMAND_PATIENCE: Duration = Duration::from_secs(5);

/// Opens the store in `database`, making what is missing; `check` tells a server from a command. It blocks.
///
/// # Errors
/// [`StoreError::Unavailable`] when it cannot be reached or refuses us, [`StoreError::InUse`] while a copy has it,
/// [`StoreError::NewerSchema`], [`StoreError::UnfinishedCopy`].
pub fn open(database: &Database, settings: &crate::settings::Storage, check: Check) -> Result<SqlStore, StoreError> {
    let patience = match check {
        Check::Whole => SERVER_PATIENCE,
        Check::Skip => COMMAND_PATIENCE,
    };
    // On a thread of its own: the caller's may be driving an async runtime, and cannot drive a second one.
    let opened = thread::scope(|scope| scope.spawn(|| open::open(database, settings, patience)).join());
    opened.unwrap_or_else(|_| Err(StoreError::Unavailable("a bug kept the store from opening".to_owned())))
}
