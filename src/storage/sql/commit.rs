//! A batch of drafts, decided one after the other and written inside one transaction.
//!
//! Every draft is decided completely before it writes its first row. So a refused draft has
//! written nothing, and a savepoint around each, which would cost more than the draft, is
//! not needed. What fails while writing is the disk's doing and fails the whole batch.
//!
//! What comes in numbers (publications, messages, how far topics reach) is written when all is decided, so that a
//! database at the end of a wire gets few statements; until then the batch knows it.

use super::{
    db::{Db, corrupt},
    documents::Documents,
    feed::FeedRow,
    keys,
    log::{PublicationRow, Topic},
    messages::{Known, NewMessages},
    publish::{Receipt, ReceiptRow},
    rooms::RoomRow,
};
use crate::{
    model::{ClientMessageId, KeyId, Publication, RoomName, TopicName, UnixMillis, UserId},
    storage::{Change, Committed, Draft, NewPublication, Refusal, StoreError, postgres},
};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::{collections::HashMap, sync::Arc};

/// A draft's fate; the outer error is the whole batch's.
pub(super) type Decision = Result<Result<Committed, Refusal>, StoreError>;

/// Commits `drafts`; see [`crate::storage::Store::commit`].
pub(super) fn commit(db: Db<'_>, drafts: &[Draft]) -> Result<Vec<Result<Committed, Refusal>>, StoreError> {
    let mut batch = Batch::new(db);
    if let Db::Postgres(client) = db {
        postgres::prefetch(client, &mut batch, drafts)?;
    }
    let decisions = drafts.iter().map(|draft| batch.apply(draft)).collect::<Result<_, _>>()?;
    batch.write()?;
    Ok(decisions)
}

/// What the batch has read and changed so far. It lives no longer than the transaction:
/// between two of them another process may write.
pub(in crate::storage) struct Batch<'t> {
    pub(super) db: Db<'t>,
    pub(in crate::storage) topics: HashMap<TopicName, Topic>,
    pub(in crate::storage) rooms: HashMap<RoomName, Option<RoomRow>>,
    pub(in crate::storage) members: HashMap<(i64, UserId), bool>,
    /// What is known under a `client_id`.
    pub(in crate::storage) known: HashMap<(UserId, ClientMessageId), Option<Known>>,
    pub(in crate::storage) messages: NewMessages,
    pub(super) publications: Vec<PublicationRow>,
    /// What is known under an idempotency key: whose, which.
    pub(in crate::storage) receipts: HashMap<(String, String), Option<Receipt>>,
    pub(super) new_receipts: Vec<ReceiptRow>,
    /// How many batches of an outbox are published.
    pub(in crate::storage) outboxes: HashMap<String, u64>,
    pub(super) new_progress: Vec<FeedRow>,
    pub(in crate::storage) documents: Documents,
    keys: HashMap<KeyId, bool>,
}

impl<'t> Batch<'t> {
    fn new(db: Db<'t>) -> Self {
        Self {
            db,
            topics: HashMap::new(),
            rooms: HashMap::new(),
            members: HashMap::new(),
            known: HashMap::new(),
            messages: NewMessages::default(),
            publications: Vec::new(),
            receipts: HashMap::new(),
            new_receipts: Vec::new(),
            outboxes: HashMap::new(),
            new_progress: Vec::new(),
            documents: Documents::default(),
            keys: HashMap::new(),
        }
    }

    fn apply(&mut self, draft: &Draft) -> Decision {
        match &draft.change {
            Change::Publish { publications, once, key } => {
                if let Some(key) = key
                    && !self.is_live(*key, draft.at)?
                {
                    return Ok(Err(Refusal::KeyEnded));
                }
                self.publish(publications, once.as_ref(), draft.at)
            }
            Change::Feed { outbox, progress, publications } => {
                self.publish_from_outbox(outbox, progress, publications, draft.at)
            }
            Change::SendMessage { author, room, text, client_id } => {
                self.send_message(author, draft.at, room, text, client_id.as_ref())
            }
            Change::CreateRoom { author, room, title, public, max_joined } => {
                self.create_room(author, draft.at, (room, title, *public), *max_joined)
            }
            Change::JoinRoom { author, room, max_joined } => self.join_room(author, draft.at, room, *max_joined),
            Change::LeaveRoom { author, room } => self.leave_room(author, draft.at, room),
            Change::Product { edit, keep, once, key } => {
                if let Some(key) = key
                    && !self.is_live(*key, draft.at)?
                {
                    return Ok(Err(Refusal::KeyEnded));
                }
                self.edit_product(edit, *keep, once.as_ref(), draft.at)
            }
            Change::Document { edit, by } => {
                if let Some(key) = by.key
                    && !self.is_live(key, draft.at)?
                {
                    return Ok(Err(Refusal::KeyEnded));
                }
                self.edit_document(edit, by.author.as_ref(), draft.at)
            }
        }
    }

    /// Appends one of our own events.
    pub(super) fn announce(
        &mut self,
        topic: &TopicName,
        event_type: &'static str,
        payload: &impl Serialize,
        at: UnixMillis,
    ) -> Result<Publication, StoreError> {
        let payload: Arc<RawValue> = to_raw_value(payload).map_err(corrupt)?.into();
        let publication =
            NewPublication { topic: topic.clone(), event_type: event_type.into(), payload, keep: None, subscribers: 0 };
        self.append(&publication, at)
    }

    /// The room of this name, read once per batch.
    pub(super) fn room(&mut self, name: &RoomName) -> Result<Option<&mut RoomRow>, StoreError> {
        if !self.rooms.contains_key(name) {
            let row = RoomRow::find(self.db, name)?;
            self.rooms.insert(name.clone(), row);
        }
        Ok(self.rooms.get_mut(name).and_then(Option::as_mut))
    }

    /// Whether the API key is still good, read once per batch.
    fn is_live(&mut self, key: KeyId, at: UnixMillis) -> Result<bool, StoreError> {
        if let Some(known) = self.keys.get(&key) {
            return Ok(*known);
        }
        let live = keys::is_live(self.db, key, at)?;
        self.keys.insert(key, live);
        Ok(live)
    }

    /// Whether `user` is in the room, read once per batch.
    pub(super) fn is_member(&mut self, room: i64, user: UserId) -> Result<bool, StoreError> {
        if let Some(known) = self.members.get(&(room, user)) {
            return Ok(*known);
        }
        let found = self.db.any("SELECT 1 FROM member WHERE account_id = $1 AND room_id = $2", (user.0, room))?;
        self.members.insert((room, user), found);
        Ok(found)
    }
}
