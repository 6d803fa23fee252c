//! Patterns that name many documents.

use super::DocumentName;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// Names many documents: `app.*` those that begin with `app.`, `*` all, anything else the one of this name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocumentPattern(Arc<str>);

/// The text is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a document, or one that ends in `.*`, or `*`")]
pub struct InvalidDocumentPattern;

impl DocumentPattern {
    /// Whether it stands for `name`.
    #[must_use]
    pub fn matches(&self, name: &DocumentName) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => name.as_str().len() > prefix.len() && name.as_str().starts_with(prefix),
            None => name.as_str() == &*self.0,
        }
    }
}

impl DocumentPattern {
    /// What all names begin with that it stands for; `None`: it stands for one.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }
}

impl FromStr for DocumentPattern {
    type Err = InvalidDocumentPattern;
    fn from_str(text: &str) -> Result<Self, InvalidDocumentPattern> {
        if text == "*" {
            return Ok(Self(text.into()));
        }
        let (prefix, rest) = text.strip_suffix(".*").map_or((text, ""), |prefix| (prefix, ".*"));
        let prefix = DocumentName::parse(prefix).map_err(|_| InvalidDocumentPattern)?;
        Ok(Self(format!("{prefix}{rest}").into()))
    }
}

impl TryFrom<String> for DocumentPattern {
    type Error = InvalidDocumentPattern;
    fn try_from(text: String) -> Result<Self, InvalidDocumentPattern> {
        text.parse()
    }
}

impl From<DocumentPattern> for String {
    fn from(pattern: DocumentPattern) -> Self {
        pattern.0.as_ref().to_owned()
    }
}

impl fmt::Display for DocumentPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_one_name_or_for_all_that_go_on_behind_its_dot() {
        let matches = |pattern: &str, name: &str| {
            pattern.parse::<DocumentPattern>().unwrap().matches(&DocumentName::parse(name).unwrap())
        };
        assert!(matches("*", "plan") && matches("app.*", "app.plan.1") && matches("plan", "plan"));
        assert!(!matches("app.*", "app.") && !matches("app.*", "apple") && !matches("plan", "plan.1"));
        for text in ["", "a b", "app*", "*.app", "**"] {
            assert_eq!(text.parse::<DocumentPattern>(), Err(InvalidDocumentPattern), "{text}");
        }
    }
}
