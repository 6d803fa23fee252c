//! One client: walks the frames it gets, counts them and looks at every offset.

use crate::{
    dial::{self, Opened, Stream},
    fence::Fence,
    wire::{self, CLOSE, PING, PONG, TEXT, append_frame},
};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Poll, ready},
    time::Instant,
};
use tokio::{
    io::{AsyncRead, ReadBuf, ReadHalf, WriteHalf},
    sync::{Mutex, Notify},
};

/// All clients of a fleet share the clock, the fence and one buffer to read into.
pub(crate) struct Hub {
    pub(crate) zero: Instant,
    pub(crate) fence: Fence,
    /// Whether latencies count just now.
    pub(crate) recording: Cell<bool>,
    scratch: RefCell<Vec<u8>>,
}

/// Room for what a busy socket has to give at once, so that one call takes it all.
const SCRATCH_BYTES: usize = 512 * 1024;

impl Hub {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            zero: Instant::now(),
            fence: Fence::default(),
            recording: Cell::new(false),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES]),
        })
    }
}

/// An open socket and what has come over it.
pub(crate) struct Client {
    hub: Rc<Hub>,
    topic: String,
    /// How an announcement of its room begins, up to the digits of its offset.
    prefix: Vec<u8>,
    writer: Mutex<WriteHalf<Box<dyn Stream>>>,
    /// The last offset; `hello` says the first one.
    offset: Cell<u64>,
    /// Messages of its room.
    pub(crate) heard: Cell<u64>,
    /// Bytes of frames.
    pub(crate) bytes: Cell<u64>,
    /// Reads that brought something.
    pub(crate) reads: Cell<u64>,
    /// Requests that were granted.
    pub(crate) granted: Cell<u64>,
    /// `ok` or `caught_up` came.
    news: Notify,
    caught_up: Cell<bool>,
    /// Microseconds from send to receive, if this client is one that parses what it gets.
    pub(crate) latencies: Option<RefCell<Vec<u32>>>,
}

#[derive(Deserialize)]
struct Announcement<'a> {
    #[serde(borrow)]
    payload: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    message: &'a str,
}

