//! Who may come in: passwords, sessions, one-time passwords, links, API keys, and how often one may try.
//!
//! Knows the store and the model, nothing of HTTP. [`Door`] decides; the rest are its parts. Those that depend on
//! time take `now` as an argument.

mod common_words;
mod door;
mod error;
mod hasher;
mod keys;
pub mod origin;
mod otp;
mod password;
mod retention_map;
#[cfg(test)]
pub(crate) mod testing;
mod throttle;
mod token;

pub use door::{
    Door, Invited, IssuedOtp, LoginOutcome, LoginRequest, MadeInvitation, NewLink, NewPerson, SignedIn, Visitor, invite,
};
pub use error::AuthError;
pub use hasher::Hasher;
pub use keys::{KeyManager, KeyRequest, Keys, MadeKey, make_key};
pub use otp::{Admission, MAX_RESUME_TOPICS, Otps, reap};
pub use password::{Policy, WeakPassword};
pub use retention_map::{Retention, RetentionMap};
pub use throttle::{Subject, Throttle, Verdict};
pub use token::Secret;

pub use crate::model::network;
