//! Documents: their rows, their logs of updates, their versions.

mod content;
mod edit;
mod versions;

pub(super) use content::{compact, content, stale, updates};
pub(super) use versions::{version, versions};

use super::{
    commit::Batch,
    db::{Db, ForEach, Row, corrupt},
    log,
};
use crate::{
    model::{
        Document, DocumentId, DocumentName, DocumentTitle, MembersMay, Offset, RoomName, UnixMillis, UserId, UserName,
    },
    storage::{DocumentPage, FoundDocument, StoreError},
};
use bytes::Bytes;
use std::collections::HashMap;

/// The columns that [`DocumentRow::read`] takes.
macro_rules! columns {
    () => {
        "document.id, document.name, document.title, document.room_id, room.name, document.read_only, \
         document.created_by, account.name, document.created_at, document.changed_at, document.head"
    };
}

/// Where they come from.
macro_rules! tables {
    () => {
        " FROM document LEFT JOIN room ON room.id = document.room_id \
         LEFT JOIN account ON account.id = document.created_by "
    };
}

/// A document as a batch knows it.
#[derive(Debug, Clone)]
pub(in crate::storage) struct DocumentRow {
    document: Document,
    pub(in crate::storage) room: Option<i64>,
    created_by: Option<UserId>,
    head: Offset,
    /// Whether `head` is to be written when the batch ends.
    changed: bool,
}

impl DocumentRow {
    /// Those of these ids.
    pub(in crate::storage) const OF_IDS: &str =
        concat!("SELECT ", columns!(), tables!(), "WHERE document.id = ANY ($1::bigint[])");

    fn find(db: Db<'_>, id: DocumentId) -> Result<Option<Self>, StoreError> {
        const FIND: &str = concat!("SELECT ", columns!(), tables!(), "WHERE document.id = $1");
        db.one(FIND, [id.0], Self::read)
    }

    /// Reads [`columns!`].
    pub(in crate::storage) fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        let room = row.get::<Option<String>>(4)?.map(|name| RoomName::parse(&name)).transpose().map_err(corrupt)?;
        let maker = row.get::<Option<String>>(7)?.map(|name| UserName::parse(&name)).transpose().map_err(corrupt)?;
        let document = Document {
            name: DocumentName::parse(row.text(1)?).map_err(corrupt)?,
            id: DocumentId(row.get(0)?),
            title: DocumentTitle::parse(row.text(2)?).map_err(corrupt)?,
            room,
            members: if row.get(5)? { MembersMay::Read } else { MembersMay::Write },
            created_by: maker,
            created_at: row.get(8)?,
            changed_at: row.get(9)?,
        };
        let created_by = row.get::<Option<i64>>(6)?.map(UserId);
        Ok(Self { document, room: row.get(3)?, created_by, head: log::offset(row, 10)?, changed: false })
    }

    pub(in crate::storage) fn id(&self) -> DocumentId {
        self.document.id
    }
}

/// A row of `document_update`: whose, its number, when, and what it says.
pub(super) type UpdateRow = (i64, i64, UnixMillis, Bytes);

pub(super) const APPEND_UPDATE: ForEach = ForEach {
    one: "INSERT INTO document_update (document_id, number, created_at, body) VALUES ($1, $2, $3, $4)",
    all: "INSERT INTO document_update (document_id, number, created_at, body) \
          SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])",
};
pub(super) const SET_DOCUMENT_HEAD: ForEach = ForEach {
    one: "UPDATE document SET head = $1, changed_at = $2 WHERE id = $3",
    all: "UPDATE document SET head = new.head, changed_at = new.changed_at \
          FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS new (head, changed_at, id) \
          WHERE document.id = new.id",
};

/// A batch's documents, and the updates that are written when it ends.
#[derive(Default)]
pub(in crate::storage) struct Documents {
    pub(in crate::storage) rows: HashMap<DocumentId, Option<DocumentRow>>,
    pub(super) updates: Vec<UpdateRow>,
}

