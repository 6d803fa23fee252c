//! A document's log of updates: what is appended to it, and when it is merged into one.

use super::{
    compaction::{self, NotMerged},
    owner::{Ended, Owner},
    server_copy::ServerCopy,
};
use crate::{
    journal::JournalError,
    model::Offset,
    settings,
    storage::{Change, DocumentEdit, Draft, EditedBy, Outcome, Refusal, StoredContent, now},
};
use bytes::Bytes;
use std::time::Duration;
use tokio::{task::JoinHandle, time::Instant};

/// How long a log is left as it is that could not be merged.
const RETRY: Duration = Duration::from_secs(60);

/// Where a document's log ends and how much of it is not merged.
pub(super) struct Log {
    last: Offset,
    updates: u64,
    bytes: usize,
    /// Since when there is something to merge, as far as is known.
    since: Option<Instant>,
    compaction: Option<Compaction>,
    not_before: Option<Instant>,
    /// It cannot be merged.
    is_kept: bool,
}

/// What became of a merge.
enum Merge {
    Done,
    Failed,
    Impossible,
}

/// A merge under way: of so much, and what becomes of it.
struct Compaction {
    updates: u64,
    bytes: usize,
    done: JoinHandle<Merge>,
}

/// What became of an update.
pub(super) enum Appended {
    /// It is stored. Before it stand these, of somebody else.
    Behind(Vec<Vec<u8>>),
    /// It was refused, and is in the copy all the same.
    Refused(Refusal),
}

impl Log {
    pub(super) fn of(content: &StoredContent) -> Self {
        Self {
            last: content.updates.last().map_or(content.merged, |last| last.number),
            updates: content.updates.len() as u64,
            bytes: content.updates.iter().map(|stored| stored.update.len()).sum(),
            since: (!content.updates.is_empty()).then(Instant::now),
            compaction: None,
            not_before: None,
            is_kept: false,
        }
    }

    pub(super) fn last(&self) -> Offset {
        self.last
    }

    fn grow(&mut self, number: Offset, bytes: usize) {
        self.updates += number.0 - self.last.0;
        self.last = number;
        self.bytes += bytes;
        self.since.get_or_insert_with(Instant::now);
    }

    fn is_long(&self, document_bytes: usize, settings: &settings::Documents) -> bool {
        self.updates >= settings.compact_updates
            || (self.bytes >= settings.compact_bytes && self.bytes >= document_bytes / 2)
            || self.since.is_some_and(|since| since.elapsed() >= settings.compact_age)
    }

    /// When it is to be merged for its age, whoever writes or does not.
    pub(super) fn is_old_at(&self, settings: &settings::Documents) -> Option<Instant> {
        let since = self.since.filter(|_| !self.is_kept && self.compaction.is_none())?;
        let at = since.checked_add(settings.compact_age)?;
        Some(at.max(self.not_before.unwrap_or(at)))
    }

    /// Whether the next who opens it would have to wait for it noticeably.
    fn is_worth_merging(&self, settings: &settings::Documents) -> bool {
        self.updates > 1 && (self.updates >= settings.compact_updates / 10 || self.bytes >= settings.compact_bytes / 2)
    }

    /// Whether a merge is under way, or has ended and nobody has looked.
    pub(super) fn has_compaction(&self) -> bool {
        self.compaction.is_some()
    }

    /// Waits for the merge under way, if there is one.
    ///
    /// # Cancel safety
    /// The merge goes on, and can be waited for again.
    pub(super) async fn compacted(&mut self) {
        let Some(Compaction { updates, bytes, done }) = &mut self.compaction else { return };
        let (merge, updates, bytes) = (done.await.unwrap_or(Merge::Failed), *updates, *bytes);
        self.compaction = None;
        match merge {
            Merge::Done => {
                self.updates -= updates;
                self.bytes -= bytes;
                self.since = (self.updates > 0).then(Instant::now);
            }
            Merge::Failed => self.not_before = Some(Instant::now() + RETRY),
            Merge::Impossible => self.is_kept = true,
        }
    }

    /// Whether it is not to be merged now, however long it is.
    async fn is_left_alone(&mut self) -> bool {
        if self.compaction.as_ref().is_some_and(|compaction| compaction.done.is_finished()) {
            self.compacted().await;
        }
        self.is_kept || self.compaction.is_some() || self.not_before.is_some_and(|at| Instant::now() < at)
    }
}

