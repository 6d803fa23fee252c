//! States of documents that somebody gave a name.

use super::{
    super::{
        commit::{Batch, Decision},
        db::{Db, Row, corrupt},
    },
    edit::answer,
};
use crate::{
    model::{
        DocumentId, DocumentName, DocumentVersion, RoomName, UnixMillis, User, UserId, UserName, VersionId, VersionName,
    },
    storage::{Outcome, Refusal, StoreError, StoredVersion},
};
use serde::Serialize;

/// `document_version_saved`, `document_version_deleted`
#[derive(Serialize)]
struct VersionChanged<'a> {
    room: Option<&'a RoomName>,
    name: &'a DocumentName,
    version: &'a DocumentVersion,
}

/// The columns that [`read`] takes.
macro_rules! columns {
    () => {
        "document_version.id, document_version.name, account.name, document_version.created_at, document_version.bytes"
    };
}

/// Where they come from.
macro_rules! tables {
    () => {
        " FROM document_version LEFT JOIN account ON account.id = document_version.created_by \
         WHERE document_version.document_id = $1 "
    };
}

impl Batch<'_> {
    pub(super) fn save_version(
        &mut self,
        id: DocumentId,
        (name, text): (&VersionName, &str),
        (max_versions, max_bytes): (u32, u64),
        author: Option<&User>,
        at: UnixMillis,
    ) -> Decision {
        let Some(document) = self.document(id)?.map(|row| row.document.clone()) else {
            return Ok(Err(Refusal::NoSuchDocument));
        };
        let count = "SELECT COUNT(*) FROM (SELECT 1 FROM document_version WHERE document_id = $1 LIMIT $2) AS found";
        if self.reaches(count, id.0, max_versions)? {
            return Ok(Err(Refusal::TooManyVersions));
        }
        let bytes = text.len() as u64;
        let all = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM document_version WHERE document_id = $1";
        let before = self.db.one(all, [id.0], |row| row.get::<i64>(0))?.unwrap_or(0);
        if u64::try_from(before).map_err(corrupt)? + bytes > max_bytes {
            return Ok(Err(Refusal::TooManyVersions));
        }
        let row = self.db.insert(
            "INSERT INTO document_version (document_id, name, created_by, created_at, bytes, body) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            (
                id.0,
                name.as_str(),
                author.map(|author| author.id.0),
                at,
                i64::try_from(bytes).map_err(corrupt)?,
                text.as_bytes(),
            ),
        )?;
        let by = author.map(|author| author.name.clone());
        let version = DocumentVersion { id: VersionId(row), name: name.clone(), by, at, bytes };
        let saved = VersionChanged { room: document.room.as_ref(), name: &document.name, version: &version };
        let told = self.tell_room(saved.room, "document_version_saved", &saved, at)?;
        Ok(answer(told, Outcome::Version(version)))
    }

    pub(super) fn delete_version(&mut self, id: DocumentId, version: VersionId, at: UnixMillis) -> Decision {
        const FIND: &str = concat!("SELECT ", columns!(), tables!(), "AND document_version.id = $2");
        let Some(document) = self.document(id)?.map(|row| row.document.clone()) else {
            return Ok(Err(Refusal::NoSuchDocument));
        };
        let Some(version) = self.db.one(FIND, (id.0, version.0), read)? else {
            return Ok(Err(Refusal::NoSuchVersion));
        };
        self.db.run("DELETE FROM document_version WHERE id = $1", [version.id.0])?;
        let deleted = VersionChanged { room: document.room.as_ref(), name: &document.name, version: &version };
        let told = self.tell_room(deleted.room, "document_version_deleted", &deleted, at)?;
        Ok(answer(told, Outcome::Version(version)))
    }
}

/// The versions of a document, the newest first.
pub(in crate::storage::sql) fn versions(db: Db<'_>, id: DocumentId) -> Result<Vec<DocumentVersion>, StoreError> {
    const ALL: &str = concat!("SELECT ", columns!(), tables!(), "ORDER BY document_version.id DESC");
    db.all(ALL, [id.0], read)
}

/// One version with its text.
pub(in crate::storage::sql) fn version(
    db: Db<'_>,
    id: DocumentId,
    version: VersionId,
) -> Result<Option<StoredVersion>, StoreError> {
    const FIND: &str = concat!(
        "SELECT ",
        columns!(),
        ", document_version.body, document_version.created_by",
        tables!(),
        "AND document_version.id = $2"
    );
    db.one(FIND, (id.0, version.0), |row| {
        let text = String::from_utf8(row.get(5)?).map_err(corrupt)?;
        let created_by = row.get::<Option<i64>>(6)?.map(UserId);
        Ok(StoredVersion { version: read(row)?, created_by, text })
    })
}

/// Reads [`columns!`].
fn read(row: &Row<'_>) -> Result<DocumentVersion, StoreError> {
    Ok(DocumentVersion {
        id: VersionId(row.get(0)?),
        name: VersionName::parse(row.text(1)?).map_err(corrupt)?,
        by: row.get::<Option<String>>(2)?.map(|name| UserName::parse(&name)).transpose().map_err(corrupt)?,
        at: row.get(3)?,
        bytes: u64::try_from(row.get::<i64>(4)?).map_err(corrupt)?,
    })
}
