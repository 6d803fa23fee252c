//! A chat room as a client sees it.

use super::{RoomName, RoomTitle};
use serde::{Deserialize, Serialize};

/// The room everyone is in; it cannot be left.
pub const GENERAL: &str = "general";

/// A room and how the asking user stands to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// The fixed slug.
    pub name: RoomName,
    /// The name for people.
    pub title: RoomTitle,
    /// Whether everyone may see and join it.
    pub public: bool,
    /// Whether the asking user is in it.
    pub joined: bool,
    /// How many people are in it.
    pub members: u32,
}
