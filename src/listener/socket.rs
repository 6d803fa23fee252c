//! One connection's stream: all that stays with it, also under an idle WebSocket.

use super::{
    slots::Slot,
    tcp::Tcp,
    watch::{Late, Watch},
};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

/// How an answer begins after which the connection is a WebSocket's. hyper writes it in one
/// piece; were it behind another answer, the write deadline would just stay.
const UPGRADED: &[u8] = b"HTTP/1.1 101";

/// TLS or not. One type for both, so that hyper is compiled once.
#[derive(Debug)]
pub(super) enum Io {
    Plain(Tcp),
    Tls(Box<TlsStream<Tcp>>),
}

/// A connection that is closed when it is silent or does not read for too long.
#[derive(Debug)]
pub(super) struct Socket {
    io: Io,
    /// `None` once HTTP/1.1 is spoken: a WebSocket over it carries no timer.
    watch: Option<Box<Watch>>,
    _slot: Slot,
}

impl Socket {
    pub(super) fn new(io: Io, slot: Slot, watch: Watch) -> Self {
        Self { io, watch: Some(Box::new(watch)), _slot: slot }
    }

    /// The write pump of a WebSocket has a deadline of its own.
    fn look_for_upgrade(&mut self, first: &[u8]) {
        if first.starts_with(UPGRADED) {
            let tcp = match &mut self.io {
                Io::Plain(tcp) => tcp,
                Io::Tls(stream) => stream.get_mut().0,
            };
            tcp.wait_for_ever();
        }
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
        let Some(watch) = &mut self.watch else {
            return io!(self, poll_read(cx, buf));
        };
        match watch.poll(cx) {
            Poll::Ready(Late::Silent) => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            // As if the client had closed; hyper then does too, without leaving anything half-sent.
            Poll::Ready(Late::Idle) => return Poll::Ready(Ok(())),
            Poll::Pending => {}
        }
        let before = buf.filled().len();
        let read = ready!(io!(self.as_mut(), poll_read(cx, buf)));
        let news = &buf.filled()[before..];
        self.watch.take_if(|watch| !watch.goes_on(news));
        Poll::Ready(read)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.look_for_upgrade(buf);
        let written = ready!(io!(self.as_mut(), poll_write(cx, buf)))?;
        if let Some(watch) = &mut self.watch {
            watch.wrote(&buf[..written]);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.look_for_upgrade(bufs.first().map_or(&[], |first| first));
        let written = ready!(io!(self.as_mut(), poll_write_vectored(cx, bufs)))?;
        if let Some(watch) = &mut self.watch {
            let mut left = written;
            for buf in bufs {
                let taken = left.min(buf.len());
                watch.wrote(&buf[..taken]);
                left -= taken;
            }
        }
        Poll::Ready(Ok(written))
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

    #[test]
    fn an_idle_connection_carries_little() {
        assert!(size_of::<Socket>() <= 96, "{} bytes", size_of::<Socket>());
    }
}
