//! A client in Rust: a task that owns a `yrs` document and its connection.

use super::{
    wire::{self, take_counted, take_number},
    writer::{Door, Edit, State},
};
use crate::support::TestClient;
use futures_util::{SinkExt, StreamExt};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{future::pending, time::Duration};
use tokio::{
    select,
    sync::{mpsc, oneshot},
    time::sleep,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message},
};
use yrs::updates::{decoder::Decode, encoder::Encode};
use yrs::{Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, Transact, Update};

type Socket = WebSocketStream<Box<dyn crate::support::http::Stream>>;

/// How long it waits before it tries to connect again.
const AGAIN: Duration = Duration::from_millis(20);

pub enum Order {
    Edit(Edit),
    /// What is written from here on is held back, and goes out in any order with the next request to save it.
    Shuffle,
    Save(oneshot::Sender<()>),
    Offline(oneshot::Sender<()>),
    Online(oneshot::Sender<()>),
    State(oneshot::Sender<State>),
}

/// What one can tell it.
pub struct YrsClient(pub mpsc::UnboundedSender<Order>);

impl YrsClient {
    pub fn start(door: Door, seed: u64) -> Self {
        let (orders, ordered) = mpsc::unbounded_channel();
        let options = Options { offset_kind: OffsetKind::Utf16, ..Options::default() };
        let task = Task {
            door,
            doc: Doc::with_options(options),
            random: StdRng::seed_from_u64(seed),
            socket: None,
            is_wanted: true,
            is_synced: false,
            shuffles: false,
            held: Vec::new(),
            sent: Vec::new(),
            saving: Vec::new(),
            fences: 0,
            coming_online: Vec::new(),
            said: Vec::new(),
        };
        tokio::spawn(task.run(ordered));
        Self(orders)
    }
}

/// What a client hears next; `None`: it has no connection and may try again. Cancel safe.
async fn next_of(socket: &mut Option<Socket>, is_wanted: bool) -> Option<Result<Message, Error>> {
    match socket {
        Some(socket) => socket.next().await,
        None if is_wanted => {
            sleep(AGAIN).await;
            None
        }
        None => pending().await,
    }
}

struct Task {
    door: Door,
    doc: Doc,
    random: StdRng,
    socket: Option<Socket>,
    is_wanted: bool,
    is_synced: bool,
    shuffles: bool,
    held: Vec<Vec<u8>>,
    /// Everything that ever was an update here, its own or not.
    sent: Vec<Vec<u8>>,
    /// Who waits for which fence.
    saving: Vec<(u64, oneshot::Sender<()>)>,
    fences: u64,
    coming_online: Vec<oneshot::Sender<()>>,
    said: Vec<String>,
}

