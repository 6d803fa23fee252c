//! The composition root: picks the store, builds the Manager, registers the families, owns the
//! long-lived tasks and the order of a stop. The only file that names concrete types.

mod housekeeping;

use crate::{
    auth::{self, AuthError, Door, Hasher, Keys, LoginOutcome, Otps, Policy, Secret},
    cluster::LocalBus,
    documents::Documents,
    events::{Channels, Chat, Feeds, Namespaces, Products, Rooms, Topics},
    feed::{self, FeedRows, Listener as FeedListener, Tools},
    http::{self, DocumentsState, DoorState, HttpState, KeysState, ProductsState, PublishState, frontend::Frontend},
    journal::Journal,
    listener::{ListenError, Listener, Serving},
    manager::{Manager, Registry},
    metrics::Metrics,
    model::{Credential, UserName},
    settings::{FeedTable, Settings, StoreAddress, TlsMode},
    storage::{Check, ProductRows, RowSource, Store, StoreError, postgres, sqlite},
    tls::{self, TlsError},
};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long connections have to close by themselves when the server stops.
const FAREWELL_WAIT: Duration = Duration::from_secs(2);

/// Why the server did not start. The text tells the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No usable store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness, or password settings that the hash refuses.
    #[error(transparent)]
    Auth(#[from] AuthError),
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
    drafts: Journal,
    journal: JoinHandle<()>,
    journal_ended: CancellationToken,
    stop_journal: CancellationToken,
    documents: Arc<Documents>,
    rows: Arc<dyn RowSource>,
    feeds: TaskTracker,
    stop_feeds: CancellationToken,
    housekeeping: TaskTracker,
    stop_housekeeping: CancellationToken,
}

/// Opens the store, takes the port and serves; what it returns has to be [`Server::stop`]ped.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub async fn start(settings: Settings) -> Result<Server, StartError> {
    start_with(settings, |_| {}).await
}

/// As [`start`], with event families of your own beside ours.
///
/// # Errors
/// [`StartError`]; nothing runs then.
///
/// # Panics
/// When `register` takes an event type that has a handler already.
pub async fn start_with(settings: Settings, register: impl FnOnce(&mut Registry)) -> Result<Server, StartError> {
    start_watching(settings, register, |_, _| None).await
}

/// As [`start_with`]; the rows of those tables for which `rows_of` has a source are read there.
///
/// # Errors
/// [`StartError`]; nothing runs then.
///
/// # Panics
/// As [`start_with`].
pub async fn start_watching(
    settings: Settings,
    register: impl FnOnce(&mut Registry),
    rows_of: impl Fn(&FeedTable, &Arc<dyn Store>) -> Option<Arc<dyn RowSource>>,
) -> Result<Server, StartError> {
    let settings = Arc::new(settings);
    let listener = Listener::bind(settings.server.listen)?;
    let address = listener.address();
    let store = {
        let settings = settings.clone();
        let opened = tokio::task::spawn_blocking(move || open_store(&settings, Check::Whole)).await;
        opened.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))?
    };
    let certificate = match settings.tls.mode {
        TlsMode::On => Some(tls::load(&settings)?),
        TlsMode::Off => None,
    };
    let metrics = Arc::new(Metrics::default());
    metrics.expect_logins(LoginOutcome::ALL.map(LoginOutcome::as_str));
    let (journal_handle, journal_task) = Journal::new(&settings);
    let namespaces = Namespaces::new(&settings);
    warn_of_cut_names(&namespaces, &*store).await?;
    let channels = Channels::new(store.clone(), journal_handle.clone(), namespaces);
    let (listeners, rows) = feed_listeners(&settings, &store, &journal_handle, &metrics)?;
    let feeds = Feeds::new(&settings, |table| rows_of(table, &store).unwrap_or_else(|| rows.source_of(&table.topic)));
    let topics = Topics::new(store.clone(), vec![channels.clone(), feeds]);
    let meter_of = Arc::new(topics.meters(&metrics));
    let mut registry = registry(&store, &journal_handle, &topics);
    register(&mut registry);
    let bus = Arc::new(LocalBus);
    let manager = Manager::new(registry, store.clone(), bus, settings.clone(), metrics.clone(), meter_of);
    let otps = Arc::new(Otps::new(&settings.otp));
    let door = Arc::new(Door::new(store.clone(), otps.clone(), &settings).await?);

    let stop_journal = CancellationToken::new();
    let journal_ended = CancellationToken::new();
    let ended = journal_ended.clone().drop_guard();
    let journal = journal_task.run(store.clone(), manager.clone(), stop_journal.clone().cancelled_owned());
    let journal = tokio::spawn(async move {
        let _ended = ended;
        journal.await;
    });
    let (feeds, stop_feeds) = (TaskTracker::new(), CancellationToken::new());
    for listener in listeners {
        feeds.spawn(listener.run(stop_feeds.clone()));
    }
    let stop_housekeeping = CancellationToken::new();
    let housekeeping = TaskTracker::new();
    let keep = |task| housekeeping.spawn(stop_housekeeping.clone().run_until_cancelled_owned(task));
    keep(boxed(housekeeping::watch_revocations(store.clone(), manager.clone())));
    keep(boxed(housekeeping::sweep(store.clone(), manager.clone(), settings.clone())));
    keep(boxed(housekeeping::trim_log(store.clone(), settings.clone())));
    housekeeping.spawn(auth::reap(otps.clone(), stop_housekeeping.clone()));
    if let Some(certificate) = &certificate {
        keep(boxed(certificate.clone().watch()));
    }

    let meter = metrics.documents.clone();
    let documents = Documents::new(store.clone(), journal_handle.clone(), settings.clone(), meter);
    keep(boxed(documents.clone().keep_house()));

    let connections = TaskTracker::new();
    let state = HttpState {
        manager: manager.clone(),
        door: door.clone(),
        otps,
        topics: topics.clone(),
        documents: documents.clone(),
        store: store.clone(),
        settings: settings.clone(),
        metrics: metrics.clone(),
        frontend: Frontend::new(settings.http.frontend_dir.clone()),
        connections: connections.clone(),
    };
    let keys = Arc::new(Keys::new(store.clone(), door.clone(), &settings));
    let publish = PublishState {
        keys: keys.clone(),
        door: door.clone(),
        channels: channels.clone(),
        manager: manager.clone(),
        settings: settings.clone(),
        pace: Arc::default(),
    };
    let router = http::router(
        state.clone(),
        door_state(&state, &keys, &journal_handle),
        keys_state(&keys, &manager),
        publish.clone(),
        documents_state(&publish, state),
        products_state(&publish, &store, &journal_handle),
    );
    let serving = listener.serve(router, certificate.map(|certificate| certificate.config()), &settings);
    settings.leave_origin(address);
    Ok(Server {
        address,
        settings,
        manager,
        door,
        store,
        connections,
        serving,
        drafts: journal_handle,
        journal,
        journal_ended,
        stop_journal,
        documents,
        rows: Arc::new(rows),
        feeds,
        stop_feeds,
        housekeeping,
        stop_housekeeping,
    })
}

