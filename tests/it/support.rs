//! The language the tests are written in.

pub mod channels;
pub mod client;
pub mod documents;
pub mod events;
pub mod h2;
pub mod http;
pub mod panics;
pub mod postgres;
pub mod process;
pub mod raw;
pub mod server;
pub mod store;
pub mod watching;

pub use client::TestClient;
pub use events::EventReader;
pub use http::{Http, Response};
pub use process::ServerProcess;
pub use raw::{Pipe, RawSocket};
pub use server::TestServer;

use std::time::Duration;

/// Every test account's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// Longest wait for something that has to happen. Generous: it only bounds a failing test. Less than the minute after which
/// the server looks for ended sessions and keys without being told.
pub const BUDGET: Duration = Duration::from_secs(45);
/// A deadline of the server's that a test is not about: no machine is so slow.
pub const NEVER: Duration = Duration::from_secs(600);
