//! The server from outside: a real listener, real sockets, a real store in a temporary directory.

#![allow(unreachable_pub, clippy::unwrap_used)] // a test binary: helpers unwrap, and nothing is exported

mod chat;
mod layers;
mod recovery;
mod support;
