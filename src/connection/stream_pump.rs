//! An event stream's only writer: takes what the egress holds, as a socket's write pump does, and speaks another wire.

use super::write_pump::in_time;
use crate::{
    manager::{Client, Manager, Outgoing},
    protocol::{
        CloseReason,
        sse::{self, EventStream},
    },
};
use bytes::Bytes;
use rand::RngExt;
use std::{future::Future, io, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// How much is handed over at once, in bytes; an event that is larger goes alone.
const CHUNK_BYTES: usize = 16 * 1024;
/// Nobody comes back sooner than that, so that a server that cuts a client at once is not kept busy by it.
const SHORTEST_RETRY: Duration = Duration::from_millis(500);

/// Runs a stream to its end: `arrive` queues what its client missed, `body` is what the client reads.
///
/// Not driven by whoever reads the body: a client that does not read is cut all the same, and costs nothing more.
pub async fn run_stream<A>(
    manager: &Manager,
    client: &Arc<Client>,
    wire: EventStream,
    body: mpsc::Sender<Bytes>,
    arrive: A,
) where
    A: Future<Output = Result<(), CloseReason>>,
{
    let arrival = async {
        let arrived = tokio::select! {
            biased;
            () = client.closing().cancelled() => Ok(()),
            arrived = arrive => arrived,
        };
        if let Err(reason) = arrived {
            client.close(reason);
        }
    };
    let pump = StreamPump { manager, client, wire, body, jitter: manager.settings().server.restart_jitter };
    tokio::join!(arrival, pump.run());
}

struct StreamPump<'s> {
    manager: &'s Manager,
    client: &'s Client,
    wire: EventStream,
    body: mpsc::Sender<Bytes>,
    jitter: Duration,
}

/// What comes next.
enum Next {
    Outgoing(Outgoing),
    Heartbeat,
    /// The server stops.
    Draining,
    /// The client is gone.
    Gone,
}

impl StreamPump<'_> {
    async fn run(mut self) {
        // When this ends, what was still arriving ends too.
        let _end = self.client.closing().clone().drop_guard();
        let ended = match self.write_all().await {
            // Not all at once, when the next server is there.
            Ok(()) if matches!(self.client.close_reason(), Some(CloseReason::Restart { .. })) => {
                self.send_retry().await
            }
            ended => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(client.id = %self.client.id(), %error, "a write failed");
            match error.kind() {
                io::ErrorKind::TimedOut => self.client.close(CloseReason::SlowConsumer),
                _ => self.client.end(),
            }
        }
    }

    async fn write_all(&mut self) -> io::Result<()> {
        let period = self.manager.settings().socket.ping_period;
        // Those who came together need not be written to together for ever.
        let mut heartbeat = Instant::now() + period.mul_f64(rand::rng().random_range(0.5..=1.0));
        // A server that is killed says nothing: this spreads those who come back then.
        self.send_retry().await?;
        loop {
            match self.next(heartbeat).await {
                Next::Outgoing(Outgoing::Frames(frames)) => {
                    let texts = frames.iter().flat_map(|frame| frame.texts());
                    let writing = send_texts(&mut self.wire, &self.body, texts);
                    in_time(self.client, self.manager.settings().socket.write_wait, writing).await?;
                }
                Next::Outgoing(Outgoing::End) => return Ok(()),
                Next::Heartbeat => self.send(sse::HEARTBEAT.to_owned()).await?,
                Next::Draining => {
                    self.client.close(self.manager.restart());
                    continue;
                }
                Next::Gone => return Err(io::ErrorKind::BrokenPipe.into()),
            }
            heartbeat = Instant::now() + period;
        }
    }

    async fn next(&self, heartbeat: Instant) -> Next {
        tokio::select! {
            biased;
            () = self.body.closed() => Next::Gone,
            () = self.manager.draining().cancelled(), if !self.client.closing().is_cancelled() => Next::Draining,
            outgoing = self.client.egress().next() => Next::Outgoing(outgoing),
            () = sleep_until(heartbeat) => Next::Heartbeat,
        }
    }

    async fn send_retry(&self) -> io::Result<()> {
        let wait = SHORTEST_RETRY + self.jitter.mul_f64(rand::rng().random_range(0.0..=1.0));
        self.send(sse::retry(wait)).await
    }

    async fn send(&self, text: String) -> io::Result<()> {
        in_time(self.client, self.manager.settings().socket.write_wait, send(&self.body, text)).await
    }
}

/// Writes texts as events, many small ones together.
async fn send_texts(
    wire: &mut EventStream,
    body: &mpsc::Sender<Bytes>,
    texts: impl Iterator<Item = &str>,
) -> io::Result<()> {
    let mut chunk = String::new();
    for text in texts {
        wire.write(text, &mut chunk);
        if chunk.len() >= CHUNK_BYTES {
            send(body, std::mem::take(&mut chunk)).await?;
        }
    }
    if chunk.is_empty() { Ok(()) } else { send(body, chunk).await }
}

async fn send(body: &mpsc::Sender<Bytes>, text: String) -> io::Result<()> {
    body.send(text.into()).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
}
