//! The real binary as a child process, for what only a process can do: be killed.

use super::{PASSWORD, TestClient, http::Http, store};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

pub struct ServerProcess {
    child: Child,
    setup_token: Option<String>,
    pub http: Http,
}

/// The binary, without the settings of whoever runs the tests.
pub fn switchboard(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SWITCHBOARD__") {
            command.env_remove(name);
        }
    }
    let url = store::url_for(data_dir);
    if url != "sqlite" {
        command.env("SWITCHBOARD__STORAGE__URL", url);
    }
    command.arg("--data-dir").arg(data_dir).stdin(Stdio::null());
    command
}

impl ServerProcess {
    /// `switchboard serve --tls off` on a free port, with extra environment.
    pub fn start(data_dir: &Path, env: &[(&str, &str)]) -> Self {
        Self::start_logging_to(Stdio::null(), data_dir, env)
    }

    /// As [`ServerProcess::start`], with its log in this file.
    pub fn start_with_log(log: &Path, data_dir: &Path, env: &[(&str, &str)]) -> Self {
        Self::start_logging_to(File::create(log).unwrap().into(), data_dir, env)
    }

    /// As [`ServerProcess::start`], with settings in a file, the store among them.
    pub fn start_with_config(config: &Path, data_dir: &Path) -> Self {
        let mut command = switchboard(data_dir);
        command.env_remove("SWITCHBOARD__STORAGE__URL").arg("--config").arg(config);
        Self::spawn(command, Stdio::null())
    }

    fn start_logging_to(log: Stdio, data_dir: &Path, env: &[(&str, &str)]) -> Self {
        let mut command = switchboard(data_dir);
        command.envs(env.iter().copied());
        Self::spawn(command, log)
    }

    fn spawn(mut command: Command, log: Stdio) -> Self {
        let mut child = command
            // On a slow machine five seconds may pass before it is spent.
            .env("SWITCHBOARD__OTP__TTL_SECS", "60")
            .args(["serve", "--listen", "127.0.0.1:0", "--tls", "off"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        // The setup link, when there is one, stands before the address.
        let mut setup_token = None;
        let address = loop {
            let line = lines.next().expect("it says where it listens").expect("UTF-8");
            if let Some((_, token)) = line.split_once("#setup=") {
                setup_token = Some(token.trim().to_owned());
            }
            if let Some(address) = line.strip_prefix("listening on http://") {
                break address.trim_end_matches('/').parse().expect("an address");
            }
        };
        // Whatever else it prints must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, setup_token, http: Http { address, tls: false } }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is alive");
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub fn kill(mut self) {
        self.child.kill().expect("it is alive");
        self.child.wait().expect("it is gone");
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.wait().expect("it ends")
    }

    /// How it ends, once it has been told to; the test goes on meanwhile.
    pub async fn end(mut self) -> Option<i32> {
        let wait = tokio::task::spawn_blocking(move || self.child.wait().expect("it ends").code());
        wait.await.unwrap()
    }

    /// Makes the owner through the setup link; the session's cookie value.
    pub async fn owner(&self) -> String {
        let token = self.setup_token.as_ref().expect("a new server prints its setup link");
        let body = json!({"token": token, "username": "owner", "password": PASSWORD});
        let response = self.http.post("/setup", &body).await;
        assert_eq!(response.status, 200, "{:?}", response.body);
        response.cookie("__Host-session").expect("a session cookie")
    }

    /// Connects with a session, as far as `caught_up`.
    pub async fn client(&self, name: &str, session: &str) -> TestClient {
        let mut client = TestClient::returns(self.http, name, session, None).await;
        client.hears("caught_up").await;
        client
    }
}

impl Drop for ServerProcess {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
