//! Real Yjs clients, in a Node process of the test's own: see yjs.mjs.

use serde_json::{Value, json};
use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// Longest wait for an answer, which may take several lives of the server. It only bounds a failing test.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The process, in which any number of clients live.
pub struct Yjs {
    orders: Mutex<ChildStdin>,
    waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>,
    next: AtomicU64,
    process: Mutex<Child>,
}

impl Yjs {
    /// `None`, and a line on standard error, when the packages are not there (`npm ci`). In CI that is a failure: what is
    /// skipped there is skipped for ever.
    pub fn start(flags: &[&str]) -> Option<Arc<Self>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        if !root.join("node_modules/y-websocket").exists() {
            assert!(env::var_os("CI").is_none(), "no node_modules/y-websocket: npm ci");
            eprintln!("skipped: no node_modules/y-websocket (npm ci)");
            return None;
        }
        let mut process = Command::new("node")
            .arg("--no-warnings")
            .arg(root.join("tests/it/documents_convergence/yjs.mjs"))
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node is on the PATH");
        let orders = Mutex::new(process.stdin.take().expect("piped"));
        let answers = BufReader::new(process.stdout.take().expect("piped")).lines();
        let waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>> = Arc::default();
        let asked = Arc::clone(&waiting);
        std::thread::spawn(move || {
            for line in answers.map_while(Result::ok) {
                let answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no answer: {line}"));
                let asker = asked.lock().unwrap().remove(&answer["id"].as_u64().unwrap());
                let _ = asker.expect("somebody asked").send(answer);
            }
            asked.lock().unwrap().clear(); // it is gone: whoever waits is told
        });
        Some(Arc::new(Self { orders, waiting, next: AtomicU64::new(1), process: process.into() }))
    }

    /// Tells a client to do something, and waits until it has.
    pub async fn order(&self, client: &str, what: &str, how: Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut order = json!({"id": id, "client": client, "do": what});
        order.as_object_mut().unwrap().extend(how.as_object().expect("an object").clone());
        let (send, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, send);
        writeln!(self.orders.lock().unwrap(), "{order}").expect("Node is alive");
        let answer = timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("no answer to {order}"));
        let mut answer = answer.unwrap_or_else(|_| panic!("Node died of {order}"));
        assert!(answer.get("error").is_none(), "{order}: {}", answer["error"]);
        answer["answer"].take()
    }
}

impl Drop for Yjs {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap();
        let _ = process.kill();
        let _ = process.wait();
    }
}
