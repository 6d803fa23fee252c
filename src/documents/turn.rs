//! What an owner does at once: applies what came, stores it with one commit, shows it, and answers.

use super::{
    answers::Owed,
    authors::only_author,
    awareness::AwarenessError,
    guard::BadUpdate,
    inbox::Request,
    log::Appended,
    owner::{Ended, Owner},
    server_copy::{Refused, ServerCopy, Work},
    wire::{self, Message},
};
use crate::{
    model::{ClientId, DocumentAccess},
    protocol::{CloseReason, ErrorCode},
    storage::EditedBy,
};
use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};

/// An update that changes nothing: no blocks, nothing deleted.
const NOTHING: &[u8] = &[0, 0];
/// So many cursors do not wait for their time: whose are gone must be told before their clocks are forgotten.
const MOST_MOVED: usize = 1_024;
/// Fences of one client that wait for its answer.
const MAX_FENCES: usize = 1_024;

/// What one turn has gathered.
#[derive(Default)]
pub(super) struct Turn {
    /// What was applied to the copy and is not stored.
    changes: Vec<Vec<u8>>,
    bytes: usize,
    /// What is answered when it is stored, in the order in which it was asked for.
    pub(super) owed: Vec<Owed>,
}

/// Which of the two messages brought an update.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    SyncStep2,
    Update,
}

impl Message {
    /// About how much memory it holds.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::SyncStep1(bytes) | Self::SyncStep2(bytes) | Self::Update(bytes) | Self::Awareness(bytes) => {
                bytes.len()
            }
            Self::QueryAwareness | Self::Fence(_) => 0,
        }
    }

    /// Whether the answer to it may be large.
    pub(super) fn wants_answer(&self) -> bool {
        matches!(self, Self::SyncStep1(_) | Self::QueryAwareness)
    }
}

impl Turn {
    /// What it is going to store.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn changed(&mut self, change: Vec<u8>) {
        self.bytes += change.len();
        self.changes.push(change);
    }
}

impl Owner {
    /// Takes one request in.
    pub(super) async fn take(&mut self, turn: &mut Turn, request: Request) -> Result<(), Ended> {
        match request {
            Request::Arrive { client, access, answer } => {
                let id = client.id();
                self.audience.add(client, access);
                match answer.send(()) {
                    Ok(()) => turn.owed.push(Owed::Welcome(id)),
                    // It went away before it was there.
                    Err(()) => drop(self.audience.remove(id)),
                }
            }
            Request::Leave(client) => {
                self.audience.remove(client);
                self.forget_cursors(client);
            }
            Request::Allow(client, access) => self.allow(turn, client, access),
            Request::Message { from, message, answered, _room } => self.hear(turn, from, message, answered).await?,
            Request::Judge { answer } => turn.owed.push(Owed::Judgement(answer)),
            Request::Text { root, answer } => turn.owed.push(Owed::Text { root, answer }),
            Request::Replace(replace) => {
                // It has an author who must be in the room and a key that must be good, so it is stored alone.
                self.finish(std::mem::take(turn)).await?;
                self.replace(replace).await?;
            }
        }
        Ok(())
    }

    async fn hear(
        &mut self,
        turn: &mut Turn,
        from: ClientId,
        message: Message,
        answered: Option<oneshot::Sender<()>>,
    ) -> Result<(), Ended> {
        // What comes behind a fault is not looked at.
        let Some(listener) = self.audience.get(from) else { return Ok(()) };
        match message {
            Message::SyncStep1(state_vector) => {
                turn.owed.push(Owed::Missing { to: from, state_vector, _answered: answered });
            }
            Message::SyncStep2(update) => {
                self.apply(turn, from, update, Kind::SyncStep2).await?;
                if let Some(listener) = self.audience.get_mut(from) {
                    (listener.is_asked, listener.has_answered) = (false, true);
                    let fences = std::mem::take(&mut listener.fences).into_iter();
                    turn.owed.extend(fences.map(|number| Owed::Fence { to: from, number }));
                }
            }
            Message::Update(update) => return self.apply(turn, from, update, Kind::Update).await,
            Message::Awareness(update) => {
                let client = listener.client.clone();
                match self.awareness.receive(from, client.person(), &update, std::time::Instant::now()) {
                    Ok(changed) => {
                        for id in changed.into_iter().flatten() {
                            self.authors.claim(id, &client.person().id(), from);
                            self.moved.insert(id);
                        }
                    }
                    Err(AwarenessError::Bad(error)) => self.is_bad(from, error),
                    Err(error @ (AwarenessError::TooLarge | AwarenessError::TooMany)) => {
                        tracing::debug!(client.id = %from, %error, "a client shows too much");
                        self.expel(from, CloseReason::Policy);
                    }
                }
            }
            Message::QueryAwareness => turn.owed.push(Owed::Cursors { to: from, _answered: answered }),
            Message::Fence(number) => self.fence(turn, from, number),
        }
        Ok(())
    }

    /// A fence is answered when what came before it is stored: not before the answer to our question, if something was
    /// left out.
    fn fence(&mut self, turn: &mut Turn, to: ClientId, number: u64) {
        match self.audience.get_mut(to) {
            Some(listener) if listener.is_asked && listener.fences.len() < MAX_FENCES => listener.fences.push(number),
            Some(listener) if listener.is_asked => self.expel(to, CloseReason::Policy),
            _ => turn.owed.push(Owed::Fence { to, number }),
        }
    }

