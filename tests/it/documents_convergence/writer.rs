//! Somebody who writes in a document, whatever they write with.

use super::{
    line::Line,
    yjs::{PATIENCE, Yjs},
    yrs_client::{Order, YrsClient},
};
use crate::support::Http;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tokio::{sync::oneshot, time::timeout};

/// How somebody gets into a document.
#[derive(Clone)]
pub struct Door {
    pub http: Http,
    /// The document's.
    pub name: String,
    /// The body of `POST /otp`, and the headers beside it.
    pub otp: Value,
    pub headers: Vec<(String, String)>,
}

impl Door {
    /// A user of somebody else's, by a key.
    pub fn of_external(http: Http, key: &str, user: &str, document: &str, access: &str) -> Self {
        let otp = json!({"user": {"id": user, "name": user}, "documents": {document: access}});
        let headers = vec![("authorization".to_owned(), format!("Bearer {key}"))];
        Self { http, name: document.to_owned(), otp, headers }
    }

    /// A member, by a session.
    pub fn of_member(http: Http, session: &str, document: &str) -> Self {
        let cookie = format!("__Host-session={session}");
        let headers = vec![("cookie".to_owned(), cookie), ("origin".to_owned(), http.origin())];
        Self { http, name: document.to_owned(), otp: json!({}), headers }
    }

    /// A one-time password, if the server is there to give one.
    pub async fn otp(&self) -> Option<String> {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.http.tries_to_post("/otp", &self.otp, &headers).await?;
        if answer.status != 200 {
            assert_eq!(answer.status, 503, "{:?}", answer.body);
            return None;
        }
        Some(answer.json()["otp"].as_str().unwrap().to_owned())
    }
}

/// A string at a place, which is a part of the text's length, instead of at most so many small letters behind it.
#[derive(Debug, Clone)]
pub struct Edit {
    pub at: f64,
    pub remove: usize,
    pub insert: String,
}

/// What a client has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub text: String,
    pub vector: BTreeMap<String, u64>,
    /// What the server told it off for.
    pub said: Vec<String>,
}

/// What one writes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Yrs,
    /// Yjs with the y-websocket provider.
    Provider,
    /// Yjs with a driver of the test's own.
    Raw,
}

enum Client {
    Yrs(YrsClient),
    Yjs(Arc<Yjs>, String),
}

pub struct Writer {
    client: Client,
    /// What is between it and the server, if the test has put something there.
    pub line: Option<Line>,
}

impl Writer {
    /// Connects at once.
    pub async fn new(kind: Kind, yjs: &Arc<Yjs>, door: Door, seed: u64) -> Self {
        let client = match kind {
            Kind::Yrs => Client::Yrs(YrsClient::start(door, seed)),
            Kind::Provider | Kind::Raw => {
                let name = format!("{seed}-{}", door.http.address);
                let headers: BTreeMap<_, _> = door.headers.into_iter().collect();
                let kind = if kind == Kind::Raw { "raw" } else { "provider" };
                let (server, otp) = (door.http.origin(), door.otp);
                let how = json!({"kind": kind, "server": server, "name": door.name, "otp": otp, "headers": headers, "seed": seed});
                yjs.order(&name, "make", how).await;
                Client::Yjs(Arc::clone(yjs), name)
            }
        };
        Self { client, line: None }
    }

    /// What its door leads to is this line.
    pub fn on(mut self, line: Line) -> Self {
        self.line = Some(line);
        self
    }

    /// Something only Yjs clients can do.
    pub async fn does(&self, what: &str, how: Value) -> Value {
        let Client::Yjs(yjs, name) = &self.client else { panic!("yrs cannot {what}") };
        yjs.order(name, what, how).await
    }

    async fn order<T>(&self, client: &YrsClient, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> T {
        let (send, done) = oneshot::channel();
        client.0.send(order(send)).expect("its task is there");
        timeout(PATIENCE, done).await.expect("it is done in time").expect("its task is there")
    }

    pub async fn edits(&self, edit: Edit) {
        match &self.client {
            Client::Yrs(client) => client.0.send(Order::Edit(edit)).expect("its task is there"),
            Client::Yjs(..) => {
                let Edit { at, remove, insert } = edit;
                self.does("edit", json!({"at": at, "remove": remove, "insert": insert})).await;
            }
        }
    }

    /// What it writes from here on arrives twice and out of order. Not of the provider, which does no such thing.
    pub async fn shuffles(&self) {
        match &self.client {
            Client::Yrs(client) => client.0.send(Order::Shuffle).expect("its task is there"),
            Client::Yjs(..) => drop(self.does("shuffle", json!({})).await),
        }
    }

    /// Waits until all it has written is acknowledged as stored.
    pub async fn saves(&self) {
        match &self.client {
            Client::Yrs(client) => self.order(client, Order::Save).await,
            Client::Yjs(..) => drop(self.does("save", json!({})).await),
        }
    }

    pub async fn goes_offline(&self) {
        match &self.client {
            Client::Yrs(client) => self.order(client, Order::Offline).await,
            Client::Yjs(..) => drop(self.does("offline", json!({})).await),
        }
    }

    /// As far as synced.
    pub async fn comes_back(&self) {
        match &self.client {
            Client::Yrs(client) => self.order(client, Order::Online).await,
            Client::Yjs(..) => drop(self.does("online", json!({})).await),
        }
    }

    pub async fn state(&self) -> State {
        match &self.client {
            Client::Yrs(client) => self.order(client, Order::State).await,
            Client::Yjs(..) => {
                let state = self.does("state", json!({})).await;
                let vector = state["vector"].as_object().unwrap().iter();
                State {
                    text: state["text"].as_str().unwrap().to_owned(),
                    vector: vector.map(|(client, clock)| (client.clone(), clock.as_u64().unwrap())).collect(),
                    said: state["said"].as_array().unwrap().iter().map(ToString::to_string).collect(),
                }
            }
        }
    }

    /// What it has once it has all there is.
    pub async fn settles(&self) -> State {
        self.goes_offline().await;
        self.comes_back().await;
        self.state().await
    }
}
