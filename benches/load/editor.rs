//! One client of a document: what an editor sends for each key, and what it hears of the others' keys.

use crate::{
    client::Hub,
    dial::{self, Dialer, Http, Opened, Stream},
    wire::{self, BINARY, CLOSE, PING, PONG, append_frame},
};
use anyhow::{Context, Result, bail};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, ReadHalf, WriteHalf},
    sync::{Mutex, Notify},
    time::timeout,
};
use yrs::{
    ClientID, Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, TextRef, Transact, Update,
    encoding::{read::Read as _, write::Write as _},
    updates::{decoder::Decode, encoder::Encode},
};

const SYNC: u8 = 0;
const AWARENESS: u8 = 1;
const STEP_1: u8 = 0;
const STEP_2: u8 = 1;
const UPDATE: u8 = 2;
/// The server's answer to it says that everything before it is on disk.
const FENCE: u8 = 100;

/// How long an answer may take. Bounds a failing run; no figure.
const PATIENCE: Duration = Duration::from_secs(60);

/// When which key of whom was pressed; all editors of a fleet share it. Each key is one clock of its writer.
#[derive(Default)]
pub(crate) struct Keys(RefCell<HashMap<ClientID, Vec<Instant>>>);

impl Keys {
    fn pressed(&self, writer: ClientID, at: Instant) {
        self.0.borrow_mut().entry(writer).or_default().push(at);
    }

    /// How long ago those keys of a writer were pressed.
    fn ages(&self, writer: ClientID, from: u32, to: u32, mut tell: impl FnMut(Duration)) {
        if let Some(keys) = self.0.borrow().get(&writer)
            && let Some(keys) = keys.get(from as usize..to as usize)
        {
            keys.iter().for_each(|at| tell(at.elapsed()));
        }
    }
}

/// Somebody who has a document open.
pub(crate) struct Editor {
    hub: Rc<Hub>,
    keys: Rc<Keys>,
    writer: Mutex<WriteHalf<Box<dyn Stream>>>,
    doc: Doc,
    text: TextRef,
    /// Whether what others write is put into `doc`.
    follows: bool,
    cursor_clock: Cell<u32>,
    /// Keys of others that came.
    pub(crate) heard: Cell<u64>,
    /// Frames that came.
    pub(crate) frames: Cell<u64>,
    pub(crate) bytes: Cell<u64>,
    pub(crate) latencies: RefCell<Vec<u32>>,
    /// When all there was had come, before it was looked at.
    pub(crate) synced: Cell<Option<Instant>>,
    /// The last fence that came back.
    fence: Cell<u64>,
    news: Notify,
    reading: RefCell<Option<tokio::task::JoinHandle<()>>>,
}

impl Editor {
    /// Opens a document with a fresh one-time password and waits until it is synced.
    pub(crate) async fn open(
        (hub, keys): (&Rc<Hub>, &Rc<Keys>),
        (dialer, http): (&Dialer, &mut Http),
        (number, session, document): (usize, &str, &str),
        follows: bool,
    ) -> Result<Rc<Self>> {
        let otp = http.otp(session).await?;
        let Opened { stream, received } = dialer.upgrade(number, &format!("/documents/{document}?otp={otp}")).await?;
        let (reader, writer) = tokio::io::split(stream);
        // As short as those of yjs.
        let client_id = ClientID::new(rand::random::<u32>().into());
        let doc = Doc::with_options(Options { client_id, offset_kind: OffsetKind::Utf16, ..Options::default() });
        let editor = Rc::new(Self {
            hub: hub.clone(),
            keys: keys.clone(),
            writer: Mutex::new(writer),
            text: doc.get_or_insert_text("text"),
            doc,
            follows,
            cursor_clock: Cell::new(0),
            heard: Cell::new(0),
            frames: Cell::new(0),
            bytes: Cell::new(0),
            latencies: RefCell::default(),
            synced: Cell::new(None),
            fence: Cell::new(0),
            news: Notify::new(),
            reading: RefCell::new(None),
        });
        *editor.reading.borrow_mut() = Some(tokio::task::spawn_local(editor.clone().read(reader, received)));
        let mut ask = vec![SYNC, STEP_1];
        ask.write_buf(StateVector::default().encode_v1());
        editor.send(&ask).await?;
        editor.until(|editor| editor.synced.get().is_some()).await?;
        Ok(editor)
    }

    /// Presses a key behind what this one has written before: an update, and the cursor moves.
    pub(crate) async fn press(&self, at: Instant) -> Result<()> {
        let update = {
            let mut txn = self.doc.transact_mut();
            let end = if self.follows { self.text.len(&txn) } else { self.own_length() };
            self.text.insert(&mut txn, end, "x");
            txn.encode_update_v1()
        };
        self.keys.pressed(self.doc.client_id(), at);
        self.send_update(&update, true).await
    }

    /// One client's text alone is as long as its clock.
    fn own_length(&self) -> u32 {
        self.keys.0.borrow().get(&self.doc.client_id()).map_or(0, |keys| keys.len() as u32)
    }

