//! The task that owns one open document: takes what its clients send, stores it, and only then shows it to them.

use super::{
    Documents,
    audience::Audience,
    authors::Authors,
    awareness::{Awareness, Changed},
    inbox::{Inbox, Request},
    log::Log,
    memory::Share,
    server_copy::{Applied, Damaged, Limits, Refused, ServerCopy, Work},
    turn::Turn,
};
use crate::{
    manager::HandlerError,
    model::Document,
    protocol::{CloseReason, ErrorCode},
    storage::{Refusal, StoreError, StoredContent},
};
use bytes::Bytes;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Work on so many bytes is done where blocking is allowed: it may take longer than a millisecond.
pub(super) const LARGE: usize = 64 * 1024;
/// With a large audience, keystrokes of so long become one frame: that costs each of them a write, whatever is in it.
const LONGEST_PACE: Duration = Duration::from_millis(20);
/// And for so much of that by each client.
const PACE_PER_CLIENT: Duration = Duration::from_micros(100);
/// Cursors of so long become one frame when the audience is large, which is longer than keystrokes wait: they tell less, and
/// every client sends back what it hears of all the others.
const LONGEST_AWARENESS_PACE: Duration = Duration::from_secs(1);
/// And for so much of that by each client above the first few.
const AWARENESS_PACE_PER_CLIENT: Duration = Duration::from_millis(1);
/// Audiences up to this see cursors at once.
const SMALL_AUDIENCE: usize = 10;

/// So many requests are looked at before what came of them is stored and answered.
const MOST_REQUESTS: usize = 1_024;

/// One open document.
pub(super) struct Owner {
    pub(super) documents: Arc<Documents>,
    pub(super) document: Document,
    copy: Arc<Mutex<ServerCopy>>,
    pub(super) log: Log,
    pub(super) audience: Audience,
    pub(super) awareness: Awareness,
    pub(super) authors: Authors,
    /// Cursors that changed and were not shown yet.
    pub(super) moved: Changed,
    inbox: mpsc::UnboundedReceiver<Request>,
    share: Share,
    is_stopping: bool,
    /// When it was last asked for something.
    idle_since: Instant,
    /// The next commit comes no sooner.
    pub(super) next_commit: Instant,
    /// Cursors are shown no sooner.
    next_awareness: Instant,
}

/// Why an owner ends before it is idle. Its clients are closed with it; what they had not heard back is with them.
pub(super) enum Ended {
    /// The document was deleted.
    Gone,
    /// It could not be stored or read.
    Failed,
}

enum Wake {
    Request(Request),
    Awareness,
    Old,
    Merged,
    Idle,
    Stopping,
    End,
}

/// Loads a document and starts the task that owns it.
///
/// # Errors
/// [`HandlerError::DocumentDamaged`], `no_such_document`, `unavailable` when the memory for documents is full, the store's.
pub(super) async fn start(documents: &Arc<Documents>, document: &Document) -> Result<Inbox, HandlerError> {
    let started = Instant::now();
    let damaged = |error: &dyn std::fmt::Display| {
        tracing::error!(document.name = %document.name, document.id = %document.id, %error, "a document is damaged");
        documents.hub.quarantine(document.id);
        HandlerError::DocumentDamaged
    };
    let content = match documents.store.document_content(document.id).await {
        Ok(content) => content.ok_or(Refusal::NoSuchDocument)?,
        Err(StoreError::Corrupt(problem)) => return Err(damaged(&problem)),
        Err(error) => return Err(error.into()),
    };
    let log = Log::of(&content);
    let copy = load(content).await.map_err(|error| damaged(&error))?;
    documents.meter.loaded(started.elapsed());
    let most = documents.settings.document.max_open_bytes;
    let share = documents.hub.memory.share(copy.size().bytes, most).await.ok_or_else(crowded)?;
    let (handle, inbox) = Inbox::new();
    let now = Instant::now();
    let owner = Owner {
        copy: Arc::new(Mutex::new(copy)),
        log,
        audience: Audience::new(documents.meter.clone()),
        awareness: Awareness::new(documents.settings.document.max_awareness_bytes, handle.shown.clone()),
        authors: Authors::default(),
        moved: Changed::default(),
        inbox,
        share,
        is_stopping: false,
        idle_since: now,
        next_commit: now,
        next_awareness: now,
        documents: documents.clone(),
        document: document.clone(),
    };
    documents.hub.owners.spawn(owner.run());
    Ok(handle)
}

