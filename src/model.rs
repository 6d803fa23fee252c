//! The nouns everyone shares. Pure: no I/O, no clock, no async.

mod account;
mod id;
mod message;
mod name;
mod network;
mod position;
mod publication;
mod room;
mod topic;

pub use account::{Account, Role, User};
pub use id::{ClientId, InvitationId, MessageId, Offset, SessionId, UserId};
pub use message::{ClientMessageId, InvalidClientId, InvalidText, Message, MessageText};
pub use name::{InvalidName, RoomName, RoomTitle, UserName};
pub use network::network;
pub use position::{Epoch, Positions, Resume};
pub use publication::Publication;
pub use room::{GENERAL, Room};
pub use topic::{InvalidTopic, TopicName};

/// Milliseconds since 1970-01-01 UTC.
pub type UnixMillis = i64;
