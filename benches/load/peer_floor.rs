//! The floor: what has come since the last time is encoded once and written to each socket in one call.

use crate::{
    peers::{announcement, greeting, room_of},
    wire::TEXT,
};
use anyhow::{Context, Result, bail};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
};

#[derive(Default)]
struct Room {
    name: String,
    offset: Cell<u64>,
    arriving: RefCell<Vec<OwnedWriteHalf>>,
    pending: RefCell<Vec<u8>>,
    changed: Notify,
}

pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    let rooms: Rc<RefCell<HashMap<String, Rc<Room>>>> = Rc::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let rooms = rooms.clone();
        tokio::task::spawn_local(async move {
            let room = |name: String| {
                let mut rooms = rooms.borrow_mut();
                let new = || {
                    let room = Rc::new(Room { name: name.clone(), ..Room::default() });
                    tokio::task::spawn_local(write(room.clone()));
                    room
                };
                rooms.entry(name.clone()).or_insert_with(new).clone()
            };
            // A client that leaves is no failure here.
            let _ = admit(stream, room).await;
        });
    }
}

async fn admit(mut stream: TcpStream, room: impl FnOnce(String) -> Rc<Room>) -> Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let room = room(room_of(std::str::from_utf8(&request)?)?);
    drop(request);
    // The generator asks for no proof that this is a WebSocket.
    let mut answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec();
    for text in greeting(&room.name, room.offset.get()) {
        append(&mut answer, &text);
    }
    let (reader, mut writer) = stream.into_split();
    writer.write_all(&answer).await?;
    room.arriving.borrow_mut().push(writer);
    read(reader, &room).await
}

fn append(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(0x80 | TEXT);
    match text.len() {
        length @ 0..126 => bytes.push(length as u8),
        length => {
            bytes.push(126);
            bytes.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    bytes.extend_from_slice(text.as_bytes());
}

thread_local! {
    /// One buffer for all connections: none of them keeps it across an await.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

async fn read(reader: OwnedReadHalf, room: &Room) -> Result<()> {
    let mut rest: Vec<u8> = Vec::new();
    loop {
        reader.readable().await?;
        SCRATCH.with_borrow_mut(|scratch| {
            scratch[..rest.len()].copy_from_slice(&rest);
            match reader.try_read(&mut scratch[rest.len()..]) {
                Ok(0) => bail!("left"),
                Ok(read) => {
                    let bytes = &scratch[..rest.len() + read];
                    let walked = take_requests(bytes, room)?;
                    rest.clear();
                    rest.extend_from_slice(&bytes[walked..]);
                    Ok(())
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
                Err(error) => Err(error.into()),
            }
        })?;
    }
}

/// Announces every whole request; how many bytes they took. The generator's mask is zero.
fn take_requests(bytes: &[u8], room: &Room) -> Result<usize> {
    let mut walked = 0;
    loop {
        let (header, length) = match bytes[walked..] {
            [_, 0xfe, a, b, ..] => (8, usize::from(u16::from_be_bytes([a, b]))),
            [_, short @ 0x80..0xfe, ..] => (6, usize::from(short & 0x7f)),
            _ => return Ok(walked),
        };
        let Some(payload) = bytes.get(walked + header..walked + header + length) else { return Ok(walked) };
        let offset = room.offset.get() + 1;
        room.offset.set(offset);
        let text = announcement(&room.name, offset, std::str::from_utf8(payload)?).context("not a message")?;
        append(&mut room.pending.borrow_mut(), &text);
        room.changed.notify_one();
        walked += header + length;
    }
}

async fn write(room: Rc<Room>) {
    let mut writers = Vec::new();
    loop {
        room.changed.notified().await;
        // Whoever has something to say says it first, so that one write carries all of it.
        tokio::task::yield_now().await;
        writers.append(&mut room.arriving.borrow_mut());
        let bytes = room.pending.take();
        for writer in &mut writers {
            let _ = writer.write_all(&bytes).await;
        }
    }
}
