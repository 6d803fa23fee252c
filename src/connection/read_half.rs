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
    message_deadline: Option<MessageDeadline>,
}

/// When the message under way has to be whole.
struct MessageDeadline {
    message: u64,
    timer: Pin<Box<Sleep>>,
}

impl<R> ReadHalf<R> {
    /// The socket itself, for what is read only to be thrown away.
    pub(super) fn unmetered(&mut self) -> &mut R {
        &mut self.read
    }

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
        // The deadline of an earlier message is no longer any: a fast sender never stops between two.
        let message = this.meter.begun();
        let deadline = match this.message_deadline.take() {
            Some(deadline) if deadline.message == message => deadline,
            _ => MessageDeadline { message, timer: Box::pin(sleep_until(Instant::now() + this.limits.wait)) },
        };
        ready!(this.message_deadline.insert(deadline).timer.as_mut().poll(cx));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        manager::{EgressLimits, Identity},
        model::{ClientId, Credential, Person, Role, SessionId, User, UserId, UserName},
    };
    use std::time::Duration;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::{advance, timeout},
    };

    const WAIT: Duration = Duration::from_secs(10);

    fn half(read: DuplexStream) -> ReadHalf<DuplexStream> {
        let user = User { id: UserId(1), name: UserName::parse("alice").unwrap(), role: Role::Member };
        let identity = Identity {
            person: Person::Member(user),
            credential: Credential::Session(SessionId(1)),
            listed: Arc::default(),
            follows_rooms: true,
            network: [127, 0, 0, 1].into(),
            bound: None,
        };
        let limits = EgressLimits { events: 10, bytes: 1000 };
        let client = Arc::new(Client::new(ClientId(1), identity, limits, Arc::default()));
        ReadHalf::new(read, client, FrameLimits { fragments: 64, wait: WAIT })
    }

    /// Reads all there is, and then whether the time is up.
    async fn is_patient(half: &mut ReadHalf<DuplexStream>) -> bool {
        let mut buffer = [0; 64];
        loop {
            match timeout(Duration::ZERO, half.read(&mut buffer)).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return false,
                Err(_) => return true,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_never_stops_between_two_messages_is_not_cut() {
        let (mut near, far) = duplex(1024);
        let mut half = half(far);
        let frame = [0x81, 0x82, 1, 2, 3, 4, 5, 6];
        near.write_all(&frame[..4]).await.unwrap();
        for _ in 0..10 {
            assert!(is_patient(&mut half).await);
            advance(WAIT * 2 / 3).await;
            // The rest of one message and the start of the next arrive together.
            near.write_all(&[&frame[4..], &frame[..4]].concat()).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_trickles_is_cut_at_its_deadline() {
        let (mut near, far) = duplex(1024);
        let mut half = half(far);
        near.write_all(&[0x01, 0x80]).await.unwrap();
        assert!(is_patient(&mut half).await);
        for byte in [1, 2] {
            advance(WAIT * 2 / 5).await;
            near.write_all(&[byte]).await.unwrap();
            assert!(is_patient(&mut half).await);
        }
        advance(WAIT * 2 / 5).await;
        near.write_all(&[3]).await.unwrap();
        assert!(!is_patient(&mut half).await);
    }
}