/// A listener for each database with watched tables, to be run when there is a journal; and where their rows are read.
fn feed_listeners(
    settings: &Settings,
    store: &Arc<dyn Store>,
    journal: &Journal,
    metrics: &Metrics,
) -> Result<(Vec<FeedListener>, FeedRows), StoreError> {
    let (mut listeners, mut all) = (Vec::new(), FeedRows::default());
    if let (Some(products), Ok(StoreAddress::Sqlite)) = (settings.feed.products(), settings.storage.url.address()) {
        all.add(products.topic.clone(), Arc::new(ProductRows::new(store.clone())));
    }
    for source in feed::sources(settings).map_err(StoreError::Unavailable)? {
        let names: Vec<_> = source.tables.iter().map(|table| table.topic.clone()).collect();
        let meter = metrics.feed_meter(source.name);
        let tools = Tools { store: store.clone(), journal: journal.clone(), meter };
        let (listener, rows) = FeedListener::new(source, settings, tools);
        let rows: Arc<dyn RowSource> = Arc::new(rows);
        for name in names {
            all.add(name, rows.clone());
        }
        listeners.push(listener);
    }
    Ok((listeners, all))
}

/// Tells the operator that one member may hear what is meant for another.
async fn warn_of_cut_names(namespaces: &Namespaces, store: &dyn Store) -> Result<(), StoreError> {
    let Some(pattern) = namespaces.that_cuts_names() else { return Ok(()) };
    let accounts = store.accounts().await?;
    if let Some(cut) = accounts.iter().find(|account| account.user.name.as_str().contains('.')) {
        tracing::warn!(
            namespace = %pattern, user.name = %cut.user.name,
            "a name with a dot is cut in {{user}}: what is published for it reaches whoever has the name before the dot; \
             use {{user_id}}"
        );
    }
    Ok(())
}

/// Opens the store that the settings name; commands of the operator's use it too. It blocks.
///
/// # Errors
/// [`StoreError`]
pub fn open_store(settings: &Settings, check: Check) -> Result<Arc<dyn Store>, StoreError> {
    let opened = match settings.storage.url.address().map_err(StoreError::Unavailable)? {
        StoreAddress::Sqlite => sqlite::open(&settings.server.data_dir, &settings.storage, check)?,
        StoreAddress::Postgres(database) => postgres::open(&database, &settings.storage, check)?,
    };
    Ok(Arc::new(opened))
}

/// Judges a password by the policy and hashes it, for a command of the operator's.
///
/// # Errors
/// What is wrong with it, for people.
pub fn hash_password(settings: &Settings, name: &UserName, password: &str) -> Result<String, String> {
    Policy::new(settings).check(password, name).map_err(|error| error.to_string())?;
    let hasher = Hasher::new(&settings.auth).map_err(|error| error.to_string())?;
    hasher.hash_here(&Secret::new(password)).map_err(|error| error.to_string())
}

