//! The server from outside: a real listener, real sockets, a real store in a temporary directory.

mod chat;
mod layers;
mod recovery;
mod support;
