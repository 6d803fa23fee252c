//! What a handler may know of whoever asks.

use super::{Client, Manager};
use crate::model::User;
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

    /// The account the connection belongs to; nothing in a payload can change that.
    #[must_use]
    pub fn user(&self) -> &User {
        self.client.user()
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
