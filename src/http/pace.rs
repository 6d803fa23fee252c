//! How fast members publish over HTTP: as fast, and as much, as they may send on a socket. Back ends are trusted.

use super::ApiError;
use crate::{
    connection::{TokenBucket, cost},
    events::NewPublish,
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

/// How fast each member has published lately.
#[derive(Debug, Default)]
pub struct Pace(Mutex<HashMap<UserId, TokenBucket>>);

impl Pace {
    /// Lets a member publish, each publication at the cost of an event of its size.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub(super) fn check(&self, user: UserId, new: &[NewPublish], settings: &settings::Socket) -> Result<(), ApiError> {
        let (rate, burst, now) = (settings.events_per_sec, settings.events_burst, Instant::now());
        if rate == 0 || burst == 0 {
            return Ok(());
        }
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= MAX_PACES {
            paces.retain(|_, bucket| !bucket.is_full(now));
        }
        let bucket = paces.entry(user).or_insert_with(|| TokenBucket::new(rate.into(), burst, now));
        let tokens = new.iter().map(|one| cost(one.data.get().len())).fold(0, u32::saturating_add);
        if bucket.take(tokens, now) {
            return Ok(());
        }
        let message = "you publish faster than members may";
        Err(ApiError::new(ErrorCode::TooManyRequests, message).retry_after(Duration::from_secs(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::ChannelName, settings::Settings};
    use serde_json::value::to_raw_value;

    #[test]
    fn what_is_large_costs_as_much_as_several() {
        let mut settings = Settings::defaults().socket;
        (settings.events_per_sec, settings.events_burst) = (1, 10);
        let new = |bytes| NewPublish {
            channel: ChannelName::parse("a").unwrap(),
            data: to_raw_value(&"x".repeat(bytes)).unwrap().into(),
        };
        let pace = Pace::default();
        assert!(pace.check(UserId(1), &[new(1), new(4096 * 5)], &settings).is_ok(), "one and six of ten");
        assert!(pace.check(UserId(1), &[new(4096 * 3)], &settings).is_err(), "four, and three are left");
        assert!(pace.check(UserId(1), &[new(1), new(1), new(1)], &settings).is_ok());
        assert!(pace.check(UserId(2), &[new(1)], &settings).is_ok(), "each has a pace of their own");
    }
}
