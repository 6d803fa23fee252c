//! Frames, as cheap as they can be read and written: the generator shares one core with a thousand sockets.

use crate::topic::{Over, Topic};
use anyhow::{Result, bail};
use std::time::{Duration, Instant};

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// A whole frame at the beginning of what arrived.
pub(crate) struct ServerFrame<'a> {
    pub(crate) opcode: u8,
    pub(crate) payload: &'a [u8],
    /// Bytes on the wire, header included.
    pub(crate) length: usize,
}

/// The first frame, or `None` while it is incomplete. A server's frames are not masked (RFC 6455 section 5.1).
pub(crate) fn first_frame(bytes: &[u8]) -> Result<Option<ServerFrame<'_>>> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    if first & 0xf0 != 0x80 || second & 0x80 != 0 {
        bail!("a frame is fragmented, has an extension's bits or is masked");
    }
    let (header, length) = match (second, rest) {
        (126, &[a, b, ..]) => (4, usize::from(u16::from_be_bytes([a, b]))),
        (127, &[a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h]) as usize),
        (126 | 127, _) => return Ok(None),
        (short, _) => (2, usize::from(short)),
    };
    let length = header + length;
    Ok(bytes.get(header..length).map(|payload| ServerFrame { opcode: first & 0x0f, payload, length }))
}

/// Appends a frame as a client sends it. The mask is zero, which is a mask as any other to a server and spares the
/// generator the work.
pub(crate) fn append_frame(bytes: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    bytes.push(0x80 | opcode);
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(length).expect("a request under 64 KiB").to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
}

/// Digits of a time stamp: microseconds for thirty years.
pub(crate) const STAMP_DIGITS: usize = 15;

/// Writes messages whose text begins with the time of sending: `send_message` requests for a room, publications for a
/// channel.
pub(crate) struct Messages {
    zero: Instant,
    over: Over,
    before: String,
    after: String,
    next_id: u64,
    text: Vec<u8>,
}

impl Messages {
    /// Messages to `topic` whose announcements take about `frame_bytes` on the wire.
    pub(crate) fn new(zero: Instant, topic: &Topic, frame_bytes: usize) -> Self {
        let (name, padding) = (&topic.name, "x".repeat(topic.text_bytes(frame_bytes).saturating_sub(STAMP_DIGITS)));
        let (before, after) = match topic.over {
            Over::Rows => unreachable!("rows are written with SQL"),
            Over::Chat => (format!(r#","payload":{{"room":"{name}","message":""#), format!("{padding}\"}}}}")),
            Over::Channels => (format!(r#"{{"channel":"{name}","data":""#), format!("{padding}\"}}")),
        };
        Self { zero, over: topic.over, before, after, next_id: 1, text: Vec::new() }
    }

    /// Appends the next one, sent or due at `at`: for a room a whole frame, for a channel an object of JSON.
    pub(crate) fn append(&mut self, bytes: &mut Vec<u8>, at: Instant) {
        use std::io::Write;
        let micros = at.saturating_duration_since(self.zero).as_micros();
        let (id, before, after) = (self.next_id, &self.before, &self.after);
        self.next_id += 1;
        self.text.clear();
        let written = match self.over {
            Over::Chat => {
                write!(self.text, r#"{{"type":"send_message","id":{id}{before}{micros:0STAMP_DIGITS$}{after}"#)
            }
            Over::Channels | Over::Rows => write!(self.text, "{before}{micros:0STAMP_DIGITS$}{after}"),
        };
        written.expect("a Vec takes every byte");
        match self.over {
            Over::Chat => append_frame(bytes, TEXT, &self.text),
            Over::Channels | Over::Rows => bytes.extend_from_slice(&self.text),
        }
    }
}

/// The text of a `subscribe` request.
pub(crate) fn subscribe_request(topics: &[String]) -> String {
    format!(r#"{{"type":"subscribe","id":1,"payload":{{"topics":{topics:?}}}}}"#)
}

/// When a message with this text was sent.
pub(crate) fn sent_at(zero: Instant, message: &str) -> Option<Instant> {
    let micros = message.get(..STAMP_DIGITS)?.parse().ok()?;
    Some(zero + Duration::from_micros(micros))
}

/// The number at the beginning of `bytes`.
pub(crate) fn leading_number(bytes: &[u8]) -> u64 {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))
}
