//! `If-Match` and `If-None-Match` of what has strong entity tags (RFC 9110 section 13.1).

use crate::model::{OnlyIf, ProductVersion, Versions};
use axum::http::{HeaderMap, HeaderName, header};

/// What the request depends on.
///
/// What is no tag of ours names nothing that could match: a request that depends on it is not carried out.
pub(super) fn only_if(headers: &HeaderMap) -> OnlyIf {
    OnlyIf {
        // A weak tag never matches (section 13.1.1), and is compared like any other in `If-None-Match` (13.1.2).
        matches: versions(headers, &header::IF_MATCH, |tag| tag),
        matches_none: versions(headers, &header::IF_NONE_MATCH, |tag| tag.strip_prefix("W/").unwrap_or(tag)),
    }
}

fn versions(headers: &HeaderMap, name: &HeaderName, tag: fn(&str) -> &str) -> Option<Versions> {
    if !headers.contains_key(name) {
        return None;
    }
    // Ours have no comma between their quotes.
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    let tags: Vec<_> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    if tags == ["*"] {
        return Some(Versions::Any);
    }
    let version = |text: &str| ProductVersion::parse(tag(text).strip_prefix('"')?.strip_suffix('"')?);
    Some(Versions::OneOf(tags.into_iter().filter_map(version).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    const TWO: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

    fn read(name: &HeaderName, lines: &[&str]) -> OnlyIf {
        only_if(&lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect())
    }

    #[test]
    fn tags_are_read_from_lists_and_several_lines() {
        let of = |texts: &[&str]| {
            Some(Versions::OneOf(texts.iter().map(|text| ProductVersion::parse(text).unwrap()).collect()))
        };
        let (one, weak) = (format!("\"{ONE}\""), format!("W/\"{ONE}\""));
        let two = format!(" \"x,y\" , \"{TWO}\"");
        assert_eq!(read(&header::IF_MATCH, &[&one, &two]).matches, of(&[ONE, TWO]));
        assert_eq!(read(&header::IF_NONE_MATCH, &[&format!("{weak},{two}")]).matches_none, of(&[ONE, TWO]));
        assert_eq!(read(&header::IF_MATCH, &[&weak]).matches, of(&[]), "a weak tag never matches");
        for nothing in ["", ONE, "\"", "\"*\"", "*, *", &format!("w/{one}"), &format!("\"{ONE}")] {
            assert_eq!(read(&header::IF_MATCH, &[nothing]).matches, of(&[]), "{nothing}");
        }
        assert_eq!(read(&header::IF_MATCH, &[" * "]).matches, Some(Versions::Any));
        assert_eq!(read(&header::IF_NONE_MATCH, &["*"]).matches_none, Some(Versions::Any));
        assert_eq!(only_if(&HeaderMap::new()), OnlyIf::default());
    }
}
