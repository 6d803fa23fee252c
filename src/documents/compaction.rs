//! Puts what was merged in the place of a document's log.

use super::server_copy::{Damaged, Merged};
use crate::{
    metrics::DocumentMeter,
    model::{DocumentId, Offset},
    storage::{Store, StoreError},
};

/// Why a log was left as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotMerged {
    /// What was merged is not what is in the log. It would not be the next time either.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores what was merged of a document's log up to a number, after reading it back. `false`: another process has done
/// it, or the document is gone.
///
/// # Errors
/// [`NotMerged`]: the log is as it was.
pub(super) async fn compact(
    store: &dyn Store,
    meter: &DocumentMeter,
    document: DocumentId,
    upto: Offset,
    merged: Merged,
) -> Result<bool, NotMerged> {
    let state = tokio::task::spawn_blocking(move || merged.verified()).await;
    let state = state.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    let merged = store.compact_document(document, upto, state).await?;
    meter.compactions.inc_by(merged.into());
    Ok(merged)
}
