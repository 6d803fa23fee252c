//! Push channels: keys, publishing, and users of somebody else's.

use super::{Http, Response, TestClient, TestServer};
use serde_json::{Value, json};
use switchboard::{
    auth::{KeyRequest, MadeKey, make_key},
    model::KeyName,
    settings::{Namespace, Publishers, Settings, Subscribers},
};

/// A namespace as the default one is, but for its pattern.
pub fn namespace(pattern: &str) -> Namespace {
    let mut namespace = Settings::defaults().namespace.remove(0);
    namespace.pattern = pattern.parse().unwrap();
    namespace
}

/// A namespace whose members may do so much.
pub fn open_to(pattern: &str, subscribe: Subscribers, publish: Publishers) -> Namespace {
    Namespace { subscribe, publish, ..namespace(pattern) }
}

impl Http {
    /// `POST /publish` with a key.
    pub async fn publish(&self, key: &str, body: &Value) -> Response {
        self.post_with("/publish", body, &[("authorization", &format!("Bearer {key}"))]).await
    }

    /// As [`Http::publish`], with an `Idempotency-Key`.
    pub async fn publish_once(&self, key: &str, name: &str, body: &Value) -> Response {
        let headers = [("authorization", &*format!("Bearer {key}")), ("idempotency-key", name)];
        self.post_with("/publish", body, &headers).await
    }
}

impl TestServer {
    /// Makes a key as the command line does.
    pub async fn made_key(&self, name: &str, scopes: &[&str]) -> MadeKey {
        let scopes = scopes.iter().map(|scope| scope.parse().unwrap()).collect();
        let request = KeyRequest { name: KeyName::parse(name).unwrap(), scopes, expires_in: None };
        make_key(&**self.server().store(), request).await.unwrap()
    }

    /// A key with one scope.
    pub async fn key(&self, scope: &str) -> String {
        let name = scope.replace([':', '*'], "-");
        self.made_key(&name, &[scope]).await.secret.expose().to_owned()
    }

    /// `POST /publish` with a key.
    pub async fn publish(&self, key: &str, body: Value) -> Response {
        self.http().publish(key, &body).await
    }

    /// Publishes to one channel, which must be granted: its offset.
    pub async fn publishes(&self, key: &str, channel: &str, data: Value) -> u64 {
        let answer = self.publish(key, json!({"channel": channel, "data": data})).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.json()["offset"].as_u64().unwrap()
    }

    /// Publishes the whole numbers from `first` to `last`, a hundred at once.
    pub async fn publishes_numbers(&self, key: &str, channel: &str, first: u64, last: u64) {
        for start in (first..=last).step_by(100) {
            let one = |n| json!({"channel": channel, "data": n});
            let batch: Vec<_> = (start..=last.min(start + 99)).map(one).collect();
            let answer = self.publish(key, json!({"batch": batch})).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
        }
    }

    /// `POST /otp` with a key: one for a user of somebody else's.
    pub async fn external_otp(&self, key: &str, body: &Value) -> Response {
        self.http().post_with("/otp", body, &[("authorization", &format!("Bearer {key}"))]).await
    }

    /// Connects a user of somebody else's, as far as `caught_up`.
    pub async fn external(&self, key: &str, id: &str, topics: &[&str]) -> TestClient {
        let mut client = self.external_with(key, &json!({"user": {"id": id}, "topics": topics})).await;
        client.hears("caught_up").await;
        client
    }

    /// As [`TestServer::external`], with `hello` still to be heard.
    pub async fn external_with(&self, key: &str, body: &Value) -> TestClient {
        let answer = self.external_otp(key, body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let otp = answer.json()["otp"].as_str().unwrap().to_owned();
        let socket = TestClient::open(self.http(), &otp).await.expect("the OTP is good");
        TestClient::arrive(body["user"]["id"].as_str().unwrap(), "", socket).await
    }
}

impl TestClient {
    /// Subscribes to topics: a list, or an object with positions. The `ok`'s payload.
    pub async fn subscribes(&mut self, topics: Value) -> Value {
        self.asks("subscribe", json!({"topics": topics})).await
    }

    /// What this client's next publication on any channel says.
    pub async fn hears_data(&mut self) -> Value {
        self.hears("published").await["data"].take()
    }

    /// All that has come of a channel, up to the answer of a request that is made now.
    pub async fn data_so_far(&mut self) -> Vec<Value> {
        self.asks("unsubscribe", json!({"topics": ["channel.nobody"]})).await;
        std::iter::from_fn(|| self.already_heard("published"))
            .map(|mut event| event["payload"]["data"].take())
            .collect()
    }
}
