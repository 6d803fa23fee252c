//! The program as it is started: what it prints, and its exit codes.

#![allow(clippy::unwrap_used)] // helpers of tests

use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

fn switchboard(arguments: &[&str], data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.args(arguments).arg("--data-dir").arg(data_dir).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SWITCHBOARD__") {
            command.env_remove(name);
        }
    }
    command
}

/// Exit code, standard output, standard error.
fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    ended(switchboard(arguments, directory.path()).envs(variables.iter().copied()).output().unwrap())
}

#[test]
fn config_check_says_good_or_everything_that_is_wrong() {
    assert_eq!(run(&["config", "check"], &[]), (0, "the settings are good\n".into(), String::new()));
    let faults = [("SWITCHBOARD__OTP__TTL", "1"), ("SWITCHBOARD__SOCKET__PONG_WAIT_SECS", "1")];
    let (code, stdout, stderr) = run(&["config", "check"], &faults);
    assert_eq!((code, stdout.as_str()), (78, ""));
    assert!(stderr.contains("2 bad settings"), "{stderr}");
    assert!(stderr.contains("did you mean otp.ttl_secs?"), "{stderr}");
    assert!(stderr.contains("socket.pong_wait_secs (SWITCHBOARD__SOCKET__PONG_WAIT_SECS), socket.ping_period_secs"));
    let on_network = [("SWITCHBOARD__SERVER__LISTEN", "0.0.0.0:443")];
    let (code, stdout, stderr) = run(&["config", "check"], &on_network);
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (78, "", 1), "{stderr}");
    assert!(stderr.contains("gencert.sh"), "{stderr}");
    let plain =
        [on_network[0], ("SWITCHBOARD__TLS__MODE", "off"), ("SWITCHBOARD__TLS__ALLOW_PLAIN_ON_NETWORK", "true")];
    assert_eq!(run(&["config", "check"], &plain).0, 0);
    let (code, stdout, _) = run(&["config", "show"], &[("SWITCHBOARD__SERVER__NAME", "Ours")]);
    assert_eq!(code, 0);
    assert!(stdout.contains("\nname = \"Ours\" # SWITCHBOARD__SERVER__NAME\n"), "{stdout}");
}

#[test]
fn wrong_usage_ends_with_2_and_wrong_settings_with_78() {
    assert_eq!(run(&["serv"], &[]).0, 2);
    assert_eq!(run(&["account", "add", "alice", "--password", "secret"], &[]).0, 2);
    for arguments in [
        ["--listen", "0.0.0.0:0"].as_slice(),
        &["--listen", "0.0.0.0:0", "--tls", "off"],
        &["--config", "/does/not/exist.toml"],
    ] {
        let (code, stdout, stderr) = run(&[&["serve"], arguments].concat(), &[]);
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (78, "", 1), "{stderr}");
        assert!(stderr.starts_with("switchboard: "), "{stderr}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, stdout, stderr) = run(&["serve", "--listen", &taken.local_addr().unwrap().to_string()], &[]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("another program does already"), "{stderr}");
}

/// Serves until told to stop.
fn serve(arguments: &[&str], data_dir: &Path) -> (Child, String) {
    let mut command = switchboard(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat(), data_dir);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.starts_with("listening on "));
    (child, line.unwrap())
}

#[test]
fn it_says_where_it_listens_and_stops_when_told() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, start, signal) in [
        (["--tls", "on"], "listening on https://", Signal::TERM),
        (["--tls", "off"], "listening on http://", Signal::INT),
    ] {
        let (mut child, line) = serve(&arguments, directory.path());
        assert!(line.starts_with(start), "{line}");
        let port: u16 = line.rsplit(':').next().unwrap().parse().unwrap();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
    }
    assert!(directory.path().join("server.key").exists());
}

/// Runs a command with a password on standard input.
fn with_password(arguments: &[&str], data_dir: &Path, password: &str) -> (i32, String, String) {
    let mut command = switchboard(arguments, data_dir);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    // The command may end without reading.
    let _ = child.stdin.take().unwrap().write_all(password.as_bytes());
    ended(child.wait_with_output().unwrap())
}

