//! Names people choose, each with a checking constructor.

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use unicode_normalization::UnicodeNormalization;

/// Why a name was refused; the text is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing there.
    #[error("must not be empty")]
    Empty,
    /// Longer than its kind of name may be.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// A character its kind of name may not have.
    #[error("must consist of letters, digits, `_`, `.` and `-`")]
    ForbiddenCharacter,
    /// A title with control or direction-changing characters.
    #[error("must not contain control characters")]
    ControlCharacter,
}

/// NFKC, so that two names that look alike are one, then 1 to `max` letters, digits, `_ . -`.
///
/// Letters and digits exclude controls and the bidirectional marks, which would let one name
/// be shown as another.
pub(super) fn slug(text: &str, max: usize) -> Result<String, InvalidName> {
    // Four bytes a character and NFKC's expansion of up to 18: refuse before normalising.
    if text.len() > max * 4 * 18 {
        return Err(InvalidName::TooLong(max));
    }
    let normalised: String = text.nfkc().collect();
    let length = normalised.chars().count();
    if length == 0 {
        return Err(InvalidName::Empty);
    }
    if length > max {
        return Err(InvalidName::TooLong(max));
    }
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !normalised.chars().all(allowed) {
        return Err(InvalidName::ForbiddenCharacter);
    }
    Ok(normalised)
}

/// Whether `c` may stand in text that people read: no controls, no bidirectional overrides.
pub(super) fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and normalises `text`.
            ///
            /// # Errors
            /// [`InvalidName`] says what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let parse: fn(&str) -> Result<String, InvalidName> = $parse;
                parse(text).map(|name| Self(name.into()))
            }

            /// The name as it is stored and sent.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(super) use name;

name!(
    /// A room's fixed slug: 1 to 64 characters, lower case; its title may change.
    RoomName,
    |text| slug(text, 64).and_then(|name| slug(&name.to_lowercase(), 64))
);

name!(
    /// An account's handle: 1 to 32 characters, fixed, unique without regard to case.
    UserName,
    |text| slug(text, 32)
);

name!(
    /// A room's name for people: 1 to 100 characters on one line.
    RoomTitle,
    title
);

/// 1 to 100 printable characters on one line, without white space around them.
pub(super) fn title(text: &str) -> Result<String, InvalidName> {
    let title = text.trim();
    if title.is_empty() {
        return Err(InvalidName::Empty);
    }
    if title.chars().count() > 100 {
        return Err(InvalidName::TooLong(100));
    }
    if !title.chars().all(is_printable) {
        return Err(InvalidName::ControlCharacter);
    }
    Ok(title.to_owned())
}

impl UserName {
    /// What makes two names the same: `Alice` and `alice` are one account.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_room_names_are_refused() {
        for name in ["", " ", "a b", "a/b", "a\0", "\u{202e}abc", "<b>", "a'--", "\u{200b}"] {
            assert!(RoomName::parse(name).is_err(), "{name:?} was accepted");
        }
        assert_eq!(RoomName::parse(&"x".repeat(65)), Err(InvalidName::TooLong(64)));
    }

    #[test]
    fn names_that_look_alike_are_one() {
        assert_eq!(RoomName::parse("Ｇeneral").unwrap().as_str(), "general");
        assert_eq!(UserName::parse("Ａlice").unwrap().key(), "alice");
    }

    proptest! {
        #[test]
        fn a_room_name_parses_what_it_prints(text in "\\PC{0,70}") {
            if let Ok(name) = RoomName::parse(&text) {
                prop_assert_eq!(RoomName::parse(name.as_str()).unwrap(), name);
            }
        }
    }
}
