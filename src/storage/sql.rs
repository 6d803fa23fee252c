//! The store in SQL, written once for every engine.
//!
//! What an engine is asked for is little: [`Connection`]s with transactions, and statements run through [`Db`].

mod accounts;
mod commit;
mod connection;
mod db;
mod documents;
mod feed;
mod first_start;
mod invitations;
mod keys;
mod log;
mod messages;
mod probe;
mod products;
mod publish;
mod readers;
mod rooms;
mod seen;
mod sessions;
mod store;
mod trim;
mod value;
mod writer;

pub(super) use commit::Batch;
pub(super) use connection::Connection;
pub(super) use db::{Db, ForEach, Row, corrupt};
pub(super) use documents::DocumentRow;
pub(super) use feed::batch as published_batches;
pub(super) use first_start::{UNFINISHED, epoch, first_start, unfinished_from};
pub(super) use log::{Topic, offset};
pub(super) use messages::{Known, LAST_MESSAGE};
pub(super) use publish::Receipt;
pub(super) use rooms::RoomRow;
pub use store::SqlStore;
pub(super) use value::{Params, Rows, Value};

#[cfg(test)]
pub(super) use documents::STALE as STALE_DOCUMENTS;
