//! The usual shape: per client one task and one broadcast receiver, per message one `send`.

use crate::peers::{announcement, greeting, room_of};
use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
    },
};

/// Messages a client may lag behind before the channel drops the oldest. Above the generator's window.
const CAPACITY: usize = 4096;

struct Room {
    name: String,
    offset: Mutex<u64>,
    channel: broadcast::Sender<Message>,
}

type Rooms = Arc<Mutex<HashMap<String, Arc<Room>>>>;

pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    let rooms = Rooms::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(client(stream, rooms.clone()));
    }
}

async fn client(stream: TcpStream, rooms: Rooms) -> Result<()> {
    let mut target = String::new();
    #[allow(clippy::result_large_err)] // the library's signature
    let note_target = |request: &Request, response: Response| {
        target = request.uri().to_string();
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, note_target).await?;
    let room = room(&rooms, room_of(&target)?);
    let (mut announcements, greeting) = {
        let offset = room.offset.lock().unwrap_or_else(PoisonError::into_inner);
        (room.channel.subscribe(), greeting(&room.name, *offset))
    };
    for text in greeting {
        socket.send(Message::text(text)).await?;
    }
    loop {
        tokio::select! {
            request = socket.next() => match request {
                Some(Ok(Message::Text(request))) => announce(&room, &request)?,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(()),
            },
            announcement = announcements.recv() => socket.send(announcement?).await?,
        }
    }
}

fn room(rooms: &Rooms, name: String) -> Arc<Room> {
    let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
    let new = || Arc::new(Room { name: name.clone(), offset: Mutex::new(0), channel: broadcast::channel(CAPACITY).0 });
    rooms.entry(name.clone()).or_insert_with(new).clone()
}

fn announce(room: &Room, request: &str) -> Result<()> {
    let mut offset = room.offset.lock().unwrap_or_else(PoisonError::into_inner);
    *offset += 1;
    let text = announcement(&room.name, *offset, request).context("not a message")?;
    // Nobody listening is no failure.
    let _ = room.channel.send(Message::text(text));
    Ok(())
}
