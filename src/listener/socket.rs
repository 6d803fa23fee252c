//! One connection's stream: all that stays with it, also under an idle WebSocket.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};
use tokio_rustls::server::TlsStream;

/// What every HTTP/2 client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How many connections are open, and may be.
#[derive(Debug)]
pub(super) struct Slots {
    open: AtomicUsize,
    max: usize,
}

impl Slots {
    /// 0: any number.
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { open: AtomicUsize::new(0), max: if max == 0 { usize::MAX } else { max } })
    }
}

/// The right to be open, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Slots>);

impl Slot {
    pub(super) fn take(slots: &Arc<Slots>) -> Option<Self> {
        let next = |open| (open < slots.max).then_some(open + 1);
        slots.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        Some(Self(slots.clone()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// TLS or not. One type for both, so that hyper is compiled once.
#[derive(Debug)]
pub(super) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection whose first bytes must come in time.
///
/// hyper has a limit for headers, but none while it cannot tell yet whether HTTP/1.1 or HTTP/2
/// is spoken: a connection that stays silent, or stops within HTTP/2's preface, would stay for
/// ever. The timer is gone once that is clear.
#[derive(Debug)]
pub(super) struct Socket {
    io: Io,
    deadline: Option<Deadline>,
    _slot: Slot,
}

#[derive(Debug)]
struct Deadline {
    sleep: Pin<Box<Sleep>>,
    /// Bytes of the preface that have come.
    seen: u8,
}

impl Socket {
    pub(super) fn new(io: Io, slot: Slot, wait: Duration) -> Self {
        let deadline = Deadline { sleep: Box::pin(tokio::time::sleep(wait)), seen: 0 };
        Self { io, deadline: Some(deadline), _slot: slot }
    }
}

impl Deadline {
    /// Whether it is still open which protocol is spoken after these bytes.
    fn goes_on(&mut self, bytes: &[u8]) -> bool {
        let expected = &PREFACE[usize::from(self.seen)..];
        if bytes.is_empty() || bytes.len() >= expected.len() || !expected.starts_with(bytes) {
            return false;
        }
        self.seen += bytes.len() as u8; // less than 24
        true
    }
}

/// Calls a method of whichever stream it is.
macro_rules! io {
    ($self:expr, $method:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().io {
            Io::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Io::Tls(stream) => Pin::new(stream.as_mut()).$method($($argument),*),
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(deadline) = &mut self.deadline else {
            return io!(self, poll_read(cx, buf));
        };
        if deadline.sleep.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buf.filled().len();
        let read = ready!(io!(self.as_mut(), poll_read(cx, buf)));
        let news = &buf.filled()[before..];
        self.deadline.take_if(|deadline| !deadline.goes_on(news));
        Poll::Ready(read)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        io!(self, poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        io!(self, poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(stream) => stream.is_write_vectored(),
            Io::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        io!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        io!(self, poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_timer_goes_once_the_protocol_is_clear() {
        let goes_on = |reads: &[&[u8]]| {
            let mut deadline = Deadline { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), seen: 0 };
            reads.iter().map(|bytes| deadline.goes_on(bytes)).collect::<Vec<_>>()
        };
        assert_eq!(goes_on(&[b"G"]), [false]);
        assert_eq!(goes_on(&[b"P", b"OST / HTTP/1.1"]), [true, false]);
        assert_eq!(goes_on(&[b"PRI * HTTP/2.0\r\n\r\n", b"SM\r\n\r\n"]), [true, false]);
        assert_eq!(goes_on(&[&[PREFACE.as_slice(), b"more"].concat()]), [false]);
        assert_eq!(goes_on(&[b""]), [false]);
    }

    #[test]
    fn an_idle_connection_carries_little() {
        assert!(size_of::<Socket>() <= 64, "{} bytes", size_of::<Socket>());
    }

    #[test]
    fn a_slot_is_given_back() {
        let slots = Slots::new(1);
        let slot = Slot::take(&slots).unwrap();
        assert!(Slot::take(&slots).is_none());
        drop(slot);
        assert!(Slot::take(&slots).is_some());
        assert!(Slot::take(&Slots::new(0)).is_some());
    }
}
