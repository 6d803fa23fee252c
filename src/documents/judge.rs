//! Who may do what with a document.

use super::Documents;
use crate::{
    events::Author,
    manager::HandlerError,
    model::{Document, DocumentAccess, DocumentName, MembersMay, Person, Role, User},
    protocol::ErrorCode,
    settings::NamespaceMembers,
    storage::{Change, DocumentEdit, Draft, EditedBy, FoundDocument, Outcome, Refusal, StoreError, now},
};
use bytes::Bytes;
use std::collections::HashMap;

/// What an external user may do with which documents, as the back end says that vouches for them.
pub type Listed = HashMap<DocumentName, DocumentAccess>;

/// A document that somebody may have, and what they may do with it.
#[derive(Debug, Clone)]
pub struct Permitted {
    /// The document.
    pub document: Document,
    /// Whether they may write in it.
    pub access: DocumentAccess,
    /// Whether they may say who else may, and delete it.
    pub manages: bool,
}

impl Permitted {
    /// This, unless it is for reading only.
    ///
    /// # Errors
    /// `read_only`
    pub fn to_write(self) -> Result<Self, HandlerError> {
        match self.access {
            DocumentAccess::Write => Ok(self),
            DocumentAccess::Read => Err(HandlerError::ReadOnly),
        }
    }

    /// This, unless it is somebody else's to manage.
    ///
    /// # Errors
    /// `forbidden`
    pub fn to_manage(self) -> Result<Self, HandlerError> {
        if self.manages { Ok(self) } else { Err(HandlerError::NotTheirDocument) }
    }
}

impl Documents {
    /// The document of this name, for a member or a key.
    ///
    /// # Errors
    /// [`Refusal::NoSuchDocument`] whether it is not there or not for them; [`HandlerError::Store`].
    pub async fn find(&self, author: &Author, name: &DocumentName) -> Result<Permitted, HandlerError> {
        let found = self.store.document(name, author.member().map(|user| user.id)).await?;
        found.and_then(|found| self.judge_author(author, found)).ok_or(Refusal::NoSuchDocument.into())
    }

    /// The document of this name, for whoever opens a socket to it. One of a namespace comes into being when somebody who
    /// may write in it opens it first.
    ///
    /// # Errors
    /// As [`Documents::find`]; [`Refusal::TooManyDocuments`] and `too_many_requests` for a new one; the journal's.
    pub async fn find_to_open(
        &self,
        person: &Person,
        listed: &Listed,
        name: &DocumentName,
    ) -> Result<Permitted, HandlerError> {
        let no_such = || HandlerError::Refused(Refusal::NoSuchDocument);
        let user = match person {
            Person::Member(user) => user,
            Person::External(_) => {
                let access = *listed.get(name).ok_or_else(no_such)?;
                let document = match self.store.document(name, None).await? {
                    Some(found) if found.document.room.is_none() => found.document,
                    Some(_) => return Err(no_such()),
                    None => self.bring_into_being(name, access, person).await?,
                };
                return Ok(Permitted { document, access, manages: false });
            }
        };
        match self.store.document(name, Some(user.id)).await? {
            Some(found) => self.judge_member(user, found).ok_or_else(no_such),
            None => {
                let access = self.of_namespace(user, name).ok_or_else(no_such)?;
                let document = self.bring_into_being(name, access, person).await?;
                Ok(Permitted { document, access, manages: is_staff(user) })
            }
        }
    }

    /// What somebody may do now with a document that was open to them; `granted` is what an external user's back end said.
    /// `None`: nothing, or it is gone.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn access_now(
        &self,
        person: &Person,
        granted: DocumentAccess,
        document: &Document,
    ) -> Result<Option<DocumentAccess>, StoreError> {
        let found = self.store.document(&document.name, person.member().map(|user| user.id)).await?;
        let Some(found) = found.filter(|found| found.document.id == document.id) else { return Ok(None) };
        Ok(match person {
            Person::Member(user) => self.judge_member(user, found).map(|permitted| permitted.access),
            Person::External(_) => found.document.room.is_none().then_some(granted),
        })
    }

    fn judge_author(&self, author: &Author, found: FoundDocument) -> Option<Permitted> {
        match author {
            Author::Member(user) => self.judge_member(user, found),
            Author::Key(key) => key.may_write(&found.document.name).then_some(Permitted {
                document: found.document,
                access: DocumentAccess::Write,
                manages: true,
            }),
        }
    }

    /// Whoever made a document and whoever runs the server may do everything with it, while they are in its room.
    fn judge_member(&self, user: &User, found: FoundDocument) -> Option<Permitted> {
        let FoundDocument { document, created_by, is_member } = found;
        let manages = is_staff(user) || created_by == Some(user.id);
        let access = if document.room.is_none() {
            self.of_namespace(user, &document.name)?
        } else if !is_member {
            return None;
        } else if manages || document.members == MembersMay::Write {
            DocumentAccess::Write
        } else {
            DocumentAccess::Read
        };
        Some(Permitted { document, access, manages })
    }

    fn of_namespace(&self, user: &User, name: &DocumentName) -> Option<DocumentAccess> {
        match self.settings.document.namespace_of(name)?.members {
            NamespaceMembers::Write => Some(DocumentAccess::Write),
            NamespaceMembers::Read if is_staff(user) => Some(DocumentAccess::Write),
            NamespaceMembers::Read => Some(DocumentAccess::Read),
            NamespaceMembers::Nothing => None,
        }
    }

    async fn bring_into_being(
        &self,
        name: &DocumentName,
        access: DocumentAccess,
        person: &Person,
    ) -> Result<Document, HandlerError> {
        let no_such = HandlerError::Refused(Refusal::NoSuchDocument);
        if access == DocumentAccess::Read || self.settings.document.namespace_of(name).is_none() {
            return Err(no_such);
        }
        if !self.makers.may_make_another(person.id(), &self.settings.socket) {
            let message = "you make documents faster than one may".to_owned();
            return Err(HandlerError::Denied { code: ErrorCode::TooManyRequests, message });
        }
        let edit = DocumentEdit::Create {
            name: name.clone(),
            title: super::title_of(name)?,
            room: None,
            members: MembersMay::Write,
            content: Bytes::new(),
            max_per_room: self.settings.document.max_per_room,
            namespace: self.place_in_namespace(name, None),
        };
        let change = Change::Document { edit, by: EditedBy { author: person.member().cloned(), key: None } };
        match self.journal.append(Draft { at: now(), change }).await?.committed().await {
            Ok(Outcome::Document(document)) => Ok(document),
            Ok(_) => Err(HandlerError::Internal("a document was committed as something else")),
            // Somebody else opened it at the same moment.
            Err(crate::journal::JournalError::Refused(Refusal::DocumentExists)) => {
                self.store.document(name, None).await?.map(|found| found.document).ok_or(no_such)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn is_staff(user: &User) -> bool {
    matches!(user.role, Role::Owner | Role::Admin)
}
