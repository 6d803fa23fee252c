//! What the log says while a feed does not work: at once, and then now and then, however often it seems to recover.

use super::error::FeedError;
use std::time::{Duration, Instant};

/// How often the same is said again.
const REPEAT_PERIOD: Duration = Duration::from_secs(60);
/// A restart of the database takes no longer, and is not worth a line.
const GRACE: Duration = Duration::from_secs(1);

/// Why it does not work, and since when.
#[derive(Debug)]
pub(super) struct Trouble {
    database: String,
    since: Option<Instant>,
    told: Option<(String, Instant)>,
    /// The last line said that it works.
    is_well: bool,
}

impl Trouble {
    pub(super) fn new(database: String) -> Self {
        Self { database, since: None, told: None, is_well: false }
    }

    /// It does not work, because of `error`.
    pub(super) fn is(&mut self, error: &FeedError) {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let why = error.to_string();
        let is_known = self.told.as_ref().is_some_and(|(told, at)| *told == why && at.elapsed() < REPEAT_PERIOD);
        let is_short = error.is_passing() && since.elapsed() < GRACE;
        if !is_known && !is_short {
            tracing::warn!(feed.database = self.database, error = why, "the feed waits; trying again");
            self.told = Some((why, now));
            self.is_well = false;
        }
    }

    /// It works.
    pub(super) fn is_over(&mut self) {
        self.since = None;
        if !std::mem::replace(&mut self.is_well, true) {
            tracing::info!(feed.database = self.database, "the feed is drained by this server");
        }
    }
}
