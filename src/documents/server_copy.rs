//! The server's copy of a document.

use super::{
    guard::{self, BadUpdate},
    text_diff::{self, Edit},
    wire::put_number,
};
use crate::storage::StoredContent;
use std::{
    mem::ManuallyDrop,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};
use yrs::{
    ClientID, Doc, Map, OffsetKind, Options, Out, ReadTxn, StateVector, Text, Transact, TransactionMut, Update,
    WriteTxn,
    types::{
        Attrs, Delta,
        text::{Diff, YChange},
    },
    updates::{decoder::Decode, encoder::Encode},
};

/// Longest time spent on comparing two texts.
const DIFF_TIME: Duration = Duration::from_millis(200);

/// Types in one document, and documents in it: more serve nobody, and cost much more memory than bytes.
const MAX_TYPES: usize = 250_000;
const MAX_SUBDOCUMENTS: usize = 1_000;
/// Clients whose writing comes in one update: the time it takes grows with their square.
const MAX_CLIENTS: usize = 10_000;

/// Levels of recursion that fit on the stack of any thread; above, room is made for each.
const DEPTH_OF_ANY_STACK: usize = 256;
const LEAST_STACK: usize = 1 << 20;
const STACK_PER_LEVEL: usize = 1 << 10;

/// What a document has that nothing was written in.
const NOTHING: &[u8] = &[0, 0];

/// A document's stored content cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored content of a document is damaged: {0}")]
pub(super) struct Damaged(&'static str);

/// That root of the document is no text, or the library failed on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no text")]
pub(super) struct NotText;

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
    bytes: usize,
    types: usize,
    subdocuments: usize,
    is_poisoned: bool,
}

impl ServerCopy {
    /// The copy of what is stored. A matter of the processor: a large one belongs where blocking is allowed.
    ///
    /// # Errors
    /// [`Damaged`]: it is not what was stored.
    pub(super) fn load(content: &StoredContent) -> Result<Self, Damaged> {
        let mut copy = Self::empty();
        let snapshot = Some(&content.snapshot).filter(|snapshot| !snapshot.is_empty());
        let updates = snapshot.into_iter().chain(content.updates.iter().map(|stored| &stored.update));
        for update in updates {
            let walked = guard::walk(update).map_err(|BadUpdate(why)| Damaged(why))?;
            let applied = copy.integrate(update, &walked).map_err(|BadUpdate(why)| Damaged(why))?;
            if applied.lacks {
                return Err(Damaged("a part of it is missing"));
            }
        }
        copy.measure();
        Ok(copy)
    }

    fn empty() -> Self {
        let options = Options {
            offset_kind: OffsetKind::Utf16,
            skip_gc: false,
            // What only tidies up is left to those who write.
            cleanup_formatting: false,
            ..Options::with_client_id(ClientID::new(rand::random::<u32>().into()))
        };
        Self { doc: Doc::with_options(options), bytes: NOTHING.len(), types: 0, subdocuments: 0, is_poisoned: false }
    }

    /// Takes in an update of a client.
    ///
    /// # Errors
    /// [`BadUpdate`]: nothing of it is in the copy, or the copy [is poisoned](Self::is_poisoned).
    pub(super) fn apply(&mut self, update: &[u8]) -> Result<Applied, BadUpdate> {
        let walked = guard::walk(update)?;
        self.check_room_for(&walked)?;
        self.integrate(update, &walked)
    }

    fn integrate(&mut self, update: &[u8], walked: &guard::Walked) -> Result<Applied, BadUpdate> {
        let depth = walked.sections.len() + self.types + walked.types;
        let known = self.read(|transaction| transaction.state_vector())?;
        let whole = without_gaps(update, walked, &known);
        let lacks_blocks = whole.is_some();
        let update = Update::decode_v1(whole.as_deref().unwrap_or(update))
            .map_err(|_| BadUpdate("the update cannot be decoded"))?;
        let (change, lacks) = with_stack_for(depth, || {
            self.write(|transaction| {
                transaction.apply_update(update).map_err(|_| BadUpdate("the update contradicts the document"))?;
                let lacks = transaction.has_missing_updates();
                transaction.prune_pending();
                Ok(lacks)
            })
        })?;
        if let Some(change) = &change {
            let walked = guard::walk(change)?;
            self.types += walked.types;
            self.subdocuments += walked.subdocuments;
        }
        Ok(Applied { change, lacks: lacks || lacks_blocks })
    }

