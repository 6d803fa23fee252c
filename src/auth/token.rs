//! Secrets: random tokens that are handed out once, and texts that must not reach a log.

use super::AuthError;
use crate::storage::TokenHash;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRng, rngs::SysRng};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt;

/// A token or password. Its `Debug` shows nothing, and it has no `Display`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Random bytes in a token.
    const BYTES: usize = 32;
    /// Length of a token's text: 32 bytes in base64url without padding.
    pub const TOKEN_CHARS: usize = 43;
    /// How an API key begins: people and secret scanners recognise it.
    pub const KEY_PREFIX: &str = "sbk_";

    /// A token that nobody can guess: 256 bits from the operating system.
    ///
    /// # Errors
    /// [`AuthError::NoEntropy`]; there is no weaker substitute.
    pub fn random() -> Result<Self, AuthError> {
        let mut bytes = [0; Self::BYTES];
        SysRng.try_fill_bytes(&mut bytes).map_err(|error| AuthError::NoEntropy(error.to_string()))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// An API key that nobody can guess: a token behind [`Secret::KEY_PREFIX`].
    ///
    /// # Errors
    /// [`AuthError::NoEntropy`]
    pub fn random_key() -> Result<Self, AuthError> {
        Ok(Self(format!("{}{}", Self::KEY_PREFIX, Self::random()?.0)))
    }

    /// Wraps what somebody typed or sent.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that must send, show or check it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// SHA-256, the only form in which a token is kept. `None`: the text is no token of ours by its length.
    ///
    /// Tokens are looked up by this hash, so the comparison's time tells nothing about a token: whoever can choose
    /// which hash prefix to try can already invert SHA-256.
    #[must_use]
    pub fn token_hash(&self) -> Option<TokenHash> {
        (self.0.len() == Self::TOKEN_CHARS).then(|| Sha256::digest(self.0.as_bytes()).into())
    }

    /// As [`Secret::token_hash`], of an API key with its prefix.
    #[must_use]
    pub fn key_hash(&self) -> Option<TokenHash> {
        let token = self.0.strip_prefix(Self::KEY_PREFIX)?;
        (token.len() == Self::TOKEN_CHARS).then(|| Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn tokens_differ_and_fit_a_url() {
        let tokens: HashSet<String> = (0..1_000).map(|_| Secret::random().unwrap().0).collect();
        assert_eq!(tokens.len(), 1_000);
        for token in tokens {
            assert_eq!(token.len(), Secret::TOKEN_CHARS);
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        }
    }

    #[test]
    fn a_key_is_a_token_behind_its_prefix() {
        let key = Secret::random_key().unwrap();
        let token = Secret::new(key.expose().strip_prefix("sbk_").unwrap());
        assert!(key.key_hash().is_some() && token.token_hash().is_some());
        assert_ne!(key.key_hash(), token.token_hash(), "the hash is of the whole text");
        assert!(key.token_hash().is_none() && token.key_hash().is_none());
        assert!(Secret::new(key.expose().to_uppercase()).key_hash().is_none());
        assert!(Secret::new(format!("{}x", key.expose())).key_hash().is_none());
    }

    #[test]
    fn a_secret_shows_nothing() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some(Secret(…))");
    }

    #[test]
    fn what_cannot_be_a_token_is_not_even_hashed() {
        assert!(Secret::random().unwrap().token_hash().is_some());
        for text in [String::new(), "a".repeat(42), "a".repeat(44), "a".repeat(1 << 20)] {
            assert!(Secret::new(text).token_hash().is_none());
        }
    }
}
