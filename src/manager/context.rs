//! What a handler may know of whoever asks.

use super::{Client, HandlerError, Manager};
use crate::model::{Person, User};
use std::sync::Arc;

/// Carries the Manager and the Client into a handler. A family keeps no `Arc<Manager>` of its
/// own: the Manager owns the registry, which owns the family.
#[derive(Clone)]
pub struct Context {
    manager: Arc<Manager>,
    client: Arc<Client>,
}

impl Context {
    pub(super) fn new(manager: Arc<Manager>, client: Arc<Client>) -> Self {
        Self { manager, client }
    }

    /// Who the connection belongs to; nothing in a payload can change that.
    #[must_use]
    pub fn person(&self) -> &Person {
        self.client.person()
    }

    /// The account the connection belongs to.
    ///
    /// # Errors
    /// [`HandlerError::MembersOnly`] when it is an external user's.
    pub fn member(&self) -> Result<&User, HandlerError> {
        self.person().member().ok_or(HandlerError::MembersOnly)
    }

    /// The connection.
    #[must_use]
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The manager the connection belongs to.
    #[must_use]
    pub fn manager(&self) -> &Arc<Manager> {
        &self.manager
    }
}
