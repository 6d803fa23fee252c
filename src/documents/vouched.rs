//! Documents that a back end lets its own users open.

use super::{Documents, Listed};
use crate::{
    manager::HandlerError,
    model::{ApiKey, DocumentAccess, DocumentName},
    protocol::ErrorCode,
};
use std::collections::BTreeMap;

/// Most documents that one OTP lists.
const MAX_LISTED: usize = 1024;

impl Documents {
    /// Checks what the holder of `key` lists for a user of theirs: each is of a namespace, and covered by a scope.
    ///
    /// # Errors
    /// [`HandlerError::BadField`] for too many; [`HandlerError::Denied`] names the first that cannot be listed.
    pub fn listed(&self, key: &ApiKey, wanted: BTreeMap<String, DocumentAccess>) -> Result<Listed, HandlerError> {
        if wanted.len() > MAX_LISTED {
            return Err(HandlerError::BadField { field: "documents", problem: "must have at most 1024" });
        }
        let mut listed = Listed::new();
        for (text, access) in wanted {
            let denied =
                |code, problem: &str| HandlerError::Denied { code, message: format!("`documents.{text}`: {problem}") };
            let name =
                DocumentName::parse(&text).map_err(|error| denied(ErrorCode::BadDocument, &error.to_string()))?;
            if self.settings.document.namespace_of(&name).is_none() {
                return Err(denied(ErrorCode::NoSuchNamespace, "no namespace has a document of this name"));
            }
            if !key.may_write(&name) {
                return Err(denied(ErrorCode::Forbidden, "this key has no scope that covers it"));
            }
            // In two spellings, perhaps with two meanings.
            if listed.insert(name, access).is_some() {
                return Err(denied(ErrorCode::BadPayload, "is there twice"));
            }
        }
        Ok(listed)
    }
}
