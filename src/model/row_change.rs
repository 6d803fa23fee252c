//! What watchers of a row are told.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

/// What has happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RowAction {
    /// It is new.
    Insert,
    /// It is different, or was written again.
    Update,
    /// It is gone.
    Delete,
}

/// The payload of `row_changed`.
#[derive(Debug, Clone, Serialize)]
pub struct RowChange<'r> {
    /// What has happened.
    pub action: RowAction,
    /// What tells the row apart, as text.
    pub key: &'r str,
    /// The row as it is now, or as it was when it was deleted.
    pub row: &'r RawValue,
}

impl RowChange<'_> {
    /// The event type.
    pub const EVENT_TYPE: &'static str = "row_changed";

    /// Its JSON.
    #[must_use]
    pub fn to_json(&self) -> Arc<RawValue> {
        to_raw_value(self).expect("texts are JSON").into()
    }
}
