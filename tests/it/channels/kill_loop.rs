//! `SIGKILL`, fifty times, while back ends publish and pages listen. Run it with
//! `cargo test --release --test it channels::kill_loop -- --ignored --nocapture`.

use crate::support::{
    Http, ServerProcess, TestClient,
    events::{EventReader, events},
};
use rand::RngExt;
use serde_json::{Value, json};
use std::{collections::HashMap, path::Path, sync::Arc};
use tokio::sync::Semaphore;

const ROUNDS: u64 = 50;
const PUBLISHERS: usize = 3;
/// A round ends after at most so many acknowledgements, of all publishers together.
const MOST_ACKNOWLEDGED: u32 = 150;
const TOPIC: &str = "channel.bunno";

/// A back end: it repeats what was not answered, under the same `Idempotency-Key`.
struct Publisher {
    name: String,
    key: String,
    /// The number of what it says next, or again.
    next: u64,
    acknowledged: Vec<(u64, String)>,
    replayed: u64,
}

impl Publisher {
    /// Publishes until the server dies, or until so much is acknowledged; each acknowledgement is one permit.
    async fn publish(mut self, http: Http, most: u64, acknowledged: Arc<Semaphore>) -> Self {
        let bearer = format!("Bearer {}", self.key);
        while self.next <= most {
            let text = format!("{}-{}", self.name, self.next);
            let body = match self.next % 3 {
                0 => json!({"channels": ["side", "bunno"], "data": text}),
                _ => json!({"channel": "bunno", "data": text}),
            };
            let headers = [("authorization", &*bearer), ("idempotency-key", &*text)];
            let Some(answer) = http.tries_to_post("/publish", &body, &headers).await else { break };
            if answer.status == 503 {
                break; // killed while it opened
            }
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            self.replayed += u64::from(answer.headers.contains_key("idempotent-replayed"));
            let answer = answer.json();
            let offset = answer.get("results").map_or(&answer["offset"], |results| &results[1]["offset"]);
            self.acknowledged.push((offset.as_u64().unwrap(), text));
            self.next += 1;
            acknowledged.add_permits(1);
        }
        self
    }
}

/// How a page comes back.
#[derive(Clone, Copy)]
enum Return {
    /// With its positions in `resume`.
    Resume,
    /// With its positions in `subscribe`.
    Subscribe,
    /// As an `EventSource` does.
    LastEventId,
}

/// What a page listens with.
enum Ear {
    Socket(TestClient),
    Stream(EventReader),
}

impl Ear {
    /// The next publication; `None` when the server has died.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let event = match self {
                Self::Socket(client) => match client.already_heard("published") {
                    Some(event) => return Some(event),
                    None => client.next_unless_cut().await.ok()?,
                },
                Self::Stream(stream) => stream.next().await?,
            };
            if event["type"] == "published" {
                return Some(event);
            }
        }
    }
}

/// Hears everything, over all lives of the server.
struct Listener {
    session: String,
    how: Return,
    heard: Vec<(u64, String)>,
    last_id: Option<String>,
}

