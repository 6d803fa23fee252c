//! Who has a document open, and what each of them may do.

use crate::{
    manager::Client,
    metrics::DocumentMeter,
    model::{ClientId, DocumentAccess},
    protocol::{CloseReason, ErrorCode, Frame},
};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// How often a client is told that it may not write: once says it all, and its editor may go on for a while.
const DENIAL_PERIOD: Duration = Duration::from_secs(1);

/// The clients of one open document. When it is dropped, they are closed: nobody serves them any more.
pub(super) struct Audience {
    clients: HashMap<ClientId, Listener>,
    meter: DocumentMeter,
}

/// One client of a document.
pub(super) struct Listener {
    pub(super) client: Arc<Client>,
    /// What it may do now.
    pub(super) access: DocumentAccess,
    /// What it might do when it came: an external user's list says no more.
    pub(super) granted: DocumentAccess,
    /// Whether it was asked for all it has and has not answered yet.
    pub(super) is_asked: bool,
    /// Fences that wait for that answer.
    pub(super) fences: Vec<u64>,
    /// Whether it has told all that it had when it came.
    pub(super) has_answered: bool,
    denied_at: Option<Instant>,
}

impl Audience {
    pub(super) fn new(meter: DocumentMeter) -> Self {
        Self { clients: HashMap::new(), meter }
    }

    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    pub(super) fn add(&mut self, client: Arc<Client>, access: DocumentAccess) {
        let (fences, denied_at) = (Vec::new(), None);
        let listener =
            Listener { access, granted: access, is_asked: false, has_answered: false, fences, denied_at, client };
        if self.clients.insert(listener.client.id(), listener).is_none() {
            self.meter.clients.inc();
        }
    }

    /// Forgets a client; `false`: it was not there.
    pub(super) fn remove(&mut self, client: ClientId) -> bool {
        let was_there = self.clients.remove(&client).is_some();
        if was_there {
            self.meter.clients.dec();
        }
        was_there
    }

    /// Closes a client and looks at nothing more that it has sent.
    pub(super) fn expel(&mut self, client: ClientId, reason: CloseReason) {
        if let Some(listener) = self.clients.get(&client) {
            listener.client.close(reason);
            self.meter.refused(reason.name());
            self.remove(client);
        }
    }

    pub(super) fn get(&self, client: ClientId) -> Option<&Listener> {
        self.clients.get(&client)
    }

    pub(super) fn get_mut(&mut self, client: ClientId) -> Option<&mut Listener> {
        self.clients.get_mut(&client)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Listener> {
        self.clients.values()
    }

    /// Sends everybody the same; whoever has no room for it is closed and comes back for what it missed.
    pub(super) fn relay(&self, frame: &Frame) {
        for listener in self.clients.values() {
            listener.client.enqueue(frame.clone());
        }
    }

    /// Sends it to everybody who reads well: what comes later says the same and more.
    pub(super) fn relay_volatile(&self, frame: &Frame) {
        for listener in self.clients.values().filter(|listener| !listener.client.egress().is_half_full()) {
            listener.client.enqueue(frame.clone());
        }
    }

    /// Tells one client something small.
    pub(super) fn tell(&self, client: ClientId, frame: Frame) {
        if let Some(listener) = self.clients.get(&client) {
            listener.client.enqueue(frame);
        }
    }

    /// Queues an answer to what a client asked for, however large.
    pub(super) fn answer(&self, client: ClientId, frame: Frame) {
        if let Some(listener) = self.clients.get(&client) {
            listener.client.enqueue_answer(frame);
        }
    }

    /// As [`Audience::answer`], if there is one.
    pub(super) fn answer_some(&self, client: ClientId, frame: Option<Frame>) {
        if let Some(frame) = frame {
            self.answer(client, frame);
        }
    }

    /// Tells a client that what it sent was not taken, though not every time.
    pub(super) fn deny(&mut self, client: ClientId, code: ErrorCode, now: Instant) {
        let Some(listener) = self.clients.get_mut(&client) else { return };
        if listener.denied_at.is_none_or(|at| now.saturating_duration_since(at) >= DENIAL_PERIOD) {
            listener.denied_at = Some(now);
            listener.client.enqueue(super::wire::denied(code));
        }
        self.meter.refused(code.as_str());
    }

    pub(super) fn close_all(&mut self, reason: CloseReason) {
        for (_, listener) in self.clients.drain() {
            listener.client.close(reason);
            self.meter.clients.dec();
        }
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.close_all(CloseReason::TryAgainLater);
    }
}
