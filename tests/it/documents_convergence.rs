//! Documents that clients of both libraries write in at once: real Yjs clients with y-websocket's provider as it comes from
//! npm, and `yrs` clients.

mod line;
mod mutated;
mod provider;
mod story;
mod two_editors;
mod wire;
mod writer;
mod yjs;
mod yrs_client;
