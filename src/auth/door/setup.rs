//! The first account: whoever holds the link from the console becomes the owner.

use super::{Door, NewPerson, SignedIn};
use crate::{
    auth::{AuthError, Secret},
    model::Role,
};
use std::sync::{MutexGuard, PoisonError};

impl Door {
    /// The token of the setup link, while the server waits for its owner; for the console, nowhere else.
    #[must_use]
    pub fn setup_token(&self) -> Option<String> {
        self.token().as_ref().map(|token| token.expose().to_owned())
    }

    /// Whether the server still needs its owner; somebody may have made an account on the command line meanwhile.
    ///
    /// # Errors
    /// What the store says.
    pub async fn setup_needed(&self) -> Result<bool, AuthError> {
        if self.token().is_none() {
            return Ok(false);
        }
        let needed = self.store.accounts().await?.is_empty();
        if !needed {
            *self.token() = None;
        }
        Ok(needed)
    }

    /// Makes the owner's account and signs them in. Of several who race, the store lets one win.
    ///
    /// # Errors
    /// [`AuthError::BadToken`], [`AuthError::BadName`], [`AuthError::WeakPassword`], [`AuthError::TooManyAttempts`],
    /// [`AuthError::Busy`], or what the store says. The token stays good until there is an account.
    pub async fn setup(&self, person: NewPerson) -> Result<SignedIn, AuthError> {
        let NewPerson { token, username, password, visitor } = person;
        self.may_try(None, visitor.address)?;
        // Compared by hash, as all tokens are.
        let expected = self.token().as_ref().and_then(Secret::token_hash);
        if expected.is_none() || token.token_hash() != expected || !self.setup_needed().await? {
            return Err(self.bad_token(visitor.address));
        }
        let account = self.new_account(&username, password, Role::Owner).await?;
        let user = self.store.create_first_account(account).await?;
        *self.token() = None;
        tracing::info!(user.name = %user.name, "the owner's account was made");
        self.sign_in(user, None, None, visitor.origin).await
    }

    fn token(&self) -> MutexGuard<'_, Option<Secret>> {
        // Only whole values are assigned, so a poisoned lock holds a good one.
        self.setup_token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
