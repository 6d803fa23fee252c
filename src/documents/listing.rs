//! Which documents there are, page by page, for whoever may have them.

use super::Documents;
use crate::{
    events::{Author, page_limit},
    manager::HandlerError,
    model::{Document, DocumentName, RoomName},
    storage::DocumentPage,
};

/// Pages that are looked through for what a key's scopes cover, before the answer says where to go on.
const MAX_PAGES_LOOKED_THROUGH: usize = 10;

/// Documents by name.
#[derive(Debug, Clone)]
pub struct DocumentList {
    /// The documents.
    pub documents: Vec<Document>,
    /// The name behind which the list goes on; `None`: this is all.
    pub next: Option<DocumentName>,
}

impl Documents {
    /// The next documents with names above `after`: 50, or `limit` of them up to 100. A member names a room they are in; a
    /// key gets those its scopes cover, of all rooms and namespaces when it names no room.
    ///
    /// # Errors
    /// [`HandlerError::BadField`], [`HandlerError::NoSuchRoom`], [`HandlerError::Store`].
    pub async fn list(
        &self,
        by: &Author,
        room: Option<&RoomName>,
        after: Option<DocumentName>,
        limit: Option<u64>,
    ) -> Result<DocumentList, HandlerError> {
        let limit = page_limit(limit)?;
        let mut list = DocumentList { documents: Vec::new(), next: after };
        for _ in 0..MAX_PAGES_LOOKED_THROUGH {
            let DocumentPage { documents, more } = self.page(by, room, list.next.take(), limit).await?;
            let last = documents.last().filter(|_| more).map(|document| document.name.clone());
            let wanted = limit as usize - list.documents.len();
            let mut listed = documents.into_iter().filter(|document| is_for(by, document));
            list.documents.extend(listed.by_ref().take(wanted));
            // What does not fit on this page begins the next.
            let is_cut = listed.next().is_some();
            list.next = if is_cut { list.documents.last().map(|document| document.name.clone()) } else { last };
            if list.next.is_none() || list.documents.len() == limit as usize {
                break;
            }
        }
        Ok(list)
    }

    async fn page(
        &self,
        by: &Author,
        room: Option<&RoomName>,
        after: Option<DocumentName>,
        limit: u32,
    ) -> Result<DocumentPage, HandlerError> {
        match (by, room) {
            (_, Some(room)) => {
                let asker = by.member().map(|user| user.id);
                self.store.documents_of(room, asker, after, limit).await?.ok_or(HandlerError::NoSuchRoom)
            }
            (Author::Key(_), None) => Ok(self.store.documents(after, limit).await?),
            (Author::Member(_), None) => Err(HandlerError::BadField { field: "room", problem: "is missing" }),
        }
    }
}

/// Whether it is for this author who may see its room.
fn is_for(by: &Author, document: &Document) -> bool {
    match by {
        Author::Member(_) => true,
        Author::Key(key) => key.may_write(&document.name),
    }
}
