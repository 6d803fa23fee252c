//! Reads one message at a time and hands it to a [`Receiver`].

use super::{
    CLOSE_WAIT,
    read_half::{BadFragments, ReadHalf},
};
use crate::{manager::Client, protocol::CloseReason};
use bytes::Bytes;
use futures_util::StreamExt;
use std::{future::Future, pin::pin, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, Utf8Bytes, error::ProtocolError},
};

/// How long a stop waits for the answers of what a client has sent already.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// One thing a client sent.
#[derive(Debug)]
pub enum Inbound {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A ping, which the library answers with its next read, or a pong.
    Control,
}

/// What a connection's messages go to: events here, documents elsewhere, an echo in a test.
pub trait Receiver: Send {
    /// Decides one message. An error closes the connection.
    fn receive(&mut self, message: Inbound) -> impl Future<Output = Result<(), CloseReason>> + Send;

    /// Whether it can take another message now; until then the socket is not read.
    fn is_ready(&self) -> bool {
        true
    }

    /// Whether [`Receiver::progress`] has something to wait for.
    fn is_waiting(&self) -> bool {
        false
    }

    /// Waits for work that earlier messages began. Must be cancel safe.
    fn progress(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Resolves when the connection is to end as soon as what was accepted is answered.
    fn farewell(&self) -> impl Future<Output = CloseReason> + Send + 'static {
        std::future::pending()
    }
}

/// Reads until the peer leaves, breaks a rule, or the connection is closed from elsewhere; then
/// gives the peer a moment to answer the close frame, or the reset would eat it.
pub(super) async fn run<R: AsyncRead + Unpin>(
    mut socket: WebSocketStream<ReadHalf<R>>,
    client: &Client,
    mut receiver: impl Receiver,
) {
    let read = read_until_closed(&mut socket, client, &mut receiver).await;
    let deadline = Instant::now() + CLOSE_WAIT;
    match read {
        // The library has queued its answer to the peer's close, or the peer is gone.
        End::PeerLeft => return client.end(),
        End::Closing => loop {
            match timeout_at(deadline, socket.next()).await {
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(Error::Protocol(_) | Error::Capacity(_) | Error::Utf8(_)))) => break,
                _ => return,
            }
        },
        End::Broken(reason) => client.close(reason),
    }
    // After an error the library reads no more, so what still comes is thrown away unread.
    let mut scrap = [0; 1024];
    while let Ok(Ok(1..)) = timeout_at(deadline, socket.get_mut().unmetered().read(&mut scrap)).await {}
}

enum End {
    PeerLeft,
    Closing,
    Broken(CloseReason),
}

async fn read_until_closed<R: AsyncRead + Unpin>(
    socket: &mut WebSocketStream<ReadHalf<R>>,
    client: &Client,
    receiver: &mut impl Receiver,
) -> End {
    let mut closing = pin!(client.closing().cancelled());
    let mut farewell = pin!(receiver.farewell());
    loop {
        let message = tokio::select! {
            biased;
            () = &mut closing => return End::Closing,
            reason = &mut farewell => {
                let answered = async {
                    while receiver.is_waiting() {
                        receiver.progress().await;
                    }
                };
                // Whoever gets no answer asks again when it is back.
                let _ = timeout(ANSWER_WAIT, answered).await;
                client.close(reason);
                return End::Closing;
            }
            () = receiver.progress(), if receiver.is_waiting() => continue,
            message = socket.next(), if receiver.is_ready() => message,
        };
        let inbound = match message {
            Some(Ok(Message::Text(text))) => Inbound::Text(text),
            Some(Ok(Message::Binary(bytes))) => Inbound::Binary(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Inbound::Control,
            Some(Ok(Message::Frame(_) | Message::Close(_))) => continue,
            None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => return End::PeerLeft,
            Some(Err(error)) => return broken(error),
        };
        if let Err(reason) = receiver.receive(inbound).await {
            client.close(reason);
        }
    }
}

/// Which rule a peer broke (RFC 6455 section 7.4.1).
fn broken(error: Error) -> End {
    End::Broken(match error {
        Error::Capacity(_) => CloseReason::TooLarge,
        Error::Utf8(_) => CloseReason::NotUtf8,
        Error::Io(error) if BadFragments::is_in(&error) => CloseReason::Policy,
        Error::Io(_) => return End::PeerLeft,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            return End::PeerLeft;
        }
        _ => CloseReason::ProtocolError,
    })
}
