//! Clients that write documents, as an editor does: each with a copy of its own, of the same library.

use super::{
    BUDGET, TestServer,
    client::TestClient,
    http::{Http, Stream},
};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use switchboard::{
    model::{DocumentTitle, MembersMay, RoomName, User, UserName},
    storage::{Change, DocumentEdit, Draft, EditedBy, Outcome},
};
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinHandle, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, protocol::CloseFrame},
};
use yrs::{
    ClientID, Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, Transact, Update,
    updates::{decoder::Decode, encoder::Encode},
};

/// An update that changes nothing.
pub const NOTHING: &[u8] = &[0, 0];

pub const SYNC_STEP_1: &[u64] = &[0, 0];
pub const SYNC_STEP_2: &[u64] = &[0, 1];
pub const UPDATE: &[u64] = &[0, 2];
pub const AWARENESS: &[u64] = &[1];

/// What a server says.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    SyncStep1(Vec<u8>),
    SyncStep2(Vec<u8>),
    Update(Vec<u8>),
    /// Client id, clock, state.
    Awareness(Vec<(u64, u64, Value)>),
    Denied(String),
    Fence(u64),
}

/// Somebody who has a document open.
pub struct Editor {
    pub doc: Doc,
    sink: SplitSink<WebSocketStream<Box<dyn Stream>>, Message>,
    incoming: UnboundedReceiver<Result<Message, Error>>,
    reader: JoinHandle<()>,
    /// The states it knows, by client id.
    pub states: BTreeMap<u64, Value>,
    /// With which codes it was denied something.
    pub denied: Vec<String>,
    /// Updates that it has heard, those included that were its own.
    pub updates: usize,
    clock: u64,
    fences: u64,
}

/// A document of the library as an editor has it.
pub fn new_doc() -> Doc {
    new_doc_of(rand::random::<u32>().into())
}

/// As [`new_doc`], writing under this id.
pub fn new_doc_of(id: u64) -> Doc {
    Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::with_client_id(ClientID::new(id)) })
}

impl Editor {
    /// Opens a document and has all of it.
    pub async fn opens(http: Http, session: &str, name: &str) -> Self {
        Self::opens_with(http, session, name, new_doc()).await
    }

    /// As [`Editor::opens`], with a copy from before.
    pub async fn opens_with(http: Http, session: &str, name: &str, doc: Doc) -> Self {
        let mut editor = Self::connects(http, session, name, doc).await;
        editor.syncs().await;
        editor
    }

    /// Opens the socket and says nothing yet.
    pub async fn connects(http: Http, session: &str, name: &str, doc: Doc) -> Self {
        let otp = http.otp(session, None).await;
        Self::connects_by(http, &otp, name, doc).await.expect("it may open the document")
    }

    /// As [`Editor::connects`], with an OTP. `Err` is the HTTP status of a refusal.
    pub async fn connects_by(http: Http, otp: &str, name: &str, doc: Doc) -> Result<Self, u16> {
        let socket = TestClient::open_with(http, &format!("/documents/{name}?otp={otp}"), &[]).await?;
        Ok(Self::on(socket, doc))
    }

