//! What watchers of a row are told.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

/// The event type.
pub const ROW_CHANGED: &str = "row_changed";

/// What has happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowAction {
    /// It is new.
    Insert,
    /// It is different, or was written again.
    Update,
    /// It is gone.
    Delete,
}

impl RowAction {
    /// As it is sent, and as triggers call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// The payload of `row_changed`.
#[derive(Debug, Clone, Serialize)]
pub struct RowChange<'r> {
    /// As [`RowAction::as_str`] says.
    pub action: &'r str,
    /// What tells the row apart, as text.
    pub key: &'r str,
    /// The row as it is now, or as it was when it was deleted.
    pub row: Option<&'r RawValue>,
    /// Why the row is not sent along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omitted: Option<&'static str>,
}

impl RowChange<'_> {
    /// Its JSON.
    #[must_use]
    pub fn to_json(&self) -> Arc<RawValue> {
        to_raw_value(self).expect("texts are JSON").into()
    }
}
