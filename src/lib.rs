//! Switchboard: an authenticated event-routing chat server with OTP login.

pub mod cluster;
pub mod connection;
pub mod events;
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
