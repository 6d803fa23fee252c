//! Which state of a product somebody has seen: what keeps one writer from undoing another's work.

use super::Product;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;

/// Stands for a product's whole content: two that are equal are the same bytes. It needs no column, so it is right
/// whoever writes the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProductVersion([u8; 16]);

impl Product {
    /// Which state it is in.
    #[must_use]
    pub fn version(&self) -> ProductVersion {
        let hash: [u8; 32] = Sha256::digest(self.to_json().get()).into();
        ProductVersion(*hash.first_chunk().expect("16 of 32 bytes"))
    }
}

impl ProductVersion {
    /// Reads what [`ProductVersion`] is shown as; `None`: it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for ProductVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// Versions that somebody names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// Whichever it is.
    Any,
    /// One of these.
    OneOf(Vec<ProductVersion>),
}

impl Versions {
    fn have(&self, version: ProductVersion) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

/// On what state of the product a request depends (RFC 9110 section 13.1); by default on none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnlyIf {
    /// `If-Match`: only if it is one of these.
    pub matches: Option<Versions>,
    /// `If-None-Match`: only if it is none of these.
    pub matches_none: Option<Versions>,
}

impl OnlyIf {
    /// Whether `If-Match` lets a request to this product through.
    #[must_use]
    pub fn is_matched(&self, version: ProductVersion) -> bool {
        self.matches.as_ref().is_none_or(|versions| versions.have(version))
    }

    /// Whether `If-None-Match` lets a request to this product through.
    #[must_use]
    pub fn is_unmatched(&self, version: ProductVersion) -> bool {
        self.matches_none.as_ref().is_none_or(|versions| !versions.have(version))
    }

    /// Whether this product may be changed.
    #[must_use]
    pub fn holds(&self, version: ProductVersion) -> bool {
        self.is_matched(version) && self.is_unmatched(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(price: &str) -> Product {
        let row =
            r#"{"product_id":1,"manufacturer":"a","price_per_unit":PRICE,"units_available":3,"product_name":"b"}"#;
        Product::from_columns(&row.replace("PRICE", price)).unwrap()
    }

    #[test]
    fn a_version_is_that_of_the_content() {
        let (one, other) = (product("1").version(), product("1.01").version());
        assert_eq!(product("1.00").version(), one);
        assert_ne!(one, other);
        assert_eq!(ProductVersion::parse(&one.to_string()), Some(one));
        for text in ["", "x", "AAAA", &format!("{one}="), &format!(" {one}")] {
            assert_eq!(ProductVersion::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_condition_holds_for_what_it_names() {
        let (one, other) = (product("1").version(), product("2").version());
        let only = |matches, matches_none| OnlyIf { matches, matches_none }.holds(one);
        let these = |versions: &[ProductVersion]| Some(Versions::OneOf(versions.to_vec()));
        assert!(only(None, None));
        assert!(only(Some(Versions::Any), None) && !only(None, Some(Versions::Any)));
        assert!(only(these(&[other, one]), None) && !only(these(&[other]), None) && !only(these(&[]), None));
        assert!(!only(None, these(&[other, one])) && only(None, these(&[other])) && only(None, these(&[])));
        assert!(!only(these(&[one]), these(&[one])));
    }
}
