//! Who is connected, who hears what, and which handler an event goes to. Names no feature.

mod client;
mod client_list;
mod context;
mod crowd;
mod egress;
mod handler_error;
mod holding;
mod recovery;
mod registry;
mod subscriptions;

pub use client::{Client, Liveness};
pub use client_list::{Arrival, ClientList};
pub use context::Context;
pub use crowd::Crowd;
pub use egress::{Egress, EgressLimits, Outgoing};
pub use handler_error::HandlerError;
use holding::PublishRound;
pub use recovery::{AfterAnswer, ForeignPosition, Gap, Listened, Listening, Refused, TopicReply, Wish};
pub use registry::{Pending, Registry, Reply};
pub use subscriptions::{MeterOf, Subscriptions};

use crate::{
    cluster::Bus,
    metrics::Metrics,
    model::{ClientId, Credential, Epoch, Offset, Person, Publication, TopicName, UserId},
    protocol::{CloseReason, Event, Frame},
    settings::Settings,
    storage::{Store, StoreError},
};
use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// Connects clients, routes their events and delivers what topics publish.
pub struct Manager {
    clients: ClientList,
    subscriptions: Subscriptions,
    crowd: Arc<Crowd>,
    registry: Registry,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    next_client: AtomicU64,
    /// Batches whose publication has begun.
    published: AtomicU64,
    draining: CancellationToken,
}

/// Who a new socket belongs to.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who.
    pub person: Person,
    /// What they were admitted by.
    pub credential: Credential,
    /// What an external user may hear.
    pub listed: Arc<HashSet<TopicName>>,
    /// Whether it hears every room its user joins, as sockets do and event streams do not.
    pub follows_rooms: bool,
    /// The address it comes from; of IPv6 the /64, which is what one subscriber has.
    pub network: IpAddr,
    /// What it was let in for, if not for its user's sake alone.
    pub bound: Option<Bound>,
}

/// What a client is there for: once its user hears this topic no more, it is closed.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The topic.
    pub topic: TopicName,
    /// What it is closed with.
    pub reason: CloseReason,
}

impl Manager {
    /// A manager without clients.
    #[must_use]
    pub fn new(
        registry: Registry,
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
        meter_of: MeterOf,
    ) -> Arc<Self> {
        Arc::new(Self {
            clients: ClientList::new(&settings.socket),
            subscriptions: Subscriptions::new(meter_of),
            crowd: Arc::default(),
            registry,
            store,
            bus,
            settings,
            metrics,
            next_client: AtomicU64::new(1),
            published: AtomicU64::new(0),
            draining: CancellationToken::new(),
        })
    }

    /// Everyone who is connected to this node.
    #[must_use]
    pub fn clients(&self) -> &ClientList {
        &self.clients
    }

    /// The event types it routes.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// What it counts in.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Takes in a new socket. One that is too many is taken in closed: it gets its close frame
    /// and nothing else, because a browser is shown no other answer than a close code.
    #[must_use]
    pub fn connect(&self, identity: Identity) -> Arc<Client> {
        let id = ClientId(self.next_client.fetch_add(1, Ordering::Relaxed));
        let limits =
            EgressLimits { events: self.settings.socket.egress_events, bytes: self.settings.socket.egress_bytes };
        let client = Arc::new(Client::new(id, identity, limits, self.crowd.clone()));
        if self.clients.insert(&client) == Arrival::OneTooMany {
            client.close(CloseReason::TooManyConnections);
        } else if self.is_draining() {
            client.close(self.restart());
        }
        self.metrics.connections.inc();
        self.metrics.connections_total.inc();
        client
    }

    /// Forgets a client; costs what it subscribed to, not what exists.
    pub fn disconnect(&self, client: &Client) {
        for topic in client.take_topics() {
            self.subscriptions.remove(&topic, client.id());
        }
        self.metrics.connections.dec();
        // Last: who is not in the list has left nothing behind.
        self.clients.remove(client);
    }

    /// Subscribes one client; `false` when it heard the topic already or is gone.
    pub fn subscribe(&self, client: &Arc<Client>, topic: &TopicName) -> bool {
        client.add_topic(topic, || self.subscriptions.add(topic, client))
    }

    /// Subscribes every connected client of `user` that follows their rooms.
    pub fn subscribe_user(&self, user: UserId, topic: &TopicName) {
        for client in self.clients.of_user(user).iter().filter(|client| client.follows_rooms()) {
            self.subscribe(client, topic);
        }
    }

    /// Ends the subscription of every connected client of `user`, and the clients that are there for nothing else.
    pub fn unsubscribe_user(&self, user: UserId, topic: &TopicName) {
        for client in self.clients.of_user(user) {
            self.unsubscribe(&client, topic);
            if let Some(bound) = client.bound().filter(|bound| bound.topic == *topic) {
                client.close(bound.reason);
            }
        }
    }

