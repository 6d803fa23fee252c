//! How fast people bring documents of namespaces into being, by opening what is not there: as fast as they send events.

use crate::{connection::TokenBucket, model::PersonId, settings};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// People whose pace is remembered; beyond that, those who have rested are forgotten.
const MAX_PACES: usize = 10_000;

/// Who has made documents lately.
#[derive(Debug, Default)]
pub(super) struct Makers(Mutex<HashMap<PersonId, TokenBucket>>);

impl Makers {
    /// Whether somebody may go on; it counts.
    pub(super) fn may_make_another(&self, person: PersonId, settings: &settings::Socket) -> bool {
        let now = Instant::now();
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= MAX_PACES {
            paces.retain(|_, bucket| !bucket.is_full(now));
        }
        let full = || TokenBucket::of_settings(settings.events_per_sec, settings.events_burst, now);
        paces.entry(person).or_insert_with(full).take(1, now)
    }
}
