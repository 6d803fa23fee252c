//! `If-Match` and `If-None-Match` of texts, whose entity tags are hashes (RFC 9110 section 13.1).

use crate::http::etag;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};

/// The tags that one of the two headers names.
enum Tags {
    /// `*`, alone.
    Any,
    OneOf(Vec<String>),
}

impl Tags {
    fn names(&self, is_it: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| is_it(tag)),
        }
    }
}

/// On what text a request depends.
pub(super) struct Condition {
    matches: Option<Tags>,
    matches_none: Option<Tags>,
}

impl Condition {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self { matches: tags(headers, &header::IF_MATCH), matches_none: tags(headers, &header::IF_NONE_MATCH) }
    }

    /// Whether `If-Match` names this text, or is not there. A weak tag never matches (section 13.1.1).
    pub(super) fn is_matched(&self, tag: &HeaderValue) -> bool {
        self.matches.as_ref().is_none_or(|tags| tags.names(|one| tag == one))
    }

    /// Whether `If-None-Match` does not name this text, or is not there; compared weakly (section 13.1.2).
    pub(super) fn is_unmatched(&self, tag: &HeaderValue) -> bool {
        self.matches_none.as_ref().is_none_or(|tags| !tags.names(|one| tag == one.strip_prefix("W/").unwrap_or(one)))
    }

    /// Whether a text may be replaced that has this content.
    pub(super) fn allows(&self, text: &str) -> bool {
        let tag = tag_of(text);
        self.is_matched(&tag) && self.is_unmatched(&tag)
    }
}

/// The entity tag of a text.
pub(super) fn tag_of(text: &str) -> HeaderValue {
    etag::of(&Sha256::digest(text).into())
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Tags> {
    if !headers.contains_key(name) {
        return None;
    }
    // What is no text is no tag of ours, and ours have no comma between their quotes.
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    let tags: Vec<_> = lines.flat_map(|line| line.split(',')).map(|tag| tag.trim().to_owned()).collect();
    Some(if tags == ["*"] { Tags::Any } else { Tags::OneOf(tags) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(name: &HeaderName, lines: &[&str], text: &str) -> bool {
        Condition::of(&lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect()).allows(text)
    }

    #[test]
    fn a_text_is_replaced_only_if_it_is_what_was_seen() {
        let tag = tag_of("a").to_str().unwrap().to_owned();
        let (weak, list) = (format!("W/{tag}"), format!("\"x,y\" , {tag}"));
        for (lines, matched) in [
            (vec![tag.as_str()], true),
            (vec!["*"], true),
            (vec![&list], true),
            (vec!["\"x\"", &tag], true),
            (vec![&weak], false),
            // Beside a tag it is nothing (RFC 9110 section 13.1.1).
            (vec!["\"x\", *"], false),
            (vec!["*", "*"], false),
            (vec!["\"*\""], false),
            (vec![""], false),
            (vec![tag.trim_matches('"')], false),
        ] {
            assert_eq!(allows(&header::IF_MATCH, &lines, "a"), matched, "{lines:?}");
            assert!(lines == ["*"] || !allows(&header::IF_MATCH, &lines, "b"), "{lines:?}");
        }
        for (line, unmatched) in [(tag.as_str(), false), (&weak, false), ("*", false), ("\"x\"", true), ("", true)] {
            assert_eq!(allows(&header::IF_NONE_MATCH, &[line], "a"), unmatched, "{line}");
        }
        assert!(Condition::of(&HeaderMap::new()).allows("a"));
    }
}
