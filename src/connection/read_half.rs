//! What the WebSocket library sees of the socket: it reads from the real one, and what it wants
//! to write (pongs, its answer to a close) goes to the egress, because the write pump is the
//! socket's only writer.

use super::frame_meter::{FrameLimits, FrameMeter};
use crate::manager::Client;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// The reading half of a socket, metered.
pub(super) struct ReadHalf<R> {
    read: R,
    client: Arc<Client>,
    limits: FrameLimits,
    meter: FrameMeter,
    /// Runs only while a message is under way: an idle connection needs no timer here.
    message_deadline: Option<Pin<Box<Sleep>>>,
}

impl<R> ReadHalf<R> {
    pub(super) fn new(read: R, client: Arc<Client>, limits: FrameLimits) -> Self {
        Self { read, client, limits, meter: FrameMeter::default(), message_deadline: None }
    }
}

/// A peer that sends its message in too many fragments, or too slowly.
#[derive(Debug, thiserror::Error)]
#[error("a message came in too many fragments or too slowly")]
pub(super) struct BadFragments;

impl BadFragments {
    /// Finds it in what the library passed on.
    pub(super) fn is_in(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for ReadHalf<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut this.read).poll_read(cx, buffer) {
            let new = &buffer.filled()[before..];
            if !new.is_empty() {
                this.client.liveness().touch();
                if this.meter.observe(new) > this.limits.fragments {
                    return Poll::Ready(Err(io::Error::other(BadFragments)));
                }
            }
            if !this.meter.is_mid_message() {
                this.message_deadline = None;
            }
            return Poll::Ready(result);
        }
        if !this.meter.is_mid_message() {
            return Poll::Pending;
        }
        let wait = this.limits.wait;
        let deadline = this.message_deadline.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + wait)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::other(BadFragments)))
    }
}

impl<R: Unpin> AsyncWrite for ReadHalf<R> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.client.enqueue_from_library(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
