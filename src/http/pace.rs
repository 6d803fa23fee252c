//! How fast members publish and write over HTTP: as fast, and as much, as they may send on a socket. Back ends are
//! trusted.

use super::ApiError;
use crate::{
    connection::{TokenBucket, cost},
    model::UserId,
    protocol::ErrorCode,
    settings,
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Members whose pace is remembered; beyond that, those who have rested are forgotten.
const MAX_PACES: usize = 10_000;

/// How much each member has published and written lately.
#[derive(Debug, Default)]
pub struct Pace(Mutex<HashMap<UserId, TokenBucket>>);

impl Pace {
    /// Lets a member go on with things of these sizes in bytes, each at the cost of an event of its size.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub(super) fn check(
        &self,
        user: UserId,
        sizes: impl IntoIterator<Item = usize>,
        settings: &settings::Socket,
    ) -> Result<(), ApiError> {
        let (rate, burst, now) = (settings.events_per_sec, settings.events_burst, Instant::now());
        if rate == 0 || burst == 0 {
            return Ok(());
        }
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= MAX_PACES {
            paces.retain(|_, bucket| !bucket.is_full(now));
        }
        let bucket = paces.entry(user).or_insert_with(|| TokenBucket::new(rate.into(), burst, now));
        let tokens = sizes.into_iter().map(cost).fold(0, u32::saturating_add);
        if bucket.take(tokens, now) {
            return Ok(());
        }
        let message = "you send faster than members may";
        Err(ApiError::new(ErrorCode::TooManyRequests, message).retry_after(Duration::from_secs(1)))
    }

    /// Counts what a member was let go on with and turned out to be so large: they wait for it before the next.
    pub(super) fn owe(&self, user: UserId, bytes: usize) {
        if let Some(bucket) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&user) {
            bucket.owe(cost(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn what_is_large_costs_as_much_as_several() {
        let mut settings = Settings::defaults().socket;
        (settings.events_per_sec, settings.events_burst) = (1, 10);
        let pace = Pace::default();
        assert!(pace.check(UserId(1), [1, 4096 * 5], &settings).is_ok(), "one and six of ten");
        assert!(pace.check(UserId(1), [4096 * 3], &settings).is_err(), "four, and three are left");
        assert!(pace.check(UserId(1), [1, 1, 1], &settings).is_ok());
        assert!(pace.check(UserId(2), [1], &settings).is_ok(), "each has a pace of their own");
        pace.owe(UserId(2), 4096 * 3);
        pace.owe(UserId(2), usize::MAX);
        assert!(pace.check(UserId(2), [1], &settings).is_err(), "what was owed is waited for");
    }
}
