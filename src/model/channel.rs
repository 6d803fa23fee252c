//! Push channels: their names, and the patterns that name many of them.

use super::name::slug;
use super::{InvalidName, User};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// A channel's name: 1 to 128 letters, digits, `_`, `-`, in segments that dots separate, e.g.
/// `orders.42.status`. Upper and lower case differ; NFKC makes look-alikes one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelName(Arc<str>);

/// The text is not the name of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChannel {
    /// Its characters or its length.
    #[error("{0}")]
    Name(#[from] InvalidName),
    /// It begins or ends with a dot, or has two of them side by side.
    #[error("must not have empty segments")]
    EmptySegment,
}

impl ChannelName {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 128;

    /// Checks and normalises `text`.
    ///
    /// # Errors
    /// [`InvalidChannel`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidChannel> {
        let name = slug(text, Self::MAX_CHARS)?;
        if name.split('.').any(str::is_empty) {
            return Err(InvalidChannel::EmptySegment);
        }
        Ok(Self(name.into()))
    }

    /// The name as it is stored and sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ChannelName {
    type Error = InvalidChannel;
    fn try_from(text: String) -> Result<Self, InvalidChannel> {
        Self::parse(&text)
    }
}

impl From<ChannelName> for String {
    fn from(channel: ChannelName) -> Self {
        channel.0.as_ref().to_owned()
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names many channels: `news.*`, `orders.{user_id}.*`, `*`.
///
/// A `*` at the end stands for one or more segments, elsewhere for exactly one. `{user}` stands
/// for one segment: a user's name; `{user_id}` for their id. A name may have dots: whoever publishes `orders.a.b.new` for
/// `a.b` to `orders.{user}.*` reaches `a`. An id has none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelPattern {
    text: Arc<str>,
    segments: Arc<[Segment]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Segment {
    Exact(Arc<str>),
    One,
    Rest,
    UserName,
    UserId,
}

/// The text is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be segments separated by dots: letters, digits, `_` and `-`, or `*`, `{{user}}`, `{{user_id}}`")]
pub struct InvalidPattern;

/// Whom `{user}` and `{user_id}` stood for in a name that a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedUser<'n> {
    name: Option<&'n str>,
    id: Option<&'n str>,
}

impl NamedUser<'_> {
    /// Whether it is this member. A name with a dot is never in one segment, so such a member has only an id; but the
    /// part before the dot may be the whole name of somebody else, who is found in its place.
    #[must_use]
    pub fn is_member(&self, user: &User) -> bool {
        let by_name = self.name.is_none_or(|name| name.to_lowercase() == user.name.key());
        let by_id = self.id.is_none_or(|id| id == user.id.to_string());
        !self.is_nobody() && by_name && by_id
    }

    /// Whether it is the external user with this id.
    #[must_use]
    pub fn is_external(&self, id: &str) -> bool {
        let is_it = |named: Option<&str>| named.is_none_or(|named| named == id);
        !self.is_nobody() && is_it(self.name) && is_it(self.id)
    }

    /// Whether the pattern names no user at all.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.name.is_none() && self.id.is_none()
    }
}

impl ChannelPattern {
    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has `{user}` or `{user_id}`.
    #[must_use]
    pub fn names_user(&self) -> bool {
        self.segments.iter().any(|segment| matches!(segment, Segment::UserName | Segment::UserId))
    }

    /// Whether it has `{user}`, where a name with a dot is cut.
    #[must_use]
    pub fn has_user_name(&self) -> bool {
        self.segments.contains(&Segment::UserName)
    }

    /// Whom the name is about, if it matches at all.
    #[must_use]
    pub fn matches<'n>(&self, channel: &'n ChannelName) -> Option<NamedUser<'n>> {
        let mut named = NamedUser { name: None, id: None };
        let mut parts = channel.as_str().split('.');
        for segment in &*self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Exact(text) if **text == *part => {}
                Segment::Exact(_) => return None,
                Segment::One => {}
                Segment::Rest => return Some(named),
                Segment::UserName => named.name = Some(part),
                Segment::UserId => named.id = Some(part),
            }
        }
        parts.next().is_none().then_some(named)
    }

    /// Whether every name that `other` matches is matched by this pattern too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let (mut ours, mut theirs) = (self.segments.iter(), other.segments.iter());
        loop {
            match (ours.next(), theirs.next()) {
                (Some(Segment::Rest), Some(_)) | (None, None) => return true,
                (Some(Segment::Exact(our)), Some(Segment::Exact(their))) if our == their => {}
                (Some(Segment::One | Segment::UserName | Segment::UserId), Some(their)) if *their != Segment::Rest => {}
                _ => return false,
            }
        }
    }
}

