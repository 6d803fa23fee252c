//! Watches the frames of one socket go by: the WebSocket library limits a message's bytes, but
//! not in how many fragments or how slowly it comes.

use crate::settings;
use std::{io::Cursor, time::Duration};
use tokio_tungstenite::tungstenite::protocol::frame::{FrameHeader, coding::OpCode};

/// How one message may arrive.
#[derive(Debug, Clone, Copy)]
pub struct FrameLimits {
    /// In at most so many frames.
    pub fragments: u32,
    /// Within this time.
    pub wait: Duration,
}

impl From<&settings::Socket> for FrameLimits {
    fn from(settings: &settings::Socket) -> Self {
        Self { fragments: settings.max_fragments, wait: settings.fragment_wait }
    }
}

/// Longest frame header (RFC 6455 section 5.2): 2 bytes, 8 of length, 4 of mask.
const MAX_HEADER_BYTES: usize = 14;

/// Counts the fragments of the message under way.
#[derive(Debug, Default)]
pub(super) struct FrameMeter {
    header: [u8; MAX_HEADER_BYTES],
    header_bytes: u8,
    payload_left: u64,
    fragments: u32,
    begun: u64,
}

impl FrameMeter {
    /// Sees the next bytes of the stream; answers the fragments of the message under way so far.
    ///
    /// A header that cannot be is left to the library, which reads the same bytes.
    pub(super) fn observe(&mut self, mut bytes: &[u8]) -> u32 {
        let mut most = self.fragments;
        while !bytes.is_empty() {
            if !self.is_mid_message() {
                self.begun += 1;
            }
            if self.payload_left > 0 {
                let skipped = self.payload_left.min(bytes.len() as u64);
                self.payload_left -= skipped;
                bytes = &bytes[skipped as usize..];
                continue;
            }
            self.header[usize::from(self.header_bytes)] = bytes[0];
            self.header_bytes += 1;
            bytes = &bytes[1..];
            let mut cursor = Cursor::new(&self.header[..usize::from(self.header_bytes)]);
            match FrameHeader::parse(&mut cursor) {
                Ok(Some((header, length))) => {
                    self.header_bytes = 0;
                    self.payload_left = length;
                    self.count(&header);
                    most = most.max(self.fragments);
                }
                Ok(None) if usize::from(self.header_bytes) < MAX_HEADER_BYTES => {}
                _ => {
                    self.header_bytes = 0;
                    return most;
                }
            }
        }
        most
    }

    /// Whether a message or frame has begun and not ended.
    pub(super) fn is_mid_message(&self) -> bool {
        self.header_bytes > 0 || self.payload_left > 0 || self.fragments > 0
    }

    /// How many messages have begun: tells the one under way from the one before it.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    fn count(&mut self, header: &FrameHeader) {
        if matches!(header.opcode, OpCode::Data(_)) {
            self.fragments = if header.is_final { 0 } else { self.fragments + 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EMPTY_START: &[u8] = &[0x01, 0x80, 1, 2, 3, 4];
    const EMPTY_MORE: &[u8] = &[0x00, 0x80, 1, 2, 3, 4];
    const EMPTY_END: &[u8] = &[0x80, 0x80, 1, 2, 3, 4];
    const PING: &[u8] = &[0x89, 0x80, 1, 2, 3, 4];

    #[test]
    fn empty_fragments_count_and_pings_between_them_do_not() {
        let mut meter = FrameMeter::default();
        meter.observe(EMPTY_START);
        meter.observe(PING);
        assert_eq!(meter.observe(EMPTY_MORE), 2);
        assert!(meter.is_mid_message());
        meter.observe(EMPTY_END);
        assert!(!meter.is_mid_message());
    }

    proptest! {
        /// However the stream is cut into reads, the count is the same.
        #[test]
        fn cuts_do_not_matter(fragments in 1u32..40, payload in 0usize..300, cut in 1usize..50) {
            let mut stream = Vec::new();
            for index in 0..fragments {
                let opcode = u8::from(index == 0);
                let length = if payload < 126 { vec![0x80 | payload as u8] } else { vec![0xfe, (payload >> 8) as u8, payload as u8] };
                stream.push(opcode);
                stream.extend(length);
                stream.extend(vec![0xaa; payload + 4]);
            }
            let mut meter = FrameMeter::default();
            let counts: Vec<_> = stream.chunks(cut).map(|chunk| meter.observe(chunk)).collect();
            prop_assert_eq!(*counts.last().unwrap(), fragments);
        }
    }
}