    /// One that says nothing yet on this socket.
    pub fn on(socket: WebSocketStream<Box<dyn Stream>>, doc: Doc) -> Self {
        let (sink, mut stream) = socket.split();
        let (send, incoming) = tokio::sync::mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            while let Some(message) = stream.next().await {
                let _ = send.send(message);
            }
        });
        let (states, denied) = (BTreeMap::new(), Vec::new());
        Self { doc, sink, incoming, reader, states, denied, updates: 0, clock: 0, fences: 0 }
    }

    /// Asks for what it lacks, and waits for that.
    pub async fn syncs(&mut self) {
        let known = self.doc.transact().state_vector().encode_v1();
        self.sends(SYNC_STEP_1, &known).await;
        while !matches!(self.hears().await, Heard::SyncStep2(_)) {}
    }

    /// What its document's text is.
    pub fn text(&self) -> String {
        let text = self.doc.get_or_insert_text("text");
        text.get_string(&self.doc.transact())
    }

    /// Writes at a place, counted in UTF-16, and sends the change.
    pub async fn types(&mut self, at: u32, what: &str) {
        let update = self.writes(at, what);
        self.sends(UPDATE, &update).await;
    }

    /// Writes at a place and keeps the change.
    pub fn writes(&self, at: u32, what: &str) -> Vec<u8> {
        let text = self.doc.get_or_insert_text("text");
        let mut transaction = self.doc.transact_mut();
        text.insert(&mut transaction, at, what);
        transaction.encode_update_v1()
    }

    /// Deletes and sends the change.
    pub async fn deletes(&mut self, at: u32, length: u32) {
        let update = {
            let text = self.doc.get_or_insert_text("text");
            let mut transaction = self.doc.transact_mut();
            text.remove_range(&mut transaction, at, length);
            transaction.encode_update_v1()
        };
        self.sends(UPDATE, &update).await;
    }

    /// Waits until all that it sent is stored or refused.
    pub async fn fence(&mut self) {
        self.fences += 1;
        let number = self.fences;
        let mut frame = Vec::new();
        put_number(&mut frame, 100);
        put_number(&mut frame, number);
        self.sends_frame(frame).await;
        while self.hears().await != Heard::Fence(number) {}
    }

    /// Hears until its text is this.
    pub async fn reads(&mut self, text: &str) {
        while self.text() != text {
            self.hears().await;
        }
    }

    /// Shows a state to the others.
    pub async fn shows(&mut self, state: &Value) {
        self.clock += 1;
        let id = self.doc.client_id().get();
        let update = states(&[(id, self.clock, state.clone())]);
        self.sends(AWARENESS, &update).await;
    }

    /// Hears until it knows such a state of this client id.
    pub async fn sees(&mut self, id: u64, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(state) = self.states.get(&id).filter(|state| is_it(state)) {
                return state.clone();
            }
            self.hears().await;
        }
    }

    /// The next thing the server says, which it takes in as an editor does.
    pub async fn hears(&mut self) -> Heard {
        match self.hears_unless_closed().await {
            Ok(heard) => heard,
            Err(close) => panic!("it was closed: {close:?}"),
        }
    }

    /// As [`Editor::hears`], or its close frame.
    pub async fn hears_unless_closed(&mut self) -> Result<Heard, Option<CloseFrame>> {
        loop {
            match timeout(BUDGET, self.incoming.recv()).await.expect("something comes in time") {
                Some(Ok(Message::Binary(bytes))) => {
                    let heard = decode(&bytes);
                    self.takes_in(&heard).await;
                    return Ok(heard);
                }
                Some(Ok(Message::Close(close))) => return Err(close),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("not a message of this wire: {other:?}"),
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    async fn takes_in(&mut self, heard: &Heard) {
        match heard {
            Heard::SyncStep1(known) => {
                let known = StateVector::decode_v1(known).expect("a state vector");
                let update = self.doc.transact().encode_state_as_update_v1(&known);
                let mut frame = Vec::new();
                SYNC_STEP_2.iter().for_each(|number| put_number(&mut frame, *number));
                put_bytes(&mut frame, &update);
                let _ = self.sink.send(Message::binary(frame)).await;
            }
            Heard::SyncStep2(update) => self.applies(update),
            Heard::Update(update) => {
                self.updates += 1;
                self.applies(update);
            }
            Heard::Awareness(states) => {
                for (id, _, state) in states {
                    self.states.insert(*id, state.clone());
                }
            }
            Heard::Denied(code) => self.denied.push(code.clone()),
            Heard::Fence(_) => {}
        }
    }

    fn applies(&self, update: &[u8]) {
        let update = Update::decode_v1(update).expect("an update");
        self.doc.transact_mut().apply_update(update).expect("it applies");
    }

    /// Sends a message of these numbers and bytes.
    pub async fn sends(&mut self, numbers: &[u64], bytes: &[u8]) {
        let mut frame = Vec::new();
        numbers.iter().for_each(|number| put_number(&mut frame, *number));
        put_bytes(&mut frame, bytes);
        self.sends_frame(frame).await;
    }

    /// Sends a binary frame, unless it was cut already.
    pub async fn sends_frame(&mut self, frame: Vec<u8>) {
        let _ = self.sink.send(Message::binary(frame)).await;
    }

    pub async fn sends_text(&mut self, text: &str) {
        let _ = self.sink.send(Message::text(text)).await;
    }

    /// Hears until it is closed; the code.
    pub async fn is_closed(&mut self) -> u16 {
        loop {
            if let Err(close) = self.hears_unless_closed().await {
                return close.expect("a close frame").code.into();
            }
        }
    }

    /// Closes as a client should.
    pub async fn leaves(mut self) -> Doc {
        let _ = self.sink.close().await;
        while self.hears_unless_closed().await.is_ok() {}
        self.doc.clone()
    }
}

impl Drop for Editor {
    /// Hangs up without a word.
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// An update of awareness.
pub fn states(states: &[(u64, u64, Value)]) -> Vec<u8> {
    let mut update = Vec::new();
    put_number(&mut update, states.len() as u64);
    for (id, clock, state) in states {
        put_number(&mut update, *id);
        put_number(&mut update, *clock);
        put_bytes(&mut update, state.to_string().as_bytes());
    }
    update
}

/// A state with a cursor of somebody who calls themselves so.
pub fn cursor(name: &str, at: u32) -> Value {
    json!({"user": {"name": name, "color": "#123456"}, "cursor": at})
}

pub fn put_number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

pub fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put_number(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn number(from: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = from[0];
        *from = &from[1..];
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return number;
        }
    }
}

fn bytes(from: &mut &[u8]) -> Vec<u8> {
    let length = number(from) as usize;
    let (bytes, rest) = from.split_at(length);
    *from = rest;
    bytes.to_vec()
}

fn decode(mut frame: &[u8]) -> Heard {
    let from = &mut frame;
    let heard = match number(from) {
        0 => match number(from) {
            0 => Heard::SyncStep1(bytes(from)),
            1 => Heard::SyncStep2(bytes(from)),
            _ => Heard::Update(bytes(from)),
        },
        1 => {
            let all = bytes(from);
            let mut all = &all[..];
            let count = number(&mut all);
            let one = |all: &mut &[u8]| {
                let (id, clock) = (number(all), number(all));
                (id, clock, serde_json::from_slice(&bytes(all)).expect("a state is JSON"))
            };
            Heard::Awareness((0..count).map(|_| one(&mut all)).collect())
        }
        2 => {
            assert_eq!(number(from), 0);
            Heard::Denied(String::from_utf8(bytes(from)).expect("a reason is text"))
        }
        100 => Heard::Fence(number(from)),
        other => panic!("the server sent a message of type {other}"),
    };
    assert!(from.is_empty(), "there is something behind the message");
    heard
}

impl TestServer {
    /// Makes a document of a room, as `by`.
    pub async fn makes_document(&self, by: &str, room: &str, name: &str, members: MembersMay) {
        let account = self.server().store().account(&UserName::parse(by).unwrap()).await.unwrap();
        let edit = DocumentEdit::Create {
            name: name.parse_name(),
            title: DocumentTitle::parse(name).unwrap(),
            room: Some(RoomName::parse(room).unwrap()),
            members,
            content: Default::default(),
            max_per_room: 1000,
            namespace: None,
        };
        let author: Option<User> = account.map(|account| account.user);
        let change = Change::Document { edit, by: EditedBy { author, key: None } };
        let draft = Draft { at: switchboard::storage::now(), change };
        let outcome = self.server().journal().append(draft).await.unwrap().committed().await.unwrap();
        assert!(matches!(outcome, Outcome::Document(_)));
    }

    /// A member of the room `general`, signed in; its session.
    pub async fn member(&self, name: &str) -> String {
        let client = self.client(name).await;
        client.session.clone()
    }

    /// Opens a document as the holder of a session.
    pub async fn editor(&self, session: &str, name: &str) -> Editor {
        Editor::opens(self.http(), session, name).await
    }
}

trait ParseName {
    fn parse_name(&self) -> switchboard::model::DocumentName;
}

impl ParseName for str {
    fn parse_name(&self) -> switchboard::model::DocumentName {
        switchboard::model::DocumentName::parse(self).unwrap()
    }
}
