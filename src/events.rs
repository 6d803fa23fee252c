//! The event families, one module each: a family owns its payload types and its handlers.

mod channels;
mod chat;
mod page;
mod products;
mod rooms;

pub use channels::{
    ChannelError, Channels, MAX_PUBLICATIONS, MAX_TOPICS, Namespaces, NewPublish, Published, Publisher, StreamTopics,
    listed,
};
pub use chat::Chat;
pub use products::{Editor, Products, Saved};
pub use rooms::Rooms;
