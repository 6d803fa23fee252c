//! Documents that several people write together.

use super::parse::{hours, secs};
use crate::model::{DocumentName, DocumentPattern};
use serde::Deserialize;
use std::time::Duration;

/// `[document]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Documents {
    pub max_update_bytes: usize,
    pub max_bytes: usize,
    pub messages_per_sec: u32,
    pub messages_burst: u32,
    pub max_awareness_bytes: usize,
    #[serde(rename = "idle_secs", deserialize_with = "secs")]
    pub idle: Duration,
    pub compact_updates: u64,
    pub compact_bytes: usize,
    #[serde(rename = "compact_hours", deserialize_with = "hours")]
    pub compact_age: Duration,
    pub max_per_room: u32,
    pub max_per_namespace: u32,
    pub max_versions: u32,
    pub max_versions_bytes: u64,
    pub max_open_bytes: usize,
    pub namespace: Vec<DocumentNamespace>,
}

/// `[[document.namespace]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DocumentNamespace {
    pub pattern: DocumentPattern,
    pub members: NamespaceMembers,
}

/// What anyone with an account may do with the documents of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceMembers {
    /// Nothing: external users alone, as their OTP says.
    Nothing,
    /// Read them.
    Read,
    /// Read them and write in them.
    Write,
}

impl Documents {
    /// The namespace that a document of this name belongs to; `None`: it belongs to a room.
    #[must_use]
    pub fn namespace_of(&self, name: &DocumentName) -> Option<&DocumentNamespace> {
        self.namespace.iter().find(|namespace| namespace.pattern.matches(name))
    }
}
