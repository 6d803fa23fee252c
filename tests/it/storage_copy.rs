//! `switchboard storage copy`, as people use it: between two lives of a server, and killed in the middle.

use crate::support::{BUDGET, ServerProcess, TestClient, postgres::Cluster, process::switchboard};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const URL: &str = "SWITCHBOARD__STORAGE__URL";

/// The program with this store, whatever the other tests use.
fn program(data_dir: &Path, url: &str, arguments: &[&str]) -> Command {
    let mut command = switchboard(data_dir);
    command.env(URL, url).args(arguments);
    command
}

fn ended(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Copies; what was printed of the tables.
fn copied(data_dir: &Path, from: &str, to: &str) -> Vec<String> {
    let (code, out, err) = ended(program(data_dir, from, &["storage", "copy", "--from", from, "--to", to]));
    assert_eq!(code, Some(0), "{out}{err}");
    let mut lines: Vec<_> = out.lines().map(str::to_owned).collect();
    assert!(lines.pop().unwrap().contains(" holds what "), "{out}");
    lines
}

async fn says_and_leaves(server: &ServerProcess, session: &str, resume: Value, text: &str) -> (u64, u64, Value) {
    let mut client = TestClient::returns(server.http, "owner", session, Some(resume)).await;
    let hello = client.hears("hello").await;
    assert_eq!(hello["topics"]["room.general"]["recovered"], true, "{hello}");
    client.hears("caught_up").await;
    let sent = client.asks("send_message", json!({"room": "general", "message": text})).await;
    let resume = client.resume();
    client.leaves().await;
    (sent["id"].as_u64().unwrap(), sent["offset"].as_u64().unwrap(), resume)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_go_on_where_they_were_after_a_move_and_after_the_way_back() {
    let Some(cluster) = Cluster::shared() else { return };
    let (data, back) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    // Nobody asks for it there, and nobody must see it.
    let database = cluster.database().replace("postgres@", "postgres:hunter2@");
    let server = ServerProcess::start(data.path(), &[(URL, "sqlite")]);
    let session = server.owner().await;
    let mut client = server.client("owner", &session).await;
    let resume = json!({"epoch": client.epoch, "positions": {"room.general": 0}});
    client.says("general", "before the move: \u{1f680} e\u{301}").await;
    client.leaves().await;
    let to_database = || {
        let mut copy = program(data.path(), "sqlite", &["storage", "copy"]);
        copy.env("SWITCHBOARD_COPY_TO", &database);
        ended(copy)
    };
    let (code, _, err) = to_database();
    assert_eq!(code, Some(69), "{err}");
    assert!(err.contains("another program uses the store"), "{err}");
    assert!(server.terminate().success());

    let (code, out, err) = to_database();
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("postgres:***@") && !out.contains("hunter2"), "{out}");
    let server = ServerProcess::start(data.path(), &[(URL, &database)]);
    let (id, offset, resume) = says_and_leaves(&server, &session, resume, "in the database").await;
    assert_eq!((id, offset), (2, 3)); // the first was the owner's coming
    assert!(server.terminate().success());

    let (code, _, err) = to_database();
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("holds this installation already") && !err.contains("hunter2"), "{err}");

    copied(data.path(), &database, &format!("sqlite:{}", back.path().display()));
    let server = ServerProcess::start(back.path(), &[(URL, "sqlite")]);
    let (id, offset, _) = says_and_leaves(&server, &session, resume, "back again").await;
    assert_eq!((id, offset), (3, 4));
    let all = TestClient::returns(server.http, "owner", &session, None).await.reads_all("general").await;
    let texts: Vec<_> = all.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["before the move: \u{1f680} e\u{301}", "in the database", "back again"]);
    assert!(server.terminate().success());
}

const MANY: u64 = 120_000;

