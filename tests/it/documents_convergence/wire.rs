//! Messages of the Yjs protocol, as a client of ours makes and takes them apart.

pub const SYNC: u64 = 0;
pub const AWARENESS: u64 = 1;
pub const AUTH: u64 = 2;
pub const FENCE: u64 = 100;

pub const STEP_1: u64 = 0;
pub const STEP_2: u64 = 1;
pub const UPDATE: u64 = 2;

/// A variable-length number, seven bits a byte.
pub fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Bytes with their length before them.
pub fn counted(bytes: &[u8]) -> Vec<u8> {
    [&number(bytes.len() as u64), bytes].concat()
}

pub fn sync(kind: u64, content: &[u8]) -> Vec<u8> {
    [number(SYNC), number(kind), counted(content)].concat()
}

pub fn awareness(content: &[u8]) -> Vec<u8> {
    [number(AWARENESS), counted(content)].concat()
}

pub fn fence(of: u64) -> Vec<u8> {
    [number(FENCE), number(of)].concat()
}

/// Takes a number from the start.
pub fn take_number(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a whole number");
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

/// Takes counted bytes from the start.
pub fn take_counted<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let length = take_number(bytes) as usize;
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken
}
