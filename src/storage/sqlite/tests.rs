//! The suite on this engine, and what only this engine can get wrong.

use super::*;
use crate::{
    model::Offset,
    settings::{Storage, Synchronous},
    storage::{
        NewSession, SessionLimits, Store, SweepLimits,
        sql::{Db, STALE_DOCUMENTS},
        suite::{Fresh, commit, log_of, measure_batches, member, panics_cost_one_job_each, says, sent, store_suite},
    },
};
use rusqlite::{Connection, ffi};
use std::{fs, sync::Arc, thread};
use tempfile::TempDir;

mod suite {
    super::store_suite!(sqlite);
}

fn settings() -> Storage {
    // The suite commits one row at a time: without fsync it takes a tenth of the time.
    Storage { url: "sqlite".into(), synchronous: Synchronous::Normal, readers: 2 }
}

fn open(dir: &Path) -> Result<SqlStore, StoreError> {
    super::open(dir, &settings(), Check::Whole)
}

/// An empty store and what must stay for it.
pub(in crate::storage) fn for_suite() -> Option<(Fresh, TempDir)> {
    Some(fresh())
}

/// An empty store and the directory that goes when it does.
fn fresh() -> (Fresh, TempDir) {
    let dir = TempDir::new().unwrap();
    (Arc::new(open(dir.path()).unwrap()), dir)
}

#[tokio::test]
async fn reopening_keeps_everything_and_the_epoch() {
    let (store, dir) = fresh();
    let alice = member(&store, "alice").await;
    commit(&store, says(&alice, "general", "hello")).await.unwrap();
    let (epoch, log) = (store.epoch().clone(), log_of(&store, "room.general").await);
    assert_eq!(epoch.as_str().len(), 16);
    store.close().await;
    let again: Fresh = Arc::new(open(dir.path()).unwrap());
    assert_eq!(again.epoch(), &epoch);
    assert_eq!(log_of(&again, "room.general").await, log);
    assert_eq!(sent(&commit(&again, says(&alice, "general", "more")).await.unwrap()), (2, 2, 5_000, false));
    assert_ne!(fresh().0.epoch(), &epoch);
}

#[tokio::test]
async fn dropping_without_closing_loses_nothing() {
    let (store, dir) = fresh();
    let alice = member(&store, "alice").await;
    commit(&store, says(&alice, "general", "hello")).await.unwrap();
    drop(store);
    let again: Fresh = Arc::new(open(dir.path()).unwrap());
    assert_eq!(log_of(&again, "room.general").await.len(), 1);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("a/data");
    let _store = open(&data).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in ["switchboard.db", "switchboard.db-wal", "switchboard.db-shm"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()).unwrap());
    let db = Connection::open(dir.path().join("switchboard.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let known = migrations::SQLITE.len() as u32;
    assert!(matches!(open(dir.path()), Err(StoreError::NewerSchema { found: 99, known: k }) if k == known));
}

#[test]
fn garbage_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("switchboard.db");
    fs::write(&path, "not a database, ".repeat(1_000)).unwrap();
    assert!(matches!(open(dir.path()), Err(StoreError::Corrupt(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "not a database, ".repeat(1_000));
}

#[tokio::test]
async fn a_damaged_page_is_refused() {
    let (store, dir) = fresh();
    let alice = member(&store, "alice").await;
    for _ in 0..10 {
        store.commit((0..50).map(|_| says(&alice, "general", "hello")).collect()).await.unwrap();
    }
    store.close().await;
    let path = dir.path().join("switchboard.db");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0xff);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(open(dir.path()), Err(StoreError::Corrupt(_))));
    // Unless nobody looks: on the command line, and when it is too large for a quick look.
    drop(super::open(dir.path(), &settings(), Check::Skip).unwrap());
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len((1 << 30) + 4_096).unwrap(); // a hole, no disk
    drop(open(dir.path()).unwrap());
}

#[test]
fn another_programs_database_is_refused() {
    let dir = TempDir::new().unwrap();
    let db = Connection::open(dir.path().join("switchboard.db")).unwrap();
    db.execute_batch("CREATE TABLE theirs (id INTEGER PRIMARY KEY)").unwrap();
    drop(db);
    assert!(matches!(open(dir.path()), Err(StoreError::Corrupt(_))));
}

#[test]
fn many_open_an_empty_directory_at_once() {
    for _ in 0..10 {
        let dir = TempDir::new().unwrap();
        let epochs: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| open(dir.path()).unwrap().epoch().clone())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    }
}

#[test]
fn migrations_are_done_once_and_whole() {
    let dir = TempDir::new().unwrap();
    let path = open::prepare_file(dir.path()).unwrap();
    let mut db = open::connect_writer(&path, &settings()).unwrap();
    let version = |db: &Connection| db.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).unwrap();
    for _ in 0..2 {
        open::migrate(&mut db, migrations::SQLITE).unwrap();
        assert_eq!(version(&db), migrations::SQLITE.len() as u32);
    }
    // One that fails half-way leaves nothing of itself.
    let mut longer = migrations::SQLITE.to_vec();
    longer.push("CREATE TABLE half (id INTEGER PRIMARY KEY); CREATE TABLE half (id INTEGER PRIMARY KEY);");
    assert!(open::migrate(&mut db, &longer).is_err());
    assert_eq!(version(&db), migrations::SQLITE.len() as u32);
    assert!(!Db::Sqlite(&db).any("SELECT 1 FROM sqlite_schema WHERE name = 'half'", ()).unwrap());
}

