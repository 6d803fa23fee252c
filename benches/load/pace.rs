//! Sends at a fixed rate, whatever the server does, and stamps each message with the moment it was due: a server that
//! falls behind cannot slow the clock it is measured by.

use std::time::{Duration, Instant};

/// Hands out the moments at which messages are due.
pub(crate) struct Pace {
    start: Instant,
    per_second: f64,
    sent: u64,
}

/// The timer wakes up to a millisecond late; the rest is waited out awake.
const AWAKE: Duration = Duration::from_micros(1500);
/// At higher rates that would be all the time, and keep the generator from receiving: messages then leave in bursts of
/// a millisecond, and their latency includes how late they left.
const MAX_AWAKE_RATE: f64 = 200.0;

impl Pace {
    pub(crate) fn new(per_second: f64) -> Self {
        Self { start: Instant::now(), per_second, sent: 0 }
    }

    /// Waits for the next message's moment; one that has passed already is returned at once.
    pub(crate) async fn next(&mut self) -> Instant {
        let due = self.start + Duration::from_secs_f64(self.sent as f64 / self.per_second);
        self.sent += 1;
        let awake = if self.per_second > MAX_AWAKE_RATE { Duration::ZERO } else { AWAKE };
        if let Some(early) = due.checked_duration_since(Instant::now())
            && early > awake
        {
            tokio::time::sleep(early - awake).await;
        }
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
        due
    }

    /// How far behind the clock the sender is.
    pub(crate) fn lateness(&self) -> Duration {
        let due = self.start + Duration::from_secs_f64(self.sent as f64 / self.per_second);
        Instant::now().saturating_duration_since(due)
    }
}
