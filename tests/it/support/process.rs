//! The real binary as a child process, for what only a process can do: be killed.

use super::http::Http;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

pub struct ServerProcess {
    child: Child,
    setup_token: Option<String>,
    pub http: Http,
}

impl ServerProcess {
    /// `switchboard serve --tls off` on a free port, with extra environment.
    pub fn start(data_dir: &Path, env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(["serve", "--listen", "127.0.0.1:0", "--tls", "off", "--data-dir"])
            .arg(data_dir)
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
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

    /// SIGKILL: nothing is flushed, nothing is said.
    pub fn kill(mut self) {
        self.child.kill().expect("it is alive");
        self.child.wait().expect("it is gone");
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        self.child.wait().expect("it ends")
    }
}

impl ServerProcess {
    /// Makes the owner through the setup link; the session's cookie value.
    pub async fn owner(&self) -> String {
        let token = self.setup_token.as_ref().expect("a new server prints its setup link");
        let body = serde_json::json!({"token": token, "username": "owner", "password": super::PASSWORD});
        let response = self.http.post("/setup", &body).await;
        assert_eq!(response.status, 200, "{:?}", response.body);
        response.cookie("__Host-session").expect("a session cookie")
    }

    /// Connects with a session, as far as `caught_up`.
    pub async fn client(&self, name: &str, session: &str) -> super::TestClient {
        let response = self.http.post_as(session, "/otp", &serde_json::json!({})).await;
        assert_eq!(response.status, 200, "{:?}", response.body);
        let otp = response.json()["otp"].as_str().unwrap().to_owned();
        let socket = super::TestClient::open(self.http, &otp).await.expect("the OTP is good");
        let mut client = super::TestClient::arrive(name, session, socket).await;
        client.hears("caught_up").await;
        client
    }
}
