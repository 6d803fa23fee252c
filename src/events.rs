//! The event families, one module each: a family owns its payload types and its handlers.

mod chat;
mod rooms;

pub use chat::Chat;
pub use rooms::Rooms;

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, as it is stored and sent.
pub(crate) fn now() -> crate::model::UnixMillis {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
