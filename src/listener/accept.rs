//! What a connection passes before HTTP: the caps, TCP_NODELAY, the TLS handshake.

use super::{
    slots::{Slot, Slots},
    socket::{Io, Socket},
    tcp::Tcp,
    watch::Watch,
};
use crate::settings::Http;
use axum_server::{accept::Accept, tls_rustls::RustlsConfig};
use std::{io, pin::Pin, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsAcceptor;

/// Lets connections in.
#[derive(Debug, Clone)]
pub(super) struct Door {
    slots: Arc<Slots>,
    tls: Option<RustlsConfig>,
    /// For the handshake, and again for the first bytes.
    wait: Duration,
    write_wait: Duration,
    idle_wait: Duration,
}

impl Door {
    pub(super) fn new(tls: Option<RustlsConfig>, http: &Http) -> Self {
        Self {
            slots: Slots::new(http),
            tls,
            wait: http.header_wait,
            write_wait: http.write_wait,
            idle_wait: http.idle_wait,
        }
    }

    async fn let_in(self, stream: TcpStream) -> io::Result<Socket> {
        // An error drops the connection, which closes it: no answer costs less under a flood.
        let peer = stream.peer_addr()?.ip();
        let slot = Slot::take(&self.slots, peer).ok_or_else(|| io::Error::other("too many connections"))?;
        // Without it Nagle's algorithm and delayed acknowledgements stall every small answer by 40 ms.
        stream.set_nodelay(true)?;
        let tcp = Tcp::new(stream, self.write_wait);
        let io = match self.tls {
            None => Io::Plain(tcp),
            Some(tls) => {
                let handshake = TlsAcceptor::from(tls.get_inner()).accept(tcp);
                Io::Tls(Box::new(timeout(self.wait, handshake).await??))
            }
        };
        Ok(Socket::new(io, slot, Watch::new(self.wait, self.idle_wait)))
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