impl Documents {
    /// How far logs reach now: once per document, not once per update.
    pub(super) fn heads(&self) -> Vec<(i64, UnixMillis, i64)> {
        let changed = self.rows.values().flatten().filter(|row| row.changed);
        changed.map(|row| (log::sql(row.head), row.document.changed_at, row.document.id.0)).collect()
    }

    fn append(&mut self, id: DocumentId, update: &Bytes, at: UnixMillis) -> Option<Offset> {
        let row = self.rows.get_mut(&id)?.as_mut()?;
        row.head = row.head.next();
        row.document.changed_at = at;
        row.changed = true;
        self.updates.push((id.0, log::sql(row.head), at, update.clone()));
        Some(row.head)
    }

    /// What a document that goes leaves in the batch.
    fn forget(&mut self, id: DocumentId) {
        self.rows.insert(id, None);
        self.updates.retain(|(document, ..)| *document != id.0);
    }
}

impl Batch<'_> {
    /// The document, read once per batch.
    fn document(&mut self, id: DocumentId) -> Result<Option<&mut DocumentRow>, StoreError> {
        if !self.documents.rows.contains_key(&id) {
            let row = DocumentRow::find(self.db, id)?;
            self.documents.rows.insert(id, row);
        }
        Ok(self.documents.rows.get_mut(&id).and_then(Option::as_mut))
    }
}

/// The document of this name, and whether `asker` is in its room.
pub(super) fn find(
    db: Db<'_>,
    name: &DocumentName,
    asker: Option<UserId>,
) -> Result<Option<FoundDocument>, StoreError> {
    const FIND: &str = concat!(
        "SELECT ",
        columns!(),
        ", member.account_id",
        tables!(),
        "LEFT JOIN member ON member.room_id = document.room_id AND member.account_id = $1 WHERE document.name = $2"
    );
    db.one(FIND, (asker.map(|user| user.0), name.as_str()), |row| {
        let is_member = row.get::<Option<i64>>(11)?.is_some();
        let DocumentRow { document, created_by, .. } = DocumentRow::read(row)?;
        Ok(FoundDocument { document, created_by, is_member })
    })
}

/// The documents of a room, if `asker` is in it.
pub(super) fn of_room(
    db: Db<'_>,
    room: &RoomName,
    asker: Option<UserId>,
    after: Option<&DocumentName>,
    limit: u32,
) -> Result<Option<DocumentPage>, StoreError> {
    const OF_ROOM: &str = concat!(
        "SELECT ",
        columns!(),
        tables!(),
        "WHERE document.room_id = $1 AND document.name > $2 ORDER BY document.name LIMIT $3"
    );
    let id = |row: &Row<'_>| row.get::<i64>(0);
    let found = match asker {
        Some(asker) => db.one(
            "SELECT room.id FROM room JOIN member ON member.room_id = room.id AND member.account_id = $1 \
             WHERE room.name = $2",
            (asker.0, room.as_str()),
            id,
        )?,
        None => db.one("SELECT id FROM room WHERE name = $1", [room.as_str()], id)?,
    };
    let Some(id) = found else { return Ok(None) };
    let params = (id, above(after), i64::from(limit) + 1);
    let (documents, more) = db.page(OF_ROOM, params, (limit, usize::MAX), |_| 0, read)?;
    Ok(Some(DocumentPage { documents, more }))
}

/// The next documents, by name.
pub(super) fn page(db: Db<'_>, after: Option<&DocumentName>, limit: u32) -> Result<DocumentPage, StoreError> {
    const PAGE: &str =
        concat!("SELECT ", columns!(), tables!(), "WHERE document.name > $1 ORDER BY document.name LIMIT $2");
    let params = (above(after), i64::from(limit) + 1);
    let (documents, more) = db.page(PAGE, params, (limit, usize::MAX), |_| 0, read)?;
    Ok(DocumentPage { documents, more })
}

/// No name is empty.
fn above(name: Option<&DocumentName>) -> &str {
    name.map_or("", DocumentName::as_str)
}

fn read(row: &Row<'_>) -> Result<Document, StoreError> {
    Ok(DocumentRow::read(row)?.document)
}

#[cfg(test)]
pub(in crate::storage) use content::STALE;
