//! The event families, one module each: a family owns its payload types and its handlers.

mod author;
mod channels;
mod chat;
mod feeds;
mod kind;
mod page;
mod products;
mod rooms;
mod topics;

pub use author::Author;
pub use channels::{ChannelError, Channels, MAX_PUBLICATIONS, Namespaces, NewPublish, Published};
pub use chat::Chat;
pub use feeds::Feeds;
pub use kind::{MeterOfKind, TopicKind};
pub(crate) use page::page_limit;
pub use products::{Products, Saved};
pub use rooms::Rooms;
pub use topics::{MAX_TOPICS, StreamTopics, TopicError, Topics};