/// A store with enough in it to be killed in the middle.
fn large(data_dir: &Path) {
    assert_eq!(ended(program(data_dir, "sqlite", &["account", "list"])).0, Some(0));
    let database = rusqlite::Connection::open(data_dir.join("switchboard.db")).unwrap();
    let fill = format!(
        "BEGIN;
         WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {MANY})
         INSERT INTO publication (topic_id, topic_offset, created_at, event_type, payload)
         SELECT 1, n, 1000 + n, 'published', json_object('n', n, 'text', hex(randomblob(20))) FROM n;
         UPDATE topic SET head = {MANY} WHERE id = 1;
         COMMIT;"
    );
    database.execute_batch(&fill).unwrap();
}

/// Kills copies as soon as the destination holds so many times as much, then lets one end.
fn is_killed_again_and_again(data_dir: &Path, (from, to): (&str, &str), size: impl Fn() -> u64, steps: &[u64]) {
    let copy = || program(data_dir, from, &["storage", "copy", "--from", from, "--to", to]);
    for step in steps {
        let mut child = copy().stdout(std::process::Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        while size() < *step {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it had written {step}");
            assert!(started.elapsed() < BUDGET * 3, "it does not get on");
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_copy_that_is_killed_again_and_again_ends_as_one_that_was_not() {
    let Some(cluster) = Cluster::shared() else { return };
    let (data, other, undisturbed) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    large(data.path());
    let database = cluster.database();
    let name = database.rsplit_once('/').unwrap().1;
    let rows = || {
        let there = cluster.sql(name, "SELECT count(*) FROM pg_class WHERE relname = 'publication'");
        if there == "0" { 0 } else { cluster.sql(name, "SELECT count(*) FROM publication").parse().unwrap() }
    };
    is_killed_again_and_again(data.path(), ("sqlite", &database), rows, &[1, MANY / 4, MANY / 2]);
    assert!(rows() < MANY, "it was killed before its end");
    for command in [&["serve", "--tls", "off", "--listen", "127.0.0.1:0"][..], &["account", "list"]] {
        let (code, _, err) = ended(program(data.path(), &database, command));
        assert_eq!(code, Some(78), "{err}");
        assert!(err.contains("unfinished copy"), "{err}");
    }
    let resumed = copied(data.path(), "sqlite", &database);
    let plain = copied(data.path(), "sqlite", &format!("sqlite:{}", undisturbed.path().display()));
    assert_eq!(resumed, plain);

    let to = format!("sqlite:{}", other.path().display());
    let size = || {
        let length = |name| fs::metadata(other.path().join(name)).map_or(0, |file| file.len());
        length("switchboard.db") + length("switchboard.db-wal")
    };
    is_killed_again_and_again(data.path(), (&database, &to), size, &[1, 1_000_000, 5_000_000]);
    let (code, _, err) = ended(program(other.path(), "sqlite", &["account", "list"]));
    assert_eq!(code, Some(78), "{err}");
    assert_eq!(copied(data.path(), &database, &to), plain);
    assert_eq!(ended(program(other.path(), "sqlite", &["account", "list"])).0, Some(0));
}

#[test]
fn what_names_no_two_stores_is_refused() {
    let data = TempDir::new().unwrap();
    let dir = data.path().display().to_string();
    let same = format!("sqlite:{dir}");
    for (arguments, code, said) in [
        (&["storage", "copy"][..], 2, "--from"),
        (&["storage", "copy", "--to", "sqlite"], 1, "are both"),
        (&["storage", "copy", "--to", &same], 1, "are both"),
        (&["storage", "copy", "--to", "sqlite:"], 1, "--to names no directory"),
        (&["storage", "copy", "--to", "mysql://u:hunter2@h/d"], 1, "--to must be"),
        (&["storage", "copy", "--from", "postgres://u:hunter2@127.0.0.1:9/d"], 69, "u:***@127.0.0.1"),
        (&["storage", "copy", "--to", "sqlite:/nowhere/at/all"], 1, "holds no installation"),
    ] {
        let (found, out, err) = ended(program(data.path(), "sqlite", arguments));
        assert_eq!((found, out.as_str()), (Some(code), ""), "{arguments:?}: {err}");
        assert!(err.contains(said) && !err.contains("hunter2"), "{arguments:?}: {err}");
    }
    assert!(fs::read_dir(data.path()).unwrap().next().is_none(), "nothing was made");
}
