//! How many clients are behind, so that a burst is paced by those who read and not by the disk.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// Longest wait for clients to catch up. Those that are still behind then are slow, not unlucky.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// Counts the clients whose egress is a quarter full.
///
/// Without it, commits outrun the pumps when everyone is busy at once, and healthy clients would
/// be cut for the server's own lack of time. A few stalled clients hold nobody up.
#[derive(Debug, Default)]
pub struct Crowd {
    behind: AtomicUsize,
    one_less: Notify,
}

impl Crowd {
    pub(super) fn one_more(&self) {
        self.behind.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn one_less(&self) {
        self.behind.fetch_sub(1, Ordering::Relaxed);
        self.one_less.notify_waiters();
    }

    /// Waits until at most an eighth of `clients` are behind.
    pub(super) async fn thins_out(&self, clients: impl Fn() -> usize) {
        let deadline = Instant::now() + MAX_WAIT;
        loop {
            let one_less = self.one_less.notified();
            let behind = self.behind.load(Ordering::Relaxed);
            if behind == 0 || behind * 8 <= clients() {
                return;
            }
            if timeout_at(deadline, one_less).await.is_err() {
                return;
            }
        }
    }
}
