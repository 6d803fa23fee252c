//! Two tiny servers to compare with: no accounts, no storage, no answers, the same frames.
//!
//! They run as processes of their own, on the server's core, started from this very binary.

use crate::{peer_floor, peer_usual};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;

#[derive(Debug, Args)]
pub(crate) struct Options {
    shape: Shape,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    Floor,
    Usual,
}

/// Serves until it is killed.
pub(crate) fn run(options: Options) -> Result<()> {
    match options.shape {
        Shape::Floor => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(Default::default())?
            .block_on(async { peer_floor::serve(listen().await?).await }),
        // As `#[tokio::main]` makes it.
        Shape::Usual => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(async { peer_usual::serve(listen().await?).await }),
    }
}

async fn listen() -> Result<TcpListener> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = socket.listen(4096)?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(listener)
}

/// The room a request names: `/ws?room=NAME`.
pub(crate) fn room_of(target: &str) -> Result<String> {
    let query = target.split_once("room=").context("a request without a room")?.1;
    Ok(query.split(['&', ' ']).next().unwrap_or_default().to_owned())
}

/// The first two events, as the real server sends them.
pub(crate) fn greeting(room: &str, offset: u64) -> [String; 2] {
    [
        format!(r#"{{"type":"hello","payload":{{"topics":{{"room.{room}":{{"offset":{offset}}}}}}}}}"#),
        r#"{"type":"caught_up","payload":{}}"#.to_owned(),
    ]
}

/// The text that is announced for a `send_message` request.
pub(crate) fn announcement(room: &str, offset: u64, request: &str) -> Option<String> {
    let message = request.split_once(r#""message":""#)?.1.split('"').next()?;
    Some(format!(
        r#"{{"type":"new_message","topic":"room.{room}","offset":{offset},"payload":{{"id":{offset},"room":"{room}","from":"u00001","message":"{message}","sent":1795262401234}}}}"#
    ))
}
