//! Reads an event stream as `EventSource` does (HTML standard, section 9.2.6), and keeps what it has read.

use super::{
    BUDGET, Pipe, TestServer,
    h2::Http2,
    http::{Http, Response, Stream},
};
use futures_util::{StreamExt, stream, stream::BoxStream};
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, StatusCode, body::Bytes};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use switchboard::model::Role;
use tokio::{task::JoinHandle, time::timeout};

/// One stream. Fails when an offset of a topic is skipped or comes twice.
pub struct EventReader {
    pub headers: HeaderMap,
    /// What would be sent back as `Last-Event-ID`.
    pub last_id: String,
    /// The last `retry:`, in milliseconds.
    pub retry: Option<u64>,
    pub comments: usize,
    /// The last offset heard, per topic.
    pub positions: BTreeMap<String, u64>,
    chunks: BoxStream<'static, Bytes>,
    connection: Option<JoinHandle<()>>,
    unread: Vec<u8>,
    /// Of the event that is being read: an event that is cut off counts for nothing.
    data: Vec<String>,
    id: String,
    waiting: VecDeque<Value>,
}

impl EventReader {
    /// `Err`: it was refused.
    pub async fn open(http: Http, path: &str, headers: &[(&str, &str)]) -> Result<Self, Response> {
        Self::over(http.connect().await, http, path, headers).await
    }

    /// Over a pipe that soon feels a reader that stalls.
    pub async fn open_narrow(http: Http, path: &str, headers: &[(&str, &str)]) -> Result<Self, Response> {
        Self::over(Box::new(Pipe::Narrow.connect(http.address).await), http, path, headers).await
    }

    async fn over(pipe: Box<dyn Stream>, http: Http, path: &str, headers: &[(&str, &str)]) -> Result<Self, Response> {
        let mut request = Request::get(path).header("host", http.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(pipe)).await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) });
        let answer = sender.send_request(request.body(Full::new(Bytes::new())).unwrap()).await.expect("an answer");
        let (head, body) = answer.into_parts();
        if head.status != StatusCode::OK {
            let body = body.collect().await.expect("a whole body").to_bytes();
            return Err(Response { status: head.status, headers: head.headers, body });
        }
        // The sender stays: without one the connection would be closed.
        let chunks = stream::unfold((body, sender), |(mut body, sender)| async {
            let chunk = body.frame().await?.ok()?.into_data().ok()?;
            Some((chunk, (body, sender)))
        });
        Ok(Self::new(head.headers, chunks.boxed(), Some(connection)))
    }

    /// In one stream of an HTTP/2 connection.
    pub async fn open_in(http2: &mut Http2, path: &str, headers: &[(&str, &str)]) -> Self {
        let (answer, _) = http2.send(Method::GET, path, None, headers).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let (head, body) = answer.into_parts();
        let chunks = stream::unfold(body, |mut body| async {
            let chunk = body.data().await?.ok()?;
            let _ = body.flow_control().release_capacity(chunk.len());
            Some((chunk, body))
        });
        Self::new(head.headers, chunks.boxed(), None)
    }

    fn new(headers: HeaderMap, chunks: BoxStream<'static, Bytes>, connection: Option<JoinHandle<()>>) -> Self {
        assert_eq!(headers["content-type"], "text/event-stream");
        Self {
            headers,
            last_id: String::new(),
            retry: None,
            comments: 0,
            positions: BTreeMap::new(),
            chunks,
            connection,
            unread: Vec::new(),
            data: Vec::new(),
            id: String::new(),
            waiting: VecDeque::new(),
        }
    }

    /// The next line, without its end; `None` at the end of the stream.
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(String::from_utf8(line[..end].to_vec()).expect("UTF-8"));
            }
            let chunk = timeout(BUDGET, self.chunks.next()).await.expect("something comes")?;
            self.unread.extend(chunk);
        }
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let line = self.line().await?;
            if let Some(event) = self.take_line(&line) {
                return Some(event);
            }
        }
    }

    fn take_line(&mut self, line: &str) -> Option<Value> {
        if line.is_empty() {
            self.last_id.clone_from(&self.id);
            let data = std::mem::take(&mut self.data);
            let event: Value = (!data.is_empty()).then(|| serde_json::from_str(&data.join("\n")).expect("JSON"))?;
            if let (Some(topic), Some(offset)) = (event["topic"].as_str(), event["offset"].as_u64())
                && let Some(last) = self.positions.insert(topic.to_owned(), offset)
            {
                assert_eq!(offset, last + 1, "{topic} jumps from {last} to {offset}");
            }
            return Some(event);
        }
        match line.split_once(':').expect("a field or a comment") {
            ("", _) => self.comments += 1,
            ("id", id) => id[1..].clone_into(&mut self.id),
            ("data", data) => self.data.push(data[1..].to_owned()),
            ("retry", wait) => self.retry = Some(wait[1..].parse().expect("milliseconds")),
            other => panic!("{other:?}"),
        }
        None
    }

    /// Reads comments until there are so many.
    pub async fn hears_comments(&mut self, count: usize) {
        while self.comments < count {
            let line = self.line().await.expect("it goes on");
            if let Some(event) = self.take_line(&line) {
                self.waiting.push_back(event);
            }
        }
    }

    /// The next event of this type, whole; earlier ones of other types stay to be heard.
    pub async fn event(&mut self, event_type: &str) -> Value {
        if let Some(place) = self.waiting.iter().position(|event| event["type"] == event_type) {
            return self.waiting.remove(place).unwrap();
        }
        loop {
            let event = self.next().await.expect("it goes on");
            if event["type"] == event_type {
                return event;
            }
            self.waiting.push_back(event);
        }
    }

    /// The payload of the next event of this type.
    pub async fn hears(&mut self, event_type: &str) -> Value {
        self.event(event_type).await["payload"].take()
    }

    /// Everything that still comes, to the end.
    pub async fn ends(&mut self) -> Vec<Value> {
        let mut events: Vec<_> = self.waiting.drain(..).collect();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

impl Drop for EventReader {
    /// Hangs up without a word.
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.abort();
        }
    }
}

/// `?topic=…&topic=…`
pub fn events(topics: &[&str]) -> String {
    topics.iter().fold("/events?".to_owned(), |path, topic| format!("{path}topic={topic}&"))
}

impl TestServer {
    /// A new member's session.
    pub async fn session(&self, name: &str) -> String {
        self.account(name, Role::Member).await;
        self.signed_in(name).await
    }

    /// As a page of ours: with the cookie, and after `last_id` unless that is empty.
    pub async fn streams(&self, session: &str, topics: &[&str], last_id: &str) -> Result<EventReader, Response> {
        let cookie = format!("__Host-session={session}");
        let mut headers = vec![("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        if !last_id.is_empty() {
            headers.push(("last-event-id", last_id));
        }
        EventReader::open(self.http(), &events(topics), &headers).await
    }
}
