//! The messages of y-websocket, and ours beside them.

use super::guard::{BadUpdate, reader::Reader};
use crate::protocol::{ErrorCode, Frame};
use bytes::Bytes;

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;
/// Ours: "when everything I sent before this is stored, say so".
const FENCE: u64 = 100;

const SYNC_STEP_1: u64 = 0;
const SYNC_STEP_2: u64 = 1;
const UPDATE: u64 = 2;
const PERMISSION_DENIED: u64 = 0;

/// More of them in one frame only serve to be answered with much more than was sent.
const MAX_MESSAGES: usize = 64;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// "This is what I have": a state vector.
    SyncStep1(Bytes),
    /// "And this is what you lack": an update.
    SyncStep2(Bytes),
    /// An update.
    Update(Bytes),
    /// Who is where.
    Awareness(Bytes),
    /// "Who is where?"
    QueryAwareness,
    /// "Say this number when what I sent before is stored."
    Fence(u64),
}

/// The messages in a frame, in order.
///
/// # Errors
/// [`BadUpdate`]: it is none of this protocol.
pub(super) fn messages(frame: &Bytes) -> Result<Vec<Message>, BadUpdate> {
    let mut reader = Reader::new(frame);
    let mut messages = Vec::new();
    while !reader.is_at_end() {
        if messages.len() == MAX_MESSAGES {
            return Err(BadUpdate("a frame has too many messages"));
        }
        messages.extend(message(frame, &mut reader)?);
    }
    Ok(messages)
}

fn message(frame: &Bytes, reader: &mut Reader) -> Result<Option<Message>, BadUpdate> {
    Ok(Some(match reader.number()? {
        SYNC => {
            let message = match reader.number()? {
                SYNC_STEP_1 => Message::SyncStep1,
                SYNC_STEP_2 => Message::SyncStep2,
                UPDATE => Message::Update,
                _ => return Err(BadUpdate("a sync message of an unknown type")),
            };
            message(frame.slice_ref(reader.bytes()?))
        }
        AWARENESS => Message::Awareness(frame.slice_ref(reader.bytes()?)),
        // Who may what is known from the connection.
        AUTH => {
            reader.number()?;
            reader.bytes()?;
            return Ok(None);
        }
        QUERY_AWARENESS => Message::QueryAwareness,
        FENCE => Message::Fence(reader.number()?),
        _ => return Err(BadUpdate("a message of an unknown type")),
    }))
}

/// "This is what I have."
pub(super) fn sync_step_1(state_vector: &[u8]) -> Frame {
    frame(&[SYNC, SYNC_STEP_1], Some(state_vector))
}

/// "And this is what you lack."
pub(super) fn sync_step_2(update: &[u8]) -> Frame {
    frame(&[SYNC, SYNC_STEP_2], Some(update))
}

/// A change.
pub(super) fn update(update: &[u8]) -> Frame {
    frame(&[SYNC, UPDATE], Some(update))
}

/// Who is where.
pub(super) fn awareness(update: &[u8]) -> Frame {
    frame(&[AWARENESS], Some(update))
}

/// "That you may not."
pub(super) fn denied(why: ErrorCode) -> Frame {
    frame(&[AUTH, PERMISSION_DENIED], Some(why.as_str().as_bytes()))
}

/// "Everything you sent before is stored, or was refused."
pub(super) fn fence(number: u64) -> Frame {
    frame(&[FENCE, number], None)
}

fn frame(numbers: &[u64], bytes: Option<&[u8]>) -> Frame {
    let mut message = Vec::with_capacity(16 + bytes.map_or(0, <[u8]>::len));
    for number in numbers {
        put_number(&mut message, *number);
    }
    if let Some(bytes) = bytes {
        put_bytes(&mut message, bytes);
    }
    Frame::binary(&message)
}

/// Seven bits a byte, the lowest first.
pub(super) fn put_number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Their length, and they.
pub(super) fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put_number(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(frame: &Frame) -> Vec<u8> {
        frame.bytes()[2..].to_vec()
    }

    #[test]
    fn what_is_sent_is_read_again() {
        let bytes = Bytes::from_static(b"abc");
        for (frame, message) in [
            (sync_step_1(b"abc"), Message::SyncStep1(bytes.clone())),
            (sync_step_2(b"abc"), Message::SyncStep2(bytes.clone())),
            (update(b"abc"), Message::Update(bytes.clone())),
            (awareness(b"abc"), Message::Awareness(bytes.clone())),
            (fence(300), Message::Fence(300)),
        ] {
            assert_eq!(messages(&payload(&frame).into()), Ok(vec![message]));
        }
    }

    #[test]
    fn one_frame_may_hold_several_messages_and_auth_is_passed_over() {
        let mut frame = payload(&denied(ErrorCode::ReadOnly));
        assert_eq!(frame, b"\x02\x00\x09read_only");
        frame.extend([3]);
        frame.extend(payload(&fence(7)));
        assert_eq!(messages(&frame.into()), Ok(vec![Message::QueryAwareness, Message::Fence(7)]));
        assert_eq!(messages(&Bytes::new()), Ok(vec![]));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let many = vec![3; MAX_MESSAGES + 1];
        for bad in [&[9][..], &[0], &[0, 3, 0], &[0, 2, 5, 1], &[1, 0xff, 0xff, 0xff], &[100], &[0xff; 12], &many] {
            assert!(messages(&Bytes::copy_from_slice(bad)).is_err(), "{bad:?}");
        }
    }
}
