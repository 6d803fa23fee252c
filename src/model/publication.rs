//! One entry of a topic's log.

use super::{Offset, TopicName};
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc};

/// An event in a topic's history, with its place there. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Whose log it is in.
    pub topic: TopicName,
    /// Its place: 1, 2, 3 … without holes.
    pub offset: Offset,
    /// The event type, e.g. `new_message`.
    pub event_type: Cow<'static, str>,
    /// The payload as JSON text.
    pub payload: Arc<RawValue>,
}