/// What happens elsewhere when somebody signs in or out.
fn door_state(state: &HttpState, keys: &Arc<Keys>, journal: &Journal) -> DoorState {
    let (manager, journal) = (state.manager.clone(), journal.clone());
    DoorState {
        door: state.door.clone(),
        keys: keys.clone(),
        topics: state.topics.clone(),
        documents: state.documents.clone(),
        settings: state.settings.clone(),
        on_session_end: Arc::new(move |session| manager.close_admitted_by(Credential::Session(session))),
        on_newcomer: Arc::new(move |user| Rooms::welcome(&journal, user)),
        metrics: state.metrics.clone(),
    }
}

/// What happens elsewhere when a key is revoked.
fn keys_state(keys: &Arc<Keys>, manager: &Arc<Manager>) -> KeysState {
    let (settings, manager) = (manager.settings().clone(), manager.clone());
    let on_key_revoked = Arc::new(move |key| manager.close_admitted_by(Credential::Key(key)));
    KeysState { keys: keys.clone(), settings, on_key_revoked }
}

/// `/documents`: over REST at the pace of publishing, on sockets with what those need.
fn documents_state(publish: &PublishState, sockets: HttpState) -> DocumentsState {
    let PublishState { keys, door, settings, pace, .. } = publish.clone();
    DocumentsState { keys, door, documents: sockets.documents.clone(), settings, pace, sockets }
}

/// `/products`, while the settings have its table.
fn products_state(publish: &PublishState, store: &Arc<dyn Store>, journal: &Journal) -> Option<ProductsState> {
    let PublishState { keys, door, settings, pace, .. } = publish.clone();
    let table = settings.feed.products()?;
    let products = Arc::new(Products::new(store.clone(), journal.clone(), table));
    Some(ProductsState { keys, door, products, settings, pace })
}

/// Every family registers its event types here; nothing else changes for a new one.
fn registry(store: &Arc<dyn Store>, journal: &Journal, topics: &Arc<Topics>) -> Registry {
    let mut registry = Registry::default();
    Chat::new(store.clone(), journal.clone()).register(&mut registry);
    Rooms::new(store.clone(), journal.clone()).register(&mut registry);
    topics.clone().register(&mut registry);
    registry
}

fn boxed(task: impl Future<Output = ()> + Send + 'static) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(task)
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address and port it listens on, as a URL: what scripts read.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.settings.tls.mode == TlsMode::On { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// What people open.
    #[must_use]
    pub fn origin(&self) -> String {
        self.settings.origin(self.address)
    }

    /// The link that makes the owner, while there is none.
    #[must_use]
    pub fn setup_link(&self) -> Option<String> {
        self.door.setup_token().map(|token| format!("{}/#setup={token}", self.origin()))
    }

    /// Its store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Where families of your own hand in what is to be committed.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.drafts
    }

    /// Where the rows of watched tables are asked for.
    #[must_use]
    pub fn rows(&self) -> &Arc<dyn RowSource> {
        &self.rows
    }

    /// Its manager.
    #[must_use]
    pub fn manager(&self) -> &Arc<Manager> {
        &self.manager
    }

    /// Resolves should the server lose the task that commits: it can then only be restarted.
    pub async fn broke(&self) {
        self.journal_ended.cancelled().await;
    }

    /// Refuses new sockets, tells everyone when to come back, finishes commits, closes the store.
    pub async fn stop(self) -> Stopped {
        let Self { settings, manager, connections, serving, journal, store, .. } = self;
        let drain_wait = settings.server.drain_wait;
        let deadline = Instant::now() + drain_wait;
        manager.drain();
        // Lets requests that are under way end, and closes the rest at the deadline.
        serving.handle.graceful_shutdown(Some(drain_wait));
        connections.close();
        // Each connection answers what it has accepted and closes; whoever cannot is closed.
        if timeout(FAREWELL_WAIT, connections.wait()).await.is_err() {
            manager.close_all();
        }
        let sockets_ended = timeout_at(deadline, connections.wait()).await.is_ok();
        if !sockets_ended {
            tracing::warn!(clients = manager.clients().len(), "some sockets did not end in time");
        }
        // Requests may hand in drafts: the journal outlives them.
        let _ = serving.task.await;
        // What clients have written is stored, and nobody has it in memory any more.
        self.documents.stop().await;
        // What the listeners have handed in is committed, and they tidy up behind it.
        self.stop_feeds.cancel();
        self.feeds.close();
        self.feeds.wait().await;
        self.stop_journal.cancel();
        let _ = journal.await;
        self.stop_housekeeping.cancel();
        self.housekeeping.close();
        self.housekeeping.wait().await;
        store.close().await;
        if sockets_ended { Stopped::Cleanly } else { Stopped::WithSocketsLeft }
    }
}
