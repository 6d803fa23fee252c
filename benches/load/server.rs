//! The server under load, as a process of its own so that its CPU time and memory are its own.

use crate::{
    pin::Cores,
    seed::{self, Planted, Seed},
};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Serialize;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The real one.
    Switchboard,
    /// Writes frames to sockets and does nothing else.
    Floor,
    /// A task and a broadcast receiver per client, a `send` per message.
    Usual,
}

/// Where it listens and whether it speaks TLS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    pub(crate) socket: SocketAddr,
    pub(crate) tls: bool,
}

/// Ended when dropped.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: Address,
    pub(crate) pid: u32,
    /// Cookies of the seeded users' sessions, and the key.
    pub(crate) planted: Planted,
    child: Child,
    command: Command,
    files: TempDir,
}

/// Limits that protect against a single client, which is what a load generator looks like. All others stay at their
/// defaults, the log too.
const LIMITS: [(&str, &str); 7] = [
    ("SWITCHBOARD__HTTP__MAX_CONNECTIONS", "0"),
    ("SWITCHBOARD__SOCKET__EVENTS_PER_SEC", "0"),
    ("SWITCHBOARD__SOCKET__EVENTS_BURST", "0"),
    ("SWITCHBOARD__SOCKET__CONNECTIONS_PER_USER", "0"),
    ("SWITCHBOARD__SOCKET__CONNECTIONS_PER_ADDRESS", "0"),
    ("SWITCHBOARD__HTTP__MAX_CONNECTIONS_PER_ADDRESS", "0"),
    ("SWITCHBOARD__OTP__MAX_PER_USER", "100000"),
];

/// Where the real server keeps things, and what it is told beside its defaults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// `storage.url`; the embedded store when there is none.
    pub(crate) storage: Option<String>,
    /// A settings file.
    pub(crate) settings: Option<String>,
}

impl Server {
    /// Seeds a store on a real disk and starts the server on it.
    pub(crate) async fn start(kind: Kind, tls: bool, cores: Cores, seed: Seed) -> Result<Self> {
        Self::start_in(&Place::default(), kind, tls, cores, seed).await
    }

    /// As [`Self::start`], elsewhere.
    pub(crate) async fn start_in(place: &Place, kind: Kind, tls: bool, cores: Cores, seed: Seed) -> Result<Self> {
        // Not the usual temporary directory, which may be memory: commits are to be durable.
        let files = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let data = files.path().join("data");
        let (command, planted) = match kind {
            Kind::Switchboard => {
                let storage = place.storage.as_deref();
                let planted = seed::plant(&data, storage, seed).await?;
                let mut command = cores.server_command(Path::new(env!("CARGO_BIN_EXE_switchboard")));
                command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data).envs(LIMITS);
                command.envs(storage.map(|url| ("SWITCHBOARD__STORAGE__URL", url)));
                if let Some(settings) = &place.settings {
                    let file = files.path().join("settings.toml");
                    fs::write(&file, settings)?;
                    command.arg("--config").arg(file);
                }
                if !tls {
                    command.args(["--tls", "off"]);
                }
                (command, planted)
            }
            Kind::Floor | Kind::Usual if tls => bail!("only the real server speaks TLS"),
            Kind::Floor | Kind::Usual => {
                let mut command = cores.server_command(&std::env::current_exe()?);
                command.args(["peer", if kind == Kind::Floor { "floor" } else { "usual" }]);
                (command, Planted::default())
            }
        };
        let mut command = command;
        let (child, address) = spawn(&mut command, &files.path().join("log"))?;
        Ok(Self { kind, address, pid: child.id(), planted, child, command, files })
    }

    /// Kills it and starts it again on what it has stored.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        (self.child, self.address) = spawn(&mut self.command, &self.files.path().join("log"))?;
        self.pid = self.child.id();
        Ok(())
    }

    /// The `n`th of the seeded sessions; it starts again with the first when there are fewer.
    pub(crate) fn session(&self, n: usize) -> &str {
        &self.planted.sessions[n % self.planted.sessions.len()]
    }

    /// Where the server's files are.
    pub(crate) fn disk(&self) -> &Path {
        self.files.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A clean stop would wait for thousands of answers to close frames; nothing here needs it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(command: &mut Command, log: &Path) -> Result<(Child, Address)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log)?).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("piped")?).lines();
    while let Some(line) = lines.next().transpose()? {
        let Some(url) = line.strip_prefix("listening on ") else { continue };
        let port = url.trim_end_matches('/').rsplit(':').next().unwrap_or_default().parse()?;
        let address = Address { socket: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), tls: url.starts_with("https:") };
        // Whatever else it prints must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        return Ok((child, address));
    }
    let _ = child.wait();
    bail!("the server did not start: {}", fs::read_to_string(log).unwrap_or_default())
}
