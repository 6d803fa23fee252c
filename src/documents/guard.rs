//! Walks what clients send before the Yjs library sees a byte of it.
//!
//! The library trusts lengths, recurses as deep as it is told to, and adds clocks without looking. Here nothing is
//! believed: a walk over the bytes, without recursion, without memory by what they claim. Whatever passes can also be
//! read by every other client that it will be sent to: what only some libraries understand is refused.

pub(super) mod reader;
mod value;

use reader::Reader;
use std::ops::Range;

/// Clocks stay below: libraries add and subtract them as 32-bit numbers with a sign.
const MAX_CLOCK: u64 = 1 << 31;
/// What JavaScript can count to; ids of clients and lengths are below.
const MAX_NUMBER: u64 = 1 << 53;

const HAS_ORIGIN: u8 = 0b1000_0000;
const HAS_RIGHT_ORIGIN: u8 = 0b0100_0000;
const HAS_PARENT_KEY: u8 = 0b0010_0000;
const KIND: u8 = 0b0001_1111;

/// Why bytes are no message of the Yjs protocol, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadUpdate(pub(super) &'static str);

/// What is in an update, as far as the walk has to know.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// What each client wrote.
    pub(super) sections: Vec<Section>,
    /// Where the set of what was deleted starts.
    pub(super) deletions: usize,
    /// Documents inside the document.
    pub(super) subdocuments: usize,
    /// Types inside the document: texts, maps, elements …
    pub(super) types: usize,
}

/// What one client wrote, from a clock on.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) client: u64,
    pub(super) clock: u32,
    /// The clock behind it.
    pub(super) end: u32,
    pub(super) blocks: usize,
    /// Where the blocks stand.
    pub(super) body: Range<usize>,
    pub(super) holes: Vec<Hole>,
}

/// What the sender of an update did not have either.
#[derive(Debug)]
pub(super) struct Hole {
    /// The clock behind it.
    pub(super) end: u32,
    /// Blocks of the section in front of it.
    pub(super) blocks: usize,
    /// Where the blocks in front of it end.
    pub(super) at: usize,
}

/// Whether an update (version 1) can be given to the library.
///
/// # Errors
/// [`BadUpdate`] says what is wrong with it.
#[cfg(test)]
pub(super) fn check_update(bytes: &[u8]) -> Result<(), BadUpdate> {
    walk(bytes).map(drop)
}

/// Whether a state vector can be given to the library.
///
/// # Errors
/// [`BadUpdate`] says what is wrong with it.
pub(super) fn check_state_vector(bytes: &[u8]) -> Result<(), BadUpdate> {
    let mut reader = Reader::new(bytes);
    for _ in 0..reader.count(2)? {
        reader.number()?;
        reader.clock()?;
    }
    reader.finished()
}

/// Walks an update (version 1).
///
/// # Errors
/// [`BadUpdate`] says what is wrong with it.
pub(super) fn walk(bytes: &[u8]) -> Result<Walked, BadUpdate> {
    let mut reader = Reader::new(bytes);
    let mut walked = Walked::default();
    for _ in 0..reader.count(4)? {
        let section = walk_section(&mut reader, &mut walked)?;
        walked.sections.push(section);
    }
    let mut clients: Vec<_> = walked.sections.iter().map(|section| section.client).collect();
    clients.sort_unstable();
    if clients.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(BadUpdate("a client comes twice"));
    }
    walked.deletions = reader.position();
    walk_deletions(&mut reader)?;
    reader.finished()?;
    Ok(walked)
}

fn walk_section(reader: &mut Reader, walked: &mut Walked) -> Result<Section, BadUpdate> {
    let blocks = reader.count(2)?;
    if blocks == 0 {
        return Err(BadUpdate("a client without blocks"));
    }
    let (client, clock) = (reader.number()?, reader.clock()?);
    let start = reader.position();
    let (mut end, mut holes) = (u64::from(clock), Vec::new());
    for block in 0..blocks {
        let at = reader.position();
        let (length, is_hole) = walk_block(reader, walked)?;
        end += length;
        if length == 0 || end >= MAX_CLOCK {
            return Err(BadUpdate("a block is empty or its clock too high"));
        }
        if is_hole {
            // The library recurses over holes in a row.
            if holes.last().is_some_and(|hole: &Hole| u64::from(hole.end) == end - length) {
                return Err(BadUpdate("a hole follows a hole"));
            }
            holes.push(Hole { end: end as u32, blocks: block, at });
        }
    }
    Ok(Section { client, clock, end: end as u32, blocks, body: start..reader.position(), holes })
}

/// How many clocks the next block takes, and whether it is a hole.
fn walk_block(reader: &mut Reader, walked: &mut Walked) -> Result<(u64, bool), BadUpdate> {
    let info = reader.byte()?;
    // What is collected as garbage, and holes.
    if info == 0 || info == 10 {
        return Ok((reader.number()?, info == 10));
    }
    for flag in [HAS_ORIGIN, HAS_RIGHT_ORIGIN] {
        if info & flag != 0 {
            reader.id()?;
        }
    }
    if info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN) == 0 {
        match reader.number()? {
            0 => reader.id().map(drop)?,
            1 => reader.string().map(drop)?,
            _ => return Err(BadUpdate("a parent is neither a name nor an id")),
        }
        if info & HAS_PARENT_KEY != 0 {
            reader.string()?;
        }
    }
    Ok((walk_content(reader, info & KIND, walked)?, false))
}

/// How many clocks the content takes.
fn walk_content(reader: &mut Reader, kind: u8, walked: &mut Walked) -> Result<u64, BadUpdate> {
    match kind {
        // Deleted.
        1 => return reader.number(),
        // Bytes.
        3 => reader.bytes().map(drop)?,
        4 => return Ok(reader.string()?.chars().map(|c| c.len_utf16() as u64).sum()),
        // Embedded.
        5 => value::check_json(reader.string()?)?,
        // A format starts or ends.
        6 => {
            reader.string()?;
            value::check_json(reader.string()?)?;
        }
        7 => {
            walk_type(reader)?;
            walked.types += 1;
        }
        8 => {
            let values = reader.count(1)?;
            for _ in 0..values {
                value::walk_any(reader)?;
            }
            return Ok(values as u64);
        }
        9 => {
            reader.string()?;
            value::walk_any(reader)?;
            walked.subdocuments += 1;
        }
        // 2, the JSON of old, is read by the library otherwise than it is written.
        _ => return Err(BadUpdate("a block of an unknown kind")),
    }
    Ok(1)
}

fn walk_type(reader: &mut Reader) -> Result<(), BadUpdate> {
    match reader.byte()? {
        // Array, map, text, XML fragment, XML text.
        0 | 1 | 2 | 4 | 6 => Ok(()),
        // XML element.
        3 => reader.string().map(drop),
        // Hooks and links: the library reads them otherwise than others write them.
        _ => Err(BadUpdate("a type of an unknown kind")),
    }
}

fn walk_deletions(reader: &mut Reader) -> Result<(), BadUpdate> {
    for _ in 0..reader.count(2)? {
        reader.number()?;
        for _ in 0..reader.count(2)? {
            let end = u64::from(reader.clock()?) + reader.number()?;
            if end >= MAX_CLOCK {
                return Err(BadUpdate("the clock of a deletion is too high"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
