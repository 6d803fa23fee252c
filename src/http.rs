//! HTTP in front of everything: translates requests to calls and answers to bodies, decides nothing.

pub mod client_address;
pub mod door;
pub mod error;
pub mod host;
mod invitations;
pub mod json_body;
pub mod origin_guard;
pub mod security_headers;
pub mod session_cookie;
mod setup;

pub use door::DoorState;
pub use error::ApiError;