impl Owner {
    /// Appends an update that is in the copy already. When it returns, it is on disk.
    pub(super) async fn append(&mut self, update: &[u8], by: EditedBy) -> Result<Appended, JournalError> {
        let edit = DocumentEdit::Append { id: self.document.id, update: Bytes::copy_from_slice(update) };
        let draft = Draft { at: now(), change: Change::Document { edit, by } };
        let number = match self.documents.journal.append(draft).await?.committed().await {
            Ok(Outcome::Appended(number)) => number,
            Ok(_) => return Err(JournalError::Stopped),
            Err(JournalError::Refused(refusal)) => return Ok(Appended::Refused(refusal)),
            Err(error) => return Err(error),
        };
        let others = match number == self.log.last.next() {
            true => Vec::new(),
            false => self.of_others_before(number).await?,
        };
        self.log.grow(number, update.len() + others.iter().map(Vec::len).sum::<usize>());
        Ok(Appended::Behind(others))
    }

    /// What another process has written since we last looked.
    async fn of_others_before(&self, number: Offset) -> Result<Vec<Vec<u8>>, JournalError> {
        let updates = self.documents.store.document_updates(self.document.id, self.log.last).await;
        let updates = updates.map_err(|error| JournalError::Store(error.into()))?;
        let others: Vec<_> = updates.into_iter().filter(|stored| stored.number < number).collect();
        if others.len() as u64 != number.0 - self.log.last.0 - 1 {
            // It has merged them too: who comes back reads it all.
            return Err(JournalError::Stopped);
        }
        Ok(others.into_iter().map(|stored| stored.update).collect())
    }

    /// Merges the log in the background if it is long. Everything in the copy must be stored.
    pub(super) async fn compact_when_long(&mut self) {
        // First: what was merged meanwhile makes it shorter.
        if self.log.is_left_alone().await {
            return;
        }
        let settings = &self.documents.settings.document;
        if self.log.is_long(self.copy(|copy| copy.size().bytes), settings) {
            self.compact().await;
        }
    }

    /// Merges the log if that spares the next who opens the document much.
    pub(super) async fn compact_before_leaving(&mut self) -> Result<(), Ended> {
        self.log.compacted().await;
        if self.log.is_worth_merging(&self.documents.settings.document) && !self.log.is_left_alone().await {
            self.compact().await;
            self.log.compacted().await;
        }
        Ok(())
    }

    async fn compact(&mut self) {
        let Ok(merged) = self.on_all(ServerCopy::merged).await else {
            // Never in the place of what is stored.
            self.log.not_before = Some(Instant::now() + RETRY);
            return;
        };
        let (store, meter) = (self.documents.store.clone(), self.documents.meter.clone());
        let (document, upto) = (self.document.clone(), self.log.last);
        let done = tokio::spawn(async move {
            match compaction::compact(&*store, &meter, document.id, upto, merged).await {
                // Otherwise another process has done it, or the document is gone: there is nothing to do either.
                Ok(_) => Merge::Done,
                Err(NotMerged::Damaged(error)) => {
                    tracing::error!(document.name = %document.name, %error, "a document's log cannot be merged and is kept");
                    Merge::Impossible
                }
                Err(error @ NotMerged::Store(_)) => {
                    tracing::warn!(document.name = %document.name, %error, "a document's log was not merged");
                    Merge::Failed
                }
            }
        });
        self.log.compaction = Some(Compaction { updates: self.log.updates, bytes: self.log.bytes, done });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn log_after(merge: Merge) -> Log {
        Log {
            last: Offset(2),
            updates: 2,
            bytes: 10,
            since: Some(Instant::now()),
            compaction: Some(Compaction { updates: 2, bytes: 10, done: tokio::spawn(async { merge }) }),
            not_before: None,
            is_kept: false,
        }
    }

    /// Whoever waits for what is due already, and then does nothing, waits without end and without a pause.
    #[tokio::test]
    async fn what_is_due_can_be_done() {
        let mut settings = Settings::defaults().document;
        settings.compact_age = Duration::ZERO;
        for (merge, is_old, is_left_alone) in
            [(Merge::Done, false, false), (Merge::Failed, true, true), (Merge::Impossible, false, true)]
        {
            let mut log = log_after(merge);
            assert_eq!(log.is_old_at(&settings), None, "it is being merged");
            log.compacted().await;
            let at = log.is_old_at(&settings);
            assert_eq!((at.is_some(), log.is_left_alone().await), (is_old, is_left_alone));
            assert!(at.is_none_or(|at| at > Instant::now() + RETRY / 2), "it is tried again, but not at once");
        }
    }
}
