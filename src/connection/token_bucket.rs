//! A rate with room for bursts.

use crate::settings;
use std::time::Instant;

/// What something of so many bytes costs of the rate: a large one as much as several, because everyone gets it.
#[must_use]
pub fn cost(bytes: usize) -> u32 {
    const BYTES_PER_TOKEN: usize = 4096;
    u32::try_from(1 + bytes / BYTES_PER_TOKEN).unwrap_or(u32::MAX)
}

/// Lets `per_second` things through in the long run and `burst` at once.
#[derive(Debug)]
pub struct TokenBucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    refilled: Instant,
}

impl TokenBucket {
    /// A full bucket; 0 per second is no limit.
    #[must_use]
    pub fn new(per_second: f64, burst: u32, now: Instant) -> Self {
        Self { per_second, burst: burst.into(), tokens: burst.into(), refilled: now }
    }

    /// One of the settings, where 0 is no limit for either number: a bucket that holds nothing would let nothing through.
    #[must_use]
    pub fn of_settings(per_second: u32, burst: u32, now: Instant) -> Self {
        let per_second = if burst == 0 { 0 } else { per_second };
        Self::new(per_second.into(), burst, now)
    }

    /// For a client's pings, and the pongs that answer ours.
    #[must_use]
    pub fn of_controls(settings: &settings::Socket, now: Instant) -> Self {
        let pongs_per_sec = settings.ping_period.as_secs_f64().recip().ceil();
        let per_second = match settings.pings_per_sec {
            0 => 0.0,
            pings => f64::from(pings) + pongs_per_sec,
        };
        Self::new(per_second, per_second as u32, now)
    }

    /// Takes so many tokens, or what a full bucket has; `false` when there are fewer.
    pub fn take(&mut self, tokens: u32, now: Instant) -> bool {
        if self.per_second == 0.0 {
            return true;
        }
        let elapsed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        self.refilled = now;
        let tokens = f64::from(tokens).min(self.burst.max(1.0));
        if self.tokens < tokens {
            return false;
        }
        self.tokens -= tokens;
        true
    }

    /// Takes what is not there yet, up to a bucket full: it is waited for before the next.
    pub fn owe(&mut self, tokens: u32) {
        self.tokens = (self.tokens - f64::from(tokens)).max(-self.burst);
    }

    /// Whether it has rested so long that forgetting it changes nothing.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.tokens + elapsed * self.per_second >= self.burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_and_then_the_rate_counts() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(20.0, 3, start);
        assert_eq!((0..5).filter(|_| bucket.take(1, start)).count(), 3);
        let later = start + Duration::from_millis(101);
        assert_eq!((0..5).filter(|_| bucket.take(1, later)).count(), 2);
    }

    #[test]
    fn zero_is_no_limit() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(0.0, 0, start);
        assert!((0..1000).all(|_| bucket.take(1, start)));
    }
}