impl FromStr for ChannelPattern {
    type Err = InvalidPattern;
    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let count = text.split('.').count();
        let segment = |(place, part): (usize, &str)| {
            Ok(match part {
                "*" if place + 1 == count => Segment::Rest,
                "*" => Segment::One,
                "{user}" => Segment::UserName,
                "{user_id}" => Segment::UserId,
                exact => match ChannelName::parse(exact) {
                    // Normalised, as the names are that it will be held against.
                    Ok(name) if !name.as_str().contains('.') => Segment::Exact(name.0),
                    _ => return Err(InvalidPattern),
                },
            })
        };
        let segments: Vec<_> = text.split('.').enumerate().map(segment).collect::<Result<_, _>>()?;
        let users = segments.iter().filter(|one| **one == Segment::UserName).count();
        let ids = segments.iter().filter(|one| **one == Segment::UserId).count();
        if users > 1 || ids > 1 {
            return Err(InvalidPattern);
        }
        Ok(Self { text: text.into(), segments: segments.into() })
    }
}

impl TryFrom<String> for ChannelPattern {
    type Error = InvalidPattern;
    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<ChannelPattern> for String {
    fn from(pattern: ChannelPattern) -> Self {
        pattern.text.as_ref().to_owned()
    }
}

impl fmt::Display for ChannelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Role, UserId, UserName};
    use proptest::prelude::*;

    fn pattern(text: &str) -> ChannelPattern {
        text.parse().unwrap()
    }

    fn channel(text: &str) -> ChannelName {
        ChannelName::parse(text).unwrap()
    }

    fn user(id: i64, name: &str) -> User {
        User { id: UserId(id), name: UserName::parse(name).unwrap(), role: Role::Member }
    }

    #[test]
    fn hostile_channel_names_are_refused() {
        for name in
            ["", ".", "a..b", ".a", "a.", "../etc", "a/b", "a b", "a\0", "a\n", "\u{202e}a", "a%2f", "*", "{user}"]
        {
            assert!(ChannelName::parse(name).is_err(), "{name:?} was accepted");
        }
        assert!(ChannelName::parse(&"x".repeat(1000)).is_err());
        assert_eq!(channel("Ｂunno").as_str(), "Bunno");
    }

    #[test]
    fn a_star_at_the_end_stands_for_the_rest() {
        let news = pattern("news.*");
        assert!(news.matches(&channel("news.sport")).is_some());
        assert!(news.matches(&channel("news.sport.ski")).is_some());
        assert!(news.matches(&channel("news")).is_none());
        assert!(news.matches(&channel("newsx.a")).is_none());
        let middle = pattern("a.*.c");
        assert!(middle.matches(&channel("a.b.c")).is_some());
        assert!(middle.matches(&channel("a.b.b.c")).is_none());
        assert!(pattern("*").matches(&channel("a.b.c")).is_some());
    }

    #[test]
    fn a_user_is_found_in_the_name() {
        let (orders, of_7, of_alice) =
            (pattern("orders.{user}.*"), channel("orders.7.new"), channel("orders.Alice.new"));
        let named = orders.matches(&of_alice).unwrap();
        assert!(named.is_member(&user(7, "alice")));
        assert!(!named.is_member(&user(7, "bob")));
        assert!(!orders.matches(&of_7).unwrap().is_member(&user(7, "alice")));
        let by_id = pattern("orders.{user_id}.*");
        assert!(by_id.matches(&of_7).unwrap().is_member(&user(7, "alice")));
        assert!(by_id.matches(&of_7).unwrap().is_external("7"));
        assert!(!pattern("orders.*").matches(&of_7).unwrap().is_member(&user(7, "alice")));
        // A name with a dot is cut at it: whoever is called like the first part is found instead. Hence `{user_id}`.
        let cut = channel("orders.a.b.new");
        assert!(!orders.matches(&cut).unwrap().is_member(&user(1, "a.b")));
        assert!(orders.matches(&cut).unwrap().is_member(&user(2, "a")));
        assert!(orders.has_user_name() && !by_id.has_user_name());
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", ".", "a..b", "a*", "*.", "{x}", "a b", "{user}.{user}"] {
            assert!(text.parse::<ChannelPattern>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        for (wide, narrow) in
            [("*", "news.*"), ("*", "a"), ("a.*", "a.b.*"), ("a.{user}.*", "a.*.*"), ("a.*.c", "a.{user}.c")]
        {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
        for (wide, narrow) in [("news.*", "*"), ("a.*", "a"), ("a.b", "a.*"), ("a.*.c", "a.*")] {
            assert!(!pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
    }

    proptest! {
        #[test]
        fn a_channel_parses_what_it_prints(text in "\\PC{0,140}") {
            if let Ok(channel) = ChannelName::parse(&text) {
                prop_assert_eq!(ChannelName::parse(channel.as_str()).unwrap(), channel);
            }
        }

        #[test]
        fn what_a_covered_pattern_matches_is_matched(
            wide in "[ab*](\\.[ab*]){0,3}", narrow in "[ab*](\\.[ab*]){0,3}", name in "[ab](\\.[ab]){0,4}",
        ) {
            let (wide, narrow, name) = (pattern(&wide), pattern(&narrow), channel(&name));
            if wide.covers(&narrow) && narrow.matches(&name).is_some() {
                prop_assert!(wide.matches(&name).is_some());
            }
        }
    }
}
