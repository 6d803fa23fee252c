//! The envelope a client sends.

use super::{ErrorCode, InvalidJson, parse_strict};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// One envelope from a client: `{"type", "payload", "id"?}`. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What it is routed by.
    pub event_type: String,
    /// Always an object; `{}` when it was left out.
    pub payload: Value,
    /// What the answer will carry.
    pub id: Option<RequestId>,
}

/// A client's name for a request: a string of at most 64 bytes or a whole number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RequestId(Value);

impl RequestId {
    /// Longest string, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Takes a string or whole number; `None` for anything else.
    #[must_use]
    pub fn from_value(value: Value) -> Option<Self> {
        let ok = match &value {
            Value::String(text) => text.len() <= Self::MAX_BYTES,
            Value::Number(number) => number.is_i64() || number.is_u64(),
            _ => false,
        };
        ok.then_some(Self(value))
    }
}

/// A text that is no [`Event`], or a payload that is not what its type takes.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON as this wire wants it.
    #[error("not valid JSON: {0}")]
    Json(#[from] InvalidJson),
    /// Not an envelope.
    #[error("{what}")]
    Envelope {
        /// What is wrong with it.
        what: &'static str,
        /// The request's id where it has a good one.
        id: Option<RequestId>,
    },
    /// The payload's field at `path` is not what it should be.
    #[error("`{path}`: {problem}")]
    Payload {
        /// Dotted path below `payload`; `.` for the payload itself.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// `room` is a text, but not the name of a room.
    #[error("`room`: {problem}")]
    Room {
        /// What is wrong with it.
        problem: String,
    },
}

impl DecodeError {
    /// What the client may branch on.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Json(_) => ErrorCode::BadJson,
            Self::Envelope { .. } => ErrorCode::BadEvent,
            Self::Room { .. } => ErrorCode::BadRoom,
            Self::Payload { .. } => ErrorCode::BadPayload,
        }
    }
}

impl Event {
    /// Reads one text frame.
    ///
    /// # Errors
    /// [`DecodeError::Json`] or [`DecodeError::Envelope`].
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let Value::Object(mut object) = parse_strict(text)? else {
            return Err(DecodeError::Envelope { what: "an event is an object", id: None });
        };
        let id = match object.remove("id") {
            None | Some(Value::Null) => None,
            Some(value) => Some(RequestId::from_value(value).ok_or(DecodeError::Envelope {
                what: "`id` is a string of at most 64 bytes or a whole number",
                id: None,
            })?),
        };
        let Some(Value::String(event_type)) = object.remove("type") else {
            return Err(DecodeError::Envelope { what: "`type` is missing or not a string", id });
        };
        let payload = match object.remove("payload") {
            None => Value::Object(serde_json::Map::new()),
            Some(payload @ Value::Object(_)) => payload,
            Some(_) => return Err(DecodeError::Envelope { what: "`payload` is not an object", id }),
        };
        Ok(Self { event_type, payload, id })
    }

    /// Reads a payload as what its type takes.
    ///
    /// # Errors
    /// [`DecodeError::Payload`] with the path of the first field that is wrong, or [`DecodeError::Room`].
    pub fn decode_payload<P: DeserializeOwned>(payload: Value) -> Result<P, DecodeError> {
        let room_is_text = payload.get("room").is_some_and(Value::is_string);
        serde_path_to_error::deserialize(payload).map_err(|error| match bad_field(&error) {
            (path, problem) if room_is_text && path == "room" => DecodeError::Room { problem },
            (path, problem) => DecodeError::Payload { path, problem },
        })
    }

    /// As [`Event::decode_payload`], from text that [`parse_strict`] accepts, for types that keep some of it as it is.
    ///
    /// # Errors
    /// [`DecodeError::Payload`] with the path of the first field that is wrong.
    pub fn decode_payload_text<P: DeserializeOwned>(text: &str) -> Result<P, DecodeError> {
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(|error| {
            let (path, problem) = bad_field(&error);
            DecodeError::Payload { path, problem }
        })
    }
}

/// Which field is wrong, and why.
fn bad_field(error: &serde_path_to_error::Error<serde_json::Error>) -> (String, String) {
    let problem = error.inner().to_string();
    // The place in a text: the path says it better.
    let problem = problem.split(" at line ").next().unwrap_or_default().to_owned();
    // serde names a missing field in its text only.
    let missing = problem.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let path = error.path().to_string();
    match missing {
        Some(field) if path == "." => (field.to_owned(), "is missing".to_owned()),
        Some(field) => (format!("{path}.{field}"), "is missing".to_owned()),
        None => (path, problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[allow(dead_code)]
        room: crate::model::RoomName,
        #[allow(dead_code)]
        limit: u32,
    }

    fn code(text: &str) -> ErrorCode {
        Event::decode(text).unwrap_err().code()
    }

    #[test]
    fn each_fault_has_its_code() {
        assert_eq!(code("{"), ErrorCode::BadJson);
        assert_eq!(code("[]"), ErrorCode::BadEvent);
        assert_eq!(code("{}"), ErrorCode::BadEvent);
        assert_eq!(code(r#"{"type":1}"#), ErrorCode::BadEvent);
        assert_eq!(code(r#"{"type":"a","payload":1}"#), ErrorCode::BadEvent);
        assert_eq!(code(r#"{"type":"a","id":1.5}"#), ErrorCode::BadEvent);
    }

    #[test]
    fn a_bad_payload_names_its_field() {
        let decode = |payload: serde_json::Value| Event::decode_payload::<Sample>(payload).unwrap_err();
        let missing = decode(serde_json::json!({"room": "general"}));
        assert_eq!(missing.to_string(), "`limit`: is missing");
        assert_eq!(decode(serde_json::json!({"room": "a b", "limit": 1})).code(), ErrorCode::BadRoom);
        assert_eq!(decode(serde_json::json!({"room": 5, "limit": 1})).code(), ErrorCode::BadPayload);
        let negative = decode(serde_json::json!({"room": "general", "limit": -1}));
        assert!(matches!(negative, DecodeError::Payload { path, .. } if path == "limit"));
    }

    proptest! {
        #[test]
        fn an_event_survives_the_wire(event_type in "\\PC{0,40}", id in "\\PC{0,16}", key in "\\PC{0,9}", value: i64) {
            let text = serde_json::json!({"type": event_type, "id": id, "payload": {&key: value}, "extra": 1}).to_string();
            let event = Event::decode(&text).unwrap();
            prop_assert_eq!(event.event_type, event_type);
            prop_assert_eq!(event.id, RequestId::from_value(id.into()));
            prop_assert_eq!(event.payload, serde_json::json!({key: value}));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = Event::decode(&text);
        }
    }
}
