//! Watched tables: their names, and the topics of their rows.

use super::TopicName;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, sync::Arc};

/// The name of a watched table on the wire: 1 to 32 of a–z and `_`, e.g. `products`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeedName(Arc<str>);

/// The text is not the name of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 32 of a-z and `_`, and not room, user, channel or document")]
pub struct InvalidFeedName;

/// What a topic of a feed is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RowTopic {
    /// Every row: `products.*`.
    Table,
    /// The row with this key: `products.42`.
    Row(String),
}

impl FeedName {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidFeedName`]
    pub fn parse(text: &str) -> Result<Self, InvalidFeedName> {
        let good = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let taken = matches!(text, "room" | "user" | "channel" | "document");
        if !good || taken || !(1..=32).contains(&text.len()) { Err(InvalidFeedName) } else { Ok(Self(text.into())) }
    }

    /// The name as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The topic of the whole table.
    #[must_use]
    pub fn table(&self) -> TopicName {
        TopicName::parse(&format!("{self}.*")).expect("a feed's name and a star are the name of a topic")
    }

    /// The topic of the row with this key; `None`: its name would be too long, or the key is empty.
    #[must_use]
    pub fn row(&self, key: &str) -> Option<TopicName> {
        TopicName::parse(&format!("{self}.{}", encoded(key))).ok()
    }

    /// The topic that stands for `name` behind the dot, in whatever way its key is written.
    #[must_use]
    pub fn topic_named(&self, name: &str) -> Option<TopicName> {
        if name == "*" { Some(self.table()) } else { self.row(&decoded(name)?) }
    }

    /// What a topic of this feed is about; `None`: it is another's, or is not written as [`FeedName::row`] writes it.
    #[must_use]
    pub fn topic(&self, topic: &TopicName) -> Option<RowTopic> {
        let name = topic.name_in(&self.0)?;
        if name == "*" {
            return Some(RowTopic::Table);
        }
        let key = decoded(name)?;
        (encoded(&key) == name).then_some(RowTopic::Row(key))
    }
}

/// A key as it stands in a topic's name: white space, controls, `%`, and a `*` that would stand alone, as in a URL.
fn encoded(key: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && c != '%';
    if key.chars().all(is_plain) && key != "*" {
        return key.into();
    }
    let mut text = String::with_capacity(key.len() + 8);
    for c in key.chars() {
        if is_plain(c) && key != "*" {
            text.push(c);
        } else {
            let mut bytes = [0; 4];
            text.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    text.into()
}

fn decoded(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let hex = std::str::from_utf8(after.get(..2)?).ok().filter(|hex| !hex.starts_with('+'))?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

impl TryFrom<String> for FeedName {
    type Error = InvalidFeedName;
    fn try_from(text: String) -> Result<Self, InvalidFeedName> {
        Self::parse(&text)
    }
}

impl From<FeedName> for String {
    fn from(name: FeedName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for FeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_topic_says_which_row_it_is_about() {
        let products = FeedName::parse("products").unwrap();
        assert_eq!(products.table().as_str(), "products.*");
        assert_eq!(products.row("42").unwrap().as_str(), "products.42");
        assert_eq!(products.row("a b.c").unwrap().as_str(), "products.a%20b.c");
        assert_eq!(products.row("*").unwrap().as_str(), "products.%2A");
        assert_eq!(products.topic(&products.table()), Some(RowTopic::Table));
        assert!(products.row("").is_none());
        for (name, topic) in [
            ("42", Some("products.42")),
            ("*", Some("products.*")),
            ("%2a", Some("products.%2A")),
            ("%34%32", Some("products.42")),
            ("a b", Some("products.a%20b")),
            ("", None),
            ("%", None),
            ("%+1", None),
            ("%FF", None),
        ] {
            assert_eq!(products.topic_named(name).as_ref().map(TopicName::as_str), topic, "{name}");
        }
        assert!(products.row(&"x".repeat(600)).is_none());
        for other in ["orders.42", "products.%2a", "products.%41", "products.%", "products.%+1"] {
            assert_eq!(products.topic(&TopicName::parse(other).unwrap()), None, "{other}");
        }
        for bad in ["", "room", "user", "channel", "document", "Products", "a.b", "a b", "é", "p1"] {
            assert!(FeedName::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_key_has_a_topic_of_its_own(key in "(?s).{1,40}") {
            let feed = FeedName::parse("f").unwrap();
            let topic = feed.row(&key).unwrap();
            prop_assert_eq!(feed.topic(&topic), Some(RowTopic::Row(key)));
        }
    }
}
