//! What hyper has no limit for: silence before it is clear which protocol is spoken, and
//! HTTP/2 connections on which nothing but pings moves.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// What every HTTP/2 client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection has to do in time.
#[derive(Debug)]
pub(super) struct Watch {
    sleep: Pin<Box<Sleep>>,
    idle_wait: Duration,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// So many bytes of the preface have come: HTTP/1.1 or HTTP/2, or neither.
    Opening(u8),
    /// Something was last said about a stream then, by the client or, and it took it, to the client.
    Http2 { read: Frames, written: Frames, active: Instant },
}

/// The time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// Whoever it is has not said what it wants.
    Silent,
    /// An HTTP/2 connection that nobody uses, or whose streams nobody reads.
    Idle,
}

impl Watch {
    /// `first_wait` for the first bytes, `idle_wait` between frames of streams.
    pub(super) fn new(first_wait: Duration, idle_wait: Duration) -> Self {
        Self { sleep: Box::pin(sleep(first_wait)), idle_wait, phase: Phase::Opening(0) }
    }

    /// Ready when the time is up.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let Phase::Http2 { active, .. } = &self.phase else { return Poll::Ready(Late::Silent) };
            // The timer is not moved at every frame, only looked after when it ends.
            let end = *active + self.idle_wait;
            if end <= Instant::now() {
                return Poll::Ready(Late::Idle);
            }
            self.sleep.as_mut().reset(end);
        }
    }

    /// Takes note of what has come. Whether there is still something to watch: HTTP/1.1 has
    /// hyper's own deadlines.
    pub(super) fn goes_on(&mut self, bytes: &[u8]) -> bool {
        match &mut self.phase {
            Phase::Opening(seen) => {
                let expected = &PREFACE[usize::from(*seen)..];
                if let Some(rest) = bytes.strip_prefix(expected) {
                    let mut read = Frames::default();
                    read.name_a_stream(rest);
                    let active = Instant::now();
                    self.sleep.as_mut().reset(active + self.idle_wait);
                    self.phase = Phase::Http2 { read, written: Frames::default(), active };
                    return true;
                }
                *seen += bytes.len().min(PREFACE.len()) as u8; // less than 48
                !bytes.is_empty() && expected.starts_with(bytes)
            }
            Phase::Http2 { read, active, .. } => {
                if read.name_a_stream(bytes) {
                    *active = Instant::now();
                }
                true
            }
        }
    }

    /// Takes note of what was written. An event stream's client may have nothing to say for hours, but it takes a
    /// heartbeat now and then; whoever does not read lets no flow of its streams pass (RFC 9113 section 5.2).
    pub(super) fn wrote(&mut self, bytes: &[u8]) {
        if let Phase::Http2 { written, active, .. } = &mut self.phase
            && written.name_a_stream(bytes)
        {
            *active = Instant::now();
        }
    }
}

/// Follows one side's frames (RFC 9113 section 4.1), whatever pieces they come in.
#[derive(Debug, Default)]
struct Frames {
    header: [u8; 9],
    filled: u8,
    payload_left: u32,
}

impl Frames {
    /// Whether a frame begins in `bytes` that is about a stream, not about the connection as
    /// PING, SETTINGS and GOAWAY are.
    fn name_a_stream(&mut self, mut bytes: &[u8]) -> bool {
        let mut found = false;
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let payload = bytes.len().min(self.payload_left as usize);
                self.payload_left -= payload as u32; // at most what was left
                bytes = &bytes[payload..];
                continue;
            }
            let filled = usize::from(self.filled);
            let (news, rest) = bytes.split_at(bytes.len().min(self.header.len() - filled));
            self.header[filled..filled + news.len()].copy_from_slice(news);
            self.filled += news.len() as u8; // at most 9
            bytes = rest;
            if usize::from(self.filled) == self.header.len() {
                let [a, b, c, _, _, stream @ ..] = self.header;
                self.payload_left = u32::from_be_bytes([0, a, b, c]);
                self.filled = 0;
                found |= u32::from_be_bytes(stream) & 0x7fff_ffff != 0;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_watch_ends_once_http1_is_clear() {
        let goes_on = |reads: &[&[u8]]| {
            let mut watch = Watch::new(Duration::ZERO, Duration::ZERO);
            reads.iter().map(|bytes| watch.goes_on(bytes)).collect::<Vec<_>>()
        };
        assert_eq!(goes_on(&[b"G"]), [false]);
        assert_eq!(goes_on(&[b"P", b"OST / HTTP/1.1"]), [true, false]);
        assert_eq!(goes_on(&[b"PRI * HTTP/2.0\r\n\r\n", b"SM\r\n\r\n", b"more"]), [true, true, true]);
        assert_eq!(goes_on(&[&[PREFACE.as_slice(), b"more"].concat()]), [true]);
        assert_eq!(goes_on(&[b"PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n and more"]), [false]);
        assert_eq!(goes_on(&[b""]), [false]);
    }

    #[test]
    fn frames_of_streams_are_told_from_pings_in_any_pieces() {
        let ping = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], b"\0\0\0\x01\0\0\0\x01".as_slice()].concat();
        let data = [0, 0, 2, 0, 0, 0, 0, 0, 3, b'h', b'i'].to_vec();
        for piece in 1..30 {
            for (sent, found) in
                [(vec![&ping, &ping, &ping], false), (vec![&ping, &data, &ping], true), (vec![&data], true)]
            {
                let bytes: Vec<u8> = sent.into_iter().flatten().copied().collect();
                let mut frames = Frames::default();
                let any = bytes.chunks(piece).fold(false, |any, piece| frames.name_a_stream(piece) | any);
                assert_eq!(any, found, "{bytes:?} in pieces of {piece}");
                assert_eq!((frames.filled, frames.payload_left), (0, 0));
            }
        }
    }
}
