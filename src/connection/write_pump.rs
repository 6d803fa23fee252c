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
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::{sleep, timeout},
};

/// Frames per write; more only fill the kernel's list without saving a call.
const MAX_SLICES: usize = 64;

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
        let written = in_time(&client, timing, write_all(&mut socket, &mut frames, timing.write_wait)).await;
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
/// ever: by the pong wait, and once the connection is closing by what a peer has for its answer.
async fn in_time(client: &Client, timing: Timing, writing: impl Future<Output = io::Result<()>>) -> io::Result<()> {
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
        let _ = timeout(timing.pong_wait, closing_for_long).await;
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
    while let Some(first) = frames.front() {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        slices[0] = IoSlice::new(&first.bytes()[written_of_first..]);
        for (slice, frame) in slices[1..].iter_mut().zip(frames.iter().skip(1)) {
            *slice = IoSlice::new(frame.bytes());
        }
        let count = frames.len().min(MAX_SLICES);
        let mut written = at_once_or_within(wait, socket.write_vectored(&slices[..count])).await?;
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
