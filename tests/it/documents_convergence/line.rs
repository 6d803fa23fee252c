//! The network between one client and the server: it may be held up, cut, and lead to another server.

use std::{future::pending, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    select,
    sync::watch,
    task::JoinHandle,
};

/// What passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passage {
    Everything,
    /// Nothing for now, and neither side is told.
    Nothing,
    /// Nothing, and every connection breaks.
    Cut,
}

/// A client's own way to wherever the server is.
pub struct Line {
    /// Where the client finds its server, for ever.
    pub address: SocketAddr,
    passage: watch::Sender<Passage>,
    accepting: JoinHandle<()>,
}

impl Line {
    /// To the server that listens where `server` says, if there is one.
    pub async fn new(server: watch::Receiver<Option<SocketAddr>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().unwrap();
        let (passage, passing) = watch::channel(Passage::Everything);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let target = server.borrow().filter(|_| *passing.borrow() != Passage::Cut);
                let Some(target) = target else { continue };
                tokio::spawn(connect(client, target, passing.clone()));
            }
        });
        Self { address, passage, accepting }
    }

    pub fn holds_up(&self) {
        self.passage.send_replace(Passage::Nothing);
    }

    pub fn is_cut(&self) {
        self.passage.send_replace(Passage::Cut);
    }

    pub fn is_mended(&self) {
        self.passage.send_replace(Passage::Everything);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connect(client: TcpStream, target: SocketAddr, passing: watch::Receiver<Passage>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut watched = passing.clone();
    let cut = async {
        if watched.wait_for(|passage| *passage == Passage::Cut).await.is_err() {
            pending::<()>().await;
        }
    };
    select! {
        () = carry(from_client, to_server, passing.clone()) => {}
        () = carry(from_server, to_client, passing) => {}
        () = cut => {}
    }
}

/// Until either end hangs up.
async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut passing: watch::Receiver<Passage>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        // Without a line nothing holds it up.
        let _ = passing.wait_for(|passage| *passage != Passage::Nothing).await;
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
