//! Everyone who is connected to this node.

use super::Client;
use crate::{
    model::{ClientId, PersonId, UserId},
    settings,
};
use dashmap::{DashMap, mapref::entry::Entry};
use std::{hash::Hash, net::IpAddr, sync::Arc};

/// Whether a client may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It may.
    Welcome,
    /// Its user or its address has too many already.
    OneTooMany,
}

/// The connected clients, by id and by person, counted by address.
#[derive(Debug)]
pub struct ClientList {
    clients: DashMap<ClientId, Arc<Client>>,
    by_person: DashMap<PersonId, Vec<Arc<Client>>>,
    by_network: DashMap<IpAddr, usize>,
    per_user: usize,
    per_address: usize,
}

impl ClientList {
    pub(super) fn new(settings: &settings::Socket) -> Self {
        let unlimited = |limit| if limit == 0 { usize::MAX } else { limit };
        Self {
            clients: DashMap::new(),
            by_person: DashMap::new(),
            by_network: DashMap::new(),
            per_user: unlimited(settings.connections_per_user),
            per_address: unlimited(settings.connections_per_address),
        }
    }

    /// Takes in a client, and says whether it is one too many.
    pub(super) fn insert(&self, client: &Arc<Client>) -> Arrival {
        self.clients.insert(client.id(), client.clone());
        let of_user = {
            let mut of_user = self.by_person.entry(client.person().id()).or_default();
            of_user.push(client.clone());
            of_user.len()
        };
        let of_address = {
            let mut of_address = self.by_network.entry(client.network()).or_default();
            *of_address += 1;
            *of_address
        };
        if of_user > self.per_user || of_address > self.per_address { Arrival::OneTooMany } else { Arrival::Welcome }
    }

    /// Forgets a client.
    pub(super) fn remove(&self, client: &Client) {
        if !self.clients.contains_key(&client.id()) {
            return;
        }
        update(&self.by_person, client.person().id(), |of_user| {
            of_user.retain(|other| other.id() != client.id());
            of_user.is_empty()
        });
        update(&self.by_network, client.network(), |count| {
            *count -= 1;
            *count == 0
        });
        // Last: whoever sees that it is gone finds its place free.
        self.clients.remove(&client.id());
    }

    /// The clients of one member.
    #[must_use]
    pub fn of_user(&self, user: UserId) -> Vec<Arc<Client>> {
        self.by_person.get(&PersonId::Member(user)).map(|clients| clients.clone()).unwrap_or_default()
    }

    /// All clients.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.clients.iter().map(|client| client.clone()).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether nobody is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}

/// Changes an entry and drops it once `change` says that it is empty.
fn update<K: Eq + Hash, V>(map: &DashMap<K, V>, key: K, change: impl FnOnce(&mut V) -> bool) {
    if let Entry::Occupied(mut entry) = map.entry(key)
        && change(entry.get_mut())
    {
        entry.remove();
    }
}
