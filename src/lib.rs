//! Switchboard: an authenticated event-routing chat server with OTP login.

pub mod auth;
pub mod http;
pub mod model;
pub mod protocol;
pub mod settings;
pub mod storage;
