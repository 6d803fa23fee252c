//! Documents are made, renamed, opened to others and deleted.

use super::{Documents, Permitted, TEXT_ROOT, title_of};
use crate::{
    events::Author,
    manager::HandlerError,
    model::{Document, DocumentAccess, DocumentName, DocumentPattern, DocumentTitle, MembersMay, RoomName},
    protocol::ErrorCode,
    storage::{Change, DocumentEdit, Draft, EditedBy, Outcome, now},
};
use bytes::Bytes;
use rand::seq::IndexedRandom;
use yrs::{Doc, Text, Transact};

/// Characters of a name that nobody chose: 60 bits.
const RANDOM_NAME_CHARS: usize = 12;
const RANDOM_NAME_ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What a document shall be.
#[derive(Debug, Clone, Default)]
pub struct NewDocument {
    /// Its room; `None`: its name is of a namespace.
    pub room: Option<RoomName>,
    /// Its slug; `None`: a random one.
    pub name: Option<DocumentName>,
    /// Its name for people; `None`: its slug.
    pub title: Option<DocumentTitle>,
    /// What the members of its room may do; `None`: write.
    pub members: Option<MembersMay>,
    /// What it says at first.
    pub text: Option<String>,
}

/// What is to be otherwise; `None`: as it is.
#[derive(Debug, Clone, Default)]
pub struct DocumentChange {
    /// Its name for people: whoever writes in it may change that.
    pub title: Option<DocumentTitle>,
    /// What the members of its room may do: whoever manages it may.
    pub members: Option<MembersMay>,
}

impl Documents {
    /// Makes a document: a member in a room of theirs, a key whatever its scopes cover.
    ///
    /// # Errors
    /// [`HandlerError::BadField`]: its name and its room do not go together; [`HandlerError::Denied`]: not theirs to
    /// make; [`HandlerError::DocumentFull`]; the journal's.
    pub async fn create(&self, by: &Author, new: NewDocument) -> Result<Permitted, HandlerError> {
        let NewDocument { room, name, title, members, text } = new;
        let name = name.map_or_else(random_name, Ok)?;
        self.check_place(by, &name, room.as_ref())?;
        let title = title.map_or_else(|| title_of(&name), Ok)?;
        let content = self.first_content(text.as_deref().unwrap_or_default())?;
        let members = members.unwrap_or(MembersMay::Write);
        let max_per_room = self.settings.document.max_per_room;
        let namespace = self.place_in_namespace(&name, room.as_ref());
        let edit = DocumentEdit::Create { name, title, room, members, content, max_per_room, namespace };
        let document = self.edit_document(by, edit).await?;
        Ok(Permitted { document, access: DocumentAccess::Write, manages: true })
    }

    /// Gives it another title, or other rights, which count at once for those who have it open.
    ///
    /// # Errors
    /// As [`Documents::find`]; `read_only` and `forbidden`; the journal's.
    pub async fn update(
        &self,
        by: &Author,
        name: &DocumentName,
        change: DocumentChange,
    ) -> Result<Permitted, HandlerError> {
        let DocumentChange { title, members } = change;
        let mut permitted = self.find(by, name).await?;
        if members.is_some() {
            permitted = permitted.to_manage()?;
        }
        if title.is_some() {
            permitted = permitted.to_write()?;
        }
        if title.is_none() && members.is_none() {
            return Ok(permitted);
        }
        let edit = DocumentEdit::Update { id: permitted.document.id, title, members };
        let document = self.edit_document(by, edit).await?;
        self.refresh(name).await;
        Ok(Permitted { document, ..permitted })
    }

    /// Deletes it, with its versions; those who have it open are told.
    ///
    /// # Errors
    /// As [`Documents::find`]; `forbidden`; the journal's.
    pub async fn delete(&self, by: &Author, name: &DocumentName) -> Result<(), HandlerError> {
        let Permitted { document, .. } = self.find(by, name).await?.to_manage()?;
        self.edit_document(by, DocumentEdit::Delete { id: document.id }).await?;
        self.refresh(name).await;
        Ok(())
    }

    /// Whether a document of this name may be in this room, or in none, and whether this author may make it there.
    fn check_place(&self, by: &Author, name: &DocumentName, room: Option<&RoomName>) -> Result<(), HandlerError> {
        if let Author::Key(key) = by
            && !key.may_write(name)
        {
            return Err(denied(format!("`name`: this key has no scope that covers `{name}`")));
        }
        let is_of_namespace = self.settings.document.namespace_of(name).is_some();
        match (room, is_of_namespace, by) {
            (Some(_), false, _) | (None, true, Author::Key(_)) => Ok(()),
            (Some(_), true, _) => Err(HandlerError::BadField {
                field: "name",
                problem: "is of a namespace, whose documents have no room",
            }),
            (None, false, _) => Err(HandlerError::BadField { field: "room", problem: "is missing" }),
            (None, true, Author::Member(_)) => {
                Err(denied("`name`: is of a namespace, whose documents are made by back ends".to_owned()))
            }
        }
    }

    /// The namespace of a document that has no room, and how many such may have.
    pub(super) fn place_in_namespace(
        &self,
        name: &DocumentName,
        room: Option<&RoomName>,
    ) -> Option<(DocumentPattern, u32)> {
        let settings = &self.settings.document;
        let namespace = settings.namespace_of(name).filter(|_| room.is_none())?;
        Some((namespace.pattern.clone(), settings.max_per_namespace))
    }

    /// What a document that says `text` has in its log.
    fn first_content(&self, text: &str) -> Result<Bytes, HandlerError> {
        if text.is_empty() {
            return Ok(Bytes::new());
        }
        let content = content_of(text);
        if text.len() > self.settings.update_limit() || content.len() > self.settings.document.max_bytes {
            return Err(HandlerError::DocumentFull);
        }
        Ok(content.into())
    }

    async fn edit_document(&self, by: &Author, edit: DocumentEdit) -> Result<Document, HandlerError> {
        match self.edit(by, edit).await? {
            Outcome::Document(document) => Ok(document),
            _ => Err(HandlerError::Internal("a document was committed as something else")),
        }
    }

    /// Commits what an author does with a document.
    pub(super) async fn edit(&self, by: &Author, edit: DocumentEdit) -> Result<Outcome, HandlerError> {
        let by = EditedBy { author: by.member().cloned(), key: by.key() };
        let draft = Draft { at: now(), change: Change::Document { edit, by } };
        Ok(self.journal.append(draft).await?.committed().await?)
    }
}

/// An update that makes an empty document say `text`.
fn content_of(text: &str) -> Vec<u8> {
    let document = Doc::new();
    let root = document.get_or_insert_text(TEXT_ROOT);
    let mut transaction = document.transact_mut();
    root.push(&mut transaction, text);
    transaction.encode_update_v1()
}

fn random_name() -> Result<DocumentName, HandlerError> {
    let mut random = rand::rng();
    let letter = |_| RANDOM_NAME_ALPHABET.choose(&mut random).map_or('a', |letter| char::from(*letter));
    let name: String = (0..RANDOM_NAME_CHARS).map(letter).collect();
    DocumentName::parse(&name).map_err(|_| HandlerError::Internal("letters and digits are no name"))
}

fn denied(message: String) -> HandlerError {
    HandlerError::Denied { code: ErrorCode::Forbidden, message }
}
