//! Documents as the store knows them.

use crate::model::{
    Document, DocumentId, DocumentName, DocumentPattern, DocumentTitle, DocumentVersion, MembersMay, Offset, RoomName,
    UnixMillis, User, UserId, VersionId, VersionName,
};
use bytes::Bytes;
use std::sync::Arc;

/// What happens to a document. Who may do what is judged before; the store looks again whether `author` is in the room.
#[derive(Debug, Clone)]
pub enum DocumentEdit {
    /// A new one: `document_created` on its room's topic.
    Create {
        /// Its slug.
        name: DocumentName,
        /// Its name for people.
        title: DocumentTitle,
        /// Its room; `None`: a namespace.
        room: Option<RoomName>,
        /// What the members of the room may do.
        members: MembersMay,
        /// Its content, as an update of the Yjs protocol; empty: none.
        content: Bytes,
        /// Documents that one room may have.
        max_per_room: u32,
        /// Its namespace, and documents that one may have; `None`: it has a room.
        namespace: Option<(DocumentPattern, u32)>,
    },
    /// Another title, other rights: `document_updated` on its room's topic, when anything changes.
    Update {
        /// Which.
        id: DocumentId,
        /// `None`: as it is.
        title: Option<DocumentTitle>,
        /// `None`: as it is.
        members: Option<MembersMay>,
    },
    /// It goes, with its content and its versions: `document_deleted` on its room's topic.
    Delete {
        /// Which.
        id: DocumentId,
    },
    /// An update, for the end of its log; nobody is told here.
    Append {
        /// Which.
        id: DocumentId,
        /// As the Yjs protocol has it.
        update: Bytes,
    },
    /// A version: `document_version_saved` on its room's topic.
    SaveVersion {
        /// Of which.
        id: DocumentId,
        /// What it is called.
        name: VersionName,
        /// The text as it is now.
        text: Arc<str>,
        /// Versions that one document may have,
        max_versions: u32,
        /// and bytes of text that they may have together.
        max_bytes: u64,
    },
    /// A version goes: `document_version_deleted` on its room's topic.
    DeleteVersion {
        /// Of which.
        id: DocumentId,
        /// Which.
        version: VersionId,
    },
}

impl DocumentEdit {
    /// The document that must be there.
    pub(super) fn id(&self) -> Option<DocumentId> {
        match self {
            Self::Create { .. } => None,
            Self::Update { id, .. }
            | Self::Delete { id }
            | Self::Append { id, .. }
            | Self::SaveVersion { id, .. }
            | Self::DeleteVersion { id, .. } => Some(*id),
        }
    }

    /// About how many bytes of event it puts on the sockets of the room.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Append { .. } => 0,
            _ => 1_024,
        }
    }

    /// About how many bytes it writes.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        match self {
            Self::Create { content, .. } => content.len(),
            Self::Append { update, .. } => update.len(),
            Self::SaveVersion { text, .. } => text.len(),
            Self::Update { .. } | Self::Delete { .. } | Self::DeleteVersion { .. } => 0,
        }
    }
}

/// A document, and what its asker has to do with it.
#[derive(Debug, Clone)]
pub struct FoundDocument {
    /// The document.
    pub document: Document,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Whether the asker is in its room.
    pub is_member: bool,
}

/// A page of documents, by name.
#[derive(Debug, Clone)]
pub struct DocumentPage {
    /// The documents.
    pub documents: Vec<Document>,
    /// Whether there are more above the last.
    pub more: bool,
}

/// A document's content: what was merged, and the updates above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredContent {
    /// Of everything up to `merged`; empty: nothing was merged yet.
    pub snapshot: Vec<u8>,
    /// How far.
    pub merged: Offset,
    /// The updates from there on, in their order.
    pub updates: Vec<StoredUpdate>,
}

/// An update in a document's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUpdate {
    /// Its place in the document's log: 1, 2, 3 … without holes.
    pub number: Offset,
    /// As the Yjs protocol has it.
    pub update: Vec<u8>,
}

/// A document whose log waits to be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleDocument {
    /// Since when its oldest update is there.
    pub since: UnixMillis,
    /// Which.
    pub id: DocumentId,
    /// Its slug.
    pub name: DocumentName,
}

/// A version with its text.
#[derive(Debug, Clone)]
pub struct StoredVersion {
    /// The version.
    pub version: DocumentVersion,
    /// Whose it is.
    pub created_by: Option<UserId>,
    /// The text as it was.
    pub text: String,
}

/// The account behind an edit, and the key; neither for what an external user does.
#[derive(Debug, Clone, Default)]
pub struct EditedBy {
    /// Must be in the document's room, if it has one.
    pub author: Option<User>,
    /// Nothing is written once it has ended.
    pub key: Option<crate::model::KeyId>,
}
