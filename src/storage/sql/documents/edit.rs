//! What happens to documents, and what their rooms are told.

use super::{
    super::commit::{Batch, Decision},
    DocumentRow,
};
use crate::{
    model::{
        Document, DocumentId, DocumentName, DocumentPattern, DocumentTitle, MembersMay, Offset, Publication, RoomName,
        TopicName, UnixMillis, User, UserName,
    },
    storage::{Committed, DocumentEdit, Outcome, Refusal, StoreError},
};
use bytes::Bytes;
use serde::Serialize;

/// `document_created`, `document_updated`
#[derive(Serialize)]
struct DocumentChanged<'a> {
    room: Option<&'a RoomName>,
    document: &'a Document,
    by: Option<&'a UserName>,
}

impl<'a> DocumentChanged<'a> {
    fn new(document: &'a Document, author: Option<&'a User>) -> Self {
        Self { room: document.room.as_ref(), document, by: author.map(|author| &author.name) }
    }
}

/// `document_deleted`
#[derive(Serialize)]
struct DocumentDeleted<'a> {
    room: Option<&'a RoomName>,
    name: &'a DocumentName,
    id: DocumentId,
    title: &'a DocumentTitle,
    by: Option<&'a UserName>,
}

/// What a new document is to be.
struct NewDocument<'e> {
    name: &'e DocumentName,
    title: &'e DocumentTitle,
    room: Option<&'e RoomName>,
    members: MembersMay,
    content: &'e Bytes,
    max_per_room: u32,
    namespace: Option<&'e (DocumentPattern, u32)>,
}

