//! Switchboard: an authenticated event-routing chat server with OTP login.

pub mod listener;
pub mod model;
pub mod settings;
pub mod storage;
pub mod tls;
