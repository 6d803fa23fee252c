//! Many clients of one server.

use crate::{
    client::{Client, Hub},
    dial::Dialer,
    report::Latencies,
    server::{Kind, Server},
    topic::Topic,
};
use anyhow::{Result, bail};
use std::{rc::Rc, time::Duration};
use tokio::time::timeout;

/// Handshakes under way at once.
pub(crate) const CONCURRENCY: usize = 64;

/// How long the last messages may take to arrive before they count as lost. Bounds a failing run; no figure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Open clients.
pub(crate) struct Fleet {
    pub(crate) hub: Rc<Hub>,
    pub(crate) clients: Vec<Rc<Client>>,
}

/// How to open a fleet's clients.
pub(crate) struct Plan<'a> {
    pub(crate) clients: usize,
    /// What a client listens to.
    pub(crate) topic: &'a dyn Fn(usize) -> Topic,
    /// Whether a client parses what it gets, to measure latencies.
    pub(crate) parses: &'a dyn Fn(usize) -> bool,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        Self { hub: Hub::new(), clients: Vec::new() }
    }

    /// Opens clients and waits until all have caught up. The `n`th one belongs to the `n`th of the seeded sessions,
    /// and starts again with the first when there are fewer.
    pub(crate) async fn open(&mut self, server: &Server, plan: &Plan<'_>) -> Result<()> {
        let dialer = Dialer::new(server.address)?;
        let first = self.clients.len();
        let ours = first..first + plan.clients;
        let workers = (0..CONCURRENCY.min(plan.clients))
            .map(|worker| self.open_some(server, &dialer, plan, ours.clone().skip(worker).step_by(CONCURRENCY)));
        let mut opened: Vec<_> = futures_util::future::try_join_all(workers).await?.into_iter().flatten().collect();
        opened.sort_by_key(|(n, _)| *n);
        self.clients.extend(opened.into_iter().map(|(_, client)| client));
        Ok(())
    }

    /// Opens one client after the other; asks for the passwords on a connection that stays, as a browser does.
    async fn open_some(
        &self,
        server: &Server,
        dialer: &Dialer,
        plan: &Plan<'_>,
        numbers: impl Iterator<Item = usize>,
    ) -> Result<Vec<(usize, Rc<Client>)>> {
        let mut opened = Vec::new();
        let mut http = match server.kind {
            Kind::Switchboard => Some(dialer.http().await?),
            Kind::Floor | Kind::Usual => None,
        };
        for n in numbers {
            let topic = (plan.topic)(n);
            let path = match &mut http {
                Some(http) => format!("/ws?otp={}", http.otp(server.session(n)).await?),
                None => format!("/ws?room={}", topic.name),
            };
            let client = Client::start(&self.hub, topic, dialer.upgrade(n, &path).await?, (plan.parses)(n));
            client.arrived().await?;
            opened.push((n, client));
        }
        Ok(opened)
    }

    /// Lets every client hear its channel, all at once.
    pub(crate) async fn subscribe(&self) -> Result<()> {
        futures_util::future::try_join_all(self.clients.iter().map(|client| client.subscribe())).await?;
        Ok(())
    }

    pub(crate) fn heard(&self) -> u64 {
        self.clients.iter().map(|client| client.heard.get()).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.clients.iter().map(|client| client.bytes.get()).sum()
    }

    pub(crate) fn reads(&self) -> u64 {
        self.clients.iter().map(|client| client.reads.get()).sum()
    }

    /// Waits until every client has as many messages as `expected` of it, and checks that it has no more.
    pub(crate) async fn settle(&self, expected: impl Fn(usize) -> u64) -> Result<()> {
        let arrived = async {
            loop {
                self.hub.fence.check()?;
                let mut counts = self.clients.iter().enumerate();
                if counts.all(|(n, client)| client.heard.get() >= expected(n)) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = timeout(PATIENCE, arrived).await;
        for (n, client) in self.clients.iter().enumerate() {
            let (heard, expected) = (client.heard.get(), expected(n));
            if heard != expected {
                bail!("client {n} heard {heard} messages instead of {expected}");
            }
        }
        in_time?
    }

    /// What the clients measured since the last time.
    pub(crate) fn take_latencies(&self) -> Latencies {
        let mut all = Latencies::default();
        for latencies in self.clients.iter().filter_map(|client| client.latencies.as_ref()) {
            all.extend(latencies.take());
        }
        all
    }

    /// From send to answer, since the last time.
    pub(crate) fn take_answers(&self) -> Latencies {
        let mut answers = Latencies::default();
        answers.extend(self.hub.answers.take());
        answers
    }
}
