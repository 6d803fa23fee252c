//! Who comes in, over the real wire.

mod answers;
mod keys;
mod links;
mod origin;
mod otp;
mod sessions;
mod transport;
mod upgrade;
