//! Documents: their rows, their logs of updates, their versions.

use super::{
    commit::{Batch, Decision},
    db::Db,
};
use crate::{
    model::{DocumentId, DocumentName, DocumentVersion, Offset, RoomName, UnixMillis, User, UserId, VersionId},
    storage::{DocumentEdit, DocumentPage, FoundDocument, StoreError, StoredContent, StoredUpdate, StoredVersion},
};

impl Batch<'_> {
    pub(super) fn edit_document(&mut self, _edit: &DocumentEdit, _author: Option<&User>, _at: UnixMillis) -> Decision {
        Err(not_yet())
    }
}

fn not_yet() -> StoreError {
    StoreError::Unavailable("documents are not stored yet".to_owned())
}

pub(super) fn find(
    _db: Db<'_>,
    _name: &DocumentName,
    _asker: Option<UserId>,
) -> Result<Option<FoundDocument>, StoreError> {
    Err(not_yet())
}

pub(super) fn of_room(
    _db: Db<'_>,
    _room: &RoomName,
    _asker: Option<UserId>,
    _after: Option<&DocumentName>,
    _limit: u32,
) -> Result<Option<DocumentPage>, StoreError> {
    Err(not_yet())
}

pub(super) fn page(_db: Db<'_>, _after: Option<&DocumentName>, _limit: u32) -> Result<DocumentPage, StoreError> {
    Err(not_yet())
}

pub(super) fn content(_db: Db<'_>, _id: DocumentId) -> Result<Option<StoredContent>, StoreError> {
    Err(not_yet())
}

pub(super) fn updates(_db: Db<'_>, _id: DocumentId, _after: Offset) -> Result<Vec<StoredUpdate>, StoreError> {
    Err(not_yet())
}

pub(super) fn compact(_db: Db<'_>, _id: DocumentId, _upto: Offset, _state: &[u8]) -> Result<bool, StoreError> {
    Err(not_yet())
}

pub(super) fn stale(_db: Db<'_>, _before: UnixMillis, _limit: u32) -> Result<Vec<DocumentName>, StoreError> {
    Err(not_yet())
}

pub(super) fn versions(_db: Db<'_>, _id: DocumentId) -> Result<Vec<DocumentVersion>, StoreError> {
    Err(not_yet())
}

pub(super) fn version(_db: Db<'_>, _id: DocumentId, _version: VersionId) -> Result<Option<StoredVersion>, StoreError> {
    Err(not_yet())
}
