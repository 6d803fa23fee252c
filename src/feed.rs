//! Rows that change in PostgreSQL, whoever changes them, reach the topics that are about them.
//!
//! A trigger appends each change to an outbox, in the writer's own transaction, and rings. A listener, one for each
//! database, reads what is in the outbox, has the journal commit it, and then deletes it there. Nothing is skipped when
//! transactions overlap, because there is no mark of how far it has read: whatever is in the outbox is not published yet.
//! Nothing is published twice, because the store notes with each batch which changes were in it, and takes no batch but the
//! next one: after whatever went wrong, the listener asks what was noted and deletes that first.
//!
//! The changes of one row are in order: who writes it waits for who wrote it before, and takes its place in the outbox
//! afterwards. Changes of different rows need no order.

mod backoff;
mod catalog;
mod change;
mod error;
mod install;
mod link;
mod listener;
mod notation;
mod outbox;
mod rows;
mod snapshot;
mod source;
mod sql;
mod status;
mod table;
mod trouble;
mod uninstall;

pub use error::{FeedError, TableFault};
pub use install::{Adopt, Installed, Made, TableMade, install};
pub use listener::{Listener, Tools};
pub use rows::{FeedRows, ListenedRows};
pub use source::{Source, sources};
pub use status::{Drainer, Status, TableStatus, status};
pub use uninstall::{MOST_COUNTED, Uninstalled, uninstall};
