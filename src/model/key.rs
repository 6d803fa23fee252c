//! API keys: how a back end says who it is, and what it may do.

use super::{ChannelName, ChannelPattern, DocumentName, DocumentPattern, KeyId, UnixMillis, name::slug};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};
use utoipa::ToSchema;

/// A key's name for people: 1 to 64 letters, digits, `_`, `.` or `-`; unique without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyName(Arc<str>);

impl KeyName {
    /// Checks and normalises `text`.
    ///
    /// # Errors
    /// [`super::InvalidName`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, super::InvalidName> {
        slug(text, 64).map(|name| Self(name.into()))
    }

    /// The name as it is stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes two names the same.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl TryFrom<String> for KeyName {
    type Error = super::InvalidName;
    fn try_from(text: String) -> Result<Self, super::InvalidName> {
        Self::parse(&text)
    }
}

impl From<KeyName> for String {
    fn from(name: KeyName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One thing that a key may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Publish to the channels of a pattern: `publish:news.*`.
    Publish(ChannelPattern),
    /// Mint one-time passwords for external users: `otp`.
    Otp,
    /// Read, make, change and delete products: `products`.
    Products,
    /// Read, make, change and delete the documents of a pattern: `documents:app.*`.
    Documents(DocumentPattern),
    /// Make and revoke keys: `admin`.
    Admin,
}

/// The text is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `publish:PATTERN` (e.g. `publish:*` or `publish:news.*`), `documents:PATTERN` (e.g. `documents:app.*`), `otp`, `products` or `admin`"
)]
pub struct InvalidScope;

impl FromStr for Scope {
    type Err = InvalidScope;
    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        match text {
            "otp" => Ok(Self::Otp),
            "products" => Ok(Self::Products),
            "admin" => Ok(Self::Admin),
            _ if text.starts_with("documents:") => {
                let pattern = text.trim_start_matches("documents:").parse();
                pattern.map(Self::Documents).map_err(|_| InvalidScope)
            }
            _ => {
                let pattern = text.strip_prefix("publish:").ok_or(InvalidScope)?;
                let pattern: ChannelPattern = pattern.parse().map_err(|_| InvalidScope)?;
                // A key is no user: a placeholder would stand for nobody.
                if pattern.names_user() { Err(InvalidScope) } else { Ok(Self::Publish(pattern)) }
            }
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;
    fn try_from(text: String) -> Result<Self, InvalidScope> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish(pattern) => write!(f, "publish:{pattern}"),
            Self::Otp => f.write_str("otp"),
            Self::Products => f.write_str("products"),
            Self::Documents(pattern) => write!(f, "documents:{pattern}"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApiKey {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: KeyId,
    /// Its name for people.
    #[schema(value_type = String)]
    pub name: KeyName,
    /// How the secret begins, so that people can tell which one it is.
    pub hint: String,
    /// What it may do: `publish:PATTERN`, `documents:PATTERN`, `otp`, `products`, `admin`.
    #[schema(value_type = Vec<String>)]
    pub scopes: Vec<Scope>,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    #[schema(value_type = i64)]
    pub created_at: UnixMillis,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<i64>)]
    pub last_used: Option<UnixMillis>,
    /// When it ends; `null`: when it is revoked.
    #[schema(value_type = Option<i64>)]
    pub expires_at: Option<UnixMillis>,
}

impl ApiKey {
    /// Whether it may publish to `channel`.
    #[must_use]
    pub fn may_publish(&self, channel: &ChannelName) -> bool {
        let mut scopes = self.scopes.iter();
        scopes.any(|scope| matches!(scope, Scope::Publish(pattern) if pattern.matches(channel).is_some()))
    }

    /// Whether it may read and write this document.
    #[must_use]
    pub fn may_write(&self, document: &DocumentName) -> bool {
        self.scopes.iter().any(|scope| matches!(scope, Scope::Documents(pattern) if pattern.matches(document)))
    }

    /// Whether it has exactly this scope.
    #[must_use]
    pub fn has(&self, scope: &Scope) -> bool {
        self.scopes.contains(scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_parses_what_it_prints() {
        for text in [
            "publish:*",
            "publish:news.*",
            "publish:bunno",
            "documents:*",
            "documents:app.*",
            "otp",
            "products",
            "admin",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["", "publish", "publish:", "publish:a b", "Admin", "publish:orders.{user}.*", "otp:x", "product"] {
            assert_eq!(text.parse::<Scope>(), Err(InvalidScope), "{text}");
        }
    }
}
