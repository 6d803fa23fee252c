//! Documents over REST, and what their rooms are told.

mod access;
mod events;
mod hostile;
mod letting_in;
mod life;
mod namespaces;
mod text;
mod typing;
mod versions;

use crate::support::{Http, Response, TestClient, TestServer};
use hyper::{Method, Request};
use serde_json::{Value, json};

/// Somebody who asks for documents, with what says who they are.
#[derive(Clone)]
struct Caller {
    http: Http,
    headers: Vec<(String, String)>,
}

impl Caller {
    fn nobody(server: &TestServer) -> Self {
        Self { http: server.http(), headers: Vec::new() }
    }

    fn with_key(server: &TestServer, key: &str) -> Self {
        Self::nobody(server).and("authorization", &format!("Bearer {key}"))
    }

    /// A back end with one scope.
    async fn back_end(server: &TestServer, scope: &str) -> Self {
        Self::with_key(server, &server.key(scope).await)
    }

    fn with_session(server: &TestServer, session: &str) -> Self {
        let origin = server.http().origin();
        Self::nobody(server).and("cookie", &format!("__Host-session={session}")).and("origin", &origin)
    }

    fn member(server: &TestServer, client: &TestClient) -> Self {
        Self::with_session(server, &client.session)
    }

    fn and(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    async fn send(&self, method: Method, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        let request = Request::builder().method(method).uri(path);
        let mut request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        self.http.send(request, body.into()).await
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, "", "").await
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(Method::POST, path, "application/json", body.to_string()).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Response {
        self.send(Method::PATCH, path, "application/json", body.to_string()).await
    }

    async fn put(&self, path: &str, text: impl Into<Vec<u8>>) -> Response {
        self.send(Method::PUT, path, "text/plain; charset=utf-8", text).await
    }

    async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, "", "").await
    }

    /// Makes a document, which must be granted.
    async fn makes(&self, body: Value) -> Value {
        let made = self.post("/documents", &body).await;
        assert_eq!(made.status, 201, "{body}: {:?}", made.body);
        made.json()
    }

    /// The text of a document, which must be there.
    async fn reads(&self, name: &str) -> String {
        let answer = self.get(&format!("/documents/{name}/text")).await;
        assert_eq!(answer.status, 200, "{name}: {:?}", answer.body);
        assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
        String::from_utf8(answer.body.to_vec()).unwrap()
    }
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn etag(response: &Response) -> String {
    header(response, "etag").to_owned()
}

#[track_caller]
fn assert_refused(what: &str, answer: &Response, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.error_code().as_str()), (status, code), "{what}: {:?}", answer.body);
    assert_eq!(header(answer, "cache-control"), "no-store", "{what}");
}

/// Every request there is, of a document and its version 1.
fn requests(name: &str) -> [(Method, String, &'static str, &'static str); 11] {
    let (one, json, plain) = (format!("/documents/{name}"), "application/json", "text/plain");
    let below = |path: &str| format!("{one}{path}");
    [
        (Method::GET, one.clone(), "", ""),
        (Method::GET, below("/text"), "", ""),
        (Method::GET, below("/versions"), "", ""),
        (Method::GET, below("/versions/1"), "", ""),
        (Method::PATCH, one.clone(), json, r#"{"title":"Other"}"#),
        (Method::PUT, below("/text"), plain, "other"),
        (Method::POST, below("/versions"), json, r#"{"name":"v"}"#),
        (Method::POST, below("/versions/1/restore"), "", ""),
        (Method::DELETE, below("/versions/1"), "", ""),
        (Method::PATCH, one.clone(), json, r#"{"members":"read"}"#),
        (Method::DELETE, one.clone(), "", ""),
    ]
}

/// How many of [`requests`] only read, and how many of the rest only write.
const READING: usize = 4;
const WRITING: usize = 5;
