//! One connected socket, as the rest of the server sees it.

use super::{
    Bound, Identity,
    crowd::Crowd,
    egress::{Egress, EgressLimits, Enqueued},
    holding::PublishRound,
};
use crate::{
    model::{ClientId, Credential, Offset, Person, TopicName},
    protocol::{CloseReason, Frame},
};
use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

/// A connected client: its identity, its egress, what it hears.
#[derive(Debug)]
pub struct Client {
    id: ClientId,
    identity: Identity,
    egress: Egress,
    closing: CancellationToken,
    liveness: Liveness,
    /// `None` once it has disconnected: a late subscription must not outlive it.
    topics: Mutex<Option<HashSet<TopicName>>>,
    /// Held by whoever changes what it hears at its own wish, until that is done.
    listening: Arc<tokio::sync::Mutex<()>>,
}

impl Client {
    /// A client whose egress is empty; live publications are held back until it has recovered.
    #[must_use]
    pub fn new(id: ClientId, identity: Identity, limits: EgressLimits, crowd: Arc<Crowd>) -> Self {
        Self {
            id,
            identity,
            egress: Egress::new(limits, crowd),
            closing: CancellationToken::new(),
            liveness: Liveness::new(),
            topics: Mutex::new(Some(HashSet::new())),
            listening: Arc::default(),
        }
    }

    /// Its id on this node.
    #[must_use]
    pub fn id(&self) -> ClientId {
        self.id
    }

    /// Whose it is.
    #[must_use]
    pub fn person(&self) -> &Person {
        &self.identity.person
    }

    /// What it was admitted by.
    #[must_use]
    pub fn credential(&self) -> Credential {
        self.identity.credential
    }

    /// Whether an external user's OTP lists this topic.
    #[must_use]
    pub fn lists(&self, topic: &TopicName) -> bool {
        self.identity.listed.contains(topic)
    }

    /// Whether it hears every room its user joins.
    #[must_use]
    pub fn follows_rooms(&self) -> bool {
        self.identity.follows_rooms
    }

    /// What it was let in for, if not for its user's sake alone.
    #[must_use]
    pub fn bound(&self) -> Option<&Bound> {
        self.identity.bound.as_ref()
    }

    /// The address it comes from; of IPv6 the /64.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        self.identity.network
    }

    /// What waits for its socket; for the write pump.
    #[must_use]
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// When it was last heard of.
    #[must_use]
    pub fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    /// Cancelled as soon as the connection is to end.
    #[must_use]
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Why the server closed it, if it did.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.egress.close_reason()
    }

    /// Queues a frame; never waits. A client without room is closed: it knows then that it has
    /// a gap, and recovers.
    pub fn enqueue(&self, frame: Frame) {
        if self.egress.enqueue(frame) == Enqueued::Overflow {
            self.close(CloseReason::SlowConsumer);
        }
    }

    /// Queues the answer to something it asked for, of whatever size: it does not count towards the bound. Whoever makes
    /// answers waits until one is taken ([`Egress::drained`]) before it makes the next.
    pub fn enqueue_answer(&self, frame: Frame) {
        self.egress.replay(frame);
    }

    /// Queues what `topic` published up to `last`; held back while the client recovers. `false`: there was no room,
    /// and it was closed.
    pub(super) fn enqueue_live(&self, topic: &TopicName, last: Offset, round: PublishRound, frame: &Frame) -> bool {
        let fits = self.egress.enqueue_live(topic, last, round, frame) != Enqueued::Overflow;
        if !fits {
            self.close(CloseReason::SlowConsumer);
        }
        fits
    }

    /// Queues what the WebSocket library wants to write: pongs, or its answer to a close.
    pub fn enqueue_from_library(&self, bytes: &[u8]) {
        const CLOSE: u8 = 0x8; // RFC 6455 section 5.2
        let frame = Frame::from_library(bytes);
        if bytes.first().is_some_and(|first| first & 0x0f == CLOSE) {
            self.egress.answer_close(frame);
        } else {
            self.enqueue(frame);
        }
    }

    /// Ends the connection; the first reason counts.
    pub fn close(&self, reason: CloseReason) {
        if self.egress.close(reason) {
            self.closing.cancel();
        }
    }

    /// Ends the connection without a close frame: the peer is gone.
    pub fn end(&self) {
        self.egress.end();
        self.closing.cancel();
    }

    /// Remembers a topic and runs `add` under the same lock, so that both lists agree.
    pub(super) fn add_topic(&self, topic: &TopicName, add: impl FnOnce()) -> bool {
        let mut topics = self.topics();
        let new = topics.as_mut().is_some_and(|topics| topics.insert(topic.clone()));
        if new {
            add();
        }
        new
    }

    /// Forgets a topic and runs `remove` under the same lock.
    pub(super) fn remove_topic(&self, topic: &TopicName, remove: impl FnOnce()) {
        let mut topics = self.topics();
        if topics.as_mut().is_some_and(|topics| topics.remove(topic)) {
            remove();
        }
    }

    /// Whether it hears a topic.
    #[must_use]
    pub fn hears(&self, topic: &TopicName) -> bool {
        self.topics().as_ref().is_some_and(|topics| topics.contains(topic))
    }

    /// How many topics it hears.
    #[must_use]
    pub fn hears_count(&self) -> usize {
        self.topics().as_ref().map_or(0, HashSet::len)
    }

    /// Waits until no other wish of its own changes what it hears, and keeps others waiting. `None`: it is closing.
    pub(super) async fn listening(&self) -> Option<OwnedMutexGuard<()>> {
        tokio::select! {
            biased;
            () = self.closing.cancelled() => None,
            guard = self.listening.clone().lock_owned() => Some(guard),
        }
    }

    /// What it heard; from now on it hears nothing.
    pub(super) fn take_topics(&self) -> HashSet<TopicName> {
        self.topics().take().unwrap_or_default()
    }

    fn topics(&self) -> std::sync::MutexGuard<'_, Option<HashSet<TopicName>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a client was last heard of. Any frame counts, whole or not.
#[derive(Debug)]
pub struct Liveness {
    since: Instant,
    last_seen_ms: AtomicU64,
}

impl Liveness {
    fn new() -> Self {
        Self { since: Instant::now(), last_seen_ms: AtomicU64::new(0) }
    }

    /// It sent something just now.
    pub fn touch(&self) {
        let elapsed = self.since.elapsed().as_millis();
        self.last_seen_ms.store(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// When it last sent something.
    #[must_use]
    pub fn last_seen(&self) -> Instant {
        self.since + Duration::from_millis(self.last_seen_ms.load(Ordering::Relaxed))
    }
}