#[tokio::test]
async fn two_processes_write_one_store() {
    let (one, dir) = fresh();
    let two: Fresh = Arc::new(open(dir.path()).unwrap());
    let alice = member(&one, "alice").await;
    let revocations = one.revocations().await.unwrap();
    for number in 0..20 {
        let store = if number % 2 == 0 { &one } else { &two };
        let committed = commit(store, says(&alice, "general", "hello")).await.unwrap();
        assert_eq!(committed.publications[0].offset, Offset(number + 1));
    }
    assert_eq!(log_of(&one, "room.general").await, log_of(&two, "room.general").await);
    two.disable_account(&alice.name).await.unwrap();
    assert!(one.revocations().await.unwrap() > revocations);
}

#[tokio::test]
async fn a_full_disk_stores_nothing_and_recovers() {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(open(dir.path()).unwrap());
    let fresh: Fresh = store.clone();
    let alice = member(&fresh, "alice").await;
    commit(&fresh, says(&alice, "general", "before")).await.unwrap();
    // SQLite answers SQLITE_FULL at this size as it does when the disk has no more.
    let size = async |pages: i64| {
        let set = move |db: Db<'_>| {
            let Db::Sqlite(db) = db else { unreachable!("it is SQLite's") };
            let now: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let pages = if pages == 0 { now } else { pages };
            Ok(db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
        };
        store.writer.run(set).await.unwrap();
    };
    size(0).await;
    let long = "x".repeat(8_000);
    let batch = || (0..20).map(|_| says(&alice, "general", &long)).collect::<Vec<_>>();
    assert!(matches!(fresh.commit(batch()).await, Err(StoreError::Unavailable(_))));
    assert_eq!(log_of(&fresh, "room.general").await.len(), 1);
    size(1_000_000).await;
    let answers = fresh.commit(batch()).await.unwrap();
    assert_eq!(sent(answers[0].as_ref().unwrap()), (2, 2, 5_000, false));
    assert_eq!(log_of(&fresh, "room.general").await.len(), 21);
}

#[tokio::test]
async fn a_failed_fsync_ends_writing_but_not_reading() {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(open(dir.path()).unwrap());
    let fresh: Fresh = store.clone();
    let alice = member(&fresh, "alice").await;
    let sync = |code| StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
    let failed: Result<(), _> = store.writer.run(move |_| Err(sync(ffi::SQLITE_IOERR_WRITE))).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))));
    commit(&fresh, says(&alice, "general", "a failed write is not a lost one")).await.unwrap();
    let failed: Result<(), _> = store.writer.run(move |_| Err(sync(ffi::SQLITE_IOERR_FSYNC))).await;
    assert!(matches!(failed, Err(StoreError::InDoubt(_))), "{failed:?}");
    let refused = fresh.commit(vec![says(&alice, "general", "x")]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(matches!(fresh.probe().await, Err(StoreError::Unavailable(_))));
    assert_eq!(log_of(&fresh, "room.general").await.len(), 1);
}

/// Transactions in the WAL: frames that end one. It has one generation while the test is small.
fn commits(dir: &Path) -> usize {
    let wal = fs::read(dir.join("switchboard.db-wal")).unwrap();
    let word = |at: usize| u32::from_be_bytes(wal[at..at + 4].try_into().unwrap());
    let page = word(8) as usize; // https://sqlite.org/fileformat2.html#walformat
    let frames = (32..).step_by(24 + page).take_while(|at| at + 24 + page <= wal.len());
    frames.filter(|at| word(at + 8) == word(16) && word(at + 4) > 0).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_probe_at_once_write_once() {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(open(dir.path()).unwrap());
    let before = commits(dir.path());
    // Some hang up before they are answered.
    for _ in 0..50 {
        let _ = tokio::time::timeout(std::time::Duration::ZERO, store.probe()).await;
    }
    let asked: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn({
                let store = store.clone();
                async move { store.probe().await }
            })
        })
        .collect();
    for probe in asked {
        probe.await.unwrap().unwrap();
    }
    assert!((1..=2).contains(&(commits(dir.path()) - before)));
    store.close().await;
    assert!(matches!(store.probe().await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn clients_that_return_at_once_share_a_transaction() {
    let dir = TempDir::new().unwrap();
    let limits = SessionLimits { idle_ms: 1_000_000, absolute_ms: i64::MAX };
    let token = |number: usize| [u8::try_from(number).unwrap(); 32];
    {
        let store = Arc::new(open(dir.path()).unwrap());
        let fresh: Fresh = store.clone();
        let alice = member(&fresh, "alice").await;
        for number in 0..100 {
            let session = NewSession { user: alice.id, token_hash: token(number), at: 1_000 };
            store.create_session(session).await.unwrap();
        }
        let before = commits(dir.path());
        for number in 0..100 {
            assert!(store.use_session(token(number), 900_000, limits).await.unwrap().is_some());
        }
        assert_eq!(commits(dir.path()), before);
        // What is not stored yet counts.
        assert!(store.use_session(token(7), 1_800_000, limits).await.unwrap().is_some());
        let sweep = SweepLimits { sessions: limits, device_ms: 1, receipt_ms: 1 };
        store.sweep(Vec::new(), 1_800_000, sweep).await.unwrap();
        let wait = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            while !store.writer.seen().some(1).is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        });
        wait.await.unwrap();
        // One is the sweep's. It found nothing left to note, unless it was slow to come.
        assert!((1..=2).contains(&(commits(dir.path()) - before)));
        // And closing does not wait for the next round.
        assert!(store.use_session(token(8), 1_800_000, limits).await.unwrap().is_some());
        store.close().await;
    }
    let again = open(dir.path()).unwrap();
    for (number, good) in [(7, true), (8, true), (9, false)] {
        assert_eq!(again.use_session(token(number), 2_700_000, limits).await.unwrap().is_some(), good, "{number}");
    }
}

