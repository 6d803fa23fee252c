//! `If-Match` and `If-None-Match` of texts, whose entity tags are hashes (RFC 9110 section 13.1).

use crate::http::etag;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};

/// On what text a request depends.
pub(super) struct Condition {
    matches: Option<Vec<String>>,
    matches_none: Option<Vec<String>>,
}

impl Condition {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self { matches: tags(headers, &header::IF_MATCH), matches_none: tags(headers, &header::IF_NONE_MATCH) }
    }

    /// Whether `If-Match` names this text, or is not there. A weak tag never matches (section 13.1.1).
    pub(super) fn is_matched(&self, tag: &HeaderValue) -> bool {
        self.matches.as_ref().is_none_or(|tags| tags.iter().any(|one| one == "*" || tag == one))
    }

    /// Whether `If-None-Match` does not name this text, or is not there; compared weakly (section 13.1.2).
    pub(super) fn is_unmatched(&self, tag: &HeaderValue) -> bool {
        let names = |one: &String| one == "*" || tag == one.strip_prefix("W/").unwrap_or(one);
        self.matches_none.as_ref().is_none_or(|tags| !tags.iter().any(names))
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

fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    if !headers.contains_key(name) {
        return None;
    }
    // What is no text is no tag of ours, and ours have no comma between their quotes.
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    Some(lines.flat_map(|line| line.split(',')).map(|tag| tag.trim().to_owned()).collect())
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
