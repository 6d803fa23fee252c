//! Many subscribe, leave and come back at random while others publish: each hears exactly what it asked for.

use crate::support::{TestClient, TestServer};
use rand::RngExt;
use serde_json::{Value, json};

const PUBLICATIONS: u64 = 600;
const CHANNELS: [&str; 3] = ["a", "b", "c"];

/// Publishes the next number to all channels, alone or several at once.
async fn publish_all(server: &TestServer, key: &str) {
    let mut next = 1;
    while next <= PUBLICATIONS {
        let last = (next + rand::rng().random_range(0..5)).min(PUBLICATIONS);
        let one = |n: u64| CHANNELS.map(|channel| json!({"channel": channel, "data": n}));
        let batch: Vec<Value> = (next..=last).flat_map(one).collect();
        assert_eq!(server.publish(key, json!({"batch": batch})).await.status, 200);
        next = last + 1;
    }
}

/// One who comes and goes. `TestClient` itself fails on any hole or repetition above a topic's last offset.
struct Wanderer {
    client: TestClient,
    /// What it has heard of each channel; goes on where it stopped.
    heard: [u64; CHANNELS.len()],
}

impl Wanderer {
    /// Takes everything that has been read, and checks that data and offset are one.
    fn takes_in(&mut self) {
        while let Some(event) = self.client.already_heard("published") {
            let place = CHANNELS.iter().position(|channel| event["payload"]["channel"] == *channel).unwrap();
            let offset = event["offset"].as_u64().unwrap();
            assert_eq!(offset, self.heard[place] + 1, "{}: {event}", self.client.name);
            assert_eq!(event["payload"]["data"], offset);
            self.heard[place] = offset;
        }
    }

    async fn subscribes_from_here(&mut self) {
        let positions: serde_json::Map<_, _> = CHANNELS
            .iter()
            .zip(self.heard)
            .map(|(channel, heard)| (format!("channel.{channel}"), json!(heard)))
            .collect();
        let ok = self.client.subscribes(Value::Object(positions)).await;
        for topic in CHANNELS.map(|channel| format!("channel.{channel}")) {
            assert_eq!(ok["topics"][&topic]["recovered"], true, "{ok}");
        }
    }

    /// Subscribes and leaves at random until it has heard everything.
    async fn wanders(mut self, server: &TestServer) {
        while self.heard.iter().any(|heard| *heard < PUBLICATIONS) {
            self.subscribes_from_here().await;
            let patience = rand::rng().random_range(0..60);
            for _ in 0..patience {
                if CHANNELS.iter().all(|channel| {
                    self.client.positions.get(&format!("channel.{channel}")).is_some_and(|last| *last == PUBLICATIONS)
                }) {
                    break;
                }
                let event = self.client.next_event().await;
                self.client.puts_back(event);
            }
            match rand::rng().random_range(0..3) {
                0 => {
                    self.takes_in();
                    self.returns(server).await;
                }
                1 => {
                    // At once, without waiting for any answer.
                    let leaving = self.client.posts("unsubscribe", json!({"topics": topics()})).await;
                    self.client.answer(leaving).await.unwrap();
                }
                _ => {
                    let speaking = json!({"room": "general", "message": "between"});
                    let ids = [
                        self.client.posts("send_message", speaking).await,
                        self.client.posts("unsubscribe", json!({"topics": topics()})).await,
                    ];
                    for id in ids {
                        self.client.answer(id).await.unwrap();
                    }
                }
            }
            self.takes_in();
        }
    }

    /// Comes back on another connection, whose upgrade resumes everything; then leaves the channels.
    async fn returns(&mut self, server: &TestServer) {
        let (name, session) = (self.client.name.clone(), self.client.session.clone());
        let positions: serde_json::Map<_, _> =
            topics().into_iter().zip(self.heard).map(|(topic, heard)| (topic, json!(heard))).collect();
        let resume = json!({"epoch": self.client.epoch, "positions": positions});
        self.client = server.returns(&name, &session, Some(resume)).await;
        self.client.hears("caught_up").await;
        self.client.asks("unsubscribe", json!({"topics": topics()})).await;
    }
}

fn topics() -> Vec<String> {
    CHANNELS.iter().map(|channel| format!("channel.{channel}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_and_goes_hears_everything_once_and_in_order() {
    let server = TestServer::start_with(|settings| {
        settings.socket.events_per_sec = 0;
        settings.otp.max_per_user = 100;
    })
    .await;
    let key = server.key("publish:*").await;
    let mut wanderers = Vec::new();
    for n in 0..8 {
        wanderers.push(Wanderer { client: server.client(&format!("w{n}")).await, heard: [0; CHANNELS.len()] });
    }
    let wandering = futures_util::future::join_all(wanderers.into_iter().map(|wanderer| wanderer.wanders(&server)));
    futures_util::future::join(publish_all(&server, &key), wandering).await;
    server.stop().await;
}
