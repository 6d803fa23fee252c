//! The socket's only writer: all that waits goes out in one write.

use super::{
    CLOSE_WAIT,
    heartbeat::{Beat, Heartbeat},
};
use crate::{
    manager::{Client, Outgoing},
    protocol::{CloseReason, Frame},
    settings,
};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::{sleep, timeout},
};

/// Frames per write; more only fill the kernel's list without saving a call.
const MAX_SLICES: usize = 64;

/// How many write waits a batch may take: with the defaults a full egress takes a minute at
/// 17 KiB/s, and whoever is slower than that recovers from the log instead.
const WRITES_PER_BATCH: u32 = 12;

/// The write pump's clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    ping_period: Duration,
    pong_wait: Duration,
    write_wait: Duration,
}

impl From<&settings::Socket> for Timing {
    fn from(settings: &settings::Socket) -> Self {
        Self { ping_period: settings.ping_period, pong_wait: settings.pong_wait, write_wait: settings.write_wait }
    }
}

/// Writes what the egress holds until its end, or until the socket fails.
pub(super) async fn run(mut socket: impl AsyncWrite + Unpin, client: Arc<Client>, timing: Timing) {
    // When this task ends or panics, the read pump ends too.
    let _end = client.closing().clone().drop_guard();
    let mut heartbeat = Heartbeat::new(timing.ping_period, timing.pong_wait);
    loop {
        let outgoing = tokio::select! {
            biased; // ping before egress: a busy topic must not starve the heartbeat
            beat = heartbeat.next(client.liveness()), if !client.closing().is_cancelled() => {
                match beat {
                    Beat::Ping => client.enqueue(Frame::ping()),
                    Beat::Silent => client.close(CloseReason::PongTimeout),
                }
                continue;
            }
            outgoing = client.egress().next() => outgoing,
        };
        let Outgoing::Frames(mut frames) = outgoing else { break };
        let written = in_time(&client, timing.write_wait, write_all(&mut socket, &mut frames, timing.write_wait)).await;
        if let Err(error) = written {
            tracing::debug!(client.id = %client.id(), %error, "a write failed");
            match error.kind() {
                io::ErrorKind::TimedOut => client.close(CloseReason::SlowConsumer),
                _ => client.end(),
            }
            return;
        }
    }
    let _ = timeout(timing.write_wait, socket.shutdown()).await;
}

/// Bounds a batch as a whole, because a peer that takes a byte now and then makes progress for
/// ever: by some write waits, and once the connection is closing by what a peer has for its answer.
pub(super) async fn in_time(
    client: &Client,
    write_wait: Duration,
    writing: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    let mut writing = pin!(writing);
    if let Poll::Ready(written) = poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx))).await {
        return written;
    }
    // Boxed: few writes get here, and every idle connection would pay for its size.
    let too_late = Box::pin(async {
        let closing_for_long = async {
            client.closing().cancelled().await;
            sleep(CLOSE_WAIT).await;
        };
        let _ = timeout(write_wait * WRITES_PER_BATCH, closing_for_long).await;
    });
    tokio::select! {
        biased;
        written = writing => written,
        () = too_late => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Writes all frames, as many as fit in each call. Each call may take `wait`: whoever makes
/// progress is slow, not gone.
async fn write_all(
    socket: &mut (impl AsyncWrite + Unpin),
    frames: &mut VecDeque<Frame>,
    wait: Duration,
) -> io::Result<()> {
    let mut written_of_first = 0;
    while !frames.is_empty() {
        let mut written =
            at_once_or_within(wait, poll_fn(|cx| poll_write(socket, cx, frames, written_of_first))).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(first) = frames.front() {
            let left = first.bytes().len() - written_of_first;
            if written < left {
                written_of_first += written;
                break;
            }
            written -= left;
            written_of_first = 0;
            frames.pop_front();
        }
    }
    at_once_or_within(wait, socket.flush()).await
}

/// Hands the socket as many frames as it may take. The list of slices lives only here: every
/// idle connection would pay for it if it were kept over an `.await`.
fn poll_write(
    socket: &mut (impl AsyncWrite + Unpin),
    cx: &mut Context<'_>,
    frames: &VecDeque<Frame>,
    written_of_first: usize,
) -> Poll<io::Result<usize>> {
    let mut frames = frames.iter();
    let Some(first) = frames.next() else { return Poll::Ready(Ok(0)) };
    let first = &first.bytes()[written_of_first..];
    if frames.len() == 0 {
        return Pin::new(socket).poll_write(cx, first);
    }
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    slices[0] = IoSlice::new(first);
    let mut count = 1;
    for (slice, frame) in slices[1..].iter_mut().zip(frames) {
        *slice = IoSlice::new(frame.bytes());
        count += 1;
    }
    Pin::new(socket).poll_write_vectored(cx, &slices[..count])
}

/// Most writes succeed at once, so a timer is made only for one that does not.
async fn at_once_or_within<T>(wait: Duration, operation: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let mut operation = pin!(operation);
    let first = poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx))).await;
    match first {
        Poll::Ready(result) => result,
        Poll::Pending => timeout(wait, operation).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn every_byte_arrives_in_order_however_little_each_write_takes() {
        let (mut near, mut far) = tokio::io::duplex(7);
        let texts: Vec<_> = (0..200).map(|n| format!("frame {n}")).collect();
        let mut frames: VecDeque<_> = texts.iter().map(|text| Frame::text(text.as_bytes())).collect();
        let expected: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes().to_vec()).collect();
        let writer = tokio::spawn(async move {
            write_all(&mut near, &mut frames, Duration::from_secs(5)).await.unwrap();
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        writer.await.unwrap();
        assert_eq!(received, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_given_up() {
        let (mut near, _far) = tokio::io::duplex(7);
        let mut frames = VecDeque::from([Frame::text(&[b'x'; 100])]);
        let error = write_all(&mut near, &mut frames, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
