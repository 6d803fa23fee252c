//! Everybody writes at random, with everything that can happen to them and to the server, and all have the same text in
//! the end. A long one: `cargo test --release --test it documents_convergence -- --ignored --nocapture`; the seed of one
//! that failed is taken from `STORY_SEED`.

use super::{
    line::Line,
    writer::{Door, Edit, Kind, State, Writer},
    yjs::Yjs,
};
use crate::support::{Http, ServerProcess};
use hyper::Request;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, watch};

const DOCUMENT: &str = "app.story";
/// Small, so that the server merges its log and forgets the document in between.
const SETTINGS: [(&str, &str); 6] = [
    ("SWITCHBOARD__DOCUMENT__COMPACT_UPDATES", "20"),
    ("SWITCHBOARD__DOCUMENT__IDLE_SECS", "1"),
    ("SWITCHBOARD__DOCUMENT__MESSAGES_PER_SEC", "100000"),
    ("SWITCHBOARD__DOCUMENT__MESSAGES_BURST", "100000"),
    ("SWITCHBOARD__SOCKET__CONNECTIONS_PER_ADDRESS", "0"),
    ("SWITCHBOARD__SERVER__RESTART_JITTER_SECS", "0"),
];

/// How long a story is.
struct Length {
    writers: usize,
    /// How often each of them saves.
    saves: u32,
    /// How often the server dies, or is told to end.
    ends: u32,
}

/// Characters that stand in the text once at most: nobody deletes them, and none is written twice.
#[derive(Default)]
struct Letters {
    next: AtomicU32,
    acknowledged: Mutex<BTreeSet<char>>,
}

impl Letters {
    /// Ideographs, every other one of them two UTF-16 units long.
    fn some(&self, count: u32) -> String {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let one =
            |n: u32| char::from_u32(if n.is_multiple_of(2) { 0x4e00 } else { 0x2_0000 } + n / 2).expect("a character");
        (first..first + count).map(one).collect()
    }

    fn is_one(letter: char) -> bool {
        letter >= '\u{4e00}'
    }

    /// What was acknowledged is there, and nothing is there twice.
    fn are_in(&self, text: &str) {
        let mut there = BTreeMap::new();
        for letter in text.chars().filter(|letter| Self::is_one(*letter)) {
            *there.entry(letter).or_insert(0) += 1;
        }
        let twice: Vec<_> = there.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "there twice: {twice:?}");
        let acknowledged = self.acknowledged.lock().unwrap();
        let lost: Vec<_> = acknowledged.iter().filter(|letter| !there.contains_key(letter)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    }
}

/// One who writes, with what happens to them.
struct Hand {
    writer: Writer,
    kind: Kind,
    random: StdRng,
    letters: Arc<Letters>,
    saved: Arc<Semaphore>,
}

impl Hand {
    async fn writes(mut self, saves: u32) -> Self {
        for _ in 0..saves {
            let fate = self.random.random_range(0..10);
            let line = self.writer.line.as_ref().expect("it has a line");
            match fate {
                0 => self.writer.goes_offline().await,
                1 => line.is_cut(),
                2 | 3 => line.holds_up(),
                4 | 5 if self.kind != Kind::Provider => self.writer.shuffles().await,
                _ => {}
            }
            let mut written = String::new();
            for _ in 0..self.random.random_range(1..=6) {
                let insert = self.string();
                written.extend(insert.chars().filter(|letter| Letters::is_one(*letter)));
                let (at, remove) = (self.random.random_range(0.0..1.0), self.random.random_range(0..6));
                self.writer.edits(Edit { at, remove, insert }).await;
            }
            self.writer.line.as_ref().expect("it has a line").is_mended();
            if fate == 0 {
                self.writer.comes_back().await;
            }
            self.writer.saves().await;
            self.letters.acknowledged.lock().unwrap().extend(written.chars());
            self.saved.add_permits(1);
        }
        self
    }

    /// Letters that stay, within some that anybody may delete.
    fn string(&mut self) -> String {
        let count = self.random.random_range(0..3);
        let mut string = self.letters.some(count);
        for _ in 0..self.random.random_range(0..5) {
            let letter = char::from(self.random.random_range(b'a'..=b'z'));
            let place = self.random.random_range(0..=string.chars().count());
            let place = string.char_indices().nth(place).map_or(string.len(), |(index, _)| index);
            string.insert(place, letter);
        }
        if string.is_empty() { self.letters.some(1) } else { string }
    }
}

/// A server that dies and comes back, and where it is now.
struct Lives<'a> {
    data: &'a Path,
    server: Option<ServerProcess>,
    address: watch::Sender<Option<SocketAddr>>,
    key: String,
}

