//! The server from outside: a real listener, real sockets, a real store in a temporary directory.

#![allow(unreachable_pub, clippy::unwrap_used)] // a test binary: helpers unwrap, and nothing is exported

mod asyncapi;
mod bad_events;
mod bad_frames;
mod both_stores;
mod channel_page;
mod channels;
mod chat;
mod documents;
mod documents_http;
mod door;
mod events_stream;
mod events_stream_access;
mod events_stream_curl;
mod feed;
mod forgeries;
mod kill_loop;
mod layers;
mod limits;
mod openapi;
mod postgres;
mod products;
mod recovery;
mod settings_cli;
mod slow_clients;
mod stopping;
mod storage_copy;
mod support;
mod watching;
