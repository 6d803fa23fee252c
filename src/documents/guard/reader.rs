//! Reads the numbers and strings that the Yjs protocol is made of.

use super::{BadUpdate, MAX_CLOCK, MAX_NUMBER};

/// Bytes, and how far they were read.
pub(in crate::documents) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(in crate::documents) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Goes on at a place where something starts.
    pub(in crate::documents) fn at(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position: position.min(bytes.len()) }
    }

    pub(in crate::documents) fn position(&self) -> usize {
        self.position
    }

    pub(in crate::documents) fn is_at_end(&self) -> bool {
        self.position == self.bytes.len()
    }

    pub(in crate::documents) fn finished(&self) -> Result<(), BadUpdate> {
        if self.is_at_end() { Ok(()) } else { Err(BadUpdate("there is more than there should be")) }
    }

    pub(in crate::documents) fn byte(&mut self) -> Result<u8, BadUpdate> {
        Ok(self.take(1)?[0])
    }

    pub(in crate::documents) fn take(&mut self, length: usize) -> Result<&'a [u8], BadUpdate> {
        let rest = &self.bytes[self.position..];
        let taken = rest.get(..length).ok_or(BadUpdate("it ends too early"))?;
        self.position += length;
        Ok(taken)
    }

    /// A number below 2^53, as many bytes as it needs.
    pub(in crate::documents) fn number(&mut self) -> Result<u64, BadUpdate> {
        let mut number = 0;
        for shift in (0..56).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return if number < MAX_NUMBER { Ok(number) } else { Err(BadUpdate("a number is too large")) };
            }
        }
        Err(BadUpdate("a number is too large"))
    }

    pub(in crate::documents) fn clock(&mut self) -> Result<u32, BadUpdate> {
        let clock = self.number()?;
        u32::try_from(clock).ok().filter(|_| clock < MAX_CLOCK).ok_or(BadUpdate("a clock is too high"))
    }

    /// The client and the clock of a block.
    pub(in crate::documents) fn id(&mut self) -> Result<(u64, u32), BadUpdate> {
        Ok((self.number()?, self.clock()?))
    }

    /// A number of things of `least` bytes each, of which no more are claimed than there can be.
    pub(in crate::documents) fn count(&mut self, least: usize) -> Result<usize, BadUpdate> {
        let count = self.number()?;
        let most = (self.bytes.len() - self.position) / least;
        usize::try_from(count).ok().filter(|count| *count <= most).ok_or(BadUpdate("it claims more than it has"))
    }

    pub(in crate::documents) fn bytes(&mut self) -> Result<&'a [u8], BadUpdate> {
        let length = self.count(1)?;
        self.take(length)
    }

    pub(in crate::documents) fn string(&mut self) -> Result<&'a str, BadUpdate> {
        std::str::from_utf8(self.bytes()?).map_err(|_| BadUpdate("a string is no UTF-8"))
    }
}