    /// Ends a subscription of one client.
    fn unsubscribe(&self, client: &Client, topic: &TopicName) {
        client.remove_topic(topic, || self.subscriptions.remove(topic, client.id()));
    }

    /// Brings a new client up to date; see the module of the same name.
    ///
    /// # Errors
    /// Why the connection has to be closed instead.
    pub async fn recover(&self, client: &Arc<Client>, listening: Listening) -> Result<(), CloseReason> {
        recovery::recover(self, client, listening).await
    }

    /// Lets a client that is up to date hear more topics, each after its position or with its rows; see the module
    /// `recovery`.
    ///
    /// # Errors
    /// The store's; the client then hears none of them.
    pub async fn listen(
        self: &Arc<Self>,
        client: &Arc<Client>,
        wishes: BTreeMap<TopicName, Wish>,
        epoch: Option<Epoch>,
    ) -> Result<Listened, StoreError> {
        recovery::listen(self, client, wishes, epoch).await
    }

    /// Ends subscriptions of one client, at its own wish.
    pub async fn stop_listening(&self, client: &Client, topics: &[TopicName]) {
        let Some(_listening) = client.listening().await else { return };
        for topic in topics {
            self.unsubscribe(client, topic);
        }
    }

    /// How many clients of this node hear a topic.
    #[must_use]
    pub fn subscribers(&self, topic: &TopicName) -> usize {
        self.subscriptions.count(topic)
    }

    /// Finds the handler for `event` and lets it decide.
    ///
    /// # Errors
    /// What the client is told.
    pub async fn route_event(self: &Arc<Self>, client: &Arc<Client>, event: Event) -> Result<Reply, HandlerError> {
        let Some(handler) = self.registry.find(&event.event_type) else {
            self.metrics.event_in("unknown");
            return Err(HandlerError::UnknownEvent(event.event_type));
        };
        self.metrics.event_in(handler.event_type());
        handler.call(Context::new(self.clone(), client.clone()), event.payload).await
    }

    /// Publishes what was committed: encodes it once per topic and delivers it, in offset order.
    ///
    /// Everything one commit appended to a topic travels together, so a client that recovers
    /// either has all of it from the log or gets all of it live.
    pub fn publish(&self, publications: &[Publication]) {
        let round = self.published.fetch_add(1, Ordering::AcqRel) + 1;
        let groups = publications_by_topic(publications);
        let reached: Vec<_> =
            groups.iter().filter_map(|group| group.last()).map(|last| (last.topic.clone(), last.offset)).collect();
        self.bus.announce(&reached);
        for (group, (topic, last)) in groups.iter().zip(&reached) {
            self.deliver(topic, *last, round, group);
        }
    }

    /// Waits, not for ever, until most clients have taken what was published for them.
    pub async fn keep_pace(&self) {
        self.crowd.thins_out(|| self.clients.len()).await;
    }

    /// Hands what one topic published to this node's subscribers.
    fn deliver(&self, topic: &TopicName, last: Offset, round: PublishRound, publications: &[&Publication]) {
        let count = publications.len();
        let Some(audience) = self.subscriptions.of(topic) else {
            self.subscriptions.meter_of(topic).published(count, 0, 0);
            return;
        };
        let frame = Frame::publications(publications.iter().copied());
        let reached =
            audience.clients.values().filter(|client| client.enqueue_live(topic, last, round, &frame)).count();
        audience.meter.published(count, count * reached, audience.clients.len() - reached);
        for same_type in publications.chunk_by(|one, next| one.event_type == next.event_type) {
            self.metrics.events_out(&same_type[0].event_type, (same_type.len() * reached) as u64);
        }
    }

    /// Closes whatever was admitted by a credential that has ended.
    pub fn close_admitted_by(&self, credential: Credential) {
        for client in self.clients.all() {
            if client.credential() == credential {
                client.close(CloseReason::SignedOut);
            }
        }
    }

    /// Whether new sockets are refused because the server stops.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Cancelled when the server stops; each connection then answers what it has accepted and closes.
    #[must_use]
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Refuses new sockets and asks all there are to answer what they have accepted and close.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Closes whoever has not done so by itself.
    pub fn close_all(&self) {
        for client in self.clients.all() {
            client.close(self.restart());
        }
    }

    /// What clients are told when the server stops: when to come back.
    #[must_use]
    pub fn restart(&self) -> CloseReason {
        CloseReason::Restart { jitter: self.settings.server.restart_jitter }
    }

    fn store(&self) -> &dyn Store {
        &*self.store
    }
}

/// Groups publications by topic, keeping each topic's order.
fn publications_by_topic(publications: &[Publication]) -> Vec<Vec<&Publication>> {
    let mut places = std::collections::HashMap::new();
    let mut groups: Vec<Vec<&Publication>> = Vec::new();
    for publication in publications {
        let place = *places.entry(&publication.topic).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(publication);
    }
    groups
}
