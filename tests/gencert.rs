//! `gencert.sh` as an operator uses it.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, process::Command};
use switchboard::{settings::Settings, tls};

struct Run {
    code: i32,
    stderr: String,
}

fn gencert(out: &Path, arguments: &[&str]) -> Run {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("gencert.sh");
    let output = Command::new(script).args(arguments).arg("--out").arg(out).output().unwrap();
    Run { code: output.status.code().unwrap(), stderr: String::from_utf8(output.stderr).unwrap() }
}

fn openssl(arguments: &[&str], file: &Path) -> String {
    let output = Command::new("openssl").args(arguments).arg("-in").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_server_takes_what_it_makes() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("a directory/of its own");
    let run = gencert(
        &out,
        &["--host", "chat.example.org", "--host", "192.0.2.7", "--host", "2001:db8::1", "--host", "localhost"],
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(fs::metadata(out.join("server.key")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2, "something was left behind");
    let text = openssl(&["x509", "-noout", "-text"], &out.join("server.crt"));
    for expected in [
        "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:chat.example.org",
        "IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:1\n",
        "P-256",
        "CA:FALSE",
        "TLS Web Server Authentication",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing from:\n{text}");
    }
    let mut settings = Settings::defaults();
    settings.server.data_dir = out;
    settings.server.listen = "0.0.0.0:8080".parse().unwrap();
    tls::load(&settings).unwrap();
}

#[test]
fn it_replaces_only_when_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("server.key");
    assert_eq!(gencert(directory.path(), &[]).code, 0);
    let first = fs::read(&key).unwrap();
    let refused = gencert(directory.path(), &[]);
    assert!(refused.code == 1 && refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(fs::read(&key).unwrap(), first);
    // The key alone is enough to refuse: its certificate may be elsewhere.
    fs::remove_file(directory.path().join("server.crt")).unwrap();
    assert_eq!(gencert(directory.path(), &[]).code, 1);
    assert_eq!(gencert(directory.path(), &["--force"]).code, 0);
    assert_ne!(fs::read(&key).unwrap(), first);
}

#[test]
fn what_it_does_not_understand_it_refuses_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        ["--host", "a b"].as_slice(),
        &["--host", "x,DNS:evil.example"],
        &["--host", "-x"],
        &["--host", "1::2::g"],
        &["--days", "0"],
        &["--days", "ten"],
        &["--hots", "a"],
        &["--host", ""],
    ] {
        let run = gencert(directory.path(), arguments);
        assert!(run.code == 2 && run.stderr.starts_with("gencert.sh: "), "{arguments:?}: {} {}", run.code, run.stderr);
    }
    // openssl itself refuses this one.
    assert_eq!(gencert(directory.path(), &["--host", "999.1.1.1"]).code, 1);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
