//! What the owner of a document is asked for, and where.

use super::{echoes::Shown, wire::Message};
use crate::{
    events::Author,
    manager::{Client, HandlerError},
    model::{ClientId, DocumentAccess},
};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Bytes of messages that may wait for one document's owner, all its clients together: several of the largest.
const INBOX_BYTES: usize = 16 * 1024 * 1024;
/// What one permit of an inbox stands for.
const BYTES_PER_PERMIT: usize = 4096;
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

    /// Whether its owner takes requests still.
    pub(super) fn is_open(&self) -> bool {
        !self.requests.is_closed()
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
