//! Switchboard: an authenticated event-routing chat server with OTP login.

pub mod app;
pub mod cli;
pub mod listener;
pub mod metrics;
pub mod model;
pub mod settings;
pub mod storage;
pub mod telemetry;
pub mod tls;
