//! The composition root; this stands where it will be.

use crate::{
    listener::{ListenError, Listener, Serving},
    model::UserName,
    settings::{Settings, TlsMode},
    storage::{Store, StoreError},
    tls::{self, TlsError},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// Why the server did not start. The text tells the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No usable store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No usable certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No port.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// Whether a stop came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Everyone was told and everything was written.
    Cleanly,
    /// Some sockets did not end within `server.drain_wait_secs`; everything was written.
    WithSocketsLeft,
}

/// A server at work.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    serving: Serving,
    drain_wait: Duration,
}

/// Opens the store for a command of the operator's.
///
/// # Errors
/// [`StoreError`]
pub fn open_store(_settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    Err(StoreError::Unavailable("no engine is wired yet".to_owned()))
}

/// Judges a password by the policy and hashes it, for a command of the operator's.
///
/// # Errors
/// What is wrong with it, for people.
pub fn hash_password(_settings: &Settings, _name: &UserName, _password: &str) -> Result<String, String> {
    Err("no password hash is wired yet".to_owned())
}

/// Takes the port and serves; what it returns has to be [`Server::stop`]ped.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub async fn start(settings: Settings) -> Result<Server, StartError> {
    let listener = Listener::bind(settings.server.listen)?;
    let address = listener.address();
    let certificate = match settings.tls.mode {
        TlsMode::On => Some(tls::load(&settings)?),
        TlsMode::Off => None,
    };
    if let Some(certificate) = &certificate {
        tokio::spawn(certificate.clone().watch());
    }
    let config = certificate.map(|certificate| certificate.config());
    let serving = listener.serve(axum::Router::new(), config, &settings.http);
    Ok(Server { address, serving, drain_wait: settings.server.drain_wait })
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it.
    pub async fn stop(self) -> Stopped {
        self.serving.handle.graceful_shutdown(Some(self.drain_wait));
        match self.serving.task.await {
            Ok(Ok(())) => Stopped::Cleanly,
            _ => Stopped::WithSocketsLeft,
        }
    }
}
