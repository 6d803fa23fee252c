//! Group commit: drafts in, one transaction, publish in order, answer.
//!
//! One task commits whatever waits as one transaction, so one fsync serves hundreds of
//! messages. Store first, then publish: whatever anybody has seen can be read back.

use crate::{
    manager::{HandlerError, Manager},
    model::TopicName,
    settings::Settings,
    storage::{Change, Committed, Draft, Outcome, Refusal, Store, StoreError},
};
use std::{collections::VecDeque, sync::Arc, time::Instant};
use tokio::sync::{mpsc, oneshot};

/// Bytes of documents in one commit, unless one draft alone has more.
const MAX_STORED_BYTES: usize = 4 << 20;

/// Where drafts are handed in.
#[derive(Debug, Clone)]
pub struct Journal {
    queue: mpsc::Sender<Entry>,
}

/// The task behind a [`Journal`].
pub struct JournalTask {
    queue: mpsc::Receiver<Entry>,
    max_batch: usize,
    max_batch_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    draft: Draft,
    answer: oneshot::Sender<Result<Outcome, JournalError>>,
}

/// Why a draft was not committed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// The store refused this draft.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed; nothing was stored.
    #[error("the store failed: {0}")]
    Store(Arc<StoreError>),
    /// The journal has stopped; nothing was stored.
    #[error("the journal has stopped")]
    Stopped,
}

impl From<JournalError> for HandlerError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Refused(refusal) => refusal.into(),
            JournalError::Store(cause) => Self::Commit(cause),
            JournalError::Stopped => Self::Stopping,
        }
    }
}

/// A draft's place in the queue; resolves once it is on disk.
#[must_use = "dropping it does not take the draft back"]
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Result<Outcome, JournalError>>);

impl Receipt {
    /// Waits until the draft is committed and published.
    ///
    /// # Errors
    /// [`JournalError`]: it is not stored, except that after [`JournalError::Stopped`] it may be.
    pub async fn committed(self) -> Result<Outcome, JournalError> {
        self.0.await.unwrap_or(Err(JournalError::Stopped))
    }
}

impl Journal {
    /// A journal and the task that has to run for it.
    #[must_use]
    pub fn new(settings: &Settings) -> (Self, JournalTask) {
        let (sender, receiver) = mpsc::channel(settings.journal.queue);
        let max_batch = settings.journal.max_batch;
        let max_batch_bytes = settings.socket.egress_bytes / 8;
        (Self { queue: sender }, JournalTask { queue: receiver, max_batch, max_batch_bytes })
    }

    /// Hands in a draft. Waits only for a place in the queue; drafts of one caller are
    /// committed in the order of its calls.
    ///
    /// # Errors
    /// [`JournalError::Stopped`].
    pub async fn append(&self, draft: Draft) -> Result<Receipt, JournalError> {
        let (answer, receipt) = oneshot::channel();
        self.queue.send(Entry { draft, answer }).await.map_err(|_| JournalError::Stopped)?;
        Ok(Receipt(receipt))
    }
}

impl JournalTask {
    /// Commits until every [`Journal`] is dropped and the queue is empty, or until `stop`
    /// resolves; what was handed in before that is still committed.
    pub async fn run(mut self, store: Arc<dyn Store>, manager: Arc<Manager>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut waiting = VecDeque::new();
        let mut arrived = Vec::new();
        let mut doubt = false;
        loop {
            if waiting.is_empty() {
                let count = tokio::select! {
                    biased;
                    () = &mut stop, if !self.queue.is_closed() => {
                        self.queue.close();
                        continue;
                    }
                    count = self.queue.recv_many(&mut arrived, self.max_batch) => count,
                };
                if count == 0 {
                    return;
                }
                waiting.extend(arrived.drain(..));
            }
            while waiting.len() < self.max_batch
                && let Ok(entry) = self.queue.try_recv()
            {
                waiting.push_back(entry);
            }
            let batch: Vec<_> = waiting.drain(..self.batch_length(&waiting)).collect();
            commit(&*store, &manager, batch.into_iter(), &mut doubt).await;
        }
    }

