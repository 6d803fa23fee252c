//! How large a document is, and how much work is done on it.

use super::Refused;
use crate::documents::guard::{self, BadUpdate, Walked};

/// Types in one document, and documents in it: more serve nobody, and cost much more memory than bytes.
pub(super) const MAX_TYPES: usize = 250_000;
const MAX_SUBDOCUMENTS: usize = 1_000;
/// Clients that ever wrote in a document: everybody who opens it is told of each. An editor is a new one whenever its
/// page is loaded.
pub(super) const MAX_CLIENTS: usize = 100_000;
/// Clients whose writing comes in one update: the time it takes grows with their square.
pub(super) const MAX_CLIENTS_AT_ONCE: usize = 10_000;
/// A block takes ten times as much memory as the fewest bytes it can be encoded in.
const BYTES_PER_BLOCK: usize = 16;

/// What says that a block was deleted takes so many bytes, about.
const BYTES_PER_DELETION: usize = 6;

/// Work on so many bytes is done where blocking is allowed: it may take longer than a millisecond.
const LARGE: usize = 64 * 1024;
/// As is work that may look at so many blocks.
const MANY_BLOCKS: usize = 5_000;
/// And what looks at more than so many waits for what others do that is as long.
const VERY_MANY_BLOCKS: usize = 2_000_000;
/// Updates up to so many bytes are walked to tell how much work they are.
const WALKED_BYTES: usize = 16 * 1024;
/// What a deletion inside a text copies of it costs as much as a look at a block.
const BYTES_PER_LOOK: usize = 2_000;

/// About how large a document is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::documents) struct Size {
    /// Of the encoded state.
    pub(in crate::documents) bytes: usize,
    pub(in crate::documents) blocks: usize,
    /// Of those bytes: what says what was deleted.
    pub(in crate::documents) deletions: usize,
    pub(in crate::documents) types: usize,
    pub(in crate::documents) subdocuments: usize,
    /// Where formats start or end.
    pub(in crate::documents) formats: usize,
}

/// How large a document may become.
#[derive(Debug, Clone, Copy)]
pub(in crate::documents) struct Limits {
    pub(in crate::documents) bytes: usize,
    /// What says what was deleted is in every client's answer, whatever that lacks, and has to fit into a message.
    pub(in crate::documents) deletions: usize,
}

/// Where work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::documents) enum Work {
    /// At once: it takes less than about a millisecond.
    Short,
    /// Where blocking is allowed.
    Long,
    /// There too, and with little else of its kind.
    VeryLong,
}

impl Size {
    /// Of the state of a document, walked.
    pub(super) fn of(bytes: usize, walked: &Walked) -> Self {
        let Walked { blocks, types, subdocuments, formats, deletions, .. } = *walked;
        Self { bytes, blocks, deletions: bytes - deletions, types, subdocuments, formats }
    }

    /// How much larger an update makes a document at most.
    pub(super) fn of_update(bytes: usize, walked: &Walked) -> Self {
        let mut size = Self::of(bytes, walked);
        // A deletion takes two blocks apart.
        size.blocks += 2 * walked.ranges;
        size.deletions += BYTES_PER_DELETION * walked.deleted;
        size
    }

    pub(super) fn grow(&mut self, by: &Self) {
        self.bytes += by.bytes;
        self.blocks += by.blocks;
        self.deletions += by.deletions;
        self.types += by.types;
        self.subdocuments += by.subdocuments;
        self.formats += by.formats;
    }

    /// Whether the document may become so much larger. What only deletes needs no more bytes of a full document than
    /// its own, but room for what says so.
    pub(super) fn allows(&self, bytes: usize, walked: &Walked, limits: &Limits) -> Result<(), Refused> {
        if walked.sections.len() > MAX_CLIENTS_AT_ONCE {
            return Err(BadUpdate("an update of too many clients").into());
        }
        let mut grown = *self;
        grown.grow(&Self::of_update(bytes, walked));
        if grown.types > MAX_TYPES || grown.subdocuments > MAX_SUBDOCUMENTS {
            return Err(BadUpdate("the document has too many parts").into());
        }
        let only_deletes = walked.sections.is_empty();
        // A full document can still be made smaller.
        let room = if only_deletes { limits.bytes / 8 } else { 0 };
        let fits = (only_deletes || grown.bytes <= limits.bytes)
            && grown.blocks <= (limits.bytes + room) / BYTES_PER_BLOCK
            && (grown.deletions <= limits.deletions || walked.ranges + walked.deleted == 0);
        if fits { Ok(()) } else { Err(Refused::Full) }
    }

    /// How much work an update is: each of its blocks and deletions may have to look at all that is there.
    pub(super) fn work_of(&self, update: &[u8], limits: &Limits) -> Work {
        if update.len() > WALKED_BYTES {
            return Work::VeryLong;
        }
        // What is refused costs nothing.
        let Ok(walked) = guard::walk(update) else { return Work::Short };
        if self.allows(update.len(), &walked, limits).is_err() {
            // It is counted first.
            return self.work_with(update.len());
        }
        let parts = walked.blocks + walked.ranges;
        match parts.saturating_mul(self.blocks + parts + self.bytes / BYTES_PER_LOOK) {
            looks if looks < MANY_BLOCKS => Work::Short,
            looks if looks < VERY_MANY_BLOCKS => Work::Long,
            _ => Work::VeryLong,
        }
    }

    /// How much work it is to read all of it, or to compare it with so many bytes.
    pub(in crate::documents) fn work_with(&self, bytes: usize) -> Work {
        if self.bytes + bytes < LARGE && self.blocks < MANY_BLOCKS { Work::Short } else { Work::VeryLong }
    }
}
