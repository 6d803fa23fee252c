//! Switchboard: an authenticated event-routing chat server with OTP login.
//!
//! This tree, from the top down; every part uses only what stands below it:
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`cli`] | what the command line does beside serving |
//! | [`app`] | composition root: picks the store and the bus, registers the families, owns the stop |
//! | [`listener`], [`tls`] | port, handshakes, deadlines, certificate |
//! | [`http`] | router; login, ws, page, health. Translates, decides nothing |
//! | [`events`] | the families, one module each |
//! | [`feed`] | rows that change in PostgreSQL: outbox, listener, snapshots |
//! | [`connection`] | one upgraded socket: read pump, write pump |
//! | [`journal`] | group commit: drafts in, one transaction, publish in order, answer |
//! | [`manager`] | client list, registry, subscriptions, egress, recovery. Names no feature |
//! | [`auth`] | passwords, OTPs, sessions, API keys, throttling, origins |
//! | [`cluster`] | what crosses nodes |
//! | [`storage`] | trait `Store`, what survives a restart |
//! | [`protocol`] | the wire. Pure |
//! | [`model`] | nouns everyone shares. Pure |
//!
//! The life of one event, in short: **a handler decides → the journal commits → the topic publishes → the client's
//! egress → its socket.** `docs/architecture.md` has it step by step, `docs/protocol.md` what clients see.

pub mod app;
pub mod auth;
pub mod cli;
pub mod cluster;
pub mod connection;
pub mod documents;
pub mod events;
pub mod feed;
pub mod http;
pub mod journal;
pub mod listener;
pub mod manager;
pub mod metrics;
pub mod model;
pub mod protocol;
pub mod settings;
pub mod storage;
pub mod telemetry;
pub mod tls;

/// The README's Rust code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct ReadmeDoctests;
