//! Which clients hear a topic. The reverse index, which topics a client hears, lives in the client.

use super::Client;
use crate::{
    metrics::TopicMeter,
    model::{ClientId, TopicName},
};
use dashmap::{
    DashMap,
    mapref::{entry::Entry, one::Ref},
};
use std::{collections::HashMap, sync::Arc};

/// Where a topic is counted.
pub type MeterOf = Arc<dyn Fn(&TopicName) -> Arc<TopicMeter> + Send + Sync>;

/// Topic → clients.
pub struct Subscriptions {
    topics: DashMap<TopicName, Audience>,
    meter_of: MeterOf,
}

/// Who hears one topic.
pub(super) struct Audience {
    pub(super) clients: HashMap<ClientId, Arc<Client>>,
    pub(super) meter: Arc<TopicMeter>,
}

impl Subscriptions {
    /// Nobody hears anything yet.
    pub(super) fn new(meter_of: MeterOf) -> Self {
        Self { topics: DashMap::new(), meter_of }
    }

    /// Lets a client hear a topic.
    pub(super) fn add(&self, topic: &TopicName, client: &Arc<Client>) {
        let audience = || Audience { clients: HashMap::new(), meter: (self.meter_of)(topic) };
        let mut audience = self.topics.entry(topic.clone()).or_insert_with(audience);
        if audience.clients.insert(client.id(), client.clone()).is_none() {
            audience.meter.subscribers.inc();
        }
    }

    /// Ends that; a topic nobody hears costs nothing.
    pub(super) fn remove(&self, topic: &TopicName, client: ClientId) {
        if let Entry::Occupied(mut entry) = self.topics.entry(topic.clone()) {
            let audience = entry.get_mut();
            if audience.clients.remove(&client).is_some() {
                audience.meter.subscribers.dec();
            }
            if audience.clients.is_empty() {
                entry.remove();
            }
        }
    }

    /// Who hears it; `None` when nobody does. Hold the guard over no `.await`.
    pub(super) fn of(&self, topic: &TopicName) -> Option<Ref<'_, TopicName, Audience>> {
        self.topics.get(topic)
    }

    /// How many hear it.
    pub(super) fn count(&self, topic: &TopicName) -> usize {
        self.of(topic).map_or(0, |audience| audience.clients.len())
    }

    /// Where it is counted, heard or not.
    pub(super) fn meter_of(&self, topic: &TopicName) -> Arc<TopicMeter> {
        (self.meter_of)(topic)
    }
}
