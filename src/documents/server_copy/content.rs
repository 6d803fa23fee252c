//! A root of a document as a text, and how another text is made of it.

use super::Size;
use crate::documents::text_diff::Edit;
use std::ops::Range;
use yrs::{
    GetString, Map, Out, ReadTxn, Text, TransactionMut, WriteTxn,
    types::{
        Delta,
        text::{Diff, YChange},
    },
};

/// With more formats it is not looked where something is embedded: the library hands out with each part of a text all the
/// formats that hold there, whose number grows with the square.
const MOST_FORMATS: usize = 2_000;
/// So many edits, times the blocks of the document, are written into it: each looks for its place.
const MOST_LOOKS: usize = 20_000_000;

/// A text, and where something is embedded in it.
pub(super) struct Content {
    pub(super) text: String,
    /// The places of what is embedded, in bytes of the text; `None`: it would cost too much to find them.
    pub(super) embeds: Option<Vec<usize>>,
}

/// What is done at one place of a text, counted as the library counts.
pub(super) struct Place {
    start: u32,
    insert: String,
    /// What goes, in the order in which it stands; what is embedded stays.
    remove: Vec<Range<u32>>,
}

/// How many edits are made at most in a document of this size.
pub(super) fn most_edits(size: &Size) -> usize {
    if size.formats == 0 { usize::MAX } else { (MOST_LOOKS / size.blocks.max(1)).max(10) }
}

impl Default for Content {
    fn default() -> Self {
        Self { text: String::new(), embeds: Some(Vec::new()) }
    }
}

impl Content {
    /// Of a root; `None`: it is no text.
    pub(super) fn of(transaction: &impl ReadTxn, root: &str, size: &Size) -> Option<Self> {
        let Some(text) = transaction.get_text(root) else {
            return Some(Self::default());
        };
        if transaction.get_map(root).is_some_and(|map| map.len(transaction) > 0) {
            return None;
        }
        let (string, units) = (text.get_string(transaction), text.len(transaction) as usize);
        let embedded = units.checked_sub(string.encode_utf16().count())?;
        if embedded == 0 {
            return Some(Self { text: string, embeds: Some(Vec::new()) });
        }
        if size.formats > MOST_FORMATS {
            return (!string.is_empty()).then_some(Self { text: string, embeds: None });
        }
        let (mut at, mut embeds) = (0, Vec::new());
        for Diff { insert, .. } in text.diff(transaction, |_: YChange| ()) {
            match insert {
                Out::Any(yrs::Any::String(string)) => at += string.len(),
                Out::YXmlElement(_) | Out::YXmlFragment(_) | Out::YXmlText(_) => return None,
                _ => embeds.push(at),
            }
        }
        (embeds.len() == embedded && at == string.len()).then_some(Self { text: string, embeds: Some(embeds) })
    }

    /// Where the edits are made: what is embedded in a part that goes stays.
    pub(super) fn places(&self, edits: &[Edit<'_>]) -> Option<Vec<Place>> {
        let (mut at, mut unit, mut embeds) = (0, 0, self.embeds.as_ref()?.iter().copied().peekable());
        let mut unit_at = |to: usize| {
            unit += self.text[at..to].encode_utf16().count() as u32;
            at = to;
            unit
        };
        let mut passed = 0;
        let place = |Edit { old, new }: &Edit<'_>| {
            while embeds.next_if(|embed| *embed <= old.start).is_some() {
                passed += 1;
            }
            let start = unit_at(old.start) + passed;
            let (mut from, mut remove) = (start, Vec::new());
            while let Some(embed) = embeds.next_if(|embed| *embed < old.end) {
                let to = unit_at(embed) + passed;
                remove.push(from..to);
                passed += 1;
                from = to + 1;
            }
            remove.push(from..unit_at(old.end) + passed);
            remove.retain(|range| !range.is_empty());
            Place { start, insert: (*new).to_owned(), remove }
        };
        Some(edits.iter().map(place).collect())
    }
}

/// Makes the edits.
pub(super) fn write(transaction: &mut TransactionMut, root: &str, places: Vec<Place>, is_formatted: bool) {
    let text = transaction.get_or_insert_text(root);
    if !is_formatted {
        return text.apply_delta(transaction, delta(places));
    }
    // From the last to the first, so that none moves another.
    for Place { start, insert, remove } in places.into_iter().rev() {
        for range in remove.iter().rev() {
            // What comes looks like the end of what was there, or like what stands before it.
            if range.start == start {
                text.insert(transaction, range.end, &insert);
            }
            text.remove_range(transaction, range.start, range.end - range.start);
        }
        if remove.first().is_none_or(|first| first.start != start) {
            text.insert(transaction, start, &insert);
        }
    }
}

/// The edits in the library's words for many at once.
fn delta(places: Vec<Place>) -> Vec<Delta<String>> {
    let (mut delta, mut at) = (Vec::new(), 0);
    for Place { start, insert, remove } in places {
        delta.push(Delta::Retain(start - at, None));
        if !insert.is_empty() {
            delta.push(Delta::Inserted(insert, None));
        }
        at = start;
        for range in remove {
            delta.push(Delta::Retain(range.start - at, None));
            delta.push(Delta::Deleted(range.end - range.start));
            at = range.end;
        }
    }
    delta.retain(|part| !matches!(part, Delta::Retain(0, _)));
    delta
}