impl Batch<'_> {
    pub(in crate::storage::sql) fn edit_document(
        &mut self,
        edit: &DocumentEdit,
        author: Option<&User>,
        at: UnixMillis,
    ) -> Decision {
        if let Some(id) = edit.id()
            && !self.is_open_to(id, author)?
        {
            return Ok(Err(Refusal::NoSuchDocument));
        }
        match edit {
            DocumentEdit::Create { name, title, room, members, content, max_per_room, namespace } => {
                let (room, members, max_per_room) = (room.as_ref(), *members, *max_per_room);
                let namespace = namespace.as_ref();
                let new = NewDocument { name, title, room, members, content, max_per_room, namespace };
                self.create_document(&new, author, at)
            }
            DocumentEdit::Update { id, title, members } => {
                self.update_document(*id, (title.as_ref(), *members), author, at)
            }
            DocumentEdit::Delete { id } => self.delete_document(*id, author, at),
            DocumentEdit::Append { id, update } => Ok(match self.documents.append(*id, update, at) {
                Some(number) => answer(Vec::new(), Outcome::Appended(number)),
                None => Err(Refusal::NoSuchDocument),
            }),
            DocumentEdit::SaveVersion { id, name, text, max_versions, max_bytes } => {
                self.save_version(*id, (name, text), (*max_versions, *max_bytes), author, at)
            }
            DocumentEdit::DeleteVersion { id, version } => self.delete_version(*id, *version, at),
        }
    }

    /// Whether it is there, and its author in its room. Afterwards the batch knows it.
    fn is_open_to(&mut self, id: DocumentId, author: Option<&User>) -> Result<bool, StoreError> {
        let Some(room) = self.document(id)?.map(|row| row.room) else { return Ok(false) };
        room.map_or(Ok(true), |room| self.is_room_open_to(room, author))
    }

    fn is_room_open_to(&mut self, room: i64, author: Option<&User>) -> Result<bool, StoreError> {
        author.map_or(Ok(true), |author| self.is_member(room, author.id))
    }

    fn create_document(&mut self, new: &NewDocument<'_>, author: Option<&User>, at: UnixMillis) -> Decision {
        let room = match new.room {
            None => None,
            Some(name) => {
                let Some(id) = self.room(name)?.map(|row| row.id) else { return Ok(Err(Refusal::NoSuchRoom)) };
                if !self.is_room_open_to(id, author)? {
                    return Ok(Err(Refusal::NoSuchRoom));
                }
                Some(id)
            }
        };
        if self.db.any("SELECT 1 FROM document WHERE name = $1", [new.name.as_str()])? {
            return Ok(Err(Refusal::DocumentExists));
        }
        let count = "SELECT COUNT(*) FROM (SELECT 1 FROM document WHERE room_id = $1 LIMIT $2) AS found";
        if let Some(room) = room
            && self.reaches(count, room, new.max_per_room)?
        {
            return Ok(Err(Refusal::TooManyDocuments));
        }
        if let Some((pattern, most)) = new.namespace
            && self.has_as_many_of(pattern, *most)?
        {
            return Ok(Err(Refusal::TooManyDocuments));
        }
        let document = self.insert_document(new, room, author, at)?;
        let created = DocumentChanged::new(&document, author);
        let told = self.tell_room(created.room, "document_created", &created, at)?;
        Ok(answer(told, Outcome::Document(document)))
    }

    /// Whether as many documents without a room are of this pattern. Names are compared by their bytes.
    fn has_as_many_of(&self, pattern: &DocumentPattern, most: u32) -> Result<bool, StoreError> {
        const COUNT: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM document WHERE room_id IS NULL AND name >= $1 \
             AND name < $2 LIMIT $3) AS found";
        let Some(first) = pattern.prefix() else { return Ok(false) };
        let behind = format!("{first}{}", char::MAX);
        let found = self.db.one(COUNT, (first, &*behind, most), |row| row.get::<u32>(0))?;
        Ok(found.is_some_and(|found| found >= most))
    }

    fn insert_document(
        &mut self,
        new: &NewDocument<'_>,
        room: Option<i64>,
        author: Option<&User>,
        at: UnixMillis,
    ) -> Result<Document, StoreError> {
        let created_by = author.map(|author| author.id);
        let read_only = i64::from(new.members == MembersMay::Read);
        let id = self.db.insert(
            "INSERT INTO document (name, title, room_id, read_only, created_by, created_at, changed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $6)",
            (new.name.as_str(), new.title.as_str(), room, read_only, created_by.map(|user| user.0), at),
        )?;
        let document = Document {
            name: new.name.clone(),
            id: DocumentId(id),
            title: new.title.clone(),
            room: new.room.cloned(),
            members: new.members,
            created_by: author.map(|author| author.name.clone()),
            created_at: at,
            changed_at: at,
        };
        let row = DocumentRow { document: document.clone(), room, created_by, head: Offset::ZERO, changed: false };
        self.documents.rows.insert(document.id, Some(row));
        if !new.content.is_empty() {
            self.documents.append(document.id, new.content, at);
        }
        Ok(document)
    }

    fn update_document(
        &mut self,
        id: DocumentId,
        (title, members): (Option<&DocumentTitle>, Option<MembersMay>),
        author: Option<&User>,
        at: UnixMillis,
    ) -> Decision {
        let Some(row) = self.document(id)? else { return Ok(Err(Refusal::NoSuchDocument)) };
        let before = row.document.clone();
        row.document.title = title.unwrap_or(&before.title).clone();
        row.document.members = members.unwrap_or(before.members);
        let document = row.document.clone();
        if document == before {
            return Ok(answer(Vec::new(), Outcome::Document(document)));
        }
        let read_only = i64::from(document.members == MembersMay::Read);
        let update = "UPDATE document SET title = $1, read_only = $2 WHERE id = $3";
        self.db.run(update, (document.title.as_str(), read_only, id.0))?;
        let updated = DocumentChanged::new(&document, author);
        let told = self.tell_room(updated.room, "document_updated", &updated, at)?;
        Ok(answer(told, Outcome::Document(document)))
    }

    fn delete_document(&mut self, id: DocumentId, author: Option<&User>, at: UnixMillis) -> Decision {
        let Some(row) = self.document(id)? else { return Ok(Err(Refusal::NoSuchDocument)) };
        let document = row.document.clone();
        self.documents.forget(id);
        for delete in [
            "DELETE FROM document_update WHERE document_id = $1",
            "DELETE FROM document_version WHERE document_id = $1",
            "DELETE FROM document_snapshot WHERE document_id = $1",
            "DELETE FROM document WHERE id = $1",
        ] {
            self.db.run(delete, [id.0])?;
        }
        let (room, by) = (document.room.as_ref(), author.map(|author| &author.name));
        let deleted = DocumentDeleted { room, name: &document.name, id, title: &document.title, by };
        let told = self.tell_room(room, "document_deleted", &deleted, at)?;
        Ok(answer(told, Outcome::Document(document)))
    }

    /// A namespace's documents have nobody to tell.
    pub(super) fn tell_room(
        &mut self,
        room: Option<&RoomName>,
        event_type: &'static str,
        payload: &impl Serialize,
        at: UnixMillis,
    ) -> Result<Vec<Publication>, StoreError> {
        let Some(room) = room else { return Ok(Vec::new()) };
        let told = self.announce(&TopicName::room(room), event_type, payload, at)?;
        Ok(vec![told])
    }
}

/// What a draft comes to.
pub(super) fn answer(publications: Vec<Publication>, outcome: Outcome) -> Result<Committed, Refusal> {
    Ok(Committed { publications, outcome })
}
