//! Where a client was when it left.

use super::{Offset, TopicName};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, sync::Arc};
use utoipa::ToSchema;

/// The identity of the whole store: it changes when the store is re-created or restored from
/// a backup, never at a restart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(Arc<str>);

impl Epoch {
    /// Wraps what the store or a client says.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The epoch as it is stored and sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The last offset processed, per topic.
pub type Positions = BTreeMap<TopicName, Offset>;

/// What a returning client says it has seen: `{"epoch", "positions"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"epoch": "9c4f1d0ab3e24b6f", "positions": {"room.general": 41}})))]
pub struct Resume {
    /// The store the positions belong to.
    #[schema(value_type = String)]
    pub epoch: Epoch,
    /// The last offset processed, per topic.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub positions: Positions,
}