    /// Makes changes and sends them as one update.
    pub(crate) async fn edit(&self, edit: impl FnOnce(&mut yrs::TransactionMut<'_>, &TextRef)) -> Result<()> {
        let update = {
            let mut txn = self.doc.transact_mut();
            edit(&mut txn, &self.text);
            txn.encode_update_v1()
        };
        self.send_update(&update, false).await
    }

    async fn send_update(&self, update: &[u8], moves_cursor: bool) -> Result<()> {
        let mut message = vec![SYNC, UPDATE];
        message.write_buf(update);
        let mut frames = Vec::new();
        append_frame(&mut frames, BINARY, &message);
        if moves_cursor {
            append_frame(&mut frames, BINARY, &self.cursor());
        }
        dial::send(&mut *self.writer.lock().await, &frames).await
    }

    /// As editors say where their cursor is.
    fn cursor(&self) -> Vec<u8> {
        let clock = self.cursor_clock.get() + 1;
        self.cursor_clock.set(clock);
        let id = self.doc.client_id();
        let position = format!(r#"{{"type":null,"tname":"text","item":{{"client":{id},"clock":{clock}}},"assoc":0}}"#);
        let state = format!(
            r##"{{"user":{{"name":"somebody","color":"#30bced"}},"cursor":{{"anchor":{position},"head":{position}}}}}"##
        );
        let mut update = Vec::new();
        update.write_var(1u32);
        update.write_var(id.get());
        update.write_var(clock);
        update.write_string(&state);
        let mut message = vec![AWARENESS];
        message.write_buf(update);
        message
    }

    /// Waits until all that was sent is on disk.
    pub(crate) async fn saved(&self, number: u64) -> Result<()> {
        let mut message = vec![FENCE];
        message.write_var(number);
        self.send(&message).await?;
        self.until(|editor| editor.fence.get() >= number).await
    }

    /// Hangs up.
    pub(crate) fn leave(&self) {
        self.reading.take().inspect(|reading| reading.abort());
    }

    pub(crate) fn length(&self) -> usize {
        self.text.get_string(&self.doc.transact()).len()
    }

    async fn send(&self, message: &[u8]) -> Result<()> {
        let mut frame = Vec::new();
        append_frame(&mut frame, BINARY, message);
        dial::send(&mut *self.writer.lock().await, &frame).await
    }

    async fn until(&self, reached: impl Fn(&Self) -> bool) -> Result<()> {
        let waiting = async {
            while !reached(self) {
                self.hub.fence.check()?;
                self.news.notified().await;
            }
            self.hub.fence.check()
        };
        timeout(PATIENCE, waiting).await.context("no answer")?
    }

    async fn read(self: Rc<Self>, mut reader: ReadHalf<Box<dyn Stream>>, mut received: Vec<u8>) {
        let ended: Result<()> = async {
            loop {
                let walked = self.walk(&received).await?;
                received.drain(..walked);
                if reader.read_buf(&mut received).await? == 0 {
                    bail!("the server hung up");
                }
            }
        }
        .await;
        if let Err(error) = ended {
            self.hub.fence.fail(format!("an editor: {error:#}"));
            self.news.notify_one();
        }
    }

    /// Looks at every whole frame; how many bytes they took.
    async fn walk(&self, bytes: &[u8]) -> Result<usize> {
        let mut walked = 0;
        while let Some(frame) = wire::first_frame(&bytes[walked..])? {
            walked += frame.length;
            match frame.opcode {
                BINARY => self.message(frame.payload).await?,
                PING => {
                    let mut pong = Vec::new();
                    append_frame(&mut pong, PONG, &[]);
                    dial::send(&mut *self.writer.lock().await, &pong).await?;
                }
                PONG => {}
                CLOSE => bail!("closed: {}", String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default())),
                opcode => bail!("a frame with opcode {opcode}"),
            }
            self.frames.set(self.frames.get() + 1);
        }
        self.bytes.set(self.bytes.get() + walked as u64);
        Ok(walked)
    }

    async fn message(&self, message: &[u8]) -> Result<()> {
        let mut cursor = yrs::encoding::read::Cursor::new(message);
        match (cursor.read_u8()?, message.get(1).copied()) {
            (SYNC, Some(STEP_1)) => {
                cursor.read_u8()?;
                let theirs = StateVector::decode_v1(cursor.read_buf()?)?;
                let missing = self.doc.transact().encode_diff_v1(&theirs);
                let mut answer = vec![SYNC, STEP_2];
                answer.write_buf(missing);
                self.send(&answer).await?;
            }
            (SYNC, Some(kind @ (STEP_2 | UPDATE))) => {
                let now = Instant::now();
                cursor.read_u8()?;
                self.update(cursor.read_buf()?)?;
                if kind == STEP_2 {
                    self.synced.set(Some(now));
                }
            }
            (FENCE, _) => self.fence.set(cursor.read_var()?),
            _ => return Ok(()),
        }
        self.news.notify_one();
        Ok(())
    }

    fn update(&self, update: &[u8]) -> Result<()> {
        let update = Update::decode_v1(update)?;
        let written = update.insertions(true);
        let keys =
            written.iter().flat_map(|(writer, keys)| keys.iter().map(move |keys| (writer, keys.start, keys.end)));
        for (writer, from, to) in keys.filter(|(writer, ..)| **writer != self.doc.client_id()) {
            self.heard.set(self.heard.get() + u64::from(to - from));
            if self.hub.recording.get() {
                let tell =
                    |age: Duration| self.latencies.borrow_mut().push(age.as_micros().min(u32::MAX.into()) as u32);
                self.keys.ages(*writer, from, to, tell);
            }
        }
        if self.follows {
            self.doc.transact_mut().apply_update(update)?;
        }
        Ok(())
    }
}
