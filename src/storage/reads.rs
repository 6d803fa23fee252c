//! What is read: topics, rooms, products, history.

use crate::model::{Message, Offset, Product, Room, TopicName, UserId};
use serde::Serialize;

/// Most bytes of message text on a page of history, and of payload in a stretch of a log, unless
/// its first entry alone is longer: a page is held in memory whole, for each client that reads one.
pub const MAX_PAGE_BYTES: usize = 256 * 1024;

/// A topic somebody hears and how far its log reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Its name.
    pub topic: TopicName,
    /// The last offset; zero when nothing was ever published.
    pub head: Offset,
    /// The last offset that was forgotten: positions below it cannot be recovered.
    pub trimmed: Offset,
}

/// Which topics are asked about.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// What this member hears anyway: their rooms and their inbox.
    pub heard_by: Option<UserId>,
    /// These, whether anything was ever published there or not.
    pub named: Vec<TopicName>,
}

impl Wanted {
    /// What a member hears anyway.
    #[must_use]
    pub fn heard_by(user: UserId) -> Self {
        Self { heard_by: Some(user), named: Vec::new() }
    }
}

/// Why a log cannot be replayed from a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutOfReach {
    /// Some of it is forgotten.
    TooOld,
    /// It is more than is replayed at once.
    TooFar,
    /// The log does not reach so far.
    Ahead,
}

/// A stretch of one topic's log.
#[derive(Debug, Clone)]
pub struct LogRange {
    /// Whose log.
    pub topic: TopicName,
    /// Exclusive.
    pub after: Offset,
    /// Inclusive.
    pub until: Offset,
}

/// Most public rooms in a [`RoomList`] that its reader is not in.
pub const MAX_OPEN_ROOMS: u32 = 500;

/// The rooms somebody sees, by name: all they are in, and of the other public ones the
/// [`MAX_OPEN_ROOMS`] with the most members.
#[derive(Debug, Clone, Serialize)]
pub struct RoomList {
    /// The rooms.
    pub rooms: Vec<Room>,
    /// Whether there are more public ones.
    pub more: bool,
}

/// A page of products, by id.
#[derive(Debug, Clone)]
pub struct ProductPage {
    /// The products.
    pub products: Vec<Product>,
    /// Whether there are more above the last.
    pub more: bool,
}

/// Which messages of a room are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryPage {
    /// From where.
    pub from: HistoryAnchor,
    /// At most so many, and at most [`MAX_PAGE_BYTES`].
    pub limit: u32,
}

/// Where a page of history starts; offsets are those of `new_message`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryAnchor {
    /// The newest messages.
    Newest,
    /// The newest below this offset.
    Before(Offset),
    /// The oldest above this offset.
    After(Offset),
    /// Half of the page up to and including this offset, half above it.
    Around(Offset),
}

/// A page of a room's messages, in ascending order of offset.
#[derive(Debug, Clone, Serialize)]
pub struct History {
    /// The page.
    pub messages: Vec<HistoryMessage>,
    /// What the room's log had reached.
    pub offset: Offset,
    /// Whether there are older ones.
    pub more_before: bool,
    /// Whether there are newer ones.
    pub more_after: bool,
}

/// A message with the place of its `new_message`.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryMessage {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// Its place in the room's log.
    pub offset: Offset,
}
