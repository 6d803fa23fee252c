//! The program as people use it, beside a server that runs.

use crate::support::{BUDGET, PASSWORD, ServerProcess, TestClient, process::switchboard};
use hyper::Request;
use serde_json::json;
use std::{io::Write, path::Path, process::Stdio};
use tokio::time::timeout;

const OTHER_PASSWORD: &str = "battery staple correct horse";

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs `switchboard ARGUMENTS`, with this on its standard input.
fn runs(data_dir: &Path, arguments: &[&str], env: &[(&str, &str)], input: &str) -> Ended {
    let mut command = switchboard(data_dir);
    command.args(arguments).envs(env.iter().copied());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

async fn status_of_login(server: &ServerProcess, name: &str, password: &str) -> u16 {
    server.http.post("/login", &json!({"username": name, "password": password})).await.status.as_u16()
}

async fn session_of(server: &ServerProcess, name: &str) -> String {
    let answer = server.http.post("/login", &json!({"username": name, "password": PASSWORD})).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.cookie("__Host-session").unwrap()
}

#[test]
fn help_names_every_command_and_flag() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, named) in [
        (&["--help"][..], &["serve", "config", "account", "invite", "--config", "--data-dir"][..]),
        (&["serve", "--help"], &["--listen", "--tls", "--frontend", "--data-dir", "listening on"]),
        (&["account", "--help"], &["add", "list", "disable", "reset-password"]),
        (&["account", "add", "--help"], &["--role", "--password-stdin"]),
        (&["invite", "--help"], &["--uses", "--expires", "--role"]),
        (&["storage", "copy", "--help"], &["--from", "--to", "SWITCHBOARD_COPY_TO", "stop the server"]),
    ] {
        let Ended { code, stdout, stderr } = runs(data.path(), arguments, &[], "");
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        for word in named {
            assert!(stdout.contains(word), "{arguments:?} does not name {word}:\n{stdout}");
        }
    }
    assert!(std::fs::read_dir(data.path()).unwrap().next().is_none(), "help touches nothing");
}

#[test]
fn all_faults_of_the_settings_come_in_one_message() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("own.toml");
    std::fs::write(&file, "[socket]\nping_period = 3\n[nonsense]\na = 1\n").unwrap();
    let file = file.to_str().unwrap();
    let env = [
        ("SWITCHBOARD__SOCKET__PONG_WAIT_SECS", "1"),
        ("SWITCHBOARD__OTP__TTL_SECS", "soon"),
        ("SWITCHBOARD__NO__SUCH_KEY", "1"),
        ("SWITCHBOARD__AUTH__ARGON2_MEMORY_KIB", "8"),
    ];
    for command in [&["config", "check"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let Ended { code, stdout, stderr } = runs(data.path(), &[command, &["--config", file]].concat(), &env, "");
        assert_eq!((code, stdout.as_str()), (Some(78), ""), "{stderr}");
        for fault in [
            "ping_period",
            "nonsense",
            "SWITCHBOARD__SOCKET__PONG_WAIT_SECS",
            "SWITCHBOARD__OTP__TTL_SECS",
            "SWITCHBOARD__NO__SUCH_KEY",
            "SWITCHBOARD__AUTH__ARGON2_MEMORY_KIB",
        ] {
            assert!(stderr.contains(fault), "{command:?} does not name {fault}:\n{stderr}");
        }
    }
}

#[tokio::test]
async fn an_account_made_beside_a_running_server_signs_in() {
    let data = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(data.path(), &[]);
    let add = |arguments: &[&str], password: &str| {
        runs(data.path(), &[&["account", "add"], arguments, &["--password-stdin"]].concat(), &[], password)
    };
    assert_eq!(add(&["alice"], &format!("{PASSWORD}\n")).code, Some(0));
    let session = session_of(&server, "alice").await;
    let mut alice = server.client("alice", &session).await;
    alice.says("general", "hello").await;
    assert_eq!(server.http.get("/setup").await.json()["needed"], false, "the first account is the owner");
    for (what, ended) in [
        ("a name that is taken", add(&["Alice"], PASSWORD)),
        ("a short password", add(&["bob"], "x9$kfQ\n")),
        ("no password", add(&["bob"], "")),
        ("its own name", add(&["bob-the-builder"], "bob-the-builder\n")),
    ] {
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{what}");
        assert_eq!(ended.stderr.lines().count(), 1, "{what}: {}", ended.stderr);
    }
    assert_eq!(add(&["a b"], PASSWORD).code, Some(2));
    assert_eq!(add(&["bob", "--role", "king"], PASSWORD).code, Some(2));
    let listed = runs(data.path(), &["account", "list"], &[], "").stdout;
    assert!(listed.contains("alice") && listed.contains("owner") && !listed.contains("bob"), "{listed}");
    assert!(server.terminate().success());
}