#[test]
fn accounts_and_invitations_are_made_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let command = |arguments: &[&str]| ended(switchboard(arguments, data).output().unwrap());
    let add = |name: &str, password: &str| with_password(&["account", "add", name, "--password-stdin"], data, password);

    assert_eq!(command(&["account", "list"]).1, "");
    let early = command(&["invite"]);
    assert!(early.0 == 1 && early.1.is_empty() && early.2.contains("setup link"), "{early:?}");
    let weak = add("alice", "short\n");
    assert_eq!((weak.0, weak.1.as_str()), (1, ""), "{}", weak.2);
    assert_eq!(add("alice", "a long enough pass phrase\n").1, "account alice is there, role owner\n");
    assert_eq!(add("bob", "another long pass phrase\n").1, "account bob is there, role member\n");
    let taken = add("ALICE", "yet another pass phrase\n");
    assert!(taken.0 == 1 && taken.2.contains("taken"), "{}", taken.2);
    assert_eq!(command(&["account", "disable", "bob"]).0, 0);
    assert_eq!(command(&["account", "disable", "nobody"]).0, 1);
    let reset =
        with_password(&["account", "reset-password", "alice", "--password-stdin"], data, "a new pass phrase!\n");
    assert_eq!(reset.0, 0, "{}", reset.2);
    let listed = command(&["account", "list"]).1;
    let rows: Vec<Vec<_>> = listed.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    assert_eq!(rows, [["NAME", "ROLE", "STATE"], ["alice", "owner", "active"], ["bob", "member", "disabled"]]);
    assert_eq!(command(&["account", "enable", "bob"]).1, "account bob can sign in again\n");
    assert!(!command(&["account", "list"]).1.contains("disabled"));
    let many = command(&["invite", "--uses", "1001"]);
    assert!(many.0 == 1 && many.2.contains("--uses must be 1 to 1000"), "{many:?}");
    let (code, link, note) = command(&["invite", "--uses", "2"]);
    assert_eq!(code, 0, "{note}");
    assert!(link.starts_with("https://localhost:8080/#invite=") && link.lines().count() == 1, "{link}");
    // What a server with other flags leaves.
    std::fs::write(data.join("server.url"), "http://localhost:4711\n").unwrap();
    assert!(command(&["invite"]).1.starts_with("http://localhost:4711/#invite="));
}

#[test]
fn keys_are_made_on_the_command_line_and_revoked_while_the_server_runs() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let command = |arguments: &[&str]| ended(switchboard(arguments, data).output().unwrap());
    let create = ["key", "create", "shop", "--scope", "admin", "--scope", "publish:*", "--expires", "90d"];

    let (code, stdout, note) = command(&["key", "list"]);
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert!(note.contains("no keys yet"), "{note}");
    let (code, key, note) = command(&create);
    assert_eq!((code, key.lines().count()), (0, 1), "{note}");
    assert!(note.contains("admin, publish:*") && note.contains("until 20") && !note.contains(key.trim()), "{note}");
    let again = command(&create);
    assert!(again.0 == 1 && again.1.is_empty() && again.2.contains("already"), "{again:?}");

    let (mut server, line) = serve(&["--tls", "off"], data);
    let address = line.strip_prefix("listening on http://").unwrap();
    let status = || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let key = key.trim();
        write!(
            stream,
            "GET /keys HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status(), "200");
    let listed = command(&["key", "list"]).1;
    assert!(listed.contains("shop") && listed.contains(&key[..10]) && !listed.contains(key.trim()), "{listed}");
    assert_eq!(command(&["key", "revoke", "SHOP"]), (0, "key shop is revoked\n".into(), String::new()));
    assert_eq!(status(), "401");
    let gone = command(&["key", "revoke", "shop"]);
    assert!(gone.0 == 1 && gone.1.is_empty() && gone.2.contains("there is no key `shop`"), "{gone:?}");
    assert_eq!(command(&["key", "create", "shop"]).0, 2);
    kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn a_store_that_cannot_be_opened_ends_with_69() {
    let (code, _, stderr) = ended(switchboard(&["account", "list"], Path::new("/dev/null/data")).output().unwrap());
    assert_eq!((code, stderr.lines().count()), (69, 1), "{stderr}");
}