impl Client {
    /// Takes over an upgraded socket and starts reading. `parses`: whether it measures latencies.
    pub(crate) fn start(hub: &Rc<Hub>, room: &str, opened: Opened, parses: bool) -> Rc<Self> {
        let (reader, writer) = tokio::io::split(opened.stream);
        let client = Rc::new(Self {
            hub: hub.clone(),
            topic: format!("room.{room}"),
            prefix: format!(r#"{{"type":"new_message","topic":"room.{room}","offset":"#).into_bytes(),
            writer: Mutex::new(writer),
            offset: Cell::new(0),
            heard: Cell::new(0),
            bytes: Cell::new(0),
            reads: Cell::new(0),
            granted: Cell::new(0),
            news: Notify::new(),
            caught_up: Cell::new(false),
            latencies: parses.then(RefCell::default),
        });
        tokio::task::spawn_local(client.clone().read(reader, opened.received));
        client
    }

    /// Writes frames made by [`wire`].
    pub(crate) async fn write(&self, frames: &[u8]) -> Result<()> {
        dial::send(&mut *self.writer.lock().await, frames).await.context("a sender's connection")
    }

    /// Waits for `caught_up`.
    pub(crate) async fn arrived(&self) -> Result<()> {
        while !self.caught_up.get() {
            self.news().await?;
        }
        Ok(())
    }

    /// Waits for the next `ok` or `caught_up`.
    pub(crate) async fn news(&self) -> Result<()> {
        self.hub.fence.check()?;
        self.news.notified().await;
        self.hub.fence.check()
    }

    async fn read(self: Rc<Self>, mut reader: ReadHalf<Box<dyn Stream>>, mut rest: Vec<u8>) {
        let mut pings = 0;
        let mut walked = self.walk(&rest, &mut pings).map(|walked| drop(rest.drain(..walked)));
        while walked.is_ok() {
            for _ in 0..std::mem::take(&mut pings) {
                let mut pong = Vec::new();
                append_frame(&mut pong, PONG, &[]);
                // A socket that cannot be written to cannot be read from much longer either.
                let _ = self.write(&pong).await;
            }
            walked = self.read_once(&mut reader, &mut rest, &mut pings).await;
        }
        if let Err(error) = walked {
            self.hub.fence.fail(format!("a client of {} after {} messages: {error:#}", self.topic, self.heard.get()));
            self.news.notify_one();
        }
    }

    /// Reads behind the incomplete frame of the last time, in the buffer that all clients share.
    async fn read_once(
        &self,
        reader: &mut ReadHalf<Box<dyn Stream>>,
        rest: &mut Vec<u8>,
        pings: &mut u32,
    ) -> Result<()> {
        poll_fn(|cx| {
            let mut scratch = self.hub.scratch.borrow_mut();
            scratch[..rest.len()].copy_from_slice(rest);
            let mut buffer = ReadBuf::new(&mut scratch[rest.len()..]);
            ready!(Pin::new(&mut *reader).poll_read(cx, &mut buffer))?;
            let read = buffer.filled().len();
            if read == 0 {
                return Poll::Ready(Err(anyhow::anyhow!("the server hung up")));
            }
            let bytes = &scratch[..rest.len() + read];
            self.reads.set(self.reads.get() + 1);
            let walked = self.walk(bytes, pings)?;
            rest.clear();
            rest.extend_from_slice(&bytes[walked..]);
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Looks at every whole frame; how many bytes they took.
    fn walk(&self, bytes: &[u8], pings: &mut u32) -> Result<usize> {
        let before = self.heard.get();
        let now = Instant::now();
        let mut walked = 0;
        while let Some(frame) = wire::first_frame(&bytes[walked..])? {
            walked += frame.length;
            match frame.opcode {
                TEXT => self.text(frame.payload, now)?,
                PING => *pings += 1,
                PONG => {}
                CLOSE => bail!("closed: {}", String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default())),
                opcode => bail!("a frame with opcode {opcode}"),
            }
        }
        self.bytes.set(self.bytes.get() + walked as u64);
        let heard = self.heard.get();
        if heard != before {
            self.hub.fence.moved(before, heard);
        }
        Ok(walked)
    }

    fn text(&self, text: &[u8], now: Instant) -> Result<()> {
        let Some(after_prefix) = text.strip_prefix(&*self.prefix) else { return self.other(text) };
        self.follow(wire::leading_number(after_prefix))?;
        self.heard.set(self.heard.get() + 1);
        if let Some(latencies) = &self.latencies
            && self.hub.recording.get()
        {
            let announcement: Announcement<'_> = serde_json::from_slice(text)?;
            let sent =
                wire::sent_at(self.hub.zero, announcement.payload.message).context("a message without a time")?;
            let micros = now.saturating_duration_since(sent).as_micros();
            latencies.borrow_mut().push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// Offsets come in order and without holes.
    fn follow(&self, offset: u64) -> Result<()> {
        let last = self.offset.replace(offset);
        if offset != last + 1 {
            bail!("offset {offset} after {last}");
        }
        Ok(())
    }

    /// Whatever is not a message of its room; rare, so it may cost something.
    fn other(&self, text: &[u8]) -> Result<()> {
        if text.starts_with(br#"{"type":"ok""#) {
            self.granted.set(self.granted.get() + 1);
            self.news.notify_one();
            return Ok(());
        }
        let event: serde_json::Value = serde_json::from_slice(text)?;
        match event["type"].as_str() {
            Some("hello") => {
                let offset = event["payload"]["topics"][&self.topic]["offset"].as_u64();
                self.offset.set(offset.context("hello does not know the room")?);
            }
            Some("caught_up") => {
                self.caught_up.set(true);
                self.news.notify_one();
            }
            Some("error") => bail!("{}", event["payload"]),
            _ if event["topic"] == self.topic.as_str() => {
                self.follow(event["offset"].as_u64().context("an event of the room without an offset")?)?;
            }
            _ => {}
        }
        Ok(())
    }
}