#[tokio::test]
async fn disabling_an_account_beside_a_running_server_closes_its_sockets() {
    let data = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(data.path(), &[]);
    let owner = server.owner().await;
    let mut bystander = server.client("owner", &owner).await;
    assert_eq!(runs(data.path(), &["account", "add", "alice", "--password-stdin"], &[], PASSWORD).code, Some(0));
    let session = session_of(&server, "alice").await;
    let mut alice = server.client("alice", &session).await;
    let ended = runs(data.path(), &["account", "disable", "alice"], &[], "");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let close = alice.is_closed().await;
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4001, "signed_out"));
    assert_eq!(server.http.post_as(&session, "/otp", &json!({})).await.status, 401);
    assert_eq!(status_of_login(&server, "alice", PASSWORD).await, 401);
    assert_eq!(runs(data.path(), &["account", "disable", "nobody"], &[], "").code, Some(1));
    bystander.says("general", "undisturbed").await;
    assert!(server.terminate().success());
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_of_the_old_one() {
    let data = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(data.path(), &[]);
    let session = server.owner().await;
    let mut owner = server.client("owner", &session).await;
    let ended = runs(data.path(), &["account", "reset-password", "owner", "--password-stdin"], &[], OTHER_PASSWORD);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(u16::from(owner.is_closed().await.code), 4001);
    assert_eq!(server.http.post_as(&session, "/otp", &json!({})).await.status, 401);
    assert_eq!(status_of_login(&server, "owner", PASSWORD).await, 401);
    assert_eq!(status_of_login(&server, "owner", OTHER_PASSWORD).await, 200);
    assert!(server.terminate().success());
}

#[tokio::test]
async fn an_invitation_from_the_command_line_lets_somebody_in() {
    let data = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(data.path(), &[]);
    server.owner().await;
    let public = [("SWITCHBOARD__SERVER__PUBLIC_URL", "https://chat.example")];
    let Ended { code, stdout, stderr } = runs(data.path(), &["invite", "--expires", "1h"], &public, "");
    assert_eq!(code, Some(0), "{stderr}");
    let token = stdout.strip_prefix("https://chat.example/#invite=").expect("a link alone on its line").trim_end();
    assert!(!stderr.contains(token), "the link stands on standard output only");
    let body = json!({"token": token, "username": "alice", "password": PASSWORD});
    let accepted = server.http.post("/invitations/accept", &body).await;
    assert_eq!((accepted.status.as_u16(), &accepted.json()["user"]["role"]), (200, &json!("member")));
    let otp = accepted.json()["otp"].as_str().unwrap().to_owned();
    let socket = TestClient::open(server.http, &otp).await.expect("the OTP is good");
    let mut alice = TestClient::arrive("alice", &accepted.cookie("__Host-session").unwrap(), socket).await;
    alice.says("general", "hello").await;
    let again = json!({"token": token, "username": "bob", "password": PASSWORD});
    assert_eq!(server.http.post("/invitations/accept", &again).await.error_code(), "bad_token");
    assert!(server.terminate().success());
}

/// At its most talkative, too.
#[tokio::test]
async fn the_log_holds_no_secret_and_no_message() {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("log");
    let talkative = [("SWITCHBOARD__LOG__FILTER", "trace"), ("SWITCHBOARD__LOG__FORMAT", "json")];
    let server = ServerProcess::start_with_log(&log, data.path(), &talkative);
    let owner = server.owner().await;
    let typed_into_the_wrong_field = "purple monkey dishwasher tango";
    for (name, password) in [("owner", OTHER_PASSWORD), (typed_into_the_wrong_field, "x")] {
        assert_eq!(status_of_login(&server, name, password).await, 401);
    }
    let invitation = server.http.post_as(&owner, "/invitations", &json!({})).await.json();
    let key = server.http.post_as(&owner, "/keys", &json!({"name": "shop", "scopes": ["admin"]})).await.json();
    let key = key["key"].as_str().unwrap();
    let used = Request::get("/keys").header("authorization", format!("Bearer {key}"));
    assert_eq!(server.http.send(used, Vec::new()).await.status, 200);
    assert_eq!(server.http.get(&format!("/keys?key={key}")).await.status, 400);
    assert_eq!(server.http.get(&format!("/nowhere?{key}")).await.status, 404);
    let cut = Request::get("/keys").header("authorization", format!("Bearer {}", &key[..46]));
    assert_eq!(server.http.send(cut, Vec::new()).await.status, 401);
    let otp = server.http.otp(&owner, None).await;
    let socket = TestClient::open(server.http, &otp).await.unwrap();
    let mut client = TestClient::arrive("owner", &owner, socket).await;
    client.says("general", "meet me at the quay\nlevel=ERROR forged line").await;
    client.is_told_off("{\"type\":\"not quite json").await;
    client.is_told_off(r#"{"type":"send_message","payload":{"room":"general","message":7,"note":"hush hush"}}"#).await;
    assert_eq!(server.http.upgrade(&format!("/ws?otp={}", "wrongotp".repeat(5)), &[]).await.status, 401);
    drop(client);
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(timeout(BUDGET, server.end()).await.expect("it ends"), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("signed in"), "{log}");
    let token = invitation["token"].as_str().unwrap();
    for secret in [
        PASSWORD,
        OTHER_PASSWORD,
        typed_into_the_wrong_field,
        &owner,
        &otp,
        token,
        &key[..46],
        "wrongotpwrongotp",
        "quay",
        "not quite json",
        "hush hush",
        "argon2id",
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret:?} is in the log: {line:?}");
    }
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "not one JSON object a line: {line}");
    }
}