    /// One update of many, each of which followed the one before.
    pub(super) fn merge(changes: &[Vec<u8>]) -> Vec<u8> {
        match changes {
            [] => NOTHING.to_vec(),
            [change] => change.clone(),
            changes => yrs::merge_updates_v1(changes).expect("what the library wrote it can read"),
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
        self.read(|transaction| transaction.state_vector().encode_v1()).unwrap_or_else(|_| vec![0])
    }

    /// All it has, as one update.
    pub(super) fn state(&self) -> Vec<u8> {
        self.read(|transaction| transaction.encode_diff_v1(&StateVector::default()))
            .unwrap_or_else(|_| NOTHING.to_vec())
    }

    /// About how many bytes all it has takes, rather too many than too few.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts them, and says how many there are.
    pub(super) fn measure(&mut self) -> usize {
        self.bytes = self.state().len();
        self.bytes
    }

    /// Whether the library failed in the middle of a change: what is here is not what is stored any more.
    pub(super) fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// The text of a root, without what is embedded in it; `None`: that root is no text.
    pub(super) fn text(&self, root: &str) -> Option<String> {
        self.read(|transaction| Some(Content::of(transaction, root)?.text)).ok().flatten()
    }

    /// Makes `text` of a root with the smallest change that is found in time.
    ///
    /// # Errors
    /// [`NotText`], with nothing changed or the copy [poisoned](Self::is_poisoned).
    pub(super) fn replace_text(&mut self, root: &str, text: &str) -> Result<Option<Vec<u8>>, NotText> {
        let content = self.read(|transaction| Content::of(transaction, root)).ok().flatten().ok_or(NotText)?;
        let edits = text_diff::edits(&content.text, text, Instant::now() + DIFF_TIME);
        if edits.is_empty() {
            return Ok(None);
        }
        let delta = content.delta(&edits);
        let written = with_stack_for(self.types, || {
            self.write(|transaction| {
                let root = transaction.get_or_insert_text(root);
                root.apply_delta(transaction, delta);
                Ok(())
            })
        });
        written.map(|(change, ())| change).map_err(|_| NotText)
    }

    /// Nobody fills the memory with what takes few bytes and much room.
    fn check_room_for(&mut self, walked: &guard::Walked) -> Result<(), BadUpdate> {
        let has_room = |copy: &Self| {
            copy.types + walked.types <= MAX_TYPES && copy.subdocuments + walked.subdocuments <= MAX_SUBDOCUMENTS
        };
        if walked.sections.len() > MAX_CLIENTS {
            return Err(BadUpdate("an update of too many clients"));
        }
        if !has_room(self) {
            // Some of what was counted was deleted since.
            let now = guard::walk(&self.state())?;
            (self.types, self.subdocuments) = (now.types, now.subdocuments);
        }
        if has_room(self) { Ok(()) } else { Err(BadUpdate("the document has too many parts")) }
    }

    /// Reads in it; the library's panics are errors.
    fn read<T>(&self, read: impl FnOnce(&yrs::Transaction) -> T) -> Result<T, BadUpdate> {
        if self.is_poisoned {
            return Err(BadUpdate("the copy of the document is damaged"));
        }
        catch_unwind(AssertUnwindSafe(|| read(&self.doc.transact())))
            .map_err(|_| BadUpdate("the library failed on the document"))
    }

    /// Writes in it, and says what was changed. An error or a panic of the library poisons the copy.
    fn write<T>(
        &mut self,
        write: impl FnOnce(&mut TransactionMut) -> Result<T, BadUpdate>,
    ) -> Result<(Option<Vec<u8>>, T), BadUpdate> {
        if self.is_poisoned {
            return Err(BadUpdate("the copy of the document is damaged"));
        }
        self.is_poisoned = true;
        let written = catch_unwind(AssertUnwindSafe(|| {
            // Its drop commits: after a panic that would panic again, which ends the process. It leaks instead.
            let mut transaction = ManuallyDrop::new(self.doc.transact_mut());
            let result = write(&mut transaction).map(|result| {
                transaction.commit();
                (Some(transaction.encode_update_v1()).filter(|change| change != NOTHING), result)
            });
            drop(ManuallyDrop::into_inner(transaction));
            result
        }));
        let (change, result) = written.map_err(|_| BadUpdate("the library failed on the update"))??;
        self.is_poisoned = false;
        self.bytes += change.as_ref().map_or(0, Vec::len);
        Ok((change, result))
    }
}

/// Runs it with room for the library's recursion, which goes as deep as types are inside each other and as clients
/// build on each other.
fn with_stack_for<T: Send>(depth: usize, run: impl FnOnce() -> Result<T, BadUpdate> + Send) -> Result<T, BadUpdate> {
    if depth <= DEPTH_OF_ANY_STACK {
        return run();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(LEAST_STACK + depth * STACK_PER_LEVEL);
        let running = thread.spawn_scoped(scope, run).map_err(|_| BadUpdate("there is no memory for the update"))?;
        running.join().unwrap_or(Err(BadUpdate("the library failed on the update")))
    })
}

