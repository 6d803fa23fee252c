//! Whoever makes messages: members over their sockets, or a back end over HTTP.

use crate::{
    dial::{Dialer, Http},
    fleet::Fleet,
    server::{Kind, Server},
    topic::{Over, Topic},
    wire::Messages,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use std::{
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, mpsc};

/// A connection that was idle for longer is dialled again: the server closes it after 5 s (`http.header_wait_secs`).
const MAX_IDLE: Duration = Duration::from_secs(4);

/// How messages reach the server.
#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Options {
    /// What clients listen to: members send to a room, a back end publishes to a channel.
    #[arg(long, value_enum, default_value = "chat")]
    pub(crate) over: Over,
    /// Channels: kept-alive connections that publish, each one request at a time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Channels: most publications in one request; so many only if they wait.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Bytes of an announcement on the wire.
    #[arg(long, default_value_t = 180)]
    frame_bytes: usize,
}

impl Options {
    /// The room or channel of this name.
    pub(crate) fn topic(&self, name: &str) -> Topic {
        Topic { over: self.over, name: name.to_owned() }
    }

    /// How a report names it.
    pub(crate) fn suffix(&self) -> &'static str {
        match self.over {
            Over::Chat => "",
            Over::Channels => ", channels",
            Over::Rows => ", rows",
        }
    }

    /// Speaks to these topics.
    pub(crate) async fn speaker(&self, server: &Server, fleet: &Rc<Fleet>, names: &[String]) -> Result<Speaker> {
        let message = |name: &String| Messages::new(fleet.hub.zero, &self.topic(name), self.frame_bytes);
        let messages = names.iter().map(message).collect();
        let back_end = match self.over {
            Over::Chat => None,
            Over::Channels => Some(self.back_end(server, fleet)?),
            Over::Rows => bail!("rows are written with SQL: see the scenario `feed`"),
        };
        Ok(Speaker { fleet: fleet.clone(), messages, back_end })
    }

    fn back_end(&self, server: &Server, fleet: &Rc<Fleet>) -> Result<mpsc::Sender<Publication>> {
        if server.kind != Kind::Switchboard {
            bail!("only the real server has channels");
        }
        let dialer = Rc::new(Dialer::new(server.address)?);
        // Bounded: who speaks faster than the server listens has to notice.
        let (sender, receiver) = mpsc::channel(2 * self.connections * self.batch);
        let waiting = Rc::new(Mutex::new(receiver));
        for _ in 0..self.connections {
            let connection = Connection {
                dialer: dialer.clone(),
                http: None,
                key: server.planted.key.clone(),
                batch: self.batch,
                waiting: waiting.clone(),
            };
            let fleet = fleet.clone();
            tokio::task::spawn_local(async move {
                if let Err(error) = connection.publish(&fleet).await {
                    fleet.hub.fence.fail(format!("a connection that publishes: {error:#}"));
                }
            });
        }
        Ok(sender)
    }
}

/// Says what is to be delivered.
pub(crate) struct Speaker {
    fleet: Rc<Fleet>,
    messages: Vec<Messages>,
    back_end: Option<mpsc::Sender<Publication>>,
}

/// What waits for a connection.
struct Publication {
    json: Vec<u8>,
    at: Instant,
}

impl Speaker {
    /// Sends `count` messages, due at `at`, to the topic at this place; in a room it is this client who does.
    pub(crate) async fn say(&mut self, topic: usize, client: usize, count: u64, at: Instant) -> Result<()> {
        let messages = &mut self.messages[topic];
        let mut bytes = Vec::new();
        let Some(back_end) = &self.back_end else {
            (0..count).for_each(|_| messages.append(&mut bytes, at));
            return self.fleet.clients[client].ask(&bytes, count, at).await;
        };
        for _ in 0..count {
            messages.append(&mut bytes, at);
            let publication = Publication { json: std::mem::take(&mut bytes), at };
            back_end.send(publication).await.ok().context("nobody publishes any more")?;
        }
        Ok(())
    }
}

/// One of the back end's.
struct Connection {
    dialer: Rc<Dialer>,
    /// With when it was last used. Dialled when it is needed: the server closes what stays silent at first.
    http: Option<(Http, Instant)>,
    key: String,
    batch: usize,
    waiting: Rc<Mutex<mpsc::Receiver<Publication>>>,
}

impl Connection {
    /// Publishes what waits, until nobody speaks any more.
    async fn publish(mut self, fleet: &Fleet) -> Result<()> {
        let mut taken = Vec::new();
        while self.waiting.lock().await.recv_many(&mut taken, self.batch).await > 0 {
            let mut http = match self.http.take() {
                Some((http, used)) if used.elapsed() < MAX_IDLE => http,
                _ => self.dialer.http().await?,
            };
            http.publish(&self.key, &body(&taken)).await?;
            self.http = Some((http, Instant::now()));
            taken.drain(..).for_each(|publication| fleet.hub.answered(publication.at));
        }
        Ok(())
    }
}

/// The short form for a single publication.
fn body(publications: &[Publication]) -> Vec<u8> {
    if let [publication] = publications {
        return publication.json.clone();
    }
    let all: Vec<_> = publications.iter().map(|publication| publication.json.as_slice()).collect();
    [br#"{"batch":["#, all.join(&b","[..]).as_slice(), b"]}"].concat()
}
