//! Which documents are open. Each is loaded once, however many open it together, and then belongs to one task.

use super::{
    Documents,
    inbox::{Inbox, Request},
    lanes::Lanes,
    memory::Memory,
    owner,
};
use crate::{
    manager::HandlerError,
    model::{Document, DocumentId, DocumentName},
    protocol::{CloseReason, ErrorCode},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OnceCell, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a document that cannot be read is left alone: reading it again and again would help nobody.
const QUARANTINE: Duration = Duration::from_secs(60);
/// How often a request is handed in anew when the owner it went to ends; a second time is a coincidence.
const ATTEMPTS: usize = 3;

/// The open documents.
#[derive(Default)]
pub(super) struct Hub {
    pub(super) lanes: Lanes,
    slots: Mutex<HashMap<DocumentId, Arc<Slot>>>,
    /// Documents that could not be read, and when that was.
    damaged: Mutex<HashMap<DocumentId, Instant>>,
    /// Documents whose log cannot be merged, which was said.
    kept: Mutex<HashSet<DocumentId>>,
    pub(super) memory: Memory,
    pub(super) owners: TaskTracker,
    pub(super) stopping: CancellationToken,
}

/// A document's place in the hub; empty until it is loaded.
pub(super) struct Slot {
    name: DocumentName,
    inbox: OnceCell<Inbox>,
}

impl Hub {
    /// The place of a document.
    fn slot(&self, document: &Document) -> Arc<Slot> {
        let make = || Arc::new(Slot { name: document.name.clone(), inbox: OnceCell::new() });
        self.slots().entry(document.id).or_insert_with(make).clone()
    }

    /// The owner of what stands in `slot` has ended: whoever comes next loads it anew.
    fn forget(&self, id: DocumentId, slot: &Arc<Slot>) {
        let mut slots = self.slots();
        if slots.get(&id).is_some_and(|there| Arc::ptr_eq(there, slot)) {
            slots.remove(&id);
        }
    }

    /// Forgets places whose documents could not be loaded, or are not open any more.
    pub(super) fn tidy(&self) {
        self.slots().retain(|_, slot| {
            // Whoever is about to load it has it too; nobody gets it while the lock is held.
            Arc::strong_count(slot) > 1 || slot.inbox.get().is_some_and(|inbox| inbox.is_open())
        });
        self.damaged().retain(|_, since| since.elapsed() < QUARANTINE);
    }

    /// The inboxes of the open documents of this name.
    fn named(&self, name: &DocumentName) -> Vec<Inbox> {
        self.slots().values().filter(|slot| slot.name == *name).filter_map(|slot| slot.inbox.get().cloned()).collect()
    }

    /// Whether somebody has it in memory.
    pub(super) fn is_open(&self, id: DocumentId) -> bool {
        self.slots().get(&id).is_some_and(|slot| slot.inbox.get().is_some_and(|inbox| inbox.is_open()))
    }

    /// Leaves a document alone that cannot be read.
    pub(super) fn quarantine(&self, id: DocumentId) {
        self.damaged().insert(id, Instant::now());
    }

    /// A document's log cannot be merged; whether this is news.
    pub(super) fn is_kept_from_now_on(&self, id: DocumentId) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(id)
    }

    fn is_quarantined(&self, id: DocumentId) -> bool {
        self.damaged().get(&id).is_some_and(|since| since.elapsed() < QUARANTINE)
    }

    pub(super) async fn stop(&self) {
        self.stopping.cancel();
        self.owners.close();
        self.owners.wait().await;
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<DocumentId, Arc<Slot>>> {
        // The map is whole after every statement.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn damaged(&self) -> MutexGuard<'_, HashMap<DocumentId, Instant>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Documents {
    /// Asks a document's owner, which is started if there is none.
    ///
    /// # Errors
    /// [`HandlerError::Stopping`], and why the document cannot be loaded.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        document: &Document,
        make: impl Fn(oneshot::Sender<T>) -> Request,
    ) -> Result<(T, Inbox), HandlerError> {
        for _ in 0..ATTEMPTS {
            if self.hub.stopping.is_cancelled() {
                return Err(HandlerError::Stopping);
            }
            if self.hub.is_quarantined(document.id) {
                return Err(HandlerError::DocumentDamaged);
            }
            let slot = self.hub.slot(document);
            let inbox = slot.inbox.get_or_try_init(|| owner::start(self, document)).await?.clone();
            let (answer, answered) = oneshot::channel();
            if inbox.send(make(answer))
                && let Ok(answer) = answered.await
            {
                return Ok((answer, inbox));
            }
            self.hub.forget(document.id, &slot);
        }
        if self.hub.stopping.is_cancelled() {
            return Err(HandlerError::Stopping);
        }
        Err(HandlerError::Internal("a document's owner ended again and again"))
    }

    /// Judges again what everybody may do who has a document of this name open: whoever may nothing any more is closed.
    pub async fn refresh(&self, name: &DocumentName) {
        for inbox in self.hub.named(name) {
            let (answer, answered) = oneshot::channel();
            if inbox.send(Request::Judge { answer }) {
                // An owner that ends closes its clients.
                let _ = answered.await;
            }
        }
    }
}

/// What a client is closed with that cannot have a document.
pub(super) fn close_reason_of(error: &HandlerError) -> CloseReason {
    match error.code() {
        ErrorCode::NoSuchDocument => CloseReason::DocumentGone,
        ErrorCode::StorageUnavailable | ErrorCode::Unavailable => CloseReason::TryAgainLater,
        _ => CloseReason::Internal,
    }
}
