//! The wire: envelopes, error codes, close reasons. Pure: no I/O, no clock, no async.
//!
//! `docs/protocol.md` describes it for those who write clients.

mod close_reason;
mod error_code;
mod event;
mod frame;
mod json;
pub mod sse;

pub use close_reason::{CloseReason, MAX_CLOSE_REASON_BYTES};
pub use error_code::ErrorCode;
pub use event::{DecodeError, Event, RequestId};
pub use frame::Frame;
pub use json::{InvalidJson, compact, parse_strict};
