//! What becomes of documents that nobody has open.

use super::{
    Documents,
    compaction::{self, NotMerged},
    server_copy::{Damaged, ServerCopy},
};
use crate::{
    model::{DocumentId, DocumentName, Offset, UnixMillis},
    storage::{StaleDocument, StoreError, now},
};
use std::{fmt::Display, sync::Arc, time::Duration};

/// How often it is looked; nothing depends on it but how long a document takes to open.
const PERIOD: Duration = Duration::from_secs(600);
/// Documents merged before it is looked again.
const BATCH: u32 = 100;

impl Documents {
    /// Merges the logs of documents that nobody has open and in which nobody wrote for long. Never ends.
    pub async fn keep_house(self: Arc<Self>) {
        loop {
            self.hub.tidy();
            if let Err(error) = self.merge_stale().await {
                tracing::warn!(%error, "logs of documents were not merged");
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    async fn merge_stale(&self) -> Result<(), StoreError> {
        let age = i64::try_from(self.settings.document.compact_age.as_millis()).unwrap_or(i64::MAX);
        let before = now().saturating_sub(age);
        let mut after = None;
        loop {
            after = self.merge_page(before, after, BATCH).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Merges the next `limit` of those in which nobody wrote since `before`; says behind which one to go on. `None`:
    /// there are no more.
    pub(super) async fn merge_page(
        &self,
        before: UnixMillis,
        after: Option<(UnixMillis, DocumentId)>,
        limit: u32,
    ) -> Result<Option<(UnixMillis, DocumentId)>, StoreError> {
        let stale = self.store.stale_documents(before, after, limit).await?;
        // What is not merged now, since it is damaged or open, keeps nothing else waiting.
        let last = stale.last().map(|last| (last.since, last.id));
        // Those that somebody has open are merged by their owners.
        for StaleDocument { id, name, .. } in stale.into_iter().filter(|stale| !self.hub.is_open(stale.id)) {
            self.merge(id, &name).await?;
        }
        Ok(last)
    }

    async fn merge(&self, id: DocumentId, name: &DocumentName) -> Result<(), StoreError> {
        let content = match self.store.document_content(id).await {
            Ok(Some(content)) => content,
            Ok(None) => return Ok(()),
            Err(StoreError::Corrupt(problem)) => {
                self.keep_log(id, name, &problem);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let upto: Offset = content.updates.last().map_or(content.merged, |last| last.number);
        let merged = tokio::task::spawn_blocking(move || {
            let mut copy = ServerCopy::load(&content)?;
            copy.merged().map_err(Damaged::from)
        });
        let merged = match merged.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())) {
            Ok(merged) => compaction::compact(&*self.store, &self.meter, id, upto, merged).await,
            Err(error) => Err(error.into()),
        };
        match merged {
            Ok(_) => {}
            Err(NotMerged::Store(error)) => return Err(error),
            Err(NotMerged::Damaged(error)) => self.keep_log(id, name, &error),
        }
        Ok(())
    }

    /// Says once that a log stays as it is.
    fn keep_log(&self, id: DocumentId, name: &DocumentName, error: &dyn Display) {
        if self.hub.is_kept_from_now_on(id) {
            tracing::error!(document.name = %name, %error, "a document is damaged; its log is kept");
        }
    }
}
