//! What a connection passes before HTTP: the cap, TCP_NODELAY, the TLS handshake.

use super::socket::{Io, Slot, Slots, Socket};
use axum_server::{accept::Accept, tls_rustls::RustlsConfig};
use std::{io, pin::Pin, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsAcceptor;

/// Lets connections in.
#[derive(Debug, Clone)]
pub(super) struct Door {
    slots: Arc<Slots>,
    tls: Option<RustlsConfig>,
    wait: Duration,
}

impl Door {
    /// At most `max_connections` at once, 0: any number; each has `wait` for its handshake and
    /// again for its first bytes.
    pub(super) fn new(tls: Option<RustlsConfig>, max_connections: usize, wait: Duration) -> Self {
        Self { slots: Slots::new(max_connections), tls, wait }
    }

    async fn let_in(self, stream: TcpStream) -> io::Result<Socket> {
        // An error drops the connection, which closes it: no answer costs less under a flood.
        let slot = Slot::take(&self.slots).ok_or_else(|| io::Error::other("too many connections"))?;
        // Without it Nagle's algorithm and delayed acknowledgements stall every small answer by 40 ms.
        stream.set_nodelay(true)?;
        let io = match self.tls {
            None => Io::Plain(stream),
            Some(tls) => {
                let handshake = TlsAcceptor::from(tls.get_inner()).accept(stream);
                Io::Tls(Box::new(timeout(self.wait, handshake).await??))
            }
        };
        Ok(Socket::new(io, slot, self.wait))
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Door {
    type Stream = Socket;
    type Service = S;
    // Boxed: the state of a handshake is large and must not stay part of the connection's task.
    type Future = Pin<Box<dyn Future<Output = io::Result<(Socket, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let door = self.clone();
        Box::pin(async move { Ok((door.let_in(stream).await?, service)) })
    }
}