/// The update without what follows a gap in a client's clocks; `None`: there is none.
fn without_gaps(update: &[u8], walked: &guard::Walked, known: &StateVector) -> Option<Vec<u8>> {
    let has = |client| known.get(&ClientID::new(client));
    let gap = |section: &guard::Section| section.holes.iter().position(|hole| hole.end > has(section.client));
    let starts_too_late = |section: &guard::Section| section.clock > has(section.client);
    if !walked.sections.iter().any(|section| starts_too_late(section) || gap(section).is_some()) {
        return None;
    }
    let kept = walked.sections.iter().filter(|section| !starts_too_late(section)).map(|section| {
        match gap(section).map(|gap| &section.holes[gap]) {
            Some(hole) => (section, hole.blocks, &update[section.body.start..hole.at]),
            None => (section, section.blocks, &update[section.body.clone()]),
        }
    });
    let kept: Vec<_> = kept.filter(|(_, blocks, _)| *blocks > 0).collect();
    let mut whole = Vec::with_capacity(update.len());
    put_number(&mut whole, kept.len() as u64);
    for (section, blocks, body) in kept {
        put_number(&mut whole, blocks as u64);
        put_number(&mut whole, section.client);
        put_number(&mut whole, section.clock.into());
        whole.extend_from_slice(body);
    }
    whole.extend_from_slice(&update[walked.deletions..]);
    Some(whole)
}

/// A text with its formats, and where something is embedded in it.
#[derive(Default)]
struct Content {
    text: String,
    /// The places of what is embedded, in bytes of the text.
    embeds: Vec<usize>,
    /// From which byte of the text on which format holds.
    formats: Vec<(usize, Option<Box<Attrs>>)>,
}

impl Content {
    /// Of a root; `None`: it is no text.
    fn of(transaction: &impl ReadTxn, root: &str) -> Option<Self> {
        let Some(text) = transaction.get_text(root) else {
            return Some(Self::default());
        };
        if transaction.get_map(root).is_some_and(|map| map.len(transaction) > 0) {
            return None;
        }
        let mut content = Self::default();
        for Diff { insert, attributes, .. } in text.diff(transaction, |_: YChange| ()) {
            content.formats.push((content.text.len(), attributes));
            match insert {
                Out::Any(yrs::Any::String(string)) => content.text.push_str(&string),
                Out::YXmlElement(_) | Out::YXmlFragment(_) | Out::YXmlText(_) => return None,
                _ => content.embeds.push(content.text.len()),
            }
        }
        let units = content.text.encode_utf16().count() + content.embeds.len();
        (units == text.len(transaction) as usize).then_some(content)
    }
    /// The edits in the library's words: what is embedded in a part that goes stays, and what comes looks like what
    /// was there, or stands before it.
    fn delta(&self, edits: &[Edit<'_>]) -> Vec<Delta<String>> {
        let mut delta = Vec::new();
        let (mut at, mut embeds) = (0, self.embeds.iter().copied().peekable());
        let mut embeds_until = |end: usize| std::iter::from_fn(|| embeds.next_if(|embed| *embed < end)).collect();
        for Edit { old, new } in edits {
            let passed: Vec<usize> = embeds_until(old.start + 1);
            delta.push(Delta::Retain(self.units(at..old.start) + passed.len() as u32, None));
            if !new.is_empty() {
                delta.push(Delta::Inserted((*new).to_owned(), self.format_for(old)));
            }
            at = old.start;
            let spared: Vec<usize> = embeds_until(old.end);
            for embed in spared {
                delta.push(Delta::Deleted(self.units(at..embed)));
                delta.push(Delta::Retain(1, None));
                at = embed;
            }
            delta.push(Delta::Deleted(self.units(at..old.end)));
            at = old.end;
        }
        delta.retain(|part| !matches!(part, Delta::Retain(0, _) | Delta::Deleted(0)));
        delta
    }

    fn units(&self, part: Range<usize>) -> u32 {
        self.text[part].encode_utf16().count() as u32
    }

    fn format_for(&self, old: &Range<usize>) -> Option<Box<Attrs>> {
        let continues = old.is_empty() && !self.text[..old.start].ends_with('\n');
        let like = if continues { old.start.saturating_sub(1) } else { old.start };
        let format = self.formats.partition_point(|(start, _)| *start <= like).checked_sub(1)?;
        self.formats[format].1.clone()
    }
}

#[cfg(test)]
mod tests;