impl<'a> Lives<'a> {
    async fn begin(data: &'a Path) -> Self {
        let server = ServerProcess::start(data, &SETTINGS);
        let owner = server.owner().await;
        let key = json!({"name": "app", "scopes": ["otp", "documents:app.*"]});
        let made = server.http.post_as(&owner, "/keys", &key).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        let key = made.json()["key"].as_str().unwrap().to_owned();
        let address = watch::Sender::new(Some(server.http.address));
        Self { data, server: Some(server), address, key }
    }

    fn http(&self) -> Http {
        self.server.as_ref().expect("it lives").http
    }

    /// Ends, at once or as it should, and comes back: with all it has acknowledged, before anybody can tell it again.
    async fn ends_and_comes_back(&mut self, kill: bool, letters: &Letters) {
        self.address.send_replace(None);
        let server = self.server.take().expect("it lives");
        if kill {
            server.kill()
        } else {
            assert!(server.terminate().success())
        }
        self.server = Some(ServerProcess::start(self.data, &SETTINGS));
        letters.are_in(&self.text().await);
        self.address.send_replace(Some(self.http().address));
    }

    /// The text as the server has it.
    async fn text(&self) -> String {
        let request = Request::get(format!("/documents/{DOCUMENT}/text"));
        let request = request.header("authorization", format!("Bearer {}", self.key));
        let answer = self.http().send(request, Vec::new()).await;
        // Nobody has opened it yet.
        if answer.status == 404 {
            return String::new();
        }
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    /// Somebody with a line of their own.
    async fn writer(&self, kind: Kind, yjs: &Arc<Yjs>, seed: u64) -> Writer {
        let line = Line::new(self.address.subscribe()).await;
        let http = Http { address: line.address, tls: false };
        let door = Door::of_external(http, &self.key, &format!("user{seed}"), DOCUMENT, "write");
        Writer::new(kind, yjs, door, seed).await.on(line)
    }
}

async fn tell(yjs: &Arc<Yjs>, seed: u64, Length { writers, saves, ends }: Length) {
    println!("STORY_SEED={seed}: {writers} writers, {saves} saves each, {ends} ends");
    let data = tempfile::tempdir().unwrap();
    let mut lives = Lives::begin(data.path()).await;
    let (letters, saved) = (Arc::new(Letters::default()), Arc::new(Semaphore::new(0)));
    let mut random = StdRng::seed_from_u64(seed);
    let mut writing = Vec::new();
    for n in 0..writers {
        let kind = [Kind::Provider, Kind::Yrs, Kind::Raw][n % 3];
        let writer = lives.writer(kind, yjs, seed + n as u64).await;
        let random = StdRng::seed_from_u64(random.random());
        let hand = Hand { writer, kind, random, letters: Arc::clone(&letters), saved: Arc::clone(&saved) };
        writing.push(tokio::spawn(hand.writes(saves)));
    }
    let all = writers as u32 * saves;
    for _ in 0..ends {
        let enough = random.random_range(1..=all / (ends + 1));
        saved.acquire_many(enough).await.unwrap().forget();
        lives.ends_and_comes_back(random.random_ratio(3, 4), &letters).await;
    }
    let mut hands = Vec::new();
    for hand in writing {
        hands.push(hand.await.unwrap());
    }
    let mut states = Vec::new();
    for hand in &hands {
        states.push(hand.writer.settles().await);
    }
    lives.ends_and_comes_back(true, &letters).await;
    let text = lives.text().await;
    // Who comes now has it from what is stored alone.
    for (n, kind) in [Kind::Yrs, Kind::Provider].into_iter().enumerate() {
        let newcomer = lives.writer(kind, yjs, seed + 100 + n as u64).await;
        states.push(newcomer.settles().await);
    }
    let State { vector, .. } = states[0].clone();
    for state in states {
        assert_eq!(state, State { text: text.clone(), vector: vector.clone(), said: Vec::new() });
    }
    letters.are_in(&text);
    let acknowledged = letters.acknowledged.lock().unwrap().len();
    println!("{acknowledged} letters acknowledged, all among the {} characters of all", text.chars().count());
}

fn seed() -> u64 {
    let seed = env::var("STORY_SEED").ok().map(|seed| seed.parse().expect("a number"));
    seed.unwrap_or_else(|| rand::rng().random_range(0..1 << 31))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_have_the_same_text_in_the_end() {
    let Some(yjs) = Yjs::start(&[]) else { return };
    let seed = seed();
    tell(&yjs, seed, Length { writers: 2, saves: 8, ends: 1 }).await;
    tell(&yjs, seed + 1, Length { writers: 5, saves: 6, ends: 2 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes fifteen seconds"]
async fn all_have_the_same_text_after_many_stories() {
    let Some(yjs) = Yjs::start(&[]) else { return };
    let (begun, seed) = (Instant::now(), seed());
    for n in 0.. {
        let writers = 2 + n as usize % 7;
        tell(&yjs, seed + 1_000 * n, Length { writers, saves: 20, ends: 4 }).await;
        if begun.elapsed() > Duration::from_secs(12) {
            break;
        }
    }
}