    /// Applies what a client may write; what is new of it is stored with the turn.
    async fn apply(&mut self, turn: &mut Turn, from: ClientId, update: Bytes, kind: Kind) -> Result<(), Ended> {
        let Some(listener) = self.audience.get_mut(from) else { return Ok(()) };
        if listener.access == DocumentAccess::Read {
            // The answer to our question names all that was ever deleted, whoever gives it.
            let is_nothing = &*update == NOTHING || (kind == Kind::SyncStep2 && only_deletes(&update));
            if !is_nothing {
                self.audience.deny(from, ErrorCode::ReadOnly, std::time::Instant::now());
            }
            return Ok(());
        }
        let (was_asked, author) = (listener.is_asked, listener.client.person().id());
        if self.has_words_of_another(&author, &update, kind).await {
            self.is_bad(from, BadUpdate("it has words of another who is here"));
            return Ok(());
        }
        let only = only_author(&update);
        match self.apply_to_copy(update).await {
            Ok(applied) => {
                if let Some(change) = applied.change {
                    if kind == Kind::Update {
                        self.authors.wrote(only, &author, from);
                    }
                    turn.changed(change);
                }
                match (applied.lacks, kind) {
                    (false, _) => {}
                    // The answer to our question had to have everything.
                    (true, Kind::SyncStep2) => self.is_bad(from, BadUpdate("it lacks what it refers to")),
                    (true, Kind::Update) if was_asked => {}
                    (true, Kind::Update) => {
                        if let Some(listener) = self.audience.get_mut(from) {
                            listener.is_asked = true;
                        }
                        turn.owed.push(Owed::Question(from));
                    }
                }
            }
            Err(Refused::Full) => {
                self.audience.deny(from, ErrorCode::DocumentFull, std::time::Instant::now());
                self.expel(from, CloseReason::DocumentFull);
            }
            Err(Refused::Bad(error)) => {
                self.is_bad(from, error);
                if self.copy(ServerCopy::is_poisoned) {
                    tracing::warn!(document.name = %self.document.name, %error, "an update broke the copy of a document");
                    self.reload(turn.changes.clone()).await?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn is_bad(&mut self, client: ClientId, error: BadUpdate) {
        tracing::info!(client.id = %client, document.name = %self.document.name, %error, "a client sent a bad update");
        self.expel(client, CloseReason::BadUpdate);
    }

    fn expel(&mut self, client: ClientId, reason: CloseReason) {
        self.audience.expel(client, reason);
        self.forget_cursors(client);
    }

    fn forget_cursors(&mut self, client: ClientId) {
        self.authors.leave(client);
        let gone = self.awareness.leave(client, std::time::Instant::now());
        self.moved.extend(gone.into_iter().flatten());
        if self.moved.len() >= MOST_MOVED {
            self.show_cursors();
        }
    }

    pub(super) fn allow(&mut self, turn: &mut Turn, client: ClientId, access: Option<DocumentAccess>) {
        match (access, self.audience.get_mut(client)) {
            (Some(access), Some(listener)) => {
                if access > listener.access {
                    // What it wrote while it might only read.
                    turn.owed.push(Owed::Question(client));
                }
                listener.access = access;
            }
            (None, Some(_)) => self.expel(client, CloseReason::DocumentGone),
            (_, None) => {}
        }
    }

    /// Stores what the turn has gathered, and only then shows it and answers.
    pub(super) async fn finish(&mut self, turn: Turn) -> Result<(), Ended> {
        let Turn { changes, bytes, owed } = turn;
        if !changes.is_empty() {
            let updates = changes.len();
            let update = merge(changes, bytes).await?;
            match self.append(&update, EditedBy::default()).await {
                Ok(Appended::Behind(others)) => self.show(&update, others, updates).await?,
                // It has no author: only the document can be missing.
                Ok(Appended::Refused(_)) => return Err(Ended::Gone),
                // The journal has said why.
                Err(_) => return Err(Ended::Failed),
            }
        }
        self.show_cursors_when_due();
        self.answer(owed).await?;
        self.compact_when_long().await;
        Ok(())
    }

    /// Shows what was stored, after what others had stored before it.
    pub(super) async fn show(&mut self, update: &[u8], others: Vec<Vec<u8>>, updates: usize) -> Result<(), Ended> {
        for other in others {
            let frame = wire::update(&other);
            if let Err(error) = self.on_copy(Work::Long, move |copy| copy.apply(&other)).await {
                tracing::error!(document.name = %self.document.name, %error, "what another server stored cannot be read");
                return Err(Ended::Failed);
            }
            self.audience.relay(&frame);
        }
        self.audience.relay(&wire::update(update));
        self.documents.meter.committed(updates, update.len());
        self.next_commit = Instant::now() + self.pace();
        Ok(())
    }
}

/// Whether an update has no blocks, which is what its first number says.
fn only_deletes(update: &[u8]) -> bool {
    update.first() == Some(&0)
}

async fn merge(mut changes: Vec<Vec<u8>>, bytes: usize) -> Result<Vec<u8>, Ended> {
    let merged = match changes.len() {
        1 => Ok(changes.remove(0)),
        _ if bytes < super::owner::LARGE => ServerCopy::merge(&changes),
        _ => {
            let merged = tokio::task::spawn_blocking(move || ServerCopy::merge(&changes)).await;
            merged.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
        }
    };
    merged.map_err(|error| {
        tracing::error!(%error, "what a turn changed cannot be stored");
        Ended::Failed
    })
}
