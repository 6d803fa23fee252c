//! A chat message and its parts.

use super::{MessageId, RoomName, UnixMillis, UserName};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A stored message; as JSON it is the payload of `new_message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Unique in the whole store.
    pub id: MessageId,
    /// Where it was said.
    pub room: RoomName,
    /// Who said it.
    pub from: UserName,
    /// What was said.
    pub message: MessageText,
    /// When the server accepted it.
    pub sent: UnixMillis,
    /// What its author called it, so that their page recognises it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<ClientMessageId>,
}

/// 1 to 8,000 characters, not only white space, no controls but line feed and tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageText(Arc<str>);

/// Why a text was refused; for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Empty or white space only.
    #[error("must not be blank")]
    Blank,
    /// Over [`MessageText::MAX_CHARS`].
    #[error("must have at most {} characters", MessageText::MAX_CHARS)]
    TooLong,
    /// A control character other than line feed and tab.
    #[error("must not contain control characters other than line feed and tab")]
    ControlCharacter,
}

impl MessageText {
    /// Longest message, in Unicode code points.
    pub const MAX_CHARS: usize = 8_000;

    /// Checks `text`; it is kept as it is.
    ///
    /// # Errors
    /// [`InvalidText`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        if text.trim().is_empty() {
            return Err(InvalidText::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(InvalidText::TooLong);
        }
        // Directional overrides stay: people write them, and the page isolates each message.
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err(InvalidText::ControlCharacter);
        }
        Ok(Self(text.into()))
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MessageText {
    type Error = InvalidText;
    fn try_from(text: String) -> Result<Self, InvalidText> {
        Self::parse(&text)
    }
}

impl From<MessageText> for String {
    fn from(text: MessageText) -> Self {
        text.0.as_ref().to_owned()
    }
}

/// What an author calls a message: 1 to 64 of `A–Z a–z 0–9 . _ : -`, unique per author for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientMessageId(Arc<str>);

/// The text cannot be a `client_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 of the characters A-Z a-z 0-9 . _ : -")]
pub struct InvalidClientId;

impl ClientMessageId {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidClientId`] when it has another length or other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidClientId)
        }
    }

    /// The id as its author wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClientMessageId {
    type Error = InvalidClientId;
    fn try_from(text: String) -> Result<Self, InvalidClientId> {
        Self::parse(&text)
    }
}

impl From<ClientMessageId> for String {
    fn from(id: ClientMessageId) -> Self {
        id.0.as_ref().to_owned()
    }
}