impl Task {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            if self.is_wanted && self.socket.is_none() {
                self.connect().await;
            }
            select! {
                order = orders.recv() => match order {
                    Some(order) => self.obeys(order).await,
                    None => return,
                },
                message = next_of(&mut self.socket, self.is_wanted) => match message {
                    Some(Ok(Message::Binary(frame))) => self.hears(&frame).await,
                    Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) >= 4000 => {
                        self.said.push(close.to_string());
                    }
                    Some(Ok(Message::Text(text))) => panic!("a text: {text}"),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => self.is_gone(),
                },
            }
        }
    }

    async fn connect(&mut self) {
        let Some(otp) = self.door.otp().await else { return };
        let path = format!("/documents/{}?otp={otp}", self.door.name);
        let Some(socket) = TestClient::tries_to_open_at(self.door.http, &path).await else { return };
        self.socket = Some(socket);
        let vector = self.doc.transact().state_vector().encode_v1();
        self.sends(wire::sync(wire::STEP_1, &vector)).await;
    }

    fn is_online(&mut self) {
        if self.is_synced {
            for done in self.coming_online.drain(..) {
                let _ = done.send(());
            }
        }
    }

    fn is_gone(&mut self) {
        self.socket = None;
        self.is_synced = false;
        self.held.clear(); // sync step 2 has them
    }

    async fn sends(&mut self, message: Vec<u8>) {
        if let Some(socket) = &mut self.socket {
            let _ = socket.send(Message::binary(message)).await; // that it is gone is heard
        }
    }

    async fn obeys(&mut self, order: Order) {
        match order {
            Order::Edit(edit) => self.edits(edit).await,
            Order::Shuffle => self.shuffles = true,
            Order::Save(done) => {
                self.saving.push((0, done));
                self.asks_if_stored().await;
            }
            Order::Offline(done) => {
                self.is_wanted = false;
                self.is_gone();
                let _ = done.send(());
            }
            Order::Online(done) => {
                self.is_wanted = true;
                self.coming_online.push(done);
                self.is_online();
            }
            Order::State(done) => drop(done.send(self.state())),
        }
    }

    /// Puts a string at a place, instead of at most so many small letters behind it.
    async fn edits(&mut self, Edit { at, remove, insert }: Edit) {
        let text = self.doc.get_or_insert_text("text");
        let update = {
            let mut change = self.doc.transact_mut();
            let now: Vec<u16> = text.get_string(&change).encode_utf16().collect();
            let mut index = (at * now.len() as f64) as usize;
            if now.get(index).is_some_and(|half| (0xdc00..0xe000).contains(half)) {
                index -= 1;
            }
            let letters = now[index..].iter().take(remove).take_while(|unit| (0x61..=0x7a).contains(*unit)).count();
            text.remove_range(&mut change, index as u32, letters as u32);
            text.insert(&mut change, index as u32, &insert);
            change.encode_update_v1()
        };
        let message = wire::sync(wire::UPDATE, &update);
        self.sent.push(message.clone());
        if self.shuffles { self.held.push(message) } else { self.sends(message).await }
    }

    /// Asks anew: whatever was asked before does not count.
    async fn asks_if_stored(&mut self) {
        if !self.is_synced || self.saving.is_empty() {
            return;
        }
        self.fences += 1;
        for (number, _) in &mut self.saving {
            *number = self.fences;
        }
        self.sends_held().await;
        self.sends(wire::fence(self.fences)).await;
    }

    /// In any order, some of it twice, with some that was sent long ago.
    async fn sends_held(&mut self) {
        let mut all: Vec<_> = self.held.iter().filter(|_| self.random.random_bool(0.5)).cloned().collect();
        if self.shuffles && !self.sent.is_empty() {
            let some = (0..3).map(|_| self.sent[self.random.random_range(0..self.sent.len())].clone());
            all.extend(some.collect::<Vec<_>>());
        }
        all.append(&mut self.held);
        all.shuffle(&mut self.random);
        for message in all {
            self.sends(message).await;
        }
        self.shuffles = false;
    }

    async fn hears(&mut self, mut frame: &[u8]) {
        match take_number(&mut frame) {
            wire::SYNC => {
                let (kind, content) = (take_number(&mut frame), take_counted(&mut frame));
                if kind == wire::STEP_1 {
                    let theirs = StateVector::decode_v1(content).expect("a state vector");
                    let missing = self.doc.transact().encode_state_as_update_v1(&theirs);
                    self.sends(wire::sync(wire::STEP_2, &missing)).await;
                    // The server lacked something, so what was asked before the answer does not count.
                    self.asks_if_stored().await;
                } else {
                    self.takes(content);
                }
                if kind == wire::STEP_2 {
                    self.is_synced = true;
                    self.is_online();
                    self.asks_if_stored().await;
                }
            }
            wire::FENCE => {
                let number = take_number(&mut frame);
                for (_, done) in self.saving.extract_if(.., |(wanted, _)| *wanted <= number) {
                    let _ = done.send(());
                }
            }
            wire::AWARENESS => drop(take_counted(&mut frame)),
            wire::AUTH => {
                self.said.push("denied".into());
                frame = &[];
            }
            other => panic!("{other} is no type of message"),
        }
        assert!(frame.is_empty(), "y-websocket reads one message of each frame");
    }

    fn takes(&mut self, update: &[u8]) {
        self.sent.push(wire::sync(wire::UPDATE, update));
        let update = Update::decode_v1(update).expect("an update");
        self.doc.transact_mut().apply_update(update).expect("it can be applied");
    }

    fn state(&self) -> State {
        let text = self.doc.get_or_insert_text("text");
        let seen = self.doc.transact();
        let vector = seen.state_vector();
        State {
            text: text.get_string(&seen),
            vector: vector.iter().map(|(client, clock)| (client.to_string(), u64::from(*clock))).collect(),
            said: self.said.clone(),
        }
    }
}
