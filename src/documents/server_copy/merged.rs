//! What may stand in the place of a document's log.

use super::{Damaged, ServerCopy};
use crate::{
    documents::guard::{self, BadUpdate},
    model::Offset,
    storage::StoredContent,
};
use std::collections::HashMap;

/// All that a copy has, as one update, and what must be read back from it.
#[derive(Debug)]
pub(in crate::documents) struct Merged {
    state: Vec<u8>,
    clocks: HashMap<u64, u32>,
}

impl ServerCopy {
    /// All it has, to be stored in the place of a log.
    ///
    /// # Errors
    /// [`BadUpdate`]: the copy is poisoned, or the library failed.
    pub(in crate::documents) fn merged(&mut self) -> Result<Merged, BadUpdate> {
        let state = self.state()?;
        self.size = super::Size::of(state.len(), &guard::walk(&state)?);
        Ok(Merged { state, clocks: self.clocks.clone() })
    }
}

impl Merged {
    /// The update, if everything can be read back from it. A matter of the processor.
    ///
    /// # Errors
    /// [`Damaged`]: the log must be kept.
    pub(in crate::documents) fn verified(self) -> Result<Vec<u8>, Damaged> {
        let Self { state, clocks } = self;
        let damaged = |BadUpdate(why)| Damaged(why);
        let deletions = guard::walk(&state).map_err(damaged)?.deletions;
        let content = StoredContent { snapshot: state, merged: Offset(0), updates: Vec::new() };
        let again = ServerCopy::load(&content)?;
        if again.clocks != clocks {
            return Err(Damaged("what was merged lacks something"));
        }
        // To whoever knows all of it, only what was deleted is to be told.
        let told = again.missing(&again.state_vector()).map_err(damaged)?;
        if told.get(1..) != Some(&content.snapshot[deletions..]) {
            return Err(Damaged("what was merged has deleted something else"));
        }
        Ok(content.snapshot)
    }
}
