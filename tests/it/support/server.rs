//! A server in this process, with a fresh store and its own port.

use super::{BUDGET, NEVER, PASSWORD, client::TestClient, http::Http, panics, store};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use switchboard::{
    app::{self, Server, Stopped},
    auth::Secret,
    manager::Registry,
    model::{Role, UserName},
    settings::{FeedTable, Settings, TlsMode},
    storage::{Check, NewAccount, NewSession, RowSource, Store, now},
};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

pub struct TestServer {
    server: Server,
    settings: Settings,
    data: TempDir,
}

impl TestServer {
    /// With the default settings, without TLS.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With settings changed by `change`.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_with_events(change, |_| {}).await
    }

    /// With event types of the test's own, too.
    pub async fn start_with_events(change: impl FnOnce(&mut Settings), register: impl FnOnce(&mut Registry)) -> Self {
        let (settings, data) = Self::settings(change);
        let server = app::start_with(settings.clone(), register).await.expect("the server starts");
        Self { server, settings, data }
    }

    /// With tables whose rows are read where the test says.
    pub async fn start_watching(
        change: impl FnOnce(&mut Settings),
        rows_of: impl Fn(&FeedTable, &Arc<dyn Store>) -> Option<Arc<dyn RowSource>>,
    ) -> Self {
        let (settings, data) = Self::settings(change);
        let server = app::start_watching(settings.clone(), |_| {}, rows_of).await.expect("the server starts");
        Self { server, settings, data }
    }

    fn settings(change: impl FnOnce(&mut Settings)) -> (Settings, TempDir) {
        panics::watch();
        let data = tempfile::tempdir().expect("a temporary directory");
        let mut settings = Settings::defaults();
        settings.server.listen = "127.0.0.1:0".parse().unwrap();
        settings.server.data_dir = data.path().to_owned();
        settings.storage.url = store::url_for(data.path()).as_str().into();
        settings.tls.mode = TlsMode::Off;
        settings.socket.connections_per_user = 0;
        settings.socket.connections_per_address = 0;
        settings.http.max_connections_per_address = 0;
        // Neither a slow machine nor a fast one meets a limit by accident: who tests one sets it.
        settings.otp.ttl = NEVER;
        settings.http.header_wait = BUDGET;
        settings.http.body_wait = BUDGET;
        settings.http.write_wait = NEVER;
        settings.http.idle_wait = NEVER * 3;
        settings.socket.ping_period = NEVER;
        settings.socket.pong_wait = NEVER * 2;
        settings.socket.write_wait = NEVER;
        settings.socket.fragment_wait = NEVER;
        settings.socket.events_per_sec = 0;
        change(&mut settings);
        (settings, data)
    }

    /// Stops it cleanly and starts it again on the same store, at another port.
    pub async fn restart(self) -> Self {
        self.restart_with(async |_| {}).await
    }

    /// As [`Self::restart`]; something happens in between.
    pub async fn restart_with(self, happens: impl AsyncFnOnce(&Settings)) -> Self {
        let Self { server, settings, data } = self;
        stop(server).await;
        happens(&settings).await;
        let server = app::start(settings.clone()).await.expect("the server starts again");
        Self { server, settings, data }
    }

    /// Fails if any task is still running.
    pub async fn stop(self) {
        stop(self.server).await;
    }

    pub fn http(&self) -> Http {
        Http { address: self.server.address(), tls: self.settings.tls.mode == TlsMode::On }
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The same store, opened as the command line does beside a running server.
    pub fn store_of_another_process(&self) -> Arc<dyn Store> {
        app::open_store(&self.settings, Check::Skip).expect("it opens")
    }

    /// Where its store is.
    pub fn store_url(&self) -> String {
        store::url_for(self.data.path())
    }

    /// Changes its database behind its back.
    pub fn meddles(&self, sql: &str) {
        store::meddle(self.data.path(), sql);
    }

    /// Waits until something is so.
    pub async fn until(&self, is_so: impl Fn(&Server) -> bool) {
        let wait = async {
            while !is_so(&self.server) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(BUDGET, wait).await.expect("it becomes so in time");
    }

    /// Makes an account, unless it is there, without the cost of a password hash each.
    pub async fn account(&self, name: &str, role: Role) {
        static HASH: OnceLock<String> = OnceLock::new();
        let name = UserName::parse(name).unwrap();
        let hash = || app::hash_password(&self.settings, &name, PASSWORD).expect("a good password");
        let password_hash = HASH.get_or_init(hash).clone();
        let store = self.server.store();
        if store.account(&name).await.unwrap().is_none() {
            store.create_account(NewAccount { name, role, password_hash, at: 0 }).await.unwrap();
        }
    }

    /// `POST /login`: the session cookie's value and the answer.
    pub async fn login(&self, name: &str, resume: Option<Value>) -> (String, Value) {
        let body = json!({"username": name, "password": PASSWORD, "resume": resume});
        let response = self.http().post("/login", &body).await;
        assert_eq!(response.status, 200, "{:?}", response.body);
        (response.cookie("__Host-session").expect("a session cookie"), response.json())
    }

    /// A session of an account, without the cost of a password's hash: of those there are enough tests.
    pub async fn signed_in(&self, name: &str) -> String {
        let store = self.server.store();
        let user = store.account(&UserName::parse(name).unwrap()).await.unwrap().expect("an account").user.id;
        let token = Secret::random().unwrap();
        let session = NewSession { user, token_hash: token.token_hash().unwrap(), at: now() };
        store.create_session(session).await.unwrap();
        token.expose().to_owned()
    }

    /// `POST /otp`.
    pub async fn otp(&self, session: &str, resume: Option<Value>) -> String {
        self.http().otp(session, resume).await
    }

    /// Opens a socket of a session and sees whether it may stay: `Err` is its close frame.
    pub async fn knocks(&self, session: &str) -> Result<(), (u16, String)> {
        let otp = self.otp(session, None).await;
        let mut socket = TestClient::open(self.http(), &otp).await.expect("the OTP is good");
        match timeout(BUDGET, socket.next()).await.expect("it is told") {
            Some(Ok(Message::Text(_))) => Ok(()),
            Some(Ok(Message::Close(Some(close)))) => Err((close.code.into(), close.reason.to_string())),
            other => panic!("neither hello nor a close frame: {other:?}"),
        }
    }

    /// A new member, signed in and connected by `/ws`.
    pub async fn client(&self, name: &str) -> TestClient {
        self.account(name, Role::Member).await;
        let session = self.signed_in(name).await;
        let socket = TestClient::open(self.http(), &self.otp(&session, None).await).await.expect("the OTP is good");
        let mut client = TestClient::arrive(name, &session, socket).await;
        client.hears("caught_up").await;
        client
    }

    pub async fn clients<const N: usize>(&self, names: [&str; N]) -> [TestClient; N] {
        let mut clients = Vec::new();
        for name in names {
            clients.push(self.client(name).await);
        }
        clients.try_into().unwrap_or_else(|_| unreachable!("one client per name"))
    }

    /// Comes back as a client that went away: `/otp` with its session and its positions. What
    /// arrives is still to be heard, `hello` first.
    pub async fn returns(&self, name: &str, session: &str, resume: Option<Value>) -> TestClient {
        TestClient::returns(self.http(), name, session, resume).await
    }
}

async fn stop(server: Server) {
    let stopped = timeout(BUDGET, server.stop()).await.expect("the server stops");
    assert_eq!(stopped, Stopped::Cleanly, "tasks are still running");
    panics::assert_none();
}
