//! What to delete and insert to make one text of another, so that what others write meanwhile stays.
//!
//! First what both have in common at the start and the end is left away, then lines are compared, then the words of
//! lines that differ, then the start and the end of words. Two texts that have nothing in common cost no more than the
//! time given: what is not compared by then is replaced.

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};
use std::{ops::Range, time::Instant};

/// More edits than this take long to write into a large document; neighbours become one.
const MAX_EDITS: usize = 1_000;

/// A part of the old text, in bytes, and what comes in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit<'a> {
    pub(super) old: Range<usize>,
    pub(super) new: &'a str,
}

/// The edits in their order, none touching another, and about `most` at most.
pub(super) fn edits<'a>(old: &str, new: &'a str, most: usize, deadline: Instant) -> Vec<Edit<'a>> {
    let mut edits = Vec::new();
    let (start, end) = common(old, new);
    let middle = Edit { old: start..old.len() - end, new: &new[start..new.len() - end] };
    compare(old, middle, &[lines, words], deadline, &mut edits);
    let most = most.min(MAX_EDITS);
    if edits.len() > most { coarser(&edits, new, most) } else { edits }
}

fn coarser<'a>(edits: &[Edit<'a>], new: &'a str, most: usize) -> Vec<Edit<'a>> {
    let mut at = (0, 0);
    let join = |group: &[Edit<'_>]| {
        let (start, end) = (group[0].old.start, group[group.len() - 1].old.end);
        let (gone, come) =
            group.iter().fold((0, 0), |(gone, come), edit| (gone + edit.old.len(), come + edit.new.len()));
        // Between edits both texts are the same.
        let new_start = at.1 + start - at.0;
        at = (end, new_start + (end - start) - gone + come);
        Edit { old: start..end, new: &new[new_start..at.1] }
    };
    edits.chunks(edits.len().div_ceil(most)).map(join).collect()
}

type Split = fn(&str) -> Vec<&str>;

fn compare<'a>(old: &str, edit: Edit<'a>, splits: &[Split], deadline: Instant, edits: &mut Vec<Edit<'a>>) {
    if edit.old.is_empty() && edit.new.is_empty() {
        return;
    }
    let Some((split, finer)) = splits.split_first() else {
        return edits.push(edit);
    };
    if edit.old.is_empty() || edit.new.is_empty() || Instant::now() >= deadline {
        return edits.push(edit);
    }
    let (old_parts, new_parts) = (split(&old[edit.old.clone()]), split(edit.new));
    let (old_ends, new_ends) = (ends(&old_parts), ends(&new_parts));
    for op in capture_diff_slices_deadline(Algorithm::Myers, &old_parts, &new_parts, Some(deadline)) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (old_range, new_range) = (within(&old_ends, op.old_range()), within(&new_ends, op.new_range()));
        let (old_start, new_text) = (edit.old.start + old_range.start, &edit.new[new_range]);
        let old_text = &old[old_start..edit.old.start + old_range.end];
        let (start, end) = common(old_text, new_text);
        let differs = Edit {
            old: old_start + start..old_start + old_text.len() - end,
            new: &new_text[start..new_text.len() - end],
        };
        compare(old, differs, finer, deadline, edits);
    }
}

/// How many bytes are the same at the start and, behind that, at the end; a line's end is not taken apart.
fn common(old: &str, new: &str) -> (usize, usize) {
    let same = |(a, b): &(char, char)| a == b;
    let length = |pairs: &mut dyn Iterator<Item = (char, char)>| pairs.map(|(c, _)| c.len_utf8()).sum::<usize>();
    let mut start = length(&mut old.chars().zip(new.chars()).take_while(same));
    if splits_line_end(old, start) || splits_line_end(new, start) {
        start -= 1;
    }
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let mut end = length(&mut old_rest.chars().rev().zip(new_rest.chars().rev()).take_while(same));
    if splits_line_end(old_rest, old_rest.len() - end) || splits_line_end(new_rest, new_rest.len() - end) {
        end -= 1;
    }
    (start, end)
}

fn splits_line_end(text: &str, at: usize) -> bool {
    text[..at].ends_with('\r') && text[at..].starts_with('\n')
}

/// Lines with their ends.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Runs of ASCII letters and digits, ends of lines, and every other character by itself.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            'a'..='z' | 'A'..='Z' | '0'..='9' => rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len()),
            '\r' if rest.starts_with("\r\n") => 2,
            other => other.len_utf8(),
        };
        let (word, behind) = rest.split_at(length);
        words.push(word);
        rest = behind;
    }
    words
}

/// Where each part ends, after a zero.
fn ends(parts: &[&str]) -> Vec<usize> {
    let mut at = 0;
    let ends = parts.iter().map(|part| {
        at += part.len();
        at
    });
    std::iter::once(0).chain(ends).collect()
}

fn within(ends: &[usize], parts: Range<usize>) -> Range<usize> {
    ends[parts.start]..ends[parts.end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn edits_of<'a>(old: &str, new: &'a str) -> Vec<Edit<'a>> {
        let edits = edits(old, new, MAX_EDITS, Instant::now() + Duration::from_secs(5));
        let (mut made, mut at) = (String::new(), 0);
        for edit in &edits {
            made.extend([&old[at..edit.old.start], edit.new]);
            at = edit.old.end;
        }
        made.push_str(&old[at..]);
        assert_eq!(made, new);
        edits
    }

    #[test]
    fn only_what_differs_is_touched() {
        let new = "one two!\nthree\nfour fxve 👍 six\r\n";
        let edits = edits_of("one two\nthree\nfour five 👋 six\n", new);
        let touched: Vec<_> = edits.iter().map(|edit| (edit.old.clone(), edit.new)).collect();
        assert_eq!(touched, [(7..7, "!"), (20..21, "x"), (24..28, "👍"), (32..33, "\r\n")]);
        assert_eq!(edits_of("same", "same"), []);
        assert_eq!(edits_of("a\r\nb", "a\rb").len(), 1);
    }

    #[test]
    fn very_many_edits_become_fewer() {
        let old: String = (0..9_999).map(|line| format!("{line} is a line\n")).collect();
        let new = old.replace("is", "was");
        assert!((500..=MAX_EDITS).contains(&edits_of(&old, &new).len()));
    }
}