impl Listener {
    async fn arrives(&self, http: Http) -> Ear {
        let position = self.heard.last().map_or(0, |(offset, _)| *offset);
        let positions = json!({TOPIC: position});
        let (ear, state) = match self.how {
            Return::Resume => {
                let probe = TestClient::returns(http, "probe", &self.session, None).await;
                let resume = json!({"epoch": probe.epoch, "positions": positions});
                let mut client = TestClient::returns(http, "resuming", &self.session, Some(resume)).await;
                let state = client.hears("hello").await["topics"][TOPIC].clone();
                (Ear::Socket(client), state)
            }
            Return::Subscribe => {
                let mut client = TestClient::returns(http, "subscribing", &self.session, None).await;
                let state = client.subscribes(positions).await["topics"][TOPIC].clone();
                (Ear::Socket(client), state)
            }
            Return::LastEventId => {
                let cookie = format!("__Host-session={}", self.session);
                let mut headers = vec![("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
                headers.extend(self.last_id.iter().map(|id| ("last-event-id", id.as_str())));
                let mut stream = EventReader::open(http, &events(&[TOPIC]), &headers).await.expect("it may listen");
                let state = stream.hears("hello").await["topics"][TOPIC].clone();
                (Ear::Stream(stream), state)
            }
        };
        // The first time an EventSource has no position.
        let first = matches!(self.how, Return::LastEventId) && self.last_id.is_none();
        assert_eq!(state["recovered"], !first, "{state} after {position}");
        ear
    }

    /// Listens until the server dies, or until the offset is reached.
    async fn listen(mut self, mut ear: Ear, until: u64) -> Self {
        while self.heard.last().is_none_or(|(offset, _)| *offset < until) {
            let Some(event) = ear.next().await else { break };
            self.note(&event);
        }
        if let Ear::Stream(stream) = &ear {
            self.last_id = Some(stream.last_id.clone());
        }
        self
    }

    fn note(&mut self, event: &Value) {
        let offset = event["offset"].as_u64().unwrap();
        assert_eq!(offset, self.heard.last().map_or(0, |(offset, _)| *offset) + 1, "{event}");
        self.heard.push((offset, event["payload"]["data"].as_str().unwrap().to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fifty kills take half a minute"]
async fn every_listener_hears_every_publication_once_and_in_order_over_fifty_kills() {
    let data = tempfile::tempdir().unwrap();
    let (mut publishers, mut listeners) = people(data.path()).await;
    for round in 1..=ROUNDS {
        let server = start(data.path());
        let acknowledged = Arc::new(Semaphore::new(0));
        let mut listening = Vec::new();
        for listener in listeners.drain(..) {
            let ear = listener.arrives(server.http).await;
            listening.push(tokio::spawn(listener.listen(ear, u64::MAX)));
        }
        let publishing: Vec<_> = publishers
            .drain(..)
            .map(|publisher| tokio::spawn(publisher.publish(server.http, u64::MAX, acknowledged.clone())))
            .collect();
        let enough = rand::rng().random_range(1..=MOST_ACKNOWLEDGED);
        acknowledged.acquire_many(enough).await.unwrap().forget();
        server.kill();
        for publisher in publishing {
            publishers.push(publisher.await.unwrap());
        }
        for listener in listening {
            listeners.push(listener.await.unwrap());
        }
        println!("round {round}: killed after {enough} acknowledgements");
    }
    let server = start(data.path());
    // What is in doubt is said once more.
    let mut settled = Vec::new();
    for publisher in publishers {
        let last = publisher.next;
        settled.push(publisher.publish(server.http, last, Arc::new(Semaphore::new(0))).await);
    }
    let publishers = settled;
    let total: u64 = publishers.iter().map(|publisher| publisher.acknowledged.len() as u64).sum();
    let mut done = Vec::new();
    for listener in listeners {
        let ear = listener.arrives(server.http).await;
        done.push(listener.listen(ear, total).await);
    }
    assert!(server.terminate().success());
    judge(&publishers, &done, total);
}

fn judge(publishers: &[Publisher], listeners: &[Listener], total: u64) {
    let mut expected: Vec<_> = publishers.iter().flat_map(|publisher| publisher.acknowledged.clone()).collect();
    expected.sort_unstable();
    assert_eq!(expected.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), (1..=total).collect::<Vec<_>>());
    let texts: HashMap<_, _> = expected.iter().map(|(offset, text)| (text, offset)).collect();
    assert_eq!(texts.len(), expected.len(), "something is there twice");
    for publisher in publishers {
        assert!(publisher.acknowledged.is_sorted(), "{} was reordered", publisher.name);
    }
    for listener in listeners {
        assert_eq!(listener.heard, expected, "a listener heard something else than what was acknowledged");
    }
    let replayed: u64 = publishers.iter().map(|publisher| publisher.replayed).sum();
    println!("{total} acknowledged, heard by {}; of those in doubt {replayed} had been stored", listeners.len());
}

fn start(data: &Path) -> ServerProcess {
    ServerProcess::start(data, &[])
}

/// The owner makes a key for each back end and listens in three ways.
async fn people(data: &Path) -> (Vec<Publisher>, Vec<Listener>) {
    let server = start(data);
    let session = server.owner().await;
    let mut publishers = Vec::new();
    for n in 0..PUBLISHERS {
        let name = format!("publisher{n}");
        let made = server.http.post_as(&session, "/keys", &json!({"name": name, "scopes": ["publish:*"]})).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        let key = made.json()["key"].as_str().unwrap().to_owned();
        publishers.push(Publisher { name, key, next: 1, acknowledged: Vec::new(), replayed: 0 });
    }
    assert!(server.terminate().success());
    let listener = |how| Listener { session: session.clone(), how, heard: Vec::new(), last_id: None };
    (publishers, [Return::Resume, Return::Subscribe, Return::LastEventId].map(listener).into())
}
