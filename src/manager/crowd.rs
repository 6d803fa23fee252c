//! How many clients are behind, so that a burst is paced by those who read and not by the disk.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// Longest wait for clients to catch up. Those that are still behind then are slow, not unlucky.
const MAX_WAIT: Duration = Duration::from_millis(250);

/// Counts the clients who have a quarter of what they may have of publications still to take.
///
/// Without it, commits outrun the pumps when everyone is busy at once, and healthy clients would
/// be cut for the server's own lack of time. Whoever was waited for in vain is not waited for
/// again until it has caught up, so slow clients hold nobody up for longer than once.
#[derive(Debug, Default)]
pub struct Crowd {
    state: Mutex<State>,
    one_less: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Grows whenever those who are behind are written off.
    round: Round,
    behind: usize,
}

/// Since when a client counts as behind.
pub(super) type Round = u64;

impl Crowd {
    pub(super) fn one_more(&self) -> Round {
        let mut state = self.lock();
        state.behind += 1;
        state.round
    }

    pub(super) fn one_less(&self, since: Round) {
        let mut state = self.lock();
        if since == state.round {
            state.behind -= 1;
            drop(state);
            self.one_less.notify_waiters();
        }
    }

    /// Waits until at most an eighth of `clients` are behind, but not for ever.
    pub(super) async fn thins_out(&self, clients: impl Fn() -> usize) {
        let deadline = Instant::now() + MAX_WAIT;
        loop {
            let one_less = self.one_less.notified();
            let behind = self.lock().behind;
            if behind == 0 || behind * 8 <= clients() {
                return;
            }
            if timeout_at(deadline, one_less).await.is_err() {
                let mut state = self.lock();
                state.round += 1;
                state.behind = 0;
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_was_waited_for_in_vain_is_not_waited_for_again() {
        let crowd = Crowd::default();
        let stuck = crowd.one_more();
        let start = Instant::now();
        crowd.thins_out(|| 2).await;
        assert_eq!(start.elapsed(), MAX_WAIT);
        crowd.thins_out(|| 2).await;
        assert_eq!(start.elapsed(), MAX_WAIT);
        // Its late recovery takes nothing from those who count now.
        let busy = crowd.one_more();
        crowd.one_less(stuck);
        assert_eq!(crowd.lock().behind, 1);
        crowd.one_less(busy);
        crowd.thins_out(|| 2).await;
        assert_eq!(start.elapsed(), MAX_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_of_many_hold_nobody_up() {
        let crowd = Crowd::default();
        crowd.one_more();
        let start = Instant::now();
        crowd.thins_out(|| 8).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
