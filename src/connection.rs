//! One upgraded socket: a read pump, a write pump, and what ends them; or one event stream, which is only written to.
//! Knows frames, not features.

mod event_receiver;
mod frame_meter;
mod heartbeat;
mod read_half;
mod read_pump;
mod stream_pump;
mod token_bucket;
mod write_pump;

pub use event_receiver::EventReceiver;
pub use frame_meter::FrameLimits;
pub use read_pump::{Inbound, Receiver};
pub use stream_pump::run_stream;
pub use token_bucket::{TokenBucket, cost};

use crate::{manager::Client, protocol::CloseReason, settings};
use read_half::ReadHalf;
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::protocol::{Role, WebSocketConfig},
};

/// How long a peer may take to answer our close frame, in all.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Runs a connection to its end: `arrive` first, then what `receiver` makes of its messages.
///
/// The write pump is the socket's only writer and runs from the start, so that `arrive` may
/// queue as much as it likes. When either pump ends or panics, the other one ends too.
pub async fn run<S, R, A>(stream: S, client: Arc<Client>, settings: &settings::Socket, arrive: A, receiver: R)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
    R: Receiver,
    A: Future<Output = Result<(), CloseReason>>,
{
    let (read, write) = tokio::io::split(stream);
    let writer = tokio::spawn(write_pump::run(write, client.clone(), write_pump::Timing::from(settings)));
    // Should this task be dropped or panic, the write pump still says why and ends.
    let abandoned = AbandonedConnection(client.clone());
    let arrived = tokio::select! {
        biased;
        () = client.closing().cancelled() => Ok(()),
        arrived = not_silent_during(arrive, &client, settings.ping_period) => arrived,
    };
    if let Err(reason) = arrived {
        client.close(reason);
    }
    let half = ReadHalf::new(read, client.clone(), FrameLimits::from(settings));
    let socket = WebSocketStream::from_raw_socket(half, Role::Server, Some(library_config(settings))).await;
    read_pump::run(socket, &client, receiver).await;
    drop(abandoned);
    // The write pump ends by itself: nothing more is queued, and once a connection is closing
    // its writes together have only so long.
    let _ = writer.await;
}

/// Nothing is read while a client arrives, so its pongs wait in the kernel: it must not be taken for silent, however
/// long it needs for what it missed. Each write to it is bounded meanwhile.
async fn not_silent_during<T>(arrive: impl Future<Output = T>, client: &Client, period: Duration) -> T {
    let mut arrive = pin!(arrive);
    loop {
        match timeout(period, &mut arrive).await {
            Ok(arrived) => {
                client.liveness().touch();
                return arrived;
            }
            Err(_) => client.liveness().touch(),
        }
    }
}

/// The library only reads; buffers are small because every idle connection owns them.
fn library_config(settings: &settings::Socket) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(settings.read_buffer_bytes)
        .write_buffer_size(0)
        .max_write_buffer_size(1024 * 1024)
        .max_message_size(Some(settings.max_event_bytes))
        .max_frame_size(Some(settings.max_event_bytes))
}

struct AbandonedConnection(Arc<Client>);

impl Drop for AbandonedConnection {
    fn drop(&mut self) {
        self.0.close(if std::thread::panicking() { CloseReason::Internal } else { CloseReason::Normal });
    }
}
