//! Thousands of messages that were bent: whoever sends them is closed or not, the document and the others stay whole.

use super::{
    wire::{self, take_number},
    writer::{Door, Edit, Kind, State, Writer},
    yjs::Yjs,
};
use crate::support::{BUDGET, TestClient, TestServer};
use futures_util::{SinkExt, StreamExt};
use hyper::Request;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use yrs::{Doc, ReadTxn, StateVector, Text, Transact};

const ATTACKERS: u64 = 4;
const FRAMES: usize = 500;
/// Frames sent in a row, before the attacker asks whether it is still there: few, since nothing behind the first bad one is
/// looked at.
const AT_ONCE: usize = 2;
/// Close codes that a bent message may earn.
const EARNED: [u16; 4] = [1008, 1009, 4003, 4005];

/// Messages as good clients send them.
fn good_messages(random: &mut StdRng) -> Vec<Vec<u8>> {
    let doc = Doc::with_client_id(random.random_range(1..1 << 32));
    let text = doc.get_or_insert_text("text");
    let mut messages = Vec::new();
    for n in 0..8 {
        let mut change = doc.transact_mut();
        text.insert(&mut change, n, "words of an attacker 😀");
        text.remove_range(&mut change, n + 1, 3);
        messages.push(wire::sync(wire::UPDATE, &change.encode_update_v1()));
    }
    let seen = doc.transact();
    messages.push(wire::sync(wire::STEP_2, &seen.encode_state_as_update_v1(&StateVector::default())));
    messages.push(wire::sync(wire::STEP_1, &yrs::updates::encoder::Encode::encode_v1(&seen.state_vector())));
    let state = wire::counted(br##"{"user":{"name":"x","color":"#123456"},"cursor":null}"##);
    let client = wire::number(random.random_range(1..1 << 32));
    messages.push(wire::awareness(&[wire::number(1), client, wire::number(1), state].concat()));
    messages
}

/// Bytes changed, cut out, doubled, or made numbers as large as they get.
fn bent(message: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = message.to_vec();
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..6) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => bytes.truncate(at.max(1)),
            3 => drop(bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
            4 => bytes.extend_from_within(at..),
            _ => drop(bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f])),
        }
    }
    bytes
}

/// Sends bent messages over as many connections as it takes: how often it was closed.
async fn attacks(door: Door, seed: u64) -> usize {
    let mut random = StdRng::seed_from_u64(seed);
    let good = good_messages(&mut random);
    let (mut sent, mut closed) = (0, 0);
    while sent < FRAMES {
        let path = format!("/documents/{}?otp={}", door.name, door.otp().await.expect("it lives"));
        let mut socket = TestClient::tries_to_open_at(door.http, &path).await.expect("the OTP is good");
        while sent < FRAMES {
            for _ in 0..AT_ONCE {
                let message = bent(&good[random.random_range(0..good.len())], &mut random);
                let _ = socket.send(Message::binary(message)).await; // it may have been closed already
                sent += 1;
            }
            let _ = socket.send(Message::binary(wire::fence(sent as u64))).await;
            if let Err(code) = is_there(&mut socket, sent as u64).await {
                assert!(EARNED.contains(&code), "closed with {code}");
                closed += 1;
                break;
            }
        }
    }
    closed
}

/// Waits for the answer to a fence, or for the close frame's code.
async fn is_there(
    socket: &mut tokio_tungstenite::WebSocketStream<Box<dyn crate::support::http::Stream>>,
    asked: u64,
) -> Result<(), u16> {
    loop {
        match timeout(BUDGET, socket.next()).await.expect("an answer") {
            // What it is asked for after an update that was bent to lack something: fences wait for the answer.
            Some(Ok(Message::Binary(frame))) if frame.starts_with(&[0, 0]) => {
                let _ = socket.send(Message::binary(wire::sync(wire::STEP_2, &[0, 0]))).await;
            }
            Some(Ok(Message::Binary(frame))) => {
                let mut frame = &frame[..];
                if take_number(&mut frame) == wire::FENCE && take_number(&mut frame) == asked {
                    return Ok(());
                }
            }
            Some(Ok(Message::Close(Some(close)))) => return Err(close.code.into()),
            Some(Ok(_)) => {}
            // It hung up on somebody who was still sending: the reset ate the close frame.
            Some(Err(_)) | None => return Err(4005),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_bent_messages_leave_the_document_and_a_bystander_whole() {
    let Some(yjs) = Yjs::start(&[]) else { return };
    let server = TestServer::start_with(|settings| {
        settings.document.messages_per_sec = 1_000_000;
        settings.document.messages_burst = 1_000_000;
    })
    .await;
    let key = server.made_key("app", &["otp", "documents:app.*"]).await.secret.expose().to_owned();
    let door = |user: String| Door::of_external(server.http(), &key, &user, "app.target", "write");
    let bystander = Writer::new(Kind::Raw, &yjs, door("bystander".into()), 1).await;
    let watcher = Writer::new(Kind::Provider, &yjs, door("watcher".into()), 2).await;
    watcher.does("synced", json!({})).await;
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let attacking: Vec<_> =
        (0..ATTACKERS).map(|n| tokio::spawn(attacks(door(format!("attacker{n}")), seed ^ n))).collect();
    for n in 0..50 {
        bystander.edits(Edit { at: 0.5, remove: 0, insert: format!("<{n}>") }).await;
        bystander.saves().await;
    }
    let mut closed = 0;
    for attack in attacking {
        closed += attack.await.unwrap();
    }
    assert!(closed > 0, "every one of them was good");
    bystander.edits(Edit { at: 0.0, remove: 0, insert: "still here".into() }).await;
    bystander.saves().await;
    let settled = bystander.settles().await;
    assert_eq!(settled.said, Vec::<String>::new());
    watcher.does("until_text", json!({"text": settled.text})).await;
    assert_eq!(watcher.does("closed_times", json!({})).await, 0);
    let server = server.restart().await;
    let request = Request::get("/documents/app.target/text").header("authorization", format!("Bearer {key}"));
    let stored = server.http().send(request, Vec::new()).await;
    assert_eq!(String::from_utf8(stored.body.to_vec()).unwrap(), settled.text);
    let newcomer = Door::of_external(server.http(), &key, "newcomer", "app.target", "write");
    let State { text, vector, .. } = Writer::new(Kind::Yrs, &yjs, newcomer, 3).await.settles().await;
    assert_eq!((text, vector), (settled.text, settled.vector));
    println!("{} bent messages, {closed} connections closed", ATTACKERS as usize * FRAMES);
    server.stop().await;
}
