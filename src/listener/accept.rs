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
    ack_wait: Duration,
}

impl Door {
    pub(super) fn new(tls: Option<RustlsConfig>, http: &Http, ack_wait: Duration) -> Self {
        Self {
            slots: Slots::new(http),
            tls,
            wait: http.header_wait,
            write_wait: http.write_wait,
            idle_wait: http.idle_wait,
            ack_wait,
        }
    }

    async fn let_in(self, stream: TcpStream) -> io::Result<Socket> {
        // An error drops the connection, which closes it: no answer costs less under a flood.
        let peer = stream.peer_addr()?.ip();
        let slot = Slot::take(&self.slots, peer).ok_or_else(|| io::Error::other("too many connections"))?;
        // Without it Nagle's algorithm and delayed acknowledgements stall every small answer by 40 ms.
        stream.set_nodelay(true)?;
        let_go_of_the_vanished(&stream, self.ack_wait)?;
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

/// Ends a connection whose peer has acknowledged nothing for so long of what was sent to it. Event streams need it, whose
/// peers send nothing: the kernel would try again for a quarter of an hour. Elsewhere than on Linux it does.
fn let_go_of_the_vanished(stream: &TcpStream, wait: Duration) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // Zero would be the kernel's default.
        let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1);
        rustix::net::sockopt::set_tcp_user_timeout(stream, wait_ms)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, wait);
    Ok(())
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::net::sockopt::tcp_user_timeout;

    #[tokio::test]
    async fn a_peer_that_acknowledges_nothing_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (_client, (stream, _)) = (client.unwrap(), accepted.unwrap());
        assert_eq!(tcp_user_timeout(&stream).unwrap(), 0);
        let_go_of_the_vanished(&stream, Duration::from_secs(60)).unwrap();
        assert_eq!(tcp_user_timeout(&stream).unwrap(), 60_000);
    }
}
