//! When to ping a client, and when to give it up.

use crate::manager::Liveness;
use rand::RngExt;
use std::{pin::Pin, time::Duration};
use tokio::time::{Instant, Sleep, sleep_until};

/// What the heartbeat asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// Send a ping.
    Ping,
    /// It was silent for longer than the pong wait.
    Silent,
}

/// One timer per client: it wakes for the next ping or for the pong deadline, whichever is first.
pub(super) struct Heartbeat {
    period: Duration,
    pong_wait: Duration,
    next_ping: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Heartbeat {
    /// The first ping comes after a random half to whole period, so that clients who came
    /// together are not pinged together for ever.
    pub(super) fn new(period: Duration, pong_wait: Duration) -> Self {
        let first = Instant::now() + period.mul_f64(rand::rng().random_range(0.5..=1.0));
        Self { period, pong_wait, next_ping: first, timer: Box::pin(sleep_until(first)) }
    }

    /// Waits for the next thing to do.
    ///
    /// # Cancel safety
    /// Nothing is lost: the timer goes on.
    pub(super) async fn next(&mut self, liveness: &Liveness) -> Beat {
        loop {
            self.timer.as_mut().await;
            let now = Instant::now();
            let deadline = Instant::from_std(liveness.last_seen()) + self.pong_wait;
            if deadline <= now {
                return Beat::Silent;
            }
            let ping_is_due = self.next_ping <= now;
            if ping_is_due {
                self.next_ping = now + self.period;
            }
            self.timer.as_mut().reset(self.next_ping.min(deadline));
            if ping_is_due {
                return Beat::Ping;
            }
        }
    }
}
