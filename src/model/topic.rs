//! Topic names: what kind of log it is stands before the first dot.

use super::{ChannelName, RoomName, UserId};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// The name of a log that clients can hear, e.g. `room.general` or `user.7`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicName(Arc<str>);

/// The text is not the name of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of a topic")]
pub struct InvalidTopic;

impl TopicName {
    /// Longest name in bytes: `channel.` and [`ChannelName::MAX_CHARS`] of four bytes.
    pub const MAX_BYTES: usize = 520;

    /// The log of a chat room.
    #[must_use]
    pub fn room(name: &RoomName) -> Self {
        Self(format!("room.{name}").into())
    }

    /// As [`TopicName::room`], for a name that stands in the code.
    pub(crate) fn room_named(name: &'static str) -> Self {
        Self(format!("room.{name}").into())
    }

    /// A user's own inbox: what concerns them on every device.
    #[must_use]
    pub fn user(id: UserId) -> Self {
        Self(format!("user.{id}").into())
    }

    /// The log of a push channel.
    #[must_use]
    pub fn channel(name: &ChannelName) -> Self {
        Self(format!("channel.{name}").into())
    }

    /// The log of a document, whose updates are kept elsewhere.
    #[must_use]
    pub fn document(name: &super::DocumentName) -> Self {
        Self(format!("document.{name}").into())
    }

    /// What stands after the first dot, when `kind` stands before it.
    #[must_use]
    pub fn name_in(&self, kind: &str) -> Option<&str> {
        self.0.strip_prefix(kind)?.strip_prefix('.')
    }

    /// Reads a name that came over the wire or from the store.
    ///
    /// # Errors
    /// [`InvalidTopic`] unless it is `kind.name` without white space or control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidTopic> {
        let (kind, name) = text.split_once('.').ok_or(InvalidTopic)?;
        let kind_ok = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let name_ok = !name.is_empty() && !name.chars().any(|c| c.is_control() || c.is_whitespace());
        if !kind_ok || !name_ok || text.len() > Self::MAX_BYTES {
            return Err(InvalidTopic);
        }
        Ok(Self(text.into()))
    }

    /// The name as it is stored and sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TopicName {
    type Error = InvalidTopic;
    fn try_from(text: String) -> Result<Self, InvalidTopic> {
        Self::parse(&text)
    }
}

impl From<TopicName> for String {
    fn from(topic: TopicName) -> Self {
        topic.0.as_ref().to_owned()
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_topic_parses_what_it_prints(text in "\\PC{0,80}") {
            if let Ok(topic) = TopicName::parse(&text) {
                prop_assert_eq!(TopicName::parse(topic.as_str()).unwrap(), topic);
            }
        }
    }
}
