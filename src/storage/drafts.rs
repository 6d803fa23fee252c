//! What is committed, and what has become of it.

use super::{DocumentEdit, EditedBy};
use crate::model::{
    ClientMessageId, Document, DocumentVersion, KeyId, MessageId, MessageText, NewProduct, Offset, OnlyIf, Product,
    ProductId, Publication, Room, RoomName, RoomTitle, TopicName, UnixMillis, User,
};
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc, time::Duration};

/// About what a publication has beside its own texts, in bytes.
const ENVELOPE: usize = 256;

/// One change to be committed: its rows and its log entries together.
#[derive(Debug, Clone)]
pub struct Draft {
    /// When it was decided.
    pub at: UnixMillis,
    /// What changes.
    pub change: Change,
}

impl Draft {
    /// About how many bytes it puts on each of its readers' sockets.
    #[must_use]
    pub fn weight(&self) -> usize {
        match &self.change {
            Change::Publish { publications, .. } => {
                publications.iter().map(|one| ENVELOPE + one.payload.get().len()).sum()
            }
            // Each change stands in two logs, and few hear both.
            Change::Feed { publications, .. } => {
                publications.iter().map(|one| ENVELOPE + one.payload.get().len()).sum::<usize>() / 2
            }
            Change::SendMessage { text, .. } => ENVELOPE + text.as_str().len(),
            // The row's topic and the table's: somebody may hear both.
            Change::Product { edit, .. } => 2 * (ENVELOPE + edit.weight()),
            Change::Document { edit, .. } => edit.weight(),
            Change::CreateRoom { .. } | Change::JoinRoom { .. } | Change::LeaveRoom { .. } => ENVELOPE,
        }
    }

    /// About how many bytes it writes that are on nobody's socket.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        match &self.change {
            Change::Document { edit, .. } => edit.stored_bytes(),
            _ => 0,
        }
    }
}

/// What a [`Draft`] changes, and what that appends.
#[derive(Debug, Clone)]
pub enum Change {
    /// Appends to topics, nothing else; all of it or nothing.
    Publish {
        /// What, in this order.
        publications: Vec<NewPublication>,
        /// Makes a repeat of the same request the same request.
        once: Option<Once>,
        /// The API key that publishes: nothing is published once it has ended.
        key: Option<KeyId>,
    },
    /// The next batch of changes from a feed's outbox: appends to topics and notes what was published, both or neither.
    Feed {
        /// The id of the outbox.
        outbox: String,
        /// What is noted; refused unless its batch follows the one that is.
        progress: FeedProgress,
        /// What, in this order.
        publications: Vec<NewPublication>,
    },
    /// A message: `new_message` on the room's topic. The author must be in the room.
    SendMessage {
        /// Who.
        author: User,
        /// Where.
        room: RoomName,
        /// What.
        text: MessageText,
        /// What the author calls it; a known one changes nothing.
        client_id: Option<ClientMessageId>,
    },
    /// A room: `room_created` on its topic, `room_added` in the author's inbox.
    CreateRoom {
        /// Who.
        author: User,
        /// The slug.
        room: RoomName,
        /// The name for people.
        title: RoomTitle,
        /// Whether everyone may see and join it.
        public: bool,
        /// Rooms one account may be in, and may have made.
        max_joined: u32,
    },
    /// `member_joined` on a public room's topic, `room_added` in the author's inbox. For a member already: nothing.
    JoinRoom {
        /// Who.
        author: User,
        /// Which.
        room: RoomName,
        /// Rooms one account may be in.
        max_joined: u32,
    },
    /// `member_left` on the room's topic, `room_removed` in the author's inbox. For no member: nothing.
    LeaveRoom {
        /// Who.
        author: User,
        /// Which; never `general`.
        room: RoomName,
    },
    /// A product: the row, and where nobody else publishes its changes, `row_changed` on its topic and on the table's.
    Product {
        /// What changes.
        edit: ProductEdit,
        /// How much of those topics' logs is kept.
        keep: Keep,
        /// Makes a repeat of the same request the same request; for a new product.
        once: Option<Once>,
        /// The API key that writes: nothing is written once it has ended.
        key: Option<KeyId>,
    },
    /// A document: its row, its log, its versions.
    Document {
        /// What happens to it.
        edit: DocumentEdit,
        /// Who does it.
        by: EditedBy,
    },
}

/// What becomes of a product.
#[derive(Debug, Clone)]
pub enum ProductEdit {
    /// It is new; the store gives it its id.
    Create(NewProduct),
    /// It becomes another, whole.
    Replace {
        /// Which.
        id: ProductId,
        /// What it becomes.
        to: NewProduct,
        /// Judged in the transaction that replaces it.
        only_if: OnlyIf,
    },
    /// It goes.
    Delete {
        /// Which.
        id: ProductId,
        /// Judged in the transaction that deletes it.
        only_if: OnlyIf,
    },
}

impl ProductEdit {
    fn weight(&self) -> usize {
        /// What an unknown row may have: as much as two texts of [`NewProduct::MAX_CHARS`].
        const ROW: usize = 1_024;
        match self {
            Self::Create(new) | Self::Replace { to: new, .. } => {
                ENVELOPE + new.manufacturer().len() + new.product_name().len()
            }
            Self::Delete { .. } => ROW,
        }
    }
}

