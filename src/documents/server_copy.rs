//! The server's copy of a document.

mod content;
mod merged;
mod size;
mod stack;

pub(super) use merged::Merged;
pub(super) use size::{Limits, Size, Work};

use super::{
    guard::{
        self, BadUpdate,
        parts::{self, Parts},
    },
    text_diff,
    wire::put_number,
};
use crate::storage::StoredContent;
use content::Content;
use stack::Stack;
use std::{
    collections::HashMap,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};
use yrs::{
    ClientID, Doc, OffsetKind, Options, ReadTxn, StateVector, Transact, TransactionMut, Update, WriteTxn,
    updates::decoder::Decode,
};

/// Longest time spent on comparing two texts.
const DIFF_TIME: Duration = Duration::from_millis(200);

/// Longest time spent on an update,
const APPLY_TIME: Duration = Duration::from_secs(1);
/// and for each block and deletion in it. Honest ones take a tenth.
const APPLY_TIME_PER_PART: Duration = Duration::from_micros(20);
/// So much of an update is done at first before it is looked at the clock,
const FIRST_PART: usize = 64;
/// and then more or less, to do so about this often.
const TIME_PER_PART: Duration = Duration::from_millis(50);

/// What a document has that nothing was written in.
const NOTHING: &[u8] = &[0, 0];

