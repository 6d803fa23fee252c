//! What clients say of each other: clients of the Yjs protocol repeat whatever they hear of who is where, so that a crowd
//! says everything as often as it has people. What all know is passed over before it costs anybody anything.

use super::guard::{BadUpdate, reader::Reader};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Whose states are shown, and the clock of each, for those who look from outside the owner.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown(Arc<RwLock<HashMap<u64, u64>>>);

impl Shown {
    /// A state is shown that has this clock.
    pub(super) fn shows(&self, id: u64, clock: u64) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id, clock);
    }

    /// It is shown no more.
    pub(super) fn hides(&self, id: u64) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Whether an update of awareness has nothing that is not shown.
    pub(super) fn has_all_of(&self, update: &[u8]) -> bool {
        let shown = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut reader = Reader::new(update);
        let Ok(states) = reader.count(3) else { return false };
        let mut is_known = || -> Result<bool, BadUpdate> {
            let (id, clock, state) = (reader.number()?, reader.number()?, reader.bytes()?);
            // What is taken back has the clock that it had.
            Ok(state != b"null" && shown.get(&id).is_some_and(|known| clock <= *known))
        };
        (0..states).all(|_| is_known().unwrap_or(false)) && reader.is_at_end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_known_until_it_is_hidden() {
        let shown = Shown::default();
        shown.shows(7, 3);
        shown.shows(8, 1);
        for (update, is_known) in [
            (&b"\x01\x07\x03\x02{}"[..], true),
            (b"\x02\x07\x02\x02{}\x08\x01\x00", true),
            (b"\x00", true),
            (b"\x01\x07\x04\x02{}", false),
            (b"\x01\x07\x03\x04null", false),
            (b"\x02\x07\x03\x02{}\x09\x01\x02{}", false),
            (b"\x01\x07\x03\x02{}x", false),
            (b"\x01\x07", false),
            (b"", false),
        ] {
            assert_eq!(shown.has_all_of(update), is_known, "{update:?}");
        }
        shown.hides(7);
        assert!(!shown.has_all_of(b"\x01\x07\x03\x02{}"));
    }
}
