//! Which clients hear a topic. The reverse index, which topics a client hears, lives in the client.

use super::Client;
use crate::model::{ClientId, TopicName};
use dashmap::{
    DashMap,
    mapref::{entry::Entry, one::Ref},
};
use std::{collections::HashMap, sync::Arc};

/// Topic → clients.
#[derive(Debug, Default)]
pub struct Subscriptions {
    topics: DashMap<TopicName, HashMap<ClientId, Arc<Client>>>,
}

impl Subscriptions {
    /// Lets a client hear a topic.
    pub(super) fn add(&self, topic: &TopicName, client: &Arc<Client>) {
        self.topics.entry(topic.clone()).or_default().insert(client.id(), client.clone());
    }

    /// Ends that; a topic nobody hears costs nothing.
    pub(super) fn remove(&self, topic: &TopicName, client: ClientId) {
        if let Entry::Occupied(mut entry) = self.topics.entry(topic.clone()) {
            entry.get_mut().remove(&client);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    /// Who hears it; `None` when nobody does. Hold the guard over no `.await`.
    pub(super) fn of(&self, topic: &TopicName) -> Option<Ref<'_, TopicName, HashMap<ClientId, Arc<Client>>>> {
        self.topics.get(topic)
    }
}