impl Change {
    /// Appends one publication, kept as long as the journal keeps what has no namespace.
    #[must_use]
    pub fn publish(topic: TopicName, event_type: impl Into<Cow<'static, str>>, payload: Arc<RawValue>) -> Self {
        let publication = NewPublication { topic, event_type: event_type.into(), payload, keep: None, subscribers: 0 };
        Self::Publish { publications: vec![publication], once: None, key: None }
    }
}

/// How far an outbox is published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedProgress {
    /// How many batches were; 0: none.
    pub batch: u64,
    /// The changes of the last one, each by its id and its moment in microseconds. They are perhaps still in the outbox.
    pub changes: Vec<(i64, i64)>,
}

/// A publication that has no offset yet.
#[derive(Debug, Clone)]
pub struct NewPublication {
    /// Whose log.
    pub topic: TopicName,
    /// The event type.
    pub event_type: Cow<'static, str>,
    /// The payload as JSON text.
    pub payload: Arc<RawValue>,
    /// How much of the log is kept; `None`: as the journal's retention says.
    pub keep: Option<Keep>,
    /// How many heard the topic when it was accepted; part of the answer.
    pub subscribers: u64,
}

/// How much of a topic's log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Publications; with zero, none is stored: offsets go on, and whoever missed one is told so.
    pub count: u64,
    /// Milliseconds.
    pub age_ms: i64,
}

impl Keep {
    /// So many publications for so long. What is kept for no time is not kept at all.
    #[must_use]
    pub fn new(count: u64, age: Duration) -> Self {
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Self { count: if age_ms == 0 { 0 } else { count }, age_ms }
    }
}

/// What makes a repeated request the same one: the first answer is given again, nothing is appended.
#[derive(Debug, Clone)]
pub struct Once {
    /// Whose key it is, e.g. `key 3` or `user 7`.
    pub issuer: String,
    /// What the issuer calls the request.
    pub key: String,
    /// SHA-256 of the request: another one under the same key is a [`Refusal::Conflict`].
    pub fingerprint: [u8; 32],
}

/// Where a publication went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its place in its topic.
    pub offset: Offset,
    /// How many heard the topic when it was accepted.
    pub subscribers: u64,
}

/// What a committed draft has become.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The log entries, with their offsets; empty when nothing changed.
    pub publications: Vec<Publication>,
    /// What the author is told.
    pub outcome: Outcome,
}

/// What a committed draft's author is told.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// What was published, in order.
    Published {
        /// Where each publication went.
        places: Vec<Placed>,
        /// Whether it was there already.
        duplicate: bool,
    },
    /// A message, new or known.
    Message {
        /// Its id.
        id: MessageId,
        /// Its place in the room's log.
        offset: Offset,
        /// When it was first accepted.
        sent: UnixMillis,
        /// Whether it was there already.
        duplicate: bool,
    },
    /// The author is in the room; its log stands at `offset`.
    Joined {
        /// The room, as the author sees it now.
        room: Room,
        /// Where its log stands.
        offset: Offset,
    },
    /// The author is not in the room.
    Left,
    /// The product as it is stored now; a deleted one as it was.
    Product {
        /// The product.
        product: Product,
        /// Whether this is the answer to an earlier request, and the product as it was then.
        duplicate: bool,
    },
    /// The document as it is now; a deleted one as it was.
    Document(Document),
    /// An update stands in its document's log, at this place.
    Appended(Offset),
    /// The version; a deleted one as it was.
    Version(DocumentVersion),
}

/// Why one draft was not stored, while its neighbours were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not exist, is not public, or the author is not in it: one answer for all.
    #[error("there is no such room")]
    NoSuchRoom,
    /// The name is taken.
    #[error("a room of this name exists")]
    RoomExists,
    /// A known `client_id` or idempotency key with another body.
    #[error("this client_id or idempotency key belongs to another request")]
    Conflict,
    /// The API key was revoked, or has expired.
    #[error("the API key has ended")]
    KeyEnded,
    /// Another batch was published from the outbox meanwhile, perhaps this one.
    #[error("this is not the next batch of the outbox")]
    NotTheNextBatch,
    /// The author is in as many rooms as one account may be, or has made as many.
    #[error("you are in as many rooms as one account may be, or have made as many")]
    TooManyRooms,
    /// There is no product with this id.
    #[error("there is no such product")]
    NoSuchProduct,
    /// The product is not in a state that was named.
    #[error("the product has changed: read it again")]
    Changed,
    /// Another program has the product's row locked; nobody else's change shall wait for that.
    #[error("another program is changing this product: try again in a moment")]
    RowLocked,
    /// The database's owner has a constraint or a trigger that does not take it.
    #[error("a constraint or a trigger of the database's own refuses this product")]
    Rejected,
    /// There is no document of this name, or it is gone.
    #[error("there is no such document, or it is not open to you")]
    NoSuchDocument,
    /// The document's name is taken.
    #[error("a document of this name exists")]
    DocumentExists,
    /// The room has as many documents as one may have.
    #[error("this room has as many documents as one may have")]
    TooManyDocuments,
    /// The document has no such version.
    #[error("the document has no such version")]
    NoSuchVersion,
    /// The document has as many versions as one may have.
    #[error("this document has as many versions as one may have: delete one")]
    TooManyVersions,
    /// The database cannot store this, and can store the rest.
    #[error("the database cannot store this product")]
    CannotStore,
}
