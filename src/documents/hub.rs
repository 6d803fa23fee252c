//! Which documents are open. Each is loaded once, however many open it together, and then belongs to one task.

use super::{Documents, echoes::Shown, memory::Memory, owner, server_copy::Work, wire::Message};
use crate::{
    events::Author,
    manager::{Client, HandlerError},
    model::{ClientId, Document, DocumentAccess, DocumentId, DocumentName},
    protocol::CloseReason,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Bytes of messages that may wait for one document's owner, all its clients together: several of the largest.
const INBOX_BYTES: usize = 16 * 1024 * 1024;
/// What one permit of an inbox stands for.
const BYTES_PER_PERMIT: usize = 4096;
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

/// How much work on documents is done at once where blocking is allowed. What waits for its turn blocks nobody, and the
/// processor is left to the others; what is short does not wait for what is long.
pub(super) struct Lanes {
    long: Semaphore,
    very_long: Semaphore,
}

/// Each kind of work is done for so many documents at once.
const AT_ONCE: usize = 2;

impl Default for Lanes {
    fn default() -> Self {
        Self { long: Semaphore::new(AT_ONCE), very_long: Semaphore::new(AT_ONCE) }
    }
}

impl Lanes {
    /// Waits for its turn, which lasts as long as what this returns.
    pub(super) async fn turn(&self, work: Work) -> Option<SemaphorePermit<'_>> {
        match work {
            Work::Short => None,
            Work::Long => self.long.acquire().await.ok(),
            Work::VeryLong => self.very_long.acquire().await.ok(),
        }
    }
}

/// A document's place in the hub; empty until it is loaded.
pub(super) struct Slot {
    name: DocumentName,
    inbox: OnceCell<Inbox>,
}

/// Where an owner is asked for something. What a client sends is bounded by `room`; what else comes is bounded by the
/// clients and requests there are, and stands in the same queue, so that a client leaves behind what it has sent.
#[derive(Clone)]
pub(super) struct Inbox {
    requests: mpsc::UnboundedSender<Request>,
    room: Arc<Semaphore>,
    /// Who is where, as far as one has to know who hands in what they say of each other.
    pub(super) shown: Shown,
}

/// What an owner is asked for. An answer that is dropped says that the owner has ended without looking at the request.
pub(super) enum Request {
    /// A client wants to hear the document.
    Arrive { client: Arc<Client>, access: DocumentAccess, answer: oneshot::Sender<()> },
    /// A client is gone.
    Leave(ClientId),
    /// A client may do this from now on; `None`: nothing, and it is closed.
    Allow(ClientId, Option<DocumentAccess>),
    /// A client has sent something. `answered` is dropped once its answer is queued.
    Message { from: ClientId, message: Message, answered: Option<oneshot::Sender<()>>, _room: OwnedSemaphorePermit },
    /// What its clients may do has to be judged again.
    Judge { answer: oneshot::Sender<()> },
    /// Its text is asked for.
    Text { root: Arc<str>, answer: oneshot::Sender<Result<String, HandlerError>> },
    /// Its text is to be another one.
    Replace(Replace),
}

/// Another text for a document.
pub(super) struct Replace {
    pub(super) by: Author,
    pub(super) root: Arc<str>,
    pub(super) text: Arc<str>,
    /// Whether the text may be replaced that it has.
    pub(super) only_if: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    pub(super) answer: oneshot::Sender<Result<String, HandlerError>>,
}

impl Inbox {
    /// An inbox and where its requests come out.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Request>) {
        let (requests, inbox) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(INBOX_BYTES / BYTES_PER_PERMIT));
        (Self { requests, room, shown: Shown::default() }, inbox)
    }

    /// Hands a request in; `false`: the owner has ended.
    pub(super) fn send(&self, request: Request) -> bool {
        self.requests.send(request).is_ok()
    }

    /// Room for a message of so many bytes, once there is some.
    ///
    /// # Cancel safety
    /// Nothing is lost but the place among those who wait.
    pub(super) async fn room_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.room.clone().acquire_many_owned(permits(bytes)).await.ok()
    }

    /// Room for a message of so many bytes, if there is some now.
    pub(super) fn room_now(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_many_owned(permits(bytes)).ok()
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from((1 + bytes / BYTES_PER_PERMIT).min(INBOX_BYTES / BYTES_PER_PERMIT)).unwrap_or(u32::MAX)
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
            Arc::strong_count(slot) > 1 || slot.inbox.get().is_some_and(|inbox| !inbox.requests.is_closed())
        });
        self.damaged().retain(|_, since| since.elapsed() < QUARANTINE);
    }

    /// The inboxes of the open documents of this name.
    fn named(&self, name: &DocumentName) -> Vec<Inbox> {
        self.slots().values().filter(|slot| slot.name == *name).filter_map(|slot| slot.inbox.get().cloned()).collect()
    }

    /// Whether somebody has it in memory.
    pub(super) fn is_open(&self, id: DocumentId) -> bool {
        self.slots().get(&id).is_some_and(|slot| slot.inbox.get().is_some_and(|inbox| !inbox.requests.is_closed()))
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
    use crate::protocol::ErrorCode;
    match error.code() {
        ErrorCode::NoSuchDocument => CloseReason::DocumentGone,
        ErrorCode::StorageUnavailable | ErrorCode::Unavailable => CloseReason::TryAgainLater,
        _ => CloseReason::Internal,
    }
}