    /// How many of the drafts that wait go into one commit: what it appends to a topic travels
    /// as one frame, which must fit into the egress of clients that are not quite idle. What it writes beside that must
    /// not keep everybody else waiting.
    fn batch_length(&self, waiting: &VecDeque<Entry>) -> usize {
        let (mut bytes, mut stored) = (0, 0);
        let within = waiting.iter().take_while(|entry| {
            bytes += entry.draft.weight();
            stored += entry.draft.stored_bytes();
            bytes <= self.max_batch_bytes && stored <= MAX_STORED_BYTES
        });
        within.count().clamp(1, self.max_batch).min(waiting.len())
    }
}

/// Commits and publishes. `doubt`: the last commit may be stored, and nobody has heard of it.
async fn commit(store: &dyn Store, manager: &Manager, entries: impl Iterator<Item = Entry>, doubt: &mut bool) {
    let (drafts, answers): (Vec<_>, Vec<_>) = entries.map(|entry| (entry.draft, entry.answer)).unzip();
    let audience: Vec<_> = drafts.iter().map(AudienceChange::of).collect();
    let count = drafts.len();
    let started = Instant::now();
    let results = match store.commit(drafts).await {
        Ok(results) => results,
        Err(error) => {
            tracing::error!(drafts = count, %error, "a commit failed");
            *doubt |= matches!(error, StoreError::InDoubt(_));
            let error = JournalError::Store(Arc::new(error));
            for answer in answers {
                // A sender that is gone has no use for its answer.
                let _ = answer.send(Err(error.clone()));
            }
            return;
        }
    };
    manager.metrics().committed(count, started.elapsed());
    let mut publications = Vec::new();
    let mut outcomes = Vec::with_capacity(count);
    let mut left = Vec::new();
    for (result, audience) in results.into_iter().zip(audience) {
        let Ok(Committed { publications: mut new, outcome }) =
            result.map_err(|refusal| outcomes.push(Err(refusal.into())))
        else {
            continue;
        };
        if !new.is_empty() {
            match audience {
                // Before the batch is published: a new member misses nothing that follows.
                Some(AudienceChange::Joins(user, topic)) => {
                    manager.subscribe_user(user, &topic);
                    left.retain(|one| *one != (user, topic.clone()));
                }
                // After it: someone who leaves still hears what was committed before.
                Some(AudienceChange::Leaves(user, topic)) => left.push((user, topic)),
                None => {}
            }
        }
        publications.append(&mut new);
        outcomes.push(Ok(outcome));
    }
    if std::mem::take(doubt) {
        // Between what everyone has heard and this there may be something that nobody has: they read the log.
        tracing::warn!("clients are sent to read what a commit in doubt may have stored");
        manager.close_all();
    } else {
        manager.publish(&publications);
    }
    for (user, topic) in left {
        manager.unsubscribe_user(user, &topic);
    }
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        let _ = answer.send(outcome);
    }
    manager.keep_pace().await;
}

/// A change of who hears a room.
enum AudienceChange {
    Joins(crate::model::UserId, TopicName),
    Leaves(crate::model::UserId, TopicName),
}

impl AudienceChange {
    fn of(draft: &Draft) -> Option<Self> {
        match &draft.change {
            Change::CreateRoom { author, room, .. } | Change::JoinRoom { author, room, .. } => {
                Some(Self::Joins(author.id, TopicName::room(room)))
            }
            Change::LeaveRoom { author, room } => Some(Self::Leaves(author.id, TopicName::room(room))),
            Change::SendMessage { .. }
            | Change::Publish { .. }
            | Change::Product { .. }
            | Change::Feed { .. }
            | Change::Document { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::DocumentId, storage::DocumentEdit};

    fn appends(bytes: usize) -> Entry {
        let edit = DocumentEdit::Append { id: DocumentId(1), update: vec![0; bytes].into() };
        let draft = Draft { at: 0, change: Change::Document { edit, by: Default::default() } };
        Entry { draft, answer: oneshot::channel().0 }
    }

    #[test]
    fn what_a_commit_writes_of_documents_is_bounded() {
        let (_journal, task) = Journal::new(&Settings::defaults());
        let length = |sizes: &[usize]| task.batch_length(&sizes.iter().copied().map(appends).collect());
        assert_eq!(length(&[1 << 20; 6]), 4);
        assert_eq!(length(&[MAX_STORED_BYTES + 1, 1]), 1, "what is larger goes alone");
        assert_eq!(length(&[1, MAX_STORED_BYTES]), 1);
        assert_eq!(length(&[100; 600]), task.max_batch);
    }
}
