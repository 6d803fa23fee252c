//! `SIGKILL`, a hundred times, in the middle of a conversation. Run it with
//! `cargo test --release --test it kill_loop -- --ignored --nocapture`.

use crate::support::{Http, PASSWORD, ServerProcess, TestClient};
use rand::RngExt;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::Arc,
};
use tokio::sync::Semaphore;

const ROUNDS: u64 = 100;
const TALKERS: usize = 4;
/// Sends of one talker that are not answered yet.
const IN_FLIGHT: usize = 16;
/// A round ends after at most so many acknowledgements, of all talkers together.
const MOST_ACKNOWLEDGED: u32 = 400;

/// Says numbered things, and remembers what became of each.
struct Talker {
    name: String,
    session: String,
    next: u64,
    /// Offset and text of what was acknowledged, in the order it was said.
    acknowledged: Vec<(u64, String)>,
    /// Sent and not answered when the server died: said again with the same id.
    unknown: VecDeque<String>,
    duplicates: u64,
}

impl Talker {
    /// Talks until the server dies; each acknowledgement is one permit.
    async fn talk(mut self, mut client: TestClient, acknowledged: Arc<Semaphore>) -> Self {
        let mut again = std::mem::take(&mut self.unknown);
        let mut waiting: VecDeque<(u64, String)> = VecDeque::new();
        loop {
            while waiting.len() < IN_FLIGHT {
                let text = again.pop_front().unwrap_or_else(|| {
                    self.next += 1;
                    format!("{}-{}", self.name, self.next)
                });
                let payload = json!({"room": "general", "message": text, "client_id": text});
                waiting.push_back((client.tries_to_post("send_message", payload).await, text));
            }
            let Ok(event) = client.next_unless_cut().await else { break };
            if event["type"] != "ok" {
                assert_ne!(event["type"], "error", "{event}");
                continue;
            }
            let (id, text) = waiting.pop_front().expect("an answer has a question");
            assert_eq!(event["id"], id, "answers come in the order of the requests");
            self.duplicates += u64::from(event["payload"]["duplicate"] == true);
            self.acknowledged.push((event["payload"]["offset"].as_u64().unwrap(), text));
            acknowledged.add_permits(1);
        }
        self.unknown = waiting.into_iter().map(|(_, text)| text).chain(again).collect();
        self
    }
}

/// Hears everything, over all lives of the server.
struct Listener {
    session: String,
    resume: Value,
    heard: Vec<(u64, String)>,
}

impl Listener {
    async fn arrives(&self, http: Http) -> TestClient {
        let mut client = TestClient::returns(http, "listener", &self.session, Some(self.resume.clone())).await;
        let hello = client.hears("hello").await;
        assert_eq!(hello["topics"]["room.general"]["recovered"], true, "{hello}");
        client
    }

    /// Listens until the server dies, or until the offset is reached.
    async fn listen(mut self, mut client: TestClient, until: u64) -> Self {
        while client.positions.get("room.general").is_none_or(|offset| *offset < until) {
            let Ok(event) = client.next_unless_cut().await else { break };
            if event["type"] == "new_message" {
                let text = event["payload"]["message"].as_str().unwrap().to_owned();
                self.heard.push((event["offset"].as_u64().unwrap(), text));
            }
        }
        self.resume = client.resume();
        self
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a hundred kills take half a minute"]
async fn nothing_acknowledged_is_lost_doubled_or_out_of_order_over_a_hundred_kills() {
    let data = tempfile::tempdir().unwrap();
    let (mut talkers, mut listener) = people(data.path()).await;
    for round in 1..=ROUNDS {
        let server = start(data.path());
        let acknowledged = Arc::new(Semaphore::new(0));
        let mut talking = Vec::new();
        let client = listener.arrives(server.http).await;
        let listening = tokio::spawn(listener.listen(client, u64::MAX));
        // All of them are here before anyone speaks.
        let mut clients = Vec::new();
        for talker in &talkers {
            clients.push(TestClient::returns(server.http, &talker.name, &talker.session, None).await);
        }
        for (talker, client) in talkers.drain(..).zip(clients) {
            talking.push(tokio::spawn(talker.talk(client, acknowledged.clone())));
        }
        let enough = rand::rng().random_range(1..=MOST_ACKNOWLEDGED);
        acknowledged.acquire_many(enough).await.unwrap().forget();
        server.kill();
        for talker in talking {
            talkers.push(talker.await.unwrap());
        }
        listener = listening.await.unwrap();
        println!("round {round}: killed after {enough} acknowledgements");
    }
    let server = start(data.path());
    let stored = TestClient::returns(server.http, "listener", &listener.session, None).await.reads_all("general").await;
    let client = listener.arrives(server.http).await;
    listener = listener.listen(client, stored.last().unwrap().0).await;
    assert!(server.terminate().success());
    judge(&stored, &talkers, &listener);
}

fn judge(stored: &[(u64, String)], talkers: &[Talker], listener: &Listener) {
    assert!(stored.is_sorted_by(|one, next| one.0 < next.0), "offsets are not in order");
    let by_text: BTreeMap<_, _> = stored.iter().map(|(offset, text)| (text, *offset)).collect();
    assert_eq!(by_text.len(), stored.len(), "something is there twice");
    for talker in talkers {
        for (offset, text) in &talker.acknowledged {
            assert_eq!(by_text.get(text), Some(offset), "{text} was acknowledged");
        }
        assert!(talker.acknowledged.is_sorted_by(|one, next| one.0 < next.0), "{} was reordered", talker.name);
    }
    assert_eq!(listener.heard, stored, "the listener heard something else than what is stored");
    let acknowledged: usize = talkers.iter().map(|talker| talker.acknowledged.len()).sum();
    let duplicates: u64 = talkers.iter().map(|talker| talker.duplicates).sum();
    let unknown: usize = talkers.iter().map(|talker| talker.unknown.len()).sum();
    println!(
        "{acknowledged} acknowledged, {} stored; of those in doubt {duplicates} had been stored, {unknown} still are",
        stored.len()
    );
}

fn start(data: &Path) -> ServerProcess {
    ServerProcess::start(data, &[("SWITCHBOARD__SOCKET__EVENTS_PER_SEC", "0")])
}

/// The owner listens; the others come by invitation.
async fn people(data: &Path) -> (Vec<Talker>, Listener) {
    let server = start(data);
    let owner = server.owner().await;
    let invitation = server.http.post_as(&owner, "/invitations", &json!({"uses": TALKERS})).await.json();
    let mut talkers = Vec::new();
    for n in 0..TALKERS {
        let name = format!("talker{n}");
        let body = json!({"token": invitation["token"], "username": name, "password": PASSWORD});
        let accepted = server.http.post("/invitations/accept", &body).await;
        assert_eq!(accepted.status, 200, "{:?}", accepted.body);
        let session = accepted.cookie("__Host-session").unwrap();
        let (acknowledged, unknown) = (Vec::new(), VecDeque::new());
        talkers.push(Talker { name, session, next: 0, acknowledged, unknown, duplicates: 0 });
    }
    let mut client = server.client("listener", &owner).await;
    let here = client.asks("join_room", json!({"room": "general"})).await["offset"].clone();
    let resume = json!({"epoch": client.epoch, "positions": {"room.general": here, "user.1": 0}});
    assert!(server.terminate().success());
    (talkers, Listener { session: owner, resume, heard: Vec::new() })
}