#[tokio::test]
async fn jobs_that_wait_share_a_transaction_and_fail_alone() {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(open(dir.path()).unwrap());
    let before = commits(dir.path());
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let first = store.writer.run(move |db| {
        begun.send(()).unwrap();
        wait.recv().unwrap();
        db.run("INSERT INTO meta (name, value) VALUES ('first', '')", ())
    });
    let insert = |name: &'static str, then: fn() -> Result<(), StoreError>| {
        store.writer.run(move |db| {
            db.run("INSERT INTO meta (name, value) VALUES ($1, '')", [name])?;
            then()
        })
    };
    let others = async {
        has_begun.await.unwrap(); // so that it is alone in its transaction
        let all = async {
            tokio::join!(
                insert("a", || Ok(())),
                insert("b", || Err(StoreError::NameTaken)),
                insert("c", || panic!("on purpose")),
                insert("a", || Ok(())),
                insert("d", || Ok(())),
            )
        };
        let release = async {
            while store.writer.waiting() < 6 {
                tokio::task::yield_now().await;
            }
            go.send(()).unwrap();
        };
        tokio::join!(all, release).0
    };
    let (first, (a, b, c, again, d)) = tokio::join!(first, others);
    assert!(first.is_ok() && a.is_ok() && d.is_ok());
    assert!(matches!(b, Err(StoreError::NameTaken)), "{b:?}");
    assert!(matches!(c, Err(StoreError::Unavailable(_))), "{c:?}");
    assert!(matches!(again, Err(StoreError::Unavailable(_))), "{again:?}");
    assert_eq!(commits(dir.path()), before + 2);
    let names = store
        .readers
        .run(|db| db.all("SELECT name FROM meta WHERE length(name) = 1 ORDER BY name", (), |row| row.get::<String>(0)));
    assert_eq!(names.await.unwrap(), ["a", "d"]);
}

#[tokio::test]
async fn the_wal_stays_bounded_under_load() {
    let dir = TempDir::new().unwrap();
    let fresh: Fresh = Arc::new(open(dir.path()).unwrap());
    let alice = member(&fresh, "alice").await;
    let long = "x".repeat(8_000);
    for _ in 0..40 {
        fresh.commit((0..100).map(|_| says(&alice, "general", &long)).collect()).await.unwrap();
    }
    let bytes = |file: &str| fs::metadata(dir.path().join(file)).unwrap().len();
    assert!(bytes("switchboard.db") > 40_000_000);
    assert!(bytes("switchboard.db-wal") < 25_000_000);
}

#[tokio::test]
async fn a_panic_costs_one_job() {
    let dir = TempDir::new().unwrap();
    panics_cost_one_job_each(Arc::new(open(dir.path()).unwrap())).await;
}

/// `cargo test --release --lib how_fast_batches_are -- --ignored --nocapture`
#[tokio::test]
#[ignore = "it measures"]
async fn how_fast_batches_are() {
    let (store, _dir) = fresh();
    measure_batches(store).await;
}

#[tokio::test]
async fn old_updates_of_documents_are_found_by_their_age() {
    let (store, dir) = fresh();
    store.close().await;
    let db = Connection::open(dir.path().join("switchboard.db")).unwrap();
    let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {STALE_DOCUMENTS}")).unwrap();
    let steps = plan.query_map((0, 0, 0, 1), |row| row.get::<_, String>(3)).unwrap();
    let steps: Vec<_> = steps.map(Result::unwrap).collect();
    assert!(steps.iter().any(|step| step.contains("USING COVERING INDEX document_update_age")), "{steps:?}");
    assert!(!steps.iter().any(|step| step.contains("SCAN document_update")), "{steps:?}");
}
