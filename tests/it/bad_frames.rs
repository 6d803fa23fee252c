//! Frames against RFC 6455 or against our limits. The offender gets its close code on the wire and then a clean end;
//! a bystander never notices.

use crate::support::{
    Pipe, RawSocket, TestClient, TestServer,
    raw::{BINARY, CLOSE, END, Ending, MORE, PING, PONG, RawFrame, TEXT, TEXT_START, close_payload, frame, header},
};
use std::time::Duration;
use switchboard::{model::Role, settings::Settings};

const MAX_EVENT_BYTES: u64 = 65_536;

/// A server with a bystander, whom nothing that happens to others concerns.
struct Scene {
    server: TestServer,
    bystander: TestClient,
    said: u32,
    offender: String,
}

impl Scene {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let server = TestServer::start_with(|settings| {
            settings.socket.events_per_sec = 0;
            change(settings);
        })
        .await;
        let bystander = server.client("bystander").await;
        server.account("offender", Role::Member).await;
        let (offender, _) = server.login("offender", None).await;
        Self { server, bystander, said: 0, offender }
    }

    async fn offender(&self) -> RawSocket {
        self.server.raw_of(Pipe::Wide, &self.offender, None, "").await
    }

    /// The offender writes `bytes` and is closed with `code`, cleanly.
    async fn is_closed_with(&mut self, code: u16, what: &str, bytes: &[u8]) {
        let mut offender = self.offender().await;
        // Closed in the middle of a flood it need not take all of it.
        offender.tries_to_write(bytes).await;
        let ending = offender.ending().await;
        assert_eq!(ending.close.as_ref().map(|(code, _)| *code), Some(code), "{what}");
        assert!(ending.clean, "{what}: the connection was reset after the close frame");
        self.goes_on().await;
    }

    /// The offender writes `bytes` and may stay.
    async fn is_tolerated(&mut self, what: &str, bytes: &[u8]) -> RawSocket {
        let mut offender = self.offender().await;
        offender.writes(bytes).await;
        offender.sends_text(r#"{"type":"list_rooms","id":"marker"}"#).await;
        loop {
            let event = offender.event().await;
            if event["id"] == "marker" {
                assert_eq!(event["type"], "ok", "{what}");
                return offender;
            }
        }
    }

    async fn goes_on(&mut self) {
        self.said += 1;
        let text = format!("undisturbed {}", self.said);
        self.bystander.says("general", &text).await;
        assert_eq!(self.bystander.hears("new_message").await["message"], text);
    }

    async fn stop(self) {
        self.server.stop().await;
    }
}

#[tokio::test]
async fn binary_is_closed_with_1003() {
    let mut scene = Scene::start().await;
    scene.is_closed_with(1003, "binary", &frame(BINARY, b"\0\x01\x02")).await;
    scene.is_closed_with(1003, "empty", &frame(BINARY, b"")).await;
    let fragments = [frame(0x02, b"a"), frame(END, b"b")].concat();
    scene.is_closed_with(1003, "in fragments", &fragments).await;
    scene.stop().await;
}

#[tokio::test]
async fn an_event_over_the_limit_is_closed_with_1009() {
    let mut scene = Scene::start().await;
    let limit = MAX_EVENT_BYTES as usize;
    let event = |bytes: usize| {
        let frame = r#"{"type":"list_rooms","payload":{"ignored":""}}"#;
        frame.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - frame.len())))
    };
    scene.is_tolerated("the limit itself", &frame(TEXT, event(limit).as_bytes())).await;
    scene.is_closed_with(1009, "one byte more", &frame(TEXT, event(limit + 1).as_bytes())).await;
    let half = "x".repeat(limit / 2);
    let fragments = [frame(TEXT_START, half.as_bytes()), frame(MORE, half.as_bytes()), frame(END, b"x")].concat();
    scene.is_closed_with(1009, "in fragments", &fragments).await;
    scene.stop().await;
}

