//! What only a server on PostgreSQL goes through: its database restarts while people talk. Without PostgreSQL on the
//! machine these tests are skipped.

use crate::support::{BUDGET, TestClient, TestServer, postgres::Cluster, process::switchboard};
use rand::RngExt;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use switchboard::model::Role;

const TALKERS: usize = 4;
const ROUNDS: usize = 8;

/// The people and the server they talk on, whose database comes and goes.
struct World {
    server: TestServer,
    /// What was acknowledged so far, by talker.
    progress: [AtomicU64; TALKERS],
    over: AtomicBool,
}

impl World {
    /// Comes back once the store can be read and written.
    async fn returns(&self, name: &str, session: &str, resume: Option<Value>) -> TestClient {
        let started = Instant::now();
        while self.server.server().store().probe().await.is_err() {
            assert!(started.elapsed() < BUDGET, "the database is not found again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.server.returns(name, session, resume).await
    }

    /// Says numbered things, each until it is acknowledged: offset and text.
    async fn talk(self: Arc<Self>, place: usize, session: String) -> Vec<(u64, String)> {
        let name = format!("talker{place}");
        let mut client = self.returns(&name, &session, None).await;
        let mut acknowledged = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            let text = format!("{name}-{}", acknowledged.len());
            let offset = loop {
                let payload = json!({"room": "general", "message": text, "client_id": text});
                let id = client.tries_to_post("send_message", payload).await;
                match answer(&mut client, id).await {
                    Some(Ok(offset)) => break offset,
                    Some(Err(code)) => {
                        assert_eq!(code, "storage_unavailable");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    None => client = self.returns(&name, &session, None).await,
                }
            };
            acknowledged.push((offset, text));
            self.progress[place].fetch_add(1, Ordering::Relaxed);
        }
        acknowledged
    }

    /// Hears everything up to the offset that `last` tells when all is said.
    async fn listen(
        self: Arc<Self>,
        session: String,
        mut resume: Value,
        last: tokio::sync::watch::Receiver<u64>,
    ) -> Vec<(u64, String)> {
        let mut heard = Vec::new();
        loop {
            let mut client = self.returns("listener", &session, Some(resume)).await;
            let hello = client.hears("hello").await;
            assert_eq!(hello["topics"]["room.general"]["recovered"], true, "{hello}");
            loop {
                if client.positions.get("room.general").is_some_and(|offset| *offset >= *last.borrow()) {
                    return heard;
                }
                let Ok(event) = client.next_unless_cut().await else { break };
                if event["type"] == "new_message" {
                    let text = event["payload"]["message"].as_str().unwrap().to_owned();
                    heard.push((event["offset"].as_u64().unwrap(), text));
                }
            }
            resume = client.resume();
        }
    }

    /// Until everyone has been acknowledged a few more.
    async fn all_get_on(&self) {
        let few = rand::rng().random_range(1..20);
        let before: Vec<_> = self.progress.iter().map(|one| one.load(Ordering::Relaxed)).collect();
        let started = Instant::now();
        while self.progress.iter().zip(&before).any(|(now, before)| now.load(Ordering::Relaxed) < before + few) {
            assert!(started.elapsed() < BUDGET * 2, "somebody does not get on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The offset, or the error's code; `None` when the socket was closed.
async fn answer(client: &mut TestClient, id: u64) -> Option<Result<u64, String>> {
    loop {
        let event = client.next_unless_cut().await.ok()?;
        if event["id"] == id {
            return Some(match event["type"].as_str() {
                Some("ok") => Ok(event["payload"]["offset"].as_u64().unwrap()),
                _ => Err(event["payload"]["code"].as_str().unwrap().to_owned()),
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_while_the_database_restarts() {
    let Some(cluster) = Cluster::start() else { return };
    let server = TestServer::start_with(|settings| {
        settings.storage.url = cluster.url("postgres").as_str().into();
        settings.server.restart_jitter = Duration::ZERO;
        settings.socket.events_per_sec = 0;
    })
    .await;
    let world = Arc::new(World { server, progress: Default::default(), over: AtomicBool::new(false) });
    let mut talking = Vec::new();
    for place in 0..TALKERS {
        let name = format!("talker{place}");
        world.server.account(&name, Role::Member).await;
        let (session, _) = world.server.login(&name, None).await;
        talking.push((place, session));
    }
    world.server.account("listener", Role::Member).await;
    let (session, _) = world.server.login("listener", None).await;
    let mut client = world.server.returns("listener", &session, None).await;
    client.hears("caught_up").await;
    let resume = json!({"epoch": client.epoch, "positions": {"room.general": 0}});
    client.leaves().await;
    let (last, is_last) = tokio::sync::watch::channel(u64::MAX);
    let listening = tokio::spawn(world.clone().listen(session, resume, is_last));
    let talking: Vec<_> =
        talking.into_iter().map(|(place, session)| tokio::spawn(world.clone().talk(place, session))).collect();
    for round in 0..ROUNDS {
        world.all_get_on().await;
        cluster.order(if round % 2 == 0 { "crash" } else { "stop" });
        cluster.order("start");
    }
    world.all_get_on().await;
    world.over.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for talker in talking {
        let said = talker.await.unwrap();
        assert!(said.is_sorted_by(|one, next| one.0 < next.0), "somebody was reordered");
        acknowledged.extend(said);
    }
    acknowledged.sort();
    let stored = world.server.client("reader").await.reads_all("general").await;
    assert!(stored.iter().map(|(offset, _)| *offset).eq(1..=stored.len() as u64), "offsets have holes");
    let by_text: BTreeMap<_, _> = stored.iter().map(|(offset, text)| (text, *offset)).collect();
    assert_eq!(by_text.len(), stored.len(), "something is there twice");
    assert_eq!(acknowledged, stored, "what is stored is what was acknowledged");
    last.send(stored.len() as u64).unwrap();
    // Somebody speaks once more, so that the listener looks.
    let heard = {
        world.server.client("reader").await.says("general", "the end").await;
        listening.await.unwrap()
    };
    assert_eq!(heard[..stored.len()], stored, "the listener heard something else than what is stored");
    println!("{} acknowledged over {ROUNDS} restarts of the database", acknowledged.len());
    Arc::into_inner(world).unwrap().server.stop().await;
}

/// The database waits for a copy of itself that does not come: what it has committed then, it does not say.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_doubt_and_stored_is_heard_by_everyone() {
    let Some(cluster) = Cluster::start() else { return };
    let server = TestServer::start_with(|settings| {
        settings.storage.url = cluster.url("postgres").as_str().into();
        settings.server.restart_jitter = Duration::ZERO;
    })
    .await;
    let [mut alice, mut bob] = server.clients(["alice", "bob"]).await;
    bob.says("general", "before").await;
    alice.hears("new_message").await;
    let set = async |sql, until| {
        cluster.sql("postgres", sql);
        cluster.sql("postgres", "SELECT pg_reload_conf()");
        // It is only asked to: a commit that comes first would be an ordinary one.
        while cluster.sql("postgres", "SHOW synchronous_standby_names") != until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    set("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "nobody").await;
    let first = json!({"room": "general", "message": "first", "client_id": "1"});
    let id = alice.posts("send_message", first.clone()).await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while cluster.sql("postgres", cut) == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = alice.answer(id).await.unwrap_err();
    assert!(refused.contains("storage_unavailable"), "{refused}");
    set("ALTER SYSTEM RESET synchronous_standby_names", "").await;
    // Whoever heard this one next would never hear the first.
    bob.posts("send_message", json!({"room": "general", "message": "second"})).await;
    assert_eq!(u16::from(bob.is_closed().await.code), 1012);
    let (session, resume) = (bob.session.clone(), bob.resume());
    let mut bob = server.returns("bob", &session, Some(resume)).await;
    for (offset, text) in [(2, "first"), (3, "second")] {
        let event = bob.event("new_message").await;
        assert_eq!((&event["offset"], &event["payload"]["message"]), (&json!(offset), &json!(text)));
    }
    let session = alice.session.clone();
    let mut alice = server.returns("alice", &session, None).await;
    let again = alice.asks("send_message", first).await;
    assert_eq!((&again["offset"], &again["duplicate"]), (&json!(2), &json!(true)));
    server.stop().await;
}

#[test]
fn a_command_says_that_the_database_is_away_and_never_the_password() {
    let data = tempfile::tempdir().unwrap();
    let url = "postgres://somebody:hunter2@127.0.0.1:9/nowhere";
    let run = |arguments: &[&str]| {
        let mut command = switchboard(data.path());
        command.env("SWITCHBOARD__STORAGE__URL", url).args(arguments);
        let ended = command.output().unwrap();
        let text = [ended.stdout, ended.stderr].concat();
        (ended.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, text) = run(&["account", "list"]);
    assert_eq!(code, Some(69), "{text}");
    assert!(text.contains("somebody:***@127.0.0.1:9"), "{text}");
    let (code, shown) = run(&["config", "show"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains(r#"url = "postgres://somebody:***@127.0.0.1:9/nowhere""#), "{shown}");
    assert!(!text.contains("hunter2") && !shown.contains("hunter2"));
}
