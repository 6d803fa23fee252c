//! One client: walks the frames it gets, counts them and looks at every offset.

use crate::{
    dial::{self, Opened, Stream},
    fence::Fence,
    topic::{Over, Topic},
    wire::{self, CLOSE, PING, PONG, TEXT, append_frame},
};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Poll, ready},
    time::{Duration, Instant},
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
    /// Microseconds from send to answer.
    pub(crate) answers: RefCell<Vec<u32>>,
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
            answers: RefCell::default(),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES]),
        })
    }

    /// What was sent or due at `at` has been answered.
    pub(crate) fn answered(&self, at: Instant) {
        if self.recording.get() {
            self.answers.borrow_mut().push(micros(at.elapsed()));
        }
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// An open socket and what has come over it.
pub(crate) struct Client {
    hub: Rc<Hub>,
    topic: Topic,
    full_name: String,
    /// How an announcement of its topic begins, up to the digits of its offset.
    prefix: Vec<u8>,
    writer: Mutex<WriteHalf<Box<dyn Stream>>>,
    /// The last offset; of a room `hello` says the first one, of a channel the answer to `subscribe`.
    offset: Cell<Option<u64>>,
    /// Messages of its topic.
    pub(crate) heard: Cell<u64>,
    /// Bytes of frames.
    pub(crate) bytes: Cell<u64>,
    /// Reads that brought something.
    pub(crate) reads: Cell<u64>,
    /// Requests that were granted.
    pub(crate) granted: Cell<u64>,
    /// When those were due whose answers are still to come.
    asked: RefCell<VecDeque<Instant>>,
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
#[serde(untagged)]
enum Message<'a> {
    Said {
        #[serde(alias = "data")]
        message: &'a str,
    },
    Changed {
        #[serde(borrow)]
        row: Row<'a>,
    },
}

#[derive(Deserialize)]
struct Row<'a> {
    note: &'a str,
}

impl Client {
    /// Takes over an upgraded socket and starts reading. `parses`: whether it measures latencies.
    pub(crate) fn start(hub: &Rc<Hub>, topic: Topic, opened: Opened, parses: bool) -> Rc<Self> {
        let (reader, writer) = tokio::io::split(opened.stream);
        let client = Rc::new(Self {
            hub: hub.clone(),
            full_name: topic.full_name(),
            prefix: topic.prefix().into_bytes(),
            topic,
            writer: Mutex::new(writer),
            offset: Cell::new(None),
            heard: Cell::new(0),
            bytes: Cell::new(0),
            reads: Cell::new(0),
            granted: Cell::new(0),
            asked: RefCell::default(),
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

    /// As [`Self::write`] for `count` requests that are due at `at`; how long each waits for its answer is measured.
    pub(crate) async fn ask(&self, frames: &[u8], count: u64, at: Instant) -> Result<()> {
        self.asked.borrow_mut().extend((0..count).map(|_| at));
        self.write(frames).await
    }

    /// Makes a request and waits until it is granted.
    pub(crate) async fn request(&self, text: &str) -> Result<()> {
        let wanted = self.granted.get() + 1;
        let mut frame = Vec::new();
        append_frame(&mut frame, TEXT, text.as_bytes());
        self.write(&frame).await?;
        while self.granted.get() < wanted {
            self.news().await?;
        }
        Ok(())
    }

    /// Begins to hear its channel or table; a room is heard anyway.
    pub(crate) async fn subscribe(&self) -> Result<()> {
        if self.topic.over != Over::Chat {
            self.request(&wire::subscribe_request(std::slice::from_ref(&self.full_name))).await?;
        }
        Ok(())
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
            self.hub.fence.fail(format!(
                "a client of {} after {} messages: {error:#}",
                self.full_name,
                self.heard.get()
            ));
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
            let text = match announcement.payload {
                Message::Said { message } => message,
                Message::Changed { row } => row.note,
            };
            let sent = wire::sent_at(self.hub.zero, text).context("a message without a time")?;
            latencies.borrow_mut().push(micros(now.saturating_duration_since(sent)));
        }
        Ok(())
    }

    /// Offsets come in order and without holes.
    fn follow(&self, offset: u64) -> Result<()> {
        match self.offset.replace(Some(offset)) {
            Some(last) if offset == last + 1 => Ok(()),
            last => bail!("offset {offset} after {last:?}"),
        }
    }

    /// Whatever is not a message of its topic; rare, so it may cost something.
    fn other(&self, text: &[u8]) -> Result<()> {
        if text.starts_with(br#"{"type":"ok""#) {
            return self.ok(text);
        }
        let event: serde_json::Value = serde_json::from_slice(text)?;
        match event["type"].as_str() {
            Some("hello") => {
                self.begin_at(&event);
                if self.topic.over == Over::Chat && self.offset.get().is_none() {
                    bail!("hello does not know the room");
                }
            }
            Some("caught_up") => {
                self.caught_up.set(true);
                self.news.notify_one();
            }
            Some("error") => bail!("{}", event["payload"]),
            _ if event["topic"] == self.full_name.as_str() => {
                self.follow(event["offset"].as_u64().context("an event of the topic without an offset")?)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn ok(&self, text: &[u8]) -> Result<()> {
        if self.offset.get().is_none() {
            self.begin_at(&serde_json::from_slice(text)?);
        }
        if let Some(at) = self.asked.borrow_mut().pop_front() {
            self.hub.answered(at);
        }
        self.granted.set(self.granted.get() + 1);
        self.news.notify_one();
        Ok(())
    }

    /// Takes the position of its topic from an event that may have it.
    fn begin_at(&self, event: &serde_json::Value) {
        if let Some(offset) = event["payload"]["topics"][&self.full_name]["offset"].as_u64() {
            self.offset.set(Some(offset));
        }
    }
}