/// A document's stored content cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored content of a document is damaged: {0}")]
pub(super) struct Damaged(&'static str);

impl From<BadUpdate> for Damaged {
    fn from(BadUpdate(why): BadUpdate) -> Self {
        Self(why)
    }
}

/// That root of the document is no text, or the library failed on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no text")]
pub(super) struct NotText;

/// Why an update is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Bad(#[from] BadUpdate),
    /// The document would be too large.
    #[error("the document is full")]
    Full,
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Applied {
    /// What it changed, for the log and everybody else; `None`: all of it was known.
    pub(super) change: Option<Vec<u8>>,
    /// Whether it refers to something that is not here; that part of it was left out.
    pub(super) lacks: bool,
}

/// The server's copy of a document.
#[derive(Debug)]
pub(super) struct ServerCopy {
    doc: Doc,
    /// Up to which clock it has what each client wrote.
    clocks: HashMap<u64, u32>,
    size: Size,
    stack: Stack,
    is_poisoned: bool,
}

impl ServerCopy {
    /// The copy of what is stored. A matter of the processor: a large one belongs where blocking is allowed.
    ///
    /// # Errors
    /// [`Damaged`]: it is not what was stored.
    pub(super) fn load(content: &StoredContent) -> Result<Self, Damaged> {
        let mut copy = Self::empty();
        let damaged = |BadUpdate(why)| Damaged(why);
        if !content.snapshot.is_empty() {
            let walked = copy.take_stored(&content.snapshot).map_err(damaged)?;
            copy.size = Size::of(content.snapshot.len(), &walked);
        }
        for stored in &content.updates {
            copy.take_stored(&stored.update).map_err(damaged)?;
        }
        Ok(copy)
    }

    fn take_stored(&mut self, update: &[u8]) -> Result<guard::Walked, BadUpdate> {
        let walked = guard::walk(update)?;
        if self.integrate(update.to_vec(), walked.sections.len() + self.size.types + walked.types, |_| ())?.1 {
            return Err(BadUpdate("a part of it is missing"));
        }
        self.count(update.len(), &walked);
        Ok(walked)
    }

    fn empty() -> Self {
        let options = Options {
            offset_kind: OffsetKind::Utf16,
            skip_gc: false,
            // What only tidies up is left to those who write.
            cleanup_formatting: false,
            ..Options::with_client_id(ClientID::new(rand::random::<u32>().into()))
        };
        Self {
            doc: Doc::with_options(options),
            clocks: HashMap::new(),
            size: Size { bytes: NOTHING.len(), ..Size::default() },
            stack: Stack::default(),
            is_poisoned: false,
        }
    }

    /// Takes in an update of a client if there is room for it.
    ///
    /// # Errors
    /// [`Refused`]: nothing of it is in the copy, or the copy [is poisoned](Self::is_poisoned).
    pub(super) fn apply_within(&mut self, update: &[u8], limits: &Limits) -> Result<Applied, Refused> {
        let walked = guard::walk(update)?;
        if self.size.allows(update.len(), &walked, limits).is_err() {
            // Some of what was counted was deleted or joined since.
            self.measure()?;
            if self.size.allows(update.len(), &walked, limits).is_err() && !self.repeats(update, &walked)? {
                return Err(Refused::Full);
            }
        }
        let new = |section: &&guard::Section| !self.clocks.contains_key(&section.client);
        if self.clocks.len() + walked.sections.iter().filter(new).count() > size::MAX_CLIENTS {
            return Err(Refused::Full);
        }
        Ok(self.apply_walked(update, &walked)?)
    }

    /// Whether it changes nothing: an answer to our question repeats all that was deleted.
    fn repeats(&self, update: &[u8], walked: &guard::Walked) -> Result<bool, BadUpdate> {
        let has = |section: &guard::Section| self.clocks.get(&section.client).is_some_and(|has| *has >= section.end);
        if !walked.sections.iter().all(has) {
            return Ok(false);
        }
        let told = self.missing(&self.state_vector())?;
        let mut known: HashMap<u64, Vec<(u64, u64)>> = HashMap::new();
        for (client, clock, length) in parts::deletions(&told, &guard::walk(&told)?)? {
            known.entry(client).or_default().push((clock.into(), u64::from(clock) + length));
        }
        known.values_mut().for_each(|ranges| ranges.sort_unstable());
        let is_known = |(client, clock, length): (u64, u32, u64)| {
            let ranges = known.get(&client).map_or(&[][..], Vec::as_slice);
            let last = ranges.partition_point(|(start, _)| *start <= clock.into()).checked_sub(1);
            last.is_some_and(|last| ranges[last].1 >= u64::from(clock) + length)
        };
        Ok(parts::deletions(update, walked)?.into_iter().all(is_known))
    }

    /// Takes in an update.
    ///
    /// # Errors
    /// [`BadUpdate`]: nothing of it is in the copy, or the copy [is poisoned](Self::is_poisoned).
    pub(super) fn apply(&mut self, update: &[u8]) -> Result<Applied, BadUpdate> {
        let walked = guard::walk(update)?;
        self.apply_walked(update, &walked)
    }

    /// The time that the library takes for an update cannot be told from it, so it gets it part by part.
    fn apply_walked(&mut self, update: &[u8], walked: &guard::Walked) -> Result<Applied, BadUpdate> {
        if self.is_poisoned {
            return Err(BadUpdate("the copy of the document is damaged"));
        }
        let most = u32::try_from(walked.blocks + walked.ranges).unwrap_or(u32::MAX);
        let (started, longest) = (Instant::now(), APPLY_TIME + APPLY_TIME_PER_PART * most);
        // What a part changes is counted when all are done.
        let clocks = std::mem::take(&mut self.clocks);
        let applied = Parts::of(update, walked, &clocks).and_then(|parts| {
            // The parts before the one that failed are in it, and in no log.
            self.apply_parts(parts, started, longest).inspect_err(|_| self.is_poisoned = true)
        });
        self.clocks = clocks;
        let (changes, lacks) = applied?;
        if changes.is_empty() {
            return Ok(Applied { change: None, lacks });
        }
        let counted = Self::merge(&changes).and_then(|change| Ok((guard::walk(&change)?, change)));
        let (walked, change) = counted.inspect_err(|_| self.is_poisoned = true)?;
        self.count(change.len(), &walked);
        Ok(Applied { change: Some(change), lacks })
    }

    fn apply_parts(
        &mut self,
        mut parts: Parts,
        started: Instant,
        longest: Duration,
    ) -> Result<(Vec<Vec<u8>>, bool), BadUpdate> {
        let (mut changes, mut lacks, mut most, mut depth) = (Vec::new(), false, FIRST_PART, self.size.types);
        while let Some(part) = parts.next(most)? {
            let began = Instant::now();
            let walked = guard::walk(&part)?;
            depth += walked.types;
            let (change, part_lacks) = self.integrate(part, depth + walked.sections.len(), changed)?;
            changes.extend(change);
            lacks |= part_lacks;
            if started.elapsed() > longest {
                return Err(BadUpdate("the update takes too long"));
            }
            most = if began.elapsed() < TIME_PER_PART { most * 2 } else { (most / 2).max(FIRST_PART) };
        }
        Ok((changes, lacks || parts.lacks()))
    }

    /// Gives an update to the library; says what `made` makes of the transaction, and whether a part was left out.
    fn integrate<T: Send + 'static>(
        &mut self,
        update: Vec<u8>,
        depth: usize,
        made: fn(&mut TransactionMut) -> T,
    ) -> Result<(T, bool), BadUpdate> {
        let doc = self.doc.clone();
        self.write(depth, move || {
            let update = Update::decode_v1(&update).map_err(|_| BadUpdate("the update cannot be decoded"))?;
            transact(&doc, made, |transaction| {
                transaction.apply_update(update).map_err(|_| BadUpdate("the update contradicts the document"))?;
                let lacks = transaction.has_missing_updates();
                transaction.prune_pending();
                Ok(lacks)
            })
        })
    }

    /// One update of many, each of which followed the one before.
    ///
    /// # Errors
    /// [`BadUpdate`]: the library failed.
    pub(super) fn merge(changes: &[Vec<u8>]) -> Result<Vec<u8>, BadUpdate> {
        match changes {
            [] => Ok(NOTHING.to_vec()),
            [change] => Ok(change.clone()),
            changes => catch_unwind(|| yrs::merge_updates_v1(changes))
                .ok()
                .and_then(Result::ok)
                .ok_or(BadUpdate("the library failed to merge updates")),
        }
    }

    /// What somebody lacks who has this state vector.
    ///
    /// # Errors
    /// [`BadUpdate`]: it is none.
    pub(super) fn missing(&self, state_vector: &[u8]) -> Result<Vec<u8>, BadUpdate> {
        guard::check_state_vector(state_vector)?;
        let known =
            StateVector::decode_v1(state_vector).map_err(|_| BadUpdate("the state vector cannot be decoded"))?;
        self.read(|transaction| transaction.encode_diff_v1(&known))
    }

    /// What it has, in short.
    pub(super) fn state_vector(&self) -> Vec<u8> {
        let mut vector = Vec::with_capacity(8 * self.clocks.len());
        put_number(&mut vector, self.clocks.len() as u64);
        for (client, clock) in &self.clocks {
            put_number(&mut vector, *client);
            put_number(&mut vector, (*clock).into());
        }
        vector
    }

    /// All it has, as one update.
    ///
    /// # Errors
    /// [`BadUpdate`]: the copy is poisoned, or the library failed.
    pub(super) fn state(&self) -> Result<Vec<u8>, BadUpdate> {
        self.read(|transaction| transaction.encode_diff_v1(&StateVector::default()))
    }

    /// How large it is about, rather too large than too small.
    pub(super) fn size(&self) -> &Size {
        &self.size
    }

    /// How much work an update is.
    pub(super) fn work_of(&self, update: &[u8], limits: &Limits) -> Work {
        self.size.work_of(update, limits)
    }

    /// Counts how large it is.
    ///
    /// # Errors
    /// [`BadUpdate`]: the copy is poisoned, or the library failed.
    pub(super) fn measure(&mut self) -> Result<&Size, BadUpdate> {
        let state = self.state()?;
        self.size = Size::of(state.len(), &guard::walk(&state)?);
        Ok(&self.size)
    }

    fn count(&mut self, bytes: usize, walked: &guard::Walked) {
        self.size.grow(&Size::of_update(bytes, walked));
        for section in &walked.sections {
            let clock = self.clocks.entry(section.client).or_default();
            *clock = section.end.max(*clock);
        }
    }

    /// Whether the library failed in the middle of a change: what is here is not what is stored any more.
    pub(super) fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// The text of a root, without what is embedded in it; `None`: that root is no text.
    pub(super) fn text(&self, root: &str) -> Option<String> {
        self.read(|transaction| Some(Content::of(transaction, root, &self.size)?.text)).ok().flatten()
    }

    /// Makes `text` of a root with the smallest change that is found in time.
    ///
    /// # Errors
    /// [`NotText`], with nothing changed or the copy [poisoned](Self::is_poisoned).
    pub(super) fn replace_text(&mut self, root: &str, text: &str) -> Result<Option<Vec<u8>>, NotText> {
        let content =
            self.read(|transaction| Content::of(transaction, root, &self.size)).ok().flatten().ok_or(NotText)?;
        let most = content::most_edits(&self.size);
        let edits = text_diff::edits(&content.text, text, most, Instant::now() + DIFF_TIME);
        if edits.is_empty() {
            return Ok(None);
        }
        let (doc, root, places) = (self.doc.clone(), root.to_owned(), content.places(&edits).ok_or(NotText)?);
        let is_formatted = self.size.formats > 0;
        let written = self.write(self.size.types, move || {
            transact(&doc, changed, |transaction| {
                content::write(transaction, &root, places, is_formatted);
                Ok(())
            })
        });
        let counted = written.and_then(|(change, ())| {
            let walked = change.as_deref().map(guard::walk).transpose()?;
            Ok((change, walked))
        });
        let (change, walked) = counted.map_err(|_| NotText)?;
        if let (Some(change), Some(walked)) = (&change, walked) {
            self.count(change.len(), &walked);
        }
        Ok(change)
    }

    /// Reads in it; the library's panics are errors.
    fn read<T>(&self, read: impl FnOnce(&yrs::Transaction) -> T) -> Result<T, BadUpdate> {
        if self.is_poisoned {
            return Err(BadUpdate("the copy of the document is damaged"));
        }
        catch_unwind(AssertUnwindSafe(|| read(&self.doc.transact())))
            .map_err(|_| BadUpdate("the library failed on the document"))
    }

    /// Writes in it, with room for so deep a recursion. An error or a panic of the library poisons the copy.
    fn write<T: Send + 'static>(
        &mut self,
        depth: usize,
        write: impl FnOnce() -> Result<T, BadUpdate> + Send + 'static,
    ) -> Result<T, BadUpdate> {
        if self.is_poisoned {
            return Err(BadUpdate("the copy of the document is damaged"));
        }
        self.is_poisoned = true;
        let written = self.stack.run(depth, write)??;
        self.is_poisoned = false;
        Ok(written)
    }
}

/// What a transaction changed, if it did.
fn changed(transaction: &mut TransactionMut) -> Option<Vec<u8>> {
    Some(transaction.encode_update_v1()).filter(|change| change != NOTHING)
}

/// Writes in a document, and says what `made` makes of the transaction.
fn transact<T, M>(
    doc: &Doc,
    made: fn(&mut TransactionMut) -> M,
    write: impl FnOnce(&mut TransactionMut) -> Result<T, BadUpdate>,
) -> Result<(M, T), BadUpdate> {
    // Its drop commits: after a panic that would panic again, which ends the process. It leaks instead.
    let mut transaction = ManuallyDrop::new(doc.transact_mut());
    let result = write(&mut transaction).map(|result| {
        transaction.commit();
        (made(&mut transaction), result)
    });
    drop(ManuallyDrop::into_inner(transaction));
    result
}

#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod tests;