/// Nothing of what it announces has to come, and nothing is allocated for it: this would be all memory there is.
#[tokio::test]
async fn an_announced_giant_is_closed_with_1009() {
    let mut scene = Scene::start().await;
    for length in [MAX_EVENT_BYTES + 1, 1 << 31, 1 << 32, 1 << 40, 1 << 62, (1 << 63) - 1] {
        scene.is_closed_with(1009, &format!("{length} bytes"), &header(TEXT, length)).await;
        scene.is_closed_with(1009, &format!("{length} bytes, binary"), &header(BINARY, length)).await;
    }
    scene.stop().await;
}

#[tokio::test]
async fn too_many_fragments_are_closed_with_1008() {
    let mut scene = Scene::start().await;
    let fragments = |count: usize| {
        let mut bytes = frame(TEXT_START, b"{");
        (0..count - 1).for_each(|_| bytes.extend(frame(MORE, b"")));
        bytes
    };
    let most = [fragments(63), frame(END, br#""type":"list_rooms"}"#)].concat();
    scene.is_tolerated("as many as are allowed", &most).await;
    scene.is_closed_with(1008, "ten thousand empty fragments", &fragments(10_000)).await;
    scene.is_closed_with(1008, "one too many", &fragments(65)).await;
    scene.stop().await;
}

#[tokio::test]
async fn a_message_that_does_not_end_is_closed_with_1008() {
    let mut scene = Scene::start_with(|settings| settings.socket.fragment_wait = Duration::from_millis(100)).await;
    scene.is_closed_with(1008, "a fragment, then silence", &frame(TEXT_START, b"{")).await;
    scene.is_closed_with(1008, "half a frame", &frame(TEXT, b"hello")[..8]).await;
    scene.is_closed_with(1008, "half a header", &[TEXT]).await;
    let kept_alive = [frame(TEXT_START, b"{"), frame(PING, b"")].concat();
    scene.is_closed_with(1008, "a ping in between is no progress", &kept_alive).await;
    scene.stop().await;
}

#[tokio::test]
async fn a_ping_flood_is_closed_with_1008() {
    let mut scene = Scene::start().await;
    scene.is_closed_with(1008, "ten thousand pings", &frame(PING, b"flood").repeat(10_000)).await;
    let mut polite = scene.is_tolerated("five pings", &frame(PING, b"hello").repeat(5)).await;
    polite.writes(&frame(PING, b"again")).await;
    assert_eq!(polite.next().await.unwrap(), Some(RawFrame { first: PONG, payload: b"again".to_vec() }));
    drop(polite);
    scene.stop().await;
}

#[tokio::test]
async fn text_that_is_not_utf8_is_closed_with_1007() {
    let mut scene = Scene::start().await;
    for (what, bytes) in [
        ("no UTF-8 at all", &b"\xff\xfe"[..]),
        ("cut in a character", b"{\"type\":\"\xf0\x9f\x98"),
        ("overlong", b"\xc0\xaf"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("beyond Unicode", b"\xf4\x90\x80\x80"),
    ] {
        scene.is_closed_with(1007, what, &frame(TEXT, bytes)).await;
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let fragments = [frame(TEXT_START, first), frame(END, second)].concat();
        scene.is_closed_with(1007, &format!("{what}, in fragments"), &fragments).await;
        let reason = frame(CLOSE, &close_payload(1000, bytes));
        scene.is_closed_with(1007, &format!("{what}, in a close reason"), &reason).await;
    }
    // Cut in the middle of a character, but whole together.
    let event = r#"{"type":"list_rooms","payload":{"ignored":"😀"}}"#.as_bytes();
    let cut = event.len() - 5;
    let fragments = [frame(TEXT_START, &event[..cut]), frame(END, &event[cut..])].concat();
    scene.is_tolerated("a character in two fragments", &fragments).await;
    scene.stop().await;
}

#[tokio::test]
async fn frames_against_the_standard_are_closed_with_1002() {
    let mut scene = Scene::start().await;
    let unmasked = [&[TEXT, 5][..], b"hello"].concat();
    scene.is_closed_with(1002, "not masked", &unmasked).await;
    for bit in [0x40, 0x20, 0x10] {
        scene.is_closed_with(1002, &format!("reserved bit {bit:#x}"), &frame(TEXT | bit, b"hello")).await;
        scene.is_closed_with(1002, &format!("reserved bit {bit:#x} on a ping"), &frame(PING | bit, b"")).await;
    }
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        scene.is_closed_with(1002, &format!("reserved opcode {opcode:#x}"), &frame(0x80 | opcode, b"")).await;
    }
    for (what, first) in [("ping", 0x09), ("pong", 0x0a), ("close", 0x08)] {
        scene.is_closed_with(1002, &format!("a {what} in fragments"), &frame(first, b"")).await;
    }
    scene.is_closed_with(1002, "a ping of 126 bytes", &frame(PING, &[b'x'; 126])).await;
    scene.is_closed_with(1002, "more of nothing", &frame(MORE, b"x")).await;
    scene.is_closed_with(1002, "the end of nothing", &frame(END, b"x")).await;
    let interleaved = [frame(TEXT_START, b"{"), frame(TEXT, b"{}")].concat();
    scene.is_closed_with(1002, "a message within a message", &interleaved).await;
    scene.stop().await;
}

#[tokio::test]
async fn close_codes_are_answered_in_kind_and_odd_ones_with_1002() {
    let mut scene = Scene::start().await;
    for code in [1000, 1001, 1002, 1003, 1007, 1011, 3000, 3999, 4000, 4999] {
        scene.is_closed_with(code, &format!("{code}"), &frame(CLOSE, &close_payload(code, b"bye"))).await;
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        scene.is_closed_with(1002, &format!("{code}"), &frame(CLOSE, &close_payload(code, b""))).await;
    }
    scene.is_closed_with(1002, "half a code", &frame(CLOSE, b"\x03")).await;
    scene.is_closed_with(1002, "too long", &frame(CLOSE, &close_payload(1000, &[b'x'; 124]))).await;
    // Without a code: 1005 stands for none.
    scene.is_closed_with(1005, "no code", &frame(CLOSE, b"")).await;
    scene.stop().await;
}

#[tokio::test]
async fn compression_is_not_negotiated() {
    let mut scene = Scene::start().await;
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame\r\n";
    let mut offender = scene.server.raw_of(Pipe::Wide, &scene.offender, None, offer).await;
    assert!(!offender.head.contains("sec-websocket-extensions"), "{}", offender.head);
    offender.writes(&frame(TEXT | 0x40, b"\xaa\x56\x2a\xa9\x2c\x48\x55\xb2\x52\x50\xaa\x05\x00")).await;
    assert_eq!(offender.close_code().await, 1002);
    drop(offender);
    scene.goes_on().await;
    scene.stop().await;
}

/// The peer neither answers our close frame nor hangs up; a stop waits for its connection all the same.
#[tokio::test]
async fn a_close_that_is_never_answered_ends_the_connection() {
    let mut scene = Scene::start().await;
    let mut offenders = Vec::new();
    for bytes in [frame(BINARY, b"x"), frame(TEXT, b"\xff"), frame(CLOSE, &close_payload(1000, b""))] {
        let mut offender = scene.offender().await;
        offender.writes(&bytes).await;
        assert!(offender.ending().await.close.is_some());
        // It goes on talking, too.
        offender.tries_to_write(&frame(PING, b"")).await;
        offenders.push(offender);
    }
    scene.goes_on().await;
    scene.stop().await;
}

#[tokio::test]
async fn a_peer_that_vanishes_in_the_middle_of_a_frame_leaves_nothing_behind() {
    let mut scene = Scene::start().await;
    for cut in [0, 1, 2, 5, 7] {
        let mut offender = scene.offender().await;
        offender.writes(&frame(TEXT, b"hello")[..cut]).await;
        drop(offender);
    }
    scene.goes_on().await;
    scene.server.until(|server| server.manager().clients().len() == 1).await;
    scene.stop().await;
}

/// Whoever is closed by a stop hears it as well, however little it answers.
#[tokio::test]
async fn a_stop_is_said_to_those_who_do_not_answer() {
    let scene = Scene::start().await;
    let mut silent = scene.offender().await;
    let Scene { server, bystander, .. } = scene;
    drop(bystander);
    let reader = async {
        let Ending { close, clean } = silent.ending().await;
        assert_eq!(close, Some((1012, "restart jitter_ms=4000".to_owned())));
        assert!(clean);
    };
    tokio::join!(server.stop(), reader);
}
