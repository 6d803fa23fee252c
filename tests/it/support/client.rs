//! A client that keeps a transcript, so that a failed wait shows what did arrive.

use super::{
    BUDGET,
    http::{Http, Stream},
};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::CloseFrame},
};

type Socket = WebSocketStream<Box<dyn Stream>>;

pub struct TestClient {
    pub name: String,
    /// The session cookie's value.
    pub session: String,
    socket: SplitSink<Socket, Message>,
    /// What a task reads for it, so that pings and a close are answered whatever the test does meanwhile.
    incoming: UnboundedReceiver<Result<Message, Error>>,
    reader: JoinHandle<()>,
    /// The last offset heard, per topic, and the epoch.
    pub positions: BTreeMap<String, u64>,
    pub epoch: String,
    waiting: VecDeque<Value>,
    /// Every event as it came.
    pub transcript: Vec<String>,
    next_id: u64,
}

impl TestClient {
    /// Opens `/ws` with an OTP. `Err` is the HTTP status of a refusal.
    pub async fn open(http: Http, otp: &str) -> Result<Socket, u16> {
        Self::open_with(http, &format!("/ws?otp={otp}"), &[]).await
    }

    pub async fn open_with(http: Http, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
        let mut request = format!("ws://{}{path}", http.address).into_client_request().expect("a valid request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a valid header"));
        }
        match client_async(request, http.connect().await).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no answer to the upgrade: {error}"),
        }
    }

    /// As [`TestClient::open`], of a server that may die meanwhile: `None`.
    pub async fn tries_to_open(http: Http, otp: &str) -> Option<Socket> {
        Self::tries_to_open_at(http, &format!("/ws?otp={otp}")).await
    }

    /// As [`TestClient::tries_to_open`], of any path.
    pub async fn tries_to_open_at(http: Http, path: &str) -> Option<Socket> {
        let tcp: Box<dyn Stream> = Box::new(TcpStream::connect(http.address).await.ok()?);
        let opened = client_async(format!("ws://{}{path}", http.address), tcp).await;
        opened.ok().map(|(socket, _)| socket)
    }

    /// Comes back as a client that went away: `/otp` with its session and its positions.
    pub async fn returns(http: Http, name: &str, session: &str, resume: Option<Value>) -> Self {
        let positions = resume.as_ref().map(|resume| resume["positions"].clone());
        let otp = http.otp(session, resume).await;
        let socket = Self::open(http, &otp).await.expect("the OTP is good");
        let mut client = Self::arrive(name, session, socket).await;
        // What it has seen already counts for "no holes", where the server goes on from there.
        if let Some(Value::Object(positions)) = positions {
            let recovered = client.recovered_topics();
            let kept = positions.into_iter().filter(|(topic, _)| recovered.contains(topic));
            client.positions = kept.map(|(topic, offset)| (topic, offset.as_u64().unwrap())).collect();
        }
        client
    }

    /// Takes over an opened socket and reads `hello`, which is still to be heard.
    pub async fn arrive(name: &str, session: &str, socket: Socket) -> Self {
        let mut client = Self::new(name, session, socket);
        let hello = client.next_event().await;
        assert_eq!(hello["type"], "hello", "the first frame is not hello: {hello}");
        client.epoch = hello["payload"]["epoch"].as_str().unwrap().to_owned();
        client.waiting.push_back(hello);
        client
    }

    /// Takes over an opened socket, of which nothing has been read.
    pub fn new(name: &str, session: &str, socket: Socket) -> Self {
        let (socket, mut stream) = socket.split();
        let (send, incoming) = unbounded_channel();
        let reader = tokio::spawn(async move {
            while let Some(message) = stream.next().await {
                let _ = send.send(message);
            }
        });
        Self {
            name: name.to_owned(),
            session: session.to_owned(),
            socket,
            incoming,
            reader,
            positions: BTreeMap::new(),
            epoch: String::new(),
            waiting: VecDeque::new(),
            transcript: Vec::new(),
            next_id: 1,
        }
    }

    /// The topics that `hello`, still to be heard, promises to replay.
    pub fn recovered_topics(&self) -> Vec<String> {
        let hello = self.waiting.iter().find(|event| event["type"] == "hello").expect("hello is there");
        let topics = hello["payload"]["topics"].as_object().unwrap().iter();
        topics.filter(|(_, state)| state["recovered"] == true).map(|(topic, _)| topic.clone()).collect()
    }

    /// `{"epoch", "positions"}` as a returning client sends it.
    pub fn resume(&self) -> Value {
        json!({"epoch": self.epoch, "positions": self.positions})
    }

    /// The next event of the wire.
    pub async fn next_event(&mut self) -> Value {
        let event = self.next_unless_cut().await;
        event.unwrap_or_else(|end| panic!("{} waits for an event and {end}; so far: {:#?}", self.name, self.transcript))
    }

    /// The next event of the wire, or how the connection ended.
    pub async fn next_unless_cut(&mut self) -> Result<Value, String> {
        loop {
            let message = match timeout(BUDGET, self.incoming.recv()).await {
                Ok(Some(Ok(Message::Close(close)))) => return Err(format!("was closed: {close:?}")),
                Ok(Some(Ok(message))) => message,
                other => return Err(format!("gets {other:?}")),
            };
            let Message::Text(text) = message else { continue };
            let event: Value = serde_json::from_str(&text).expect("every frame is JSON");
            self.note_position(&event);
            self.transcript.push(text.to_string());
            return Ok(event);
        }
    }

    fn note_position(&mut self, event: &Value) {
        let (Some(topic), Some(offset)) = (event["topic"].as_str(), event["offset"].as_u64()) else { return };
        if let Some(last) = self.positions.insert(topic.to_owned(), offset) {
            assert_eq!(offset, last + 1, "{}: {topic} jumps from {last} to {offset}", self.name);
        }
    }

    /// The next event of this type, whole; earlier ones of other types stay to be heard.
    pub async fn event(&mut self, event_type: &str) -> Value {
        if let Some(place) = self.waiting.iter().position(|event| event["type"] == event_type) {
            return self.waiting.remove(place).unwrap();
        }
        loop {
            let event = self.next_event().await;
            if event["type"] == event_type {
                return event;
            }
            self.waiting.push_back(event);
        }
    }

    /// An event of this type that has been read and not yet been heard.
    pub fn already_heard(&mut self, event_type: &str) -> Option<Value> {
        let place = self.waiting.iter().position(|event| event["type"] == event_type)?;
        self.waiting.remove(place)
    }

    /// Lets an event be heard later.
    pub fn puts_back(&mut self, event: Value) {
        self.waiting.push_back(event);
    }

    /// The payload of the next event of this type.
    pub async fn hears(&mut self, event_type: &str) -> Value {
        self.event(event_type).await["payload"].take()
    }

    /// Everything up to and including the event of this type, in the order of the wire.
    pub async fn all_until(&mut self, event_type: &str) -> Vec<Value> {
        let mut events: Vec<_> = self.waiting.drain(..).collect();
        while events.last().is_none_or(|event| event["type"] != event_type) {
            events.push(self.next_event().await);
        }
        events
    }

    /// Asserts that nothing of this type came, by asking for something and looking at what
    /// arrived before the answer.
    pub async fn has_not_heard(&mut self, event_type: &str) {
        self.asks("list_rooms", json!({})).await;
        let heard = self.waiting.iter().find(|event| event["type"] == event_type);
        assert!(heard.is_none(), "{} heard {heard:?}", self.name);
    }

    pub async fn sends(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.expect("the socket is open");
    }

    /// Sends unless it has been closed already.
    pub async fn tries_to_send(&mut self, text: &str) {
        let _ = self.socket.send(Message::text(text)).await;
    }

    /// Sends a request and answers its id, without waiting.
    pub async fn posts(&mut self, event_type: &str, payload: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.sends(json!({"type": event_type, "id": id, "payload": payload}).to_string()).await;
        id
    }

    /// As [`TestClient::posts`], unless it has been cut already.
    pub async fn tries_to_post(&mut self, event_type: &str, payload: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.tries_to_send(&json!({"type": event_type, "id": id, "payload": payload}).to_string()).await;
        id
    }

    /// The answer to a request: its payload, or the code of its error.
    pub async fn answer(&mut self, id: u64) -> Result<Value, String> {
        let mut event = self.whole_answer(id).await;
        if event["type"] == "ok" {
            Ok(event["payload"].take())
        } else {
            Err(event["payload"]["code"].as_str().expect("an error has a code").to_owned())
        }
    }

    /// The `ok` or `error` with this id, as it came.
    pub async fn whole_answer(&mut self, id: u64) -> Value {
        let is_answer = |event: &Value| event["id"] == id && (event["type"] == "ok" || event["type"] == "error");
        if let Some(place) = self.waiting.iter().position(is_answer) {
            return self.waiting.remove(place).unwrap();
        }
        loop {
            let event = self.next_event().await;
            if is_answer(&event) {
                return event;
            }
            self.waiting.push_back(event);
        }
    }

    /// Sends a text that must be refused, and answers the error's code and message.
    pub async fn is_told_off(&mut self, text: impl Into<String>) -> (String, String) {
        self.sends(text).await;
        let error = self.hears("error").await;
        let field = |name: &str| error[name].as_str().expect("an error has a code and a message").to_owned();
        (field("code"), field("message"))
    }

    /// Sends a request that must be granted.
    pub async fn asks(&mut self, event_type: &str, payload: Value) -> Value {
        let id = self.posts(event_type, payload).await;
        self.answer(id).await.unwrap_or_else(|code| panic!("{event_type} was refused: {code}"))
    }

    /// Sends a request that must be refused, and answers the code.
    pub async fn is_refused(&mut self, event_type: &str, payload: Value) -> String {
        let id = self.posts(event_type, payload).await;
        self.answer(id).await.expect_err("it was granted")
    }

    pub async fn says(&mut self, room: &str, message: &str) -> Value {
        self.asks("send_message", json!({"room": room, "message": message})).await
    }

    /// Every message of a room: its offset and text, in the order of the log.
    pub async fn reads_all(&mut self, room: &str) -> Vec<(u64, String)> {
        let mut messages: Vec<(u64, String)> = Vec::new();
        loop {
            let after = messages.last().map_or(0, |(offset, _)| *offset);
            let page = self.asks("get_history", json!({"room": room, "after": after, "limit": 100})).await;
            messages.extend(
                page["messages"].as_array().unwrap().iter().map(|message| {
                    (message["offset"].as_u64().unwrap(), message["message"].as_str().unwrap().to_owned())
                }),
            );
            if page["more_after"] == false {
                return messages;
            }
        }
    }

    pub async fn joins(&mut self, room: &str) -> Value {
        self.asks("join_room", json!({"room": room})).await
    }

    /// Reads until the close frame.
    pub async fn is_closed(&mut self) -> CloseFrame {
        self.ends().await.unwrap_or_else(|| panic!("{} was cut without a close frame", self.name))
    }

    /// Reads to the end; the close frame if there was one.
    pub async fn ends(&mut self) -> Option<CloseFrame> {
        let mut frame = None;
        loop {
            match timeout(BUDGET, self.incoming.recv()).await.expect("the connection ends") {
                Some(Ok(Message::Close(Some(close)))) => frame = Some(close),
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return frame,
            }
        }
    }

    /// Closes as a client should.
    pub async fn leaves(mut self) {
        let _ = self.socket.close().await;
        self.ends().await;
    }
}

impl Drop for TestClient {
    /// Hangs up without a word.
    fn drop(&mut self) {
        self.reader.abort();
    }
}
