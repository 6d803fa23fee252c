//! A WebSocket client that is free to break every rule: it writes bytes and reads frames.

use super::{BUDGET, TestServer, http::Http};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// First bytes of frames (RFC 6455 section 5.2): the last fragment's bit and the opcode.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;
/// The same without the last fragment's bit.
pub const TEXT_START: u8 = 0x01;
pub const MORE: u8 = 0x00;
pub const END: u8 = 0x80;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A masked frame with this first byte, whatever it means.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A masked frame's header that announces so many bytes.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(0x80 | length as u8),
        126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}

/// A close frame's payload.
pub fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// What a server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFrame {
    pub first: u8,
    pub payload: Vec<u8>,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ending {
    /// Code and reason of the close frame; `None` for one without.
    pub close: Option<(u16, String)>,
    /// Whether the stream then ended, as opposed to having been reset.
    pub clean: bool,
}

pub struct RawSocket {
    stream: TcpStream,
    unread: Vec<u8>,
    /// The head of the answer to the upgrade, in lower case.
    pub head: String,
}

/// How much the kernel may hold for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipe {
    /// As much as it likes: megabytes.
    Wide,
    /// Some ten kilobytes on either side, so that a reader that stalls is felt soon.
    Narrow,
}

impl Pipe {
    pub async fn connect(self, address: SocketAddr) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        if self == Self::Narrow {
            socket.set_recv_buffer_size(4096).unwrap();
            // The sender's buffer grows with the segment size.
            socket.set_tcp_mss(536).unwrap();
        }
        socket.set_tcp_nodelay(true).unwrap();
        TcpSocket::from_std_stream(socket.into()).connect(address).await.expect("the server listens")
    }
}

impl RawSocket {
    /// Upgrades by hand.
    pub async fn open(http: Http, otp: &str, pipe: Pipe, extra_headers: &str) -> Self {
        Self::open_at(http, &format!("/ws?otp={otp}"), pipe, extra_headers).await
    }

    pub async fn open_at(http: Http, path: &str, pipe: Pipe, extra_headers: &str) -> Self {
        let stream = pipe.connect(http.address).await;
        Self::upgrade(stream, http, path, extra_headers, &[]).await
    }

    /// Sends these bytes right behind the request.
    pub async fn open_saying(http: Http, otp: &str, early: &[u8]) -> Self {
        let stream = Pipe::Wide.connect(http.address).await;
        Self::upgrade(stream, http, &format!("/ws?otp={otp}"), "", early).await
    }

    async fn upgrade(mut stream: TcpStream, http: Http, path: &str, extra_headers: &str, early: &[u8]) -> Self {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extra_headers}\r\n",
            http.address
        );
        stream.write_all(&[request.as_bytes(), early].concat()).await.unwrap();
        let mut unread = Vec::new();
        let end = loop {
            if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            let read = timeout(BUDGET, stream.read_buf(&mut unread)).await.expect("an answer").unwrap();
            assert!(read > 0, "the server hung up");
        };
        let head = String::from_utf8(unread.drain(..end).collect()).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        Self { stream, unread, head }
    }

    pub async fn writes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the connection is open");
    }

    /// Writes whatever the server still takes: it may have hung up already.
    pub async fn tries_to_write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    pub async fn sends_text(&mut self, text: &str) {
        self.writes(&frame(TEXT, text.as_bytes())).await;
    }

    /// One more byte of whatever comes; `None` at the end.
    pub async fn reads_a_byte(&mut self) -> Option<u8> {
        if self.unread.is_empty() {
            let mut byte = [0];
            return self.stream.read_exact(&mut byte).await.ok().map(|_| byte[0]);
        }
        Some(self.unread.remove(0))
    }

    /// Makes as if these bytes had not been read.
    pub fn gives_back(&mut self, mut bytes: Vec<u8>) {
        bytes.append(&mut self.unread);
        self.unread = bytes;
    }

    /// The next frame; `Ok(None)` at the end of the stream, an error when it was reset.
    pub async fn next(&mut self) -> std::io::Result<Option<RawFrame>> {
        loop {
            if let Some((frame, length)) = parse(&self.unread) {
                self.unread.drain(..length);
                return Ok(Some(frame));
            }
            let read = timeout(BUDGET, self.stream.read_buf(&mut self.unread)).await.expect("something comes");
            if read? == 0 {
                return Ok(None);
            }
        }
    }

    /// The next event; other frames are skipped.
    pub async fn event(&mut self) -> Value {
        loop {
            let frame = self.next().await.unwrap().expect("the connection is open");
            assert_ne!(frame.first, CLOSE, "closed: {frame:?}");
            if frame.first == TEXT {
                return serde_json::from_slice(&frame.payload).expect("every text is JSON");
            }
        }
    }

    /// The next event of this type; others are skipped.
    pub async fn hears(&mut self, event_type: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["type"] == event_type {
                return event;
            }
        }
    }

    /// Reads to the end without ever answering.
    pub async fn ending(&mut self) -> Ending {
        let mut close = None;
        loop {
            match self.next().await {
                Ok(Some(RawFrame { first: CLOSE, payload })) => {
                    assert!(close.is_none(), "two close frames");
                    close = Some(match payload.split_first_chunk() {
                        Some((code, reason)) => {
                            (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).unwrap())
                        }
                        None => (1005, String::new()),
                    });
                }
                Ok(Some(frame)) => assert!(close.is_none(), "{frame:?} follows the close frame"),
                Ok(None) => return Ending { close, clean: true },
                Err(_) => return Ending { close, clean: false },
            }
        }
    }

    /// Reads to the end: the close frame came and nothing was reset. Answers its code.
    pub async fn close_code(&mut self) -> u16 {
        let ending = self.ending().await;
        assert!(ending.clean, "the connection was reset: {ending:?}");
        ending.close.expect("a close frame").0
    }
}

fn parse(bytes: &[u8]) -> Option<(RawFrame, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "a server's frames are not masked");
    let (length, start) = match second {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize, 10),
        length => (usize::from(length), 2),
    };
    let payload = bytes.get(start..start + length)?.to_vec();
    Some((RawFrame { first, payload }, start + length))
}

impl TestServer {
    /// A new member on a raw socket, as far as `caught_up`.
    pub async fn raw(&self, name: &str) -> RawSocket {
        self.raw_through(Pipe::Wide, name, "").await
    }

    pub async fn raw_through(&self, pipe: Pipe, name: &str, extra_headers: &str) -> RawSocket {
        self.account(name, switchboard::model::Role::Member).await;
        let session = self.signed_in(name).await;
        self.raw_of(pipe, &session, None, extra_headers).await
    }

    /// Another raw socket of a session, which costs no login; as far as `caught_up`.
    pub async fn raw_of(&self, pipe: Pipe, session: &str, resume: Option<Value>, extra_headers: &str) -> RawSocket {
        let otp = self.otp(session, resume).await;
        let mut socket = RawSocket::open(self.http(), &otp, pipe, extra_headers).await;
        socket.hears("caught_up").await;
        socket
    }
}
