//! The composition root: picks the store, builds the Manager, registers the families, owns the
//! long-lived tasks and the order of a stop. The only file that names concrete types.

use crate::{
    auth::{Door, Otps},
    events::{Chat, Rooms},
    http::{self, HttpState, frontend::Frontend},
    journal::{Journal, JournalTask},
    listener::{ListenError, Listener, Serving},
    manager::{Manager, Registry},
    metrics::Metrics,
    model::SessionId,
    protocol::CloseReason,
    settings::{Settings, TlsMode},
    storage::{Store, StoreError, sqlite::SqliteStore},
    tls::{self, TlsError},
};
use std::{collections::HashSet, future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How soon a session that another process ended loses its sockets.
const REVOCATION_CHECK_PERIOD: Duration = Duration::from_millis(500);
/// How often expired things are thrown away; nothing depends on it but memory and disk.
const REAP_PERIOD: Duration = Duration::from_secs(1);
const TRIM_PERIOD: Duration = Duration::from_secs(600);
/// Publications forgotten per transaction, so that no commit waits long behind it.
const TRIM_BATCH: u32 = 1_000;

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
pub struct Server {
    address: SocketAddr,
    settings: Arc<Settings>,
    manager: Arc<Manager>,
    door: Arc<Door>,
    store: Arc<dyn Store>,
    connections: TaskTracker,
    serving: Serving,
    journal: JoinHandle<()>,
    stop_journal: CancellationToken,
    housekeeping: TaskTracker,
    stop_housekeeping: CancellationToken,
}

/// Opens the store, takes the port and serves; what it returns has to be [`Server::stop`]ped.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub async fn start(settings: Settings, frontend: Frontend) -> Result<Server, StartError> {
    let settings = Arc::new(settings);
    let listener = Listener::bind(settings.server.listen)?;
    let address = listener.address();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&settings.server.data_dir, &settings.storage)?);
    let certificate = match settings.tls.mode {
        TlsMode::On => Some(tls::load(&settings)?),
        TlsMode::Off => None,
    };
    let metrics = Arc::new(Metrics::default());
    let (journal, journal_task) = Journal::new(&settings.journal);
    let manager = Manager::new(registry(&store, &journal), store.clone(), settings.clone(), metrics.clone());
    let otps = Arc::new(Otps::new(&settings.otp));
    let door = Arc::new(Door::new(store.clone(), otps.clone(), journal.clone(), &settings).await?);

    let stop_journal = CancellationToken::new();
    let journal = spawn_journal(journal_task, &store, &manager, &stop_journal);
    let stop_housekeeping = CancellationToken::new();
    let housekeeping = TaskTracker::new();
    let keep = |task| housekeeping.spawn(stop_housekeeping.clone().run_until_cancelled_owned(task));
    keep(boxed(watch_revocations(store.clone(), manager.clone())));
    keep(boxed(trim_log(store.clone(), settings.clone())));
    keep(boxed(reap_otps(otps.clone())));
    if let Some(certificate) = &certificate {
        keep(boxed(certificate.clone().watch()));
    }

    let connections = TaskTracker::new();
    let state = HttpState {
        manager: manager.clone(),
        otps,
        store: store.clone(),
        settings: settings.clone(),
        metrics: metrics.clone(),
        frontend,
        connections: connections.clone(),
    };
    let router = http::router(state, door.clone());
    let serving = listener.serve(router, certificate.map(|certificate| certificate.config()), &settings.http);
    Ok(Server {
        address,
        settings,
        manager,
        door,
        store,
        connections,
        serving,
        journal,
        stop_journal,
        housekeeping,
        stop_housekeeping,
    })
}

/// Every family registers its event types here; nothing else changes for a new one.
fn registry(store: &Arc<dyn Store>, journal: &Journal) -> Registry {
    let mut registry = Registry::default();
    Chat::new(store.clone(), journal.clone()).register(&mut registry);
    Rooms::new(store.clone(), journal.clone()).register(&mut registry);
    registry
}
