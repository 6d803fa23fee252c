//! Eight `psql` write at random while the server is killed and the database restarted at random: each committed change
//! arrives once, in order per key, in the logs and at those who watch all the while. The long ones:
//! `cargo test --release --test it feed::kill_loop -- --ignored --nocapture`.

use super::{
    audience::{Audience, Changes, by_key, told},
    shop::{Kept, Shop, log_in},
    watchers::{Count, TABLE},
};
use crate::support::{Http, ServerProcess, postgres::Cluster};
use rand::RngExt;
use std::{
    fmt::Write as _,
    io::Write as _,
    ops::Range,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};
use switchboard::{app, settings::Settings, storage::Check};
use tokio::sync::watch;

const SESSIONS: u64 = 8;
pub const KEYS: u32 = 1_000;
/// Longest wait for those who watch to be back before the next kill.
const PATIENCE: Duration = Duration::from_secs(3);
/// Transactions that one `psql` is given.
const SCRIPT: u32 = 25;

/// The table, and beside it what was committed: written by the test's own trigger, in the writers' transactions, in the
/// order of each row's lock.
const TABLES: &str = "CREATE TABLE items (id int PRIMARY KEY, mark bigint NOT NULL); \
    CREATE TABLE audit (place bigserial PRIMARY KEY, action text, id int, mark bigint); \
    CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \
        IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND OLD.id <> NEW.id THEN \
            INSERT INTO audit (action, id, mark) VALUES ('DELETE', OLD.id, OLD.mark); END IF; \
        IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND OLD.id <> NEW.id THEN \
            INSERT INTO audit (action, id, mark) VALUES ('INSERT', NEW.id, NEW.mark); END IF; \
        IF TG_OP = 'UPDATE' AND OLD.id = NEW.id THEN \
            INSERT INTO audit (action, id, mark) VALUES ('UPDATE', NEW.id, NEW.mark); END IF; \
        RETURN NULL; END$$; \
    CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON items FOR EACH ROW EXECUTE FUNCTION audit()";

/// Transactions at random, a quarter of them rolled back. A mark is written once.
fn script(next_mark: &AtomicU64) -> String {
    let mut rng = rand::rng();
    let mut sql = String::new();
    for _ in 0..SCRIPT {
        sql += "BEGIN;\n";
        let mut keys: Vec<u32> = (0..rng.random_range(1..8)).map(|_| rng.random_range(1..=KEYS)).collect();
        keys.sort(); // or else writers would mostly wait for each other in circles
        for key in keys {
            let mark = next_mark.fetch_add(1, Ordering::Relaxed);
            let _ = match rng.random_range(0..20) {
                0..10 => writeln!(
                    sql,
                    "INSERT INTO items VALUES ({key}, {mark}) ON CONFLICT (id) DO UPDATE SET mark = excluded.mark;"
                ),
                10..15 => writeln!(sql, "UPDATE items SET mark = {mark} WHERE id BETWEEN {key} AND {key} + 5;"),
                15..18 => writeln!(sql, "DELETE FROM items WHERE id = {key};"),
                18 => writeln!(sql, "SAVEPOINT s; UPDATE items SET mark = 0 WHERE id = {key}; ROLLBACK TO s;"),
                _ => writeln!(
                    sql,
                    "UPDATE items SET id = {0}, mark = {mark} WHERE id = {key} \
                     AND NOT EXISTS (SELECT FROM items WHERE id = {0});",
                    rng.random_range(1..=KEYS)
                ),
            };
        }
        sql += if rng.random_range(0..4) == 0 { "ROLLBACK;\n" } else { "COMMIT;\n" };
    }
    sql
}

/// What the writers know of each other and of those who watch.
struct Writing {
    next_mark: AtomicU64,
    /// How many changes were committed when that was last looked at.
    committed: AtomicU64,
    heard: Count,
    /// So far ahead of those who watch they may be: it is not their speed that is judged.
    most_ahead: u64,
    over: AtomicBool,
}

impl Writing {
    fn is_far_ahead(&self) -> bool {
        let somebody_watches = self.heard.has_changed().is_ok();
        somebody_watches && self.committed.load(Ordering::Relaxed) > *self.heard.borrow() + self.most_ahead
    }
}

/// A session, over and over: `psql` ends when its connection is cut.
fn write(shop: &Shop<'_>, writing: &Writing) -> u32 {
    let mut cut = 0;
    while !writing.over.load(Ordering::Relaxed) {
        if writing.is_far_ahead() {
            thread::sleep(Duration::from_millis(10));
            continue;
        }
        let mut psql = shop.cluster.psql(shop.name()).spawn().expect("psql starts");
        let sent = psql.stdin.take().expect("piped").write_all(script(&writing.next_mark).as_bytes());
        if !psql.wait().expect("it ends").success() || sent.is_err() {
            cut += 1;
            thread::sleep(Duration::from_millis(20));
        }
    }
    cut
}

/// What was committed, by key.
fn committed(shop: &Shop<'_>) -> Changes {
    let mut all = Changes::new();
    for line in shop.sql("SELECT id, action, mark FROM audit ORDER BY place").lines() {
        let [id, action, mark] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        all.entry(id.to_owned()).or_default().push((action.to_owned(), mark.parse().unwrap()));
    }
    all
}

