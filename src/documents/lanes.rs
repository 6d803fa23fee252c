//! How much work on documents is done at once.

use super::server_copy::Work;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How much work on documents is done at once where blocking is allowed. What waits for its turn blocks nobody, and the
/// processor is left to the others; what is short does not wait for what is long.
pub(super) struct Lanes {
    long: Semaphore,
    very_long: Semaphore,
}

/// Each kind of work is done for so many documents at once.
const AT_ONCE: usize = 2;

impl Default for Lanes {
    fn default() -> Self {
        Self { long: Semaphore::new(AT_ONCE), very_long: Semaphore::new(AT_ONCE) }
    }
}

impl Lanes {
    /// Waits for its turn, which lasts as long as what this returns.
    pub(super) async fn turn(&self, work: Work) -> Option<SemaphorePermit<'_>> {
        match work {
            Work::Short => None,
            Work::Long => self.long.acquire().await.ok(),
            Work::VeryLong => self.very_long.acquire().await.ok(),
        }
    }
}
