//! What becomes of documents that nobody has open.

use super::{
    Documents,
    compaction::{self, NotMerged},
    server_copy::{Damaged, ServerCopy},
};
use crate::{
    model::{DocumentId, DocumentName, Offset},
    storage::{StaleDocument, StoreError, now},
};
use std::{sync::Arc, time::Duration};

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
            let stale = self.store.stale_documents(before, after, BATCH).await?;
            // What is not merged now, since it is damaged or open, keeps nothing else waiting.
            let Some(last) = stale.last() else { return Ok(()) };
            after = Some((last.since, last.id));
            // Those that somebody has open are merged by their owners.
            for StaleDocument { id, name, .. } in stale.into_iter().filter(|stale| !self.hub.is_open(stale.id)) {
                self.merge(id, &name).await?;
            }
        }
    }

    async fn merge(&self, id: DocumentId, name: &DocumentName) -> Result<bool, StoreError> {
        let Some(content) = self.store.document_content(id).await? else { return Ok(false) };
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
            Ok(merged) => Ok(merged),
            Err(NotMerged::Store(error)) => Err(error),
            Err(NotMerged::Damaged(error)) => {
                if self.hub.is_kept_from_now_on(id) {
                    tracing::error!(document.name = %name, %error, "a document is damaged; its log is kept");
                }
                Ok(false)
            }
        }
    }
}
