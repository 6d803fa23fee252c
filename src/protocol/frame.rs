//! Events encoded for the socket, once, and shared by every client that gets them.

use super::{CloseReason, ErrorCode, RequestId};
use crate::model::Publication;
use bytes::Bytes;
use serde::Serialize;
use std::{io::Cursor, iter};
use tokio_tungstenite::tungstenite::protocol::frame::{
    CloseFrame, Frame as WireFrame, FrameHeader,
    coding::{Data, OpCode},
};

/// One or more text frames as the bytes that go to the socket. Cheap to clone.
///
/// A server's frames are not masked (RFC 6455 section 5.1), so the bytes of a publication are
/// the same for everyone: what a busy topic committed together becomes one `Frame`, and each
/// client costs one queue entry and one write, not one per event.
#[derive(Debug, Clone)]
pub struct Frame {
    bytes: Bytes,
    events: u32,
}

#[derive(Serialize)]
struct Envelope<'a, P: Serialize> {
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RequestId>,
    payload: P,
}

#[derive(Serialize)]
struct ErrorPayload<'a> {
    code: ErrorCode,
    message: &'a str,
}

impl Frame {
    /// What a topic published, in order.
    #[must_use]
    pub fn publications<'a>(publications: impl IntoIterator<Item = &'a Publication>) -> Self {
        let mut bytes = Vec::new();
        let mut text = Vec::new();
        let mut events = 0;
        for publication in publications {
            let envelope = Envelope {
                r#type: &publication.event_type,
                topic: Some(publication.topic.as_str()),
                offset: Some(publication.offset.0),
                id: None,
                payload: &*publication.payload,
            };
            append(&mut bytes, &mut text, &envelope);
            events += 1;
        }
        Self { bytes: bytes.into(), events }
    }

    /// An event that belongs to no topic.
    #[must_use]
    pub fn event(event_type: &str, payload: &impl Serialize) -> Self {
        Self::single(&Envelope { r#type: event_type, topic: None, offset: None, id: None, payload })
    }

    /// The answer to a request.
    #[must_use]
    pub fn ok(id: &RequestId, payload: &impl Serialize) -> Self {
        Self::single(&Envelope { r#type: "ok", topic: None, offset: None, id: Some(id), payload })
    }

    /// The refusal of an event.
    #[must_use]
    pub fn error(id: Option<&RequestId>, code: ErrorCode, message: &str) -> Self {
        let payload = ErrorPayload { code, message };
        Self::single(&Envelope { r#type: "error", topic: None, offset: None, id, payload })
    }

    /// Any text as one frame.
    #[must_use]
    pub fn text(text: &[u8]) -> Self {
        Self::data(Data::Text, text)
    }

    /// Any bytes as one binary frame.
    #[must_use]
    pub fn binary(bytes: &[u8]) -> Self {
        Self::data(Data::Binary, bytes)
    }

    /// A ping; any frame that comes back proves that the client lives.
    #[must_use]
    pub fn ping() -> Self {
        Self::control(WireFrame::ping(Bytes::new()))
    }

    /// The frame that ends a connection.
    #[must_use]
    pub fn close(reason: CloseReason) -> Self {
        let code = reason.code().into();
        Self::control(WireFrame::close(Some(CloseFrame { code, reason: reason.text().into_owned().into() })))
    }

    /// Control frames the WebSocket library answers with: pongs, and its close.
    #[must_use]
    pub fn from_library(bytes: &[u8]) -> Self {
        Self { bytes: Bytes::copy_from_slice(bytes), events: 1 }
    }

    /// The texts in it, for another wire; control frames have none.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let mut cursor = Cursor::new(&self.bytes[..]);
        let frames = iter::from_fn(move || {
            let (header, length) = FrameHeader::parse(&mut cursor).ok()??;
            let (start, length) = (usize::try_from(cursor.position()).ok()?, usize::try_from(length).ok()?);
            cursor.set_position((start + length) as u64);
            Some((header.opcode, self.bytes.get(start..start + length)?))
        });
        let texts = frames.filter(|(opcode, _)| *opcode == OpCode::Data(Data::Text));
        texts.filter_map(|(_, payload)| std::str::from_utf8(payload).ok())
    }

    /// How many events it holds.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events as usize
    }

    /// Its bytes on the socket.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn single(envelope: &impl Serialize) -> Self {
        let mut bytes = Vec::new();
        append(&mut bytes, &mut Vec::new(), envelope);
        Self { bytes: bytes.into(), events: 1 }
    }

    fn data(kind: Data, payload: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(payload.len() + 10);
        append_header(&mut bytes, kind, payload.len());
        bytes.extend_from_slice(payload);
        Self { bytes: bytes.into(), events: 1 }
    }

    fn control(frame: WireFrame) -> Self {
        let mut bytes = Vec::new();
        frame.format(&mut bytes).expect("a Vec takes every byte");
        Self { bytes: bytes.into(), events: 1 }
    }
}

fn append(bytes: &mut Vec<u8>, text: &mut Vec<u8>, envelope: &impl Serialize) {
    text.clear();
    serde_json::to_writer(&mut *text, envelope).expect("an envelope has string keys and a Vec takes every byte");
    append_header(bytes, Data::Text, text.len());
    bytes.extend_from_slice(text);
}

fn append_header(bytes: &mut Vec<u8>, kind: Data, length: usize) {
    let header = FrameHeader { opcode: OpCode::Data(kind), ..FrameHeader::default() };
    header.format(length as u64, bytes).expect("a Vec takes every byte");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Offset, TopicName};
    use serde_json::value::to_raw_value;

    fn publication(offset: u64) -> Publication {
        Publication {
            topic: TopicName::parse("room.general").unwrap(),
            offset: Offset(offset),
            event_type: "new_message".into(),
            payload: to_raw_value(&serde_json::json!({"message": "x".repeat(offset as usize)})).unwrap().into(),
        }
    }

    #[test]
    fn publications_follow_each_other_as_frames_of_their_own() {
        let frame = Frame::publications(&[publication(1), publication(200), publication(70_000)]);
        assert_eq!(frame.events(), 3);
        let mut cursor = Cursor::new(frame.bytes());
        for offset in [1, 200, 70_000] {
            let (header, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
            assert!(header.is_final && header.mask.is_none());
            let start = cursor.position() as usize;
            let text = &frame.bytes()[start..start + length as usize];
            let event: serde_json::Value = serde_json::from_slice(text).unwrap();
            assert_eq!(event["offset"], offset);
            cursor.set_position(cursor.position() + length);
        }
    }

    #[test]
    fn the_texts_of_a_frame_are_found_and_control_frames_skipped() {
        let frame = Frame::publications(&[publication(1), publication(200), publication(70_000)]);
        let offset = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["offset"].as_u64();
        assert_eq!(frame.texts().map(offset).collect::<Vec<_>>(), [Some(1), Some(200), Some(70_000)]);
        assert_eq!(Frame::event("hello", &1).texts().collect::<Vec<_>>(), [r#"{"type":"hello","payload":1}"#]);
        for control in [Frame::ping(), Frame::close(CloseReason::Internal), Frame::binary(b"x")] {
            assert_eq!(control.texts().count(), 0);
        }
    }

    #[test]
    fn an_answer_carries_the_id_of_its_request() {
        let id = RequestId::from_value(7.into()).unwrap();
        let text = Frame::error(Some(&id), ErrorCode::BadRoom, "no").bytes()[2..].to_vec();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            r#"{"type":"error","id":7,"payload":{"code":"bad_room","message":"no"}}"#
        );
    }
}
