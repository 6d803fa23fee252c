//! Takes an update apart, so that work on a long one can be given up between its parts.
//!
//! Each part is an update too and has everything that it refers to, if that has it which came before. What refers to
//! something that is nowhere is in no part.

use super::{BadUpdate, Walked, reader::Reader, walk_block};
use crate::documents::wire::put_number;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

/// What an update has behind the parts that were taken of it.
pub(in crate::documents) struct Parts<'a> {
    update: &'a [u8],
    /// What was there before.
    known: &'a HashMap<u64, u32>,
    /// What is there with the parts that were taken.
    taken: HashMap<u64, u32>,
    cursors: Vec<Cursor>,
    /// Sections that can go on, as far as is known.
    ready: Vec<usize>,
    /// Sections that wait for a clock of a client.
    waiting: HashMap<u64, BinaryHeap<Reverse<(u32, usize)>>>,
    /// What is deleted: client, clock, length. The last comes first.
    deletions: Vec<(u64, u32, u64)>,
}

/// How far a section was taken.
struct Cursor {
    client: u64,
    clock: u32,
    blocks: usize,
    at: usize,
}

/// What a part has of a section.
struct Piece {
    clock: u32,
    blocks: usize,
    start: usize,
    end: usize,
}

impl<'a> Parts<'a> {
    /// Of an update that was walked. `known` says up to which clock each client is known.
    ///
    /// # Errors
    /// [`BadUpdate`]: it is not the one that was walked.
    pub(in crate::documents) fn of(
        update: &'a [u8],
        walked: &Walked,
        known: &'a HashMap<u64, u32>,
    ) -> Result<Self, BadUpdate> {
        let cursor = |section: &super::Section| Cursor {
            client: section.client,
            clock: section.clock,
            blocks: section.blocks,
            at: section.body.start,
        };
        let cursors: Vec<_> = walked.sections.iter().map(cursor).collect();
        let mut deletions = deletions(update, walked)?;
        deletions.reverse();
        let ready = (0..cursors.len()).collect();
        Ok(Self { update, known, taken: HashMap::new(), cursors, ready, waiting: HashMap::new(), deletions })
    }

    /// The next part, of about so many blocks and deletions; `None`: there is no more that could be taken.
    ///
    /// # Errors
    /// [`BadUpdate`]: it is not the one that was walked.
    pub(in crate::documents) fn next(&mut self, most: usize) -> Result<Option<Vec<u8>>, BadUpdate> {
        let (mut pieces, mut blocks) = (BTreeMap::new(), 0);
        while blocks < most
            && let Some(section) = self.ready.pop()
        {
            blocks += self.advance(section, most - blocks, &mut pieces)?;
        }
        let deletions = self.deletions.split_off(self.deletions.len() - (most - blocks).min(self.deletions.len()));
        Ok((blocks > 0 || !deletions.is_empty()).then(|| self.encode(&pieces, &deletions)))
    }

    /// Whether something is left that refers to what is nowhere.
    pub(in crate::documents) fn lacks(&self) -> bool {
        self.cursors.iter().any(|cursor| cursor.blocks > 0)
    }

    /// Takes blocks of a section, and says how many.
    fn advance(&mut self, index: usize, most: usize, pieces: &mut BTreeMap<usize, Piece>) -> Result<usize, BadUpdate> {
        let mut taken = 0;
        while self.cursors[index].blocks > 0 {
            let Cursor { client, clock, at, .. } = self.cursors[index];
            let mut reader = Reader::at(self.update, at);
            let block = walk_block(&mut reader, &mut Walked::default())?;
            let end = u32::try_from(u64::from(clock) + block.length).map_err(|_| BadUpdate("a clock is too high"))?;
            let known = self.clock_of(client);
            if end > known {
                if block.is_hole || clock > known {
                    return Ok(taken);
                }
                let missing = block.needs.iter().flatten().find(|(client, clock)| *clock >= self.clock_of(*client));
                if let Some((client, clock)) = missing {
                    self.waiting.entry(*client).or_default().push(Reverse((*clock, index)));
                    return Ok(taken);
                }
                if taken == most {
                    self.ready.push(index);
                    return Ok(taken);
                }
                let piece = pieces.entry(index).or_insert(Piece { clock, blocks: 0, start: at, end: at });
                piece.blocks += 1;
                piece.end = reader.position();
                taken += 1;
                self.has_come(client, end);
            }
            let cursor = &mut self.cursors[index];
            (cursor.clock, cursor.at) = (end, reader.position());
            cursor.blocks -= 1;
        }
        Ok(taken)
    }

    fn clock_of(&self, client: u64) -> u32 {
        self.taken.get(&client).or_else(|| self.known.get(&client)).copied().unwrap_or(0)
    }

    fn has_come(&mut self, client: u64, clock: u32) {
        self.taken.insert(client, clock);
        let Some(waiting) = self.waiting.get_mut(&client) else { return };
        while waiting.peek().is_some_and(|Reverse((needed, _))| *needed < clock) {
            self.ready.extend(waiting.pop().map(|Reverse((_, section))| section));
        }
    }

    fn encode(&self, pieces: &BTreeMap<usize, Piece>, deletions: &[(u64, u32, u64)]) -> Vec<u8> {
        let mut part = Vec::new();
        put_number(&mut part, pieces.len() as u64);
        for (index, piece) in pieces {
            put_number(&mut part, piece.blocks as u64);
            put_number(&mut part, self.cursors[*index].client);
            put_number(&mut part, piece.clock.into());
            part.extend_from_slice(&self.update[piece.start..piece.end]);
        }
        let of_one_client = || deletions.chunk_by(|one, other| one.0 == other.0);
        put_number(&mut part, of_one_client().count() as u64);
        for ranges in of_one_client() {
            put_number(&mut part, ranges[0].0);
            put_number(&mut part, ranges.len() as u64);
            for (_, clock, length) in ranges.iter().rev() {
                put_number(&mut part, (*clock).into());
                put_number(&mut part, *length);
            }
        }
        part
    }
}

/// What an update deletes: client, clock, length.
///
/// # Errors
/// [`BadUpdate`]: it is not the one that was walked.
pub(in crate::documents) fn deletions(update: &[u8], walked: &Walked) -> Result<Vec<(u64, u32, u64)>, BadUpdate> {
    let mut reader = Reader::at(update, walked.deletions);
    let mut deletions = Vec::with_capacity(walked.ranges);
    for _ in 0..reader.count(2)? {
        let client = reader.number()?;
        for _ in 0..reader.count(2)? {
            deletions.push((client, reader.clock()?, reader.number()?));
        }
    }
    Ok(deletions)
}
