//! How much all open documents have together. Those that nobody has open leave when others need the room.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// So long somebody waits for documents to leave that nobody has open.
const PATIENCE: Duration = Duration::from_secs(2);

/// What all open documents have.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    bytes: AtomicUsize,
    /// Whoever nobody has open shall leave.
    crowded: Notify,
    /// Somebody has left.
    freed: Notify,
}

/// What one document has of it.
#[derive(Debug)]
pub(super) struct Share {
    memory: Memory,
    bytes: usize,
}

impl Memory {
    /// A share of so many bytes, if all shares are at most `most` then; others may leave for it.
    pub(super) async fn share(&self, bytes: usize, most: usize) -> Option<Share> {
        let waiting = async {
            loop {
                let freed = self.0.freed.notified();
                if let Some(share) = self.share_now(bytes, most) {
                    return share;
                }
                self.0.crowded.notify_waiters();
                freed.await;
            }
        };
        timeout(PATIENCE, waiting).await.ok()
    }

    fn share_now(&self, bytes: usize, most: usize) -> Option<Share> {
        let take = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= most);
        self.0.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(Share { memory: self.clone(), bytes })
    }

    /// Waits until others need room.
    pub(super) async fn crowded(&self) {
        self.0.crowded.notified().await;
    }
}

impl Share {
    /// The document has so many bytes now.
    pub(super) fn set(&mut self, bytes: usize) {
        self.memory.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.memory.0.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.0.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.memory.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_idle_leaves_for_others() {
        let memory = Memory::default();
        let mut busy = memory.share_now(40, 100).unwrap();
        let idle = memory.share_now(50, 100).unwrap();
        let leaving = tokio::spawn({
            let memory = memory.clone();
            async move {
                memory.crowded().await;
                drop(idle);
            }
        });
        tokio::task::yield_now().await;
        let third = memory.share(60, 100).await.expect("there is room");
        leaving.await.unwrap();
        assert!(memory.share_now(1, 100).is_none());
        busy.set(30);
        drop(third);
        assert_eq!(memory.0.bytes.load(Ordering::Relaxed), 30);
    }
}