fn crowded() -> HandlerError {
    tracing::warn!("the documents in memory are as large as `document.max_open_bytes`: no other is opened");
    let message = "too many documents are open, try again in a moment".to_owned();
    HandlerError::Denied { code: ErrorCode::Unavailable, message }
}

async fn load(content: StoredContent) -> Result<ServerCopy, Damaged> {
    let bytes = content.snapshot.len() + content.updates.iter().map(|stored| stored.update.len()).sum::<usize>();
    if bytes < LARGE {
        return ServerCopy::load(&content);
    }
    let loaded = tokio::task::spawn_blocking(move || ServerCopy::load(&content)).await;
    loaded.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

impl Owner {
    async fn run(mut self) {
        let open = self.documents.meter.open.clone();
        open.inc();
        // However it ends.
        let _open = DecrementOnDrop(open);
        let reason = match self.work().await {
            Ok(()) | Err(Ended::Failed) => CloseReason::TryAgainLater,
            Err(Ended::Gone) => CloseReason::DocumentGone,
        };
        // Whoever comes from now on starts another owner, which reads what is stored.
        self.inbox.close();
        // Before what may take long: nobody answers them any more.
        self.audience.close_all(reason);
        self.log.compacted().await;
        // To free a large copy takes long.
        let copy = self.copy;
        tokio::task::spawn_blocking(move || drop(copy));
    }

    async fn work(&mut self) -> Result<(), Ended> {
        loop {
            match self.wake().await {
                Wake::Request(first) => self.turn(first).await?,
                Wake::Awareness => self.show_cursors(),
                Wake::Old | Wake::Merged => self.compact_when_long().await,
                Wake::Idle => {
                    self.compact_before_leaving().await?;
                    // What comes between this look and the close is handed in again, to another owner.
                    if self.inbox.is_empty() {
                        return Ok(());
                    }
                }
                Wake::Stopping => {
                    self.is_stopping = true;
                    // What was handed in before is still done.
                    self.inbox.close();
                }
                Wake::End => return Ok(()),
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let (due, wake) = self.due();
        let documents = self.documents.clone();
        let stopping = &documents.hub.stopping;
        tokio::select! {
            biased;
            () = stopping.cancelled(), if !self.is_stopping => Wake::Stopping,
            request = self.inbox.recv() => request.map_or(Wake::End, Wake::Request),
            () = documents.hub.memory.crowded(), if self.audience.is_empty() => Wake::Idle,
            // One that failed is tried again in time, though nobody may write any more.
            () = self.log.compacted(), if self.log.has_compaction() => Wake::Merged,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => wake,
        }
    }

    /// What is to be done next if nobody asks for anything, and when.
    fn due(&self) -> (Option<Instant>, Wake) {
        if !self.moved.is_empty() {
            (Some(self.next_awareness), Wake::Awareness)
        } else if self.audience.is_empty() {
            (Some(self.idle_since + self.documents.settings.document.idle), Wake::Idle)
        } else {
            // Nobody writes in it, but somebody may have.
            (self.log.is_old_at(&self.documents.settings.document), Wake::Old)
        }
    }

    /// Does at once what was asked for meanwhile, with one commit.
    async fn turn(&mut self, first: Request) -> Result<(), Ended> {
        if matches!(first, Request::Message { .. }) && !self.is_stopping {
            sleep_until(self.next_commit).await;
        }
        let mut turn = Turn::default();
        self.take(&mut turn, first).await?;
        // What one commit stores travels as one frame, which must fit into the egress of clients that are not quite idle.
        let most = self.documents.settings.socket.egress_bytes / 8;
        for _ in 0..MOST_REQUESTS {
            if turn.bytes() >= most {
                break;
            }
            let Ok(request) = self.inbox.try_recv() else { break };
            self.take(&mut turn, request).await?;
        }
        self.finish(turn).await?;
        self.share.set(self.copy(|copy| copy.size().bytes));
        self.idle_since = Instant::now();
        Ok(())
    }

    /// How long commits wait for each other.
    pub(super) fn pace(&self) -> Duration {
        (PACE_PER_CLIENT * u32::try_from(self.audience.len()).unwrap_or(u32::MAX)).min(LONGEST_PACE)
    }

    /// Shows the cursors that have moved, if it is time.
    pub(super) fn show_cursors_when_due(&mut self) {
        if !self.moved.is_empty() && Instant::now() >= self.next_awareness {
            self.show_cursors();
        }
    }

    pub(super) fn show_cursors(&mut self) {
        let (there, gone): (Changed, Changed) =
            std::mem::take(&mut self.moved).into_iter().partition(|id| self.awareness.is_there(*id));
        if !gone.is_empty() {
            // Nothing says it again: who missed it would see them for ever.
            self.audience.relay(&super::wire::awareness(&self.awareness.encode(&gone)));
        }
        if !there.is_empty() {
            self.audience.relay_volatile(&super::wire::awareness(&self.awareness.encode(&there)));
        }
        self.next_awareness = Instant::now() + awareness_pace(self.audience.len());
    }

    /// Works on the copy, where blocking is allowed unless it is short work.
    pub(super) async fn on_copy<T: Send + 'static>(
        &self,
        work: Work,
        run: impl FnOnce(&mut ServerCopy) -> T + Send + 'static,
    ) -> T {
        // The copy catches the library's panics itself.
        let run = |copy: &Mutex<ServerCopy>| run(&mut copy.lock().unwrap_or_else(PoisonError::into_inner));
        if work == Work::Short {
            return run(&self.copy);
        }
        let _turn = self.documents.hub.lanes.turn(work).await;
        let copy = self.copy.clone();
        let done = tokio::task::spawn_blocking(move || run(&copy)).await;
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// Reads all of the copy.
    pub(super) async fn on_all<T: Send + 'static>(&self, run: impl FnOnce(&mut ServerCopy) -> T + Send + 'static) -> T {
        self.on_copy(self.copy(|copy| copy.size().work_with(0)), run).await
    }

    /// How large the document may become.
    pub(super) fn limits(&self) -> Limits {
        let settings = &self.documents.settings;
        Limits { bytes: settings.document.max_bytes, deletions: settings.update_limit() / 2 }
    }

    /// Takes in an update if there is room for it.
    pub(super) async fn apply_to_copy(&self, update: Bytes) -> Result<Applied, Refused> {
        let limits = self.limits();
        let work = self.copy(|copy| copy.work_of(&update, &limits));
        self.on_copy(work, move |copy| copy.apply_within(&update, &limits)).await
    }

    /// What the copy knows without any work.
    pub(super) fn copy<T>(&self, look: impl FnOnce(&ServerCopy) -> T) -> T {
        look(&self.copy.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the copy from the store again, and what was applied to it since and is not stored yet.
    pub(super) async fn reload(&mut self, unsaved: Vec<Vec<u8>>) -> Result<(), Ended> {
        let content = match self.documents.store.document_content(self.document.id).await {
            Ok(Some(content)) => content,
            Ok(None) => return Err(Ended::Gone),
            Err(error) => {
                tracing::error!(document.name = %self.document.name, %error, "a document cannot be read again");
                return Err(Ended::Failed);
            }
        };
        let log = Log::of(&content);
        if log.last() != self.log.last() {
            // Somebody else wrote; who comes back reads it all.
            return Err(Ended::Failed);
        }
        let mut copy = load(content).await.map_err(|error| {
            tracing::error!(document.name = %self.document.name, %error, "a document cannot be read again");
            Ended::Failed
        })?;
        let applied = tokio::task::spawn_blocking(move || {
            unsaved.iter().try_for_each(|change| copy.apply(change).map(drop)).map(|()| copy)
        });
        self.drop_copy(applied.await.ok().and_then(Result::ok).ok_or(Ended::Failed)?);
        Ok(())
    }

    /// Takes another copy. To free a large one takes long.
    fn drop_copy(&mut self, copy: ServerCopy) {
        let old = std::mem::replace(&mut self.copy, Arc::new(Mutex::new(copy)));
        tokio::task::spawn_blocking(move || drop(old));
    }
}

/// How long cursors wait for each other in such an audience.
fn awareness_pace(audience: usize) -> Duration {
    let above = u32::try_from(audience.saturating_sub(SMALL_AUDIENCE)).unwrap_or(u32::MAX);
    AWARENESS_PACE_PER_CLIENT.saturating_mul(above).min(LONGEST_AWARENESS_PACE)
}

struct DecrementOnDrop(prometheus_client::metrics::gauge::Gauge);

impl Drop for DecrementOnDrop {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_wait_for_each_other_in_large_audiences() {
        let paces = [0, 10, 11, 200, 1_009, 1_010, 100_000].map(|audience| awareness_pace(audience).as_millis());
        assert_eq!(paces, [0, 0, 1, 190, 999, 1_000, 1_000]);
    }
}