/// How many changes were committed so far; `None`: the database is away.
fn progress(shop: &Shop<'_>) -> Option<u64> {
    let mut psql = shop.cluster.psql(shop.name());
    psql.args(["-Atc", "SELECT count(*) FROM audit"]);
    let output = psql.stdout(std::process::Stdio::piped()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Lets `changes` be written while something is killed about so `often`, and compares.
async fn survives(kept: Kept, changes: u64, often: Range<u64>) {
    let Some(cluster) = Cluster::start_durable() else { return };
    let shop = Shop::new(&cluster, kept);
    shop.sql(TABLES);
    let data = tempfile::tempdir().unwrap();
    let config = shop.config(data.path());
    let started = Instant::now();
    let server = ServerProcess::start_with_config(&config, data.path());
    shop.has_drainer().await;
    let (place, here) = watch::channel(Some(server.http));
    let mut audience = Audience::of(&server, &here).await;
    let writing = Writing {
        next_mark: AtomicU64::new(1),
        committed: AtomicU64::new(0),
        heard: audience.heard[0].clone(),
        most_ahead: changes / 4,
        over: AtomicBool::new(false),
    };
    let (server, kills, restarts, cuts) = thread::scope(|scope| {
        let writers: Vec<_> = (0..SESSIONS).map(|_| scope.spawn(|| write(&shop, &writing))).collect();
        let harm = scope.spawn(|| harm(&shop, server, (&config, data.path(), &place), &writing, (changes, often)));
        let harmed = harm.join();
        writing.over.store(true, Ordering::Relaxed);
        let cuts: u32 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        let (server, kills, restarts) = harmed.unwrap();
        (server, kills, restarts, cuts)
    });
    let written = started.elapsed();
    shop.is_empty().await;
    let drained = started.elapsed();
    let committed = committed(&shop);
    audience.has_heard(&committed).await;
    place.send_replace(None);
    assert!(server.terminate().success());
    let seen = audience.judge(&shop, &committed).await;
    let mut settings = Settings::defaults();
    shop.settings(&mut settings);
    settings.server.data_dir = data.path().to_owned();
    let store = app::open_store(&settings, Check::Skip).unwrap();
    let by_key = by_key(&log_in(&*store, TABLE).await);
    for (key, changes) in &committed {
        assert_eq!(by_key.get(key), Some(changes), "{key} on the table's topic");
        let log: Vec<_> = log_in(&*store, &format!("items.{key}")).await.iter().map(told).collect();
        assert_eq!(&log, changes, "{key} on its own topic");
    }
    assert_eq!(by_key.len(), committed.len(), "something was told of a row that nobody wrote");
    store.close().await;
    let count: usize = committed.values().map(Vec::len).sum();
    assert!(count as u64 >= changes);
    println!(
        "{kept:?}: {count} changes of {} rows in {written:.1?}, told by {drained:.1?}; {kills} kills of the server, \
         {restarts} restarts of the database, {cuts} cut sessions; {seen}",
        committed.len()
    );
}

/// Kills and restarts at random until enough is written; the server that runs in the end.
fn harm(
    shop: &Shop<'_>,
    mut server: ServerProcess,
    (config, data, place): (&Path, &Path, &watch::Sender<Option<Http>>),
    writing: &Writing,
    (changes, often): (u64, Range<u64>),
) -> (ServerProcess, u32, u32) {
    let (mut kills, mut restarts) = (0, 0);
    let mut next = changes / often.end;
    let (mut since, mut heard_then, mut is_patient) = (Instant::now(), 0, true);
    loop {
        thread::sleep(Duration::from_millis(50));
        let progress = progress(shop);
        if let Some(committed) = progress {
            writing.committed.store(committed, Ordering::Relaxed);
        }
        let heard = *writing.heard.borrow();
        match progress {
            Some(committed) if committed >= changes && kills > 0 && restarts > 1 => break,
            Some(committed) if committed < next => continue,
            // Every other time those who watch are back before.
            _ if is_patient && heard == heard_then && since.elapsed() < PATIENCE => continue,
            _ => {}
        }
        (heard_then, is_patient) = (heard, !is_patient);
        next += changes / rand::rng().random_range(often.clone());
        match rand::rng().random_range(0..5) {
            0..2 => {
                shop.cluster.order(if restarts % 2 == 0 { "crash" } else { "stop" });
                shop.cluster.order("start");
                restarts += 1;
            }
            _ => {
                server.kill();
                server = ServerProcess::start_with_config(config, data);
                place.send_replace(Some(server.http));
                kills += 1;
            }
        }
        since = Instant::now();
    }
    (server, kills, restarts)
}

#[tokio::test(flavor = "multi_thread")]
async fn few_changes_arrive_once_while_everything_is_killed() {
    survives(Kept::Embedded, 4_000, 4..12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn few_changes_arrive_once_with_the_store_in_the_same_database() {
    survives(Kept::SameDatabase, 4_000, 4..12).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn a_hundred_thousand_changes_arrive_once_while_everything_is_killed() {
    survives(Kept::Embedded, 100_000, 10..30).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn a_hundred_thousand_changes_arrive_once_with_the_store_in_the_same_database() {
    survives(Kept::SameDatabase, 100_000, 10..30).await;
}
