//! `GET /events` read by curl, against the real binary, which is killed in between.

use crate::support::{BUDGET, ServerProcess, events::events};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

/// `curl -N`, and what it prints.
struct Curl {
    child: Child,
    lines: UnboundedReceiver<String>,
    last_id: String,
}

impl Curl {
    fn start(url: &str, session: &str, last_id: &str) -> Self {
        let mut command = Command::new("curl");
        command.args(["--no-buffer", "--silent", "--fail", "--header", "Sec-Fetch-Site: same-origin"]);
        command.arg("--cookie").arg(format!("__Host-session={session}"));
        if !last_id.is_empty() {
            command.arg("--header").arg(format!("Last-Event-ID: {last_id}"));
        }
        let mut child = command.arg(url).stdout(Stdio::piped()).spawn().expect("curl is there");
        let printed = BufReader::new(child.stdout.take().unwrap()).lines();
        let (send, lines) = unbounded_channel();
        std::thread::spawn(move || printed.map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, lines, last_id: last_id.to_owned() }
    }

    /// The next event, with its id noted; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        let mut data = None;
        loop {
            let line = timeout(BUDGET, self.lines.recv()).await.expect("something comes")?;
            match line.split_once(": ") {
                Some(("data", text)) => data = Some(serde_json::from_str(text).expect("JSON")),
                Some(("id", id)) => id.clone_into(&mut self.last_id),
                None if line.is_empty() && data.is_some() => return data,
                _ => {}
            }
        }
    }
}

impl Drop for Curl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn curl_has_every_publication_once_though_the_server_is_killed() {
    let data = tempfile::tempdir().unwrap();
    let (mut session, mut key, mut last_id) = (String::new(), String::new(), String::new());
    let mut heard = Vec::new();
    for round in 0..4 {
        let server = ServerProcess::start(data.path(), &[]);
        if round == 0 {
            session = server.owner().await;
            let made = server.http.post_as(&session, "/keys", &json!({"name": "shop", "scopes": ["publish:*"]})).await;
            key = format!("Bearer {}", made.json()["key"].as_str().unwrap());
        }
        let publish = async |number: u64| {
            let body = json!({"channel": "bunno", "data": number});
            let answer = server.http.post_with("/publish", &body, &[("authorization", &key)]).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
        };
        let open = |last_id: &str| {
            let url = format!("http://{}{}", server.http.address, events(&["channel.bunno"]));
            Curl::start(&url, &session, last_id)
        };
        if round == 0 {
            // So early that it has no event of the channel yet.
            let mut early = open("");
            assert_eq!(early.next().await.unwrap()["type"], "hello");
            last_id = early.last_id.clone();
        }
        publish(3 * round).await;
        let mut curl = open(&last_id);
        let hello = curl.next().await.unwrap();
        assert_eq!(hello["payload"]["topics"]["channel.bunno"]["recovered"], true, "{hello}");
        publish(3 * round + 1).await;
        while heard.last() != Some(&(3 * round + 1)) {
            heard.extend(curl.next().await.unwrap()["payload"]["data"].as_u64());
        }
        // It is killed at once: whether this arrives in this life or in the next one is open.
        publish(3 * round + 2).await;
        server.kill();
        while let Some(event) = curl.next().await {
            heard.extend(event["payload"]["data"].as_u64());
        }
        last_id = curl.last_id.clone();
    }
    let server = ServerProcess::start(data.path(), &[]);
    let url = format!("http://{}{}", server.http.address, events(&["channel.bunno"]));
    let mut curl = Curl::start(&url, &session, &last_id);
    while heard.len() < 12 {
        heard.extend(curl.next().await.unwrap()["payload"]["data"].as_u64());
    }
    assert_eq!(heard, (0..12).collect::<Vec<_>>());
    drop(curl);
    assert!(server.terminate().success());
}
