//! Values inside an update: their own binary form, and JSON.

use super::{BadUpdate, reader::Reader};

/// Levels of arrays and objects inside each other.
const MAX_NESTING: usize = 64;

const TOO_DEEP: BadUpdate = BadUpdate("a value is nested too deeply");

/// Walks a value in the protocol's own form.
pub(super) fn walk_any(reader: &mut Reader) -> Result<(), BadUpdate> {
    // What is left to read of each open array and object, and whether it has keys.
    let mut open: Vec<(usize, bool)> = Vec::new();
    loop {
        if let Some((left, has_keys)) = open.last_mut() {
            if *left == 0 {
                open.pop();
                if open.is_empty() {
                    return Ok(());
                }
                continue;
            }
            *left -= 1;
            if *has_keys {
                reader.string()?;
            }
        }
        match reader.byte()? {
            // Undefined, null, false, true.
            127 | 126 | 121 | 120 => {}
            125 => walk_integer(reader)?,
            124 => reader.take(4).map(drop)?,
            123 | 122 => reader.take(8).map(drop)?,
            119 => reader.string().map(drop)?,
            118 => open.push((reader.count(2)?, true)),
            117 => open.push((reader.count(1)?, false)),
            116 => reader.bytes().map(drop)?,
            _ => return Err(BadUpdate("a value of an unknown kind")),
        }
        if open.is_empty() {
            return Ok(());
        }
        if open.len() > MAX_NESTING {
            return Err(TOO_DEEP);
        }
    }
}

/// A number with a sign: six bits in the first byte, seven in each that follows, 53 in all.
fn walk_integer(reader: &mut Reader) -> Result<(), BadUpdate> {
    let mut byte = reader.byte()?;
    for _ in 0..7 {
        if byte < 0x80 {
            return Ok(());
        }
        byte = reader.byte()?;
    }
    if byte < 0x20 { Ok(()) } else { Err(BadUpdate("a number is too large")) }
}

/// Whether the library's reader of JSON can be let loose on it; whether it is JSON, that one says.
pub(super) fn check_json(text: &str) -> Result<(), BadUpdate> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(TOO_DEEP);
        }
    }
    Ok(())
}
