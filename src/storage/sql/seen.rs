//! When sessions were last used, until the writer has noted it in the store.
//!
//! Five thousand clients that return at once must not wait for five thousand fsyncs, and what
//! a crash loses here is harmless: those sessions only count as idle from a little earlier.

use crate::model::{SessionId, UnixMillis};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// At most one entry per session, and only until the next flush.
#[derive(Debug, Default)]
pub(in crate::storage) struct Seen(Mutex<HashMap<SessionId, UnixMillis>>);

impl Seen {
    /// Notes a use. `true`: it is the first one since everything was flushed.
    pub(super) fn note(&self, session: SessionId, now: UnixMillis) -> bool {
        let mut seen = self.lock();
        let first = seen.is_empty();
        let last = seen.entry(session).or_insert(now);
        *last = now.max(*last);
        first
    }

    pub(super) fn last(&self, session: SessionId) -> Option<UnixMillis> {
        self.lock().get(&session).copied()
    }

    /// At most `count` of the entries; they stay until they are [`forgotten`](Self::forget).
    pub(in crate::storage) fn some(&self, count: usize) -> Vec<(SessionId, UnixMillis)> {
        self.lock().iter().take(count).map(|(session, at)| (*session, *at)).collect()
    }

    /// Forgets what has been stored, unless it was used again meanwhile. `true`: nothing is left.
    pub(super) fn forget(&self, stored: &[(SessionId, UnixMillis)]) -> bool {
        let mut seen = self.lock();
        for (session, at) in stored {
            if seen.get(session) == Some(at) {
                seen.remove(session);
            }
        }
        seen.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, UnixMillis>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
