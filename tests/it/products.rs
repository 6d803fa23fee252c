//! Products over REST, and what is published of them.

mod access;
mod life;
mod pages;
mod preconditions;
mod refusals;
mod survival;

use crate::support::{Http, Response, TestServer};
use hyper::{Method, Request};
use serde_json::{Value, json};

/// Whether the tests' stores are in PostgreSQL, where the feed publishes and not the store.
fn is_on_postgres() -> bool {
    std::env::var("SWITCHBOARD_TEST_STORE").is_ok_and(|store| store == "postgres")
}

fn anvil() -> Value {
    json!({"manufacturer": "Acme", "pricePerUnit": 12.5, "unitsAvailable": 3, "productName": "Anvil"})
}

fn named(name: &str) -> Value {
    json!({"manufacturer": "Acme", "pricePerUnit": 1, "unitsAvailable": 1, "productName": name})
}

/// What the wire carries, to the byte.
fn shown(id: i64, name: &str, price: &str, units: i64) -> String {
    let text =
        r#"{"productId":ID,"manufacturer":"Acme","pricePerUnit":PRICE,"unitsAvailable":UNITS,"productName":"NAME"}"#;
    let text = text.replace("ID\"", "\u{1}").replace("ID", &id.to_string()).replace('\u{1}', "ID\"");
    text.replace("PRICE", price).replace("UNITS", &units.to_string()).replace("NAME", name)
}

/// Somebody who asks for products, with what says who they are.
#[derive(Clone)]
struct Editor {
    http: Http,
    headers: Vec<(String, String)>,
}

impl Editor {
    fn with_key(http: Http, key: &str) -> Self {
        Self { http, headers: vec![("authorization".to_owned(), format!("Bearer {key}"))] }
    }

    fn member(http: Http, session: &str) -> Self {
        let headers = [("cookie", format!("__Host-session={session}")), ("origin", http.origin())];
        Self { http, headers: headers.map(|(name, value)| (name.to_owned(), value)).into() }
    }

    /// A back end with the scope.
    async fn of(server: &TestServer) -> Self {
        Self::with_key(server.http(), &server.key("products").await)
    }

    fn and(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Response {
        let request = Request::builder().method(method).uri(path);
        let mut request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let body = body.into();
        if !body.is_empty() && !self.headers.iter().any(|(name, _)| name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        self.http.send(request, body).await
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, "").await
    }

    async fn post(&self, body: &Value) -> Response {
        self.send(Method::POST, "/products", body.to_string()).await
    }

    async fn put(&self, id: i64, body: &Value) -> Response {
        self.send(Method::PUT, &format!("/products/{id}"), body.to_string()).await
    }

    async fn delete(&self, id: i64) -> Response {
        self.send(Method::DELETE, &format!("/products/{id}"), "").await
    }

    /// Makes a product; its id.
    async fn makes(&self, product: &Value) -> i64 {
        let made = self.post(product).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        made.json()["productId"].as_i64().unwrap()
    }
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn etag(response: &Response) -> String {
    header(response, "etag").to_owned()
}

/// A refusal is a problem (RFC 9457) and carries our own error, both saying the same.
#[track_caller]
fn assert_refused(what: &str, answer: &Response, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{what}: {:?}", answer.body);
    assert_eq!(header(answer, "content-type"), "application/problem+json", "{what}");
    assert_eq!(header(answer, "content-length"), answer.body.len().to_string(), "{what}");
    let problem = answer.json();
    assert_eq!((&problem["error"]["code"], &problem["status"]), (&json!(code), &json!(status)), "{what}");
    assert_eq!((&problem["type"], &problem["detail"]), (&json!("about:blank"), &problem["error"]["message"]), "{what}");
    assert_eq!(problem["title"], answer.status.canonical_reason().unwrap(), "{what}");
}
