//! Messages: sending and paging.

use super::{
    commit::{Batch, Decision},
    db::{Db, ForEach, Row, corrupt},
    log,
};
use crate::{
    model::{ClientMessageId, Message, MessageId, MessageText, Offset, RoomName, UnixMillis, User, UserId, UserName},
    storage::{
        Committed, History, HistoryAnchor, HistoryMessage, HistoryPage, MAX_PAGE_BYTES, Outcome, Refusal, StoreError,
    },
};

use std::collections::{HashMap, hash_map::Entry};

/// The message an author gave a `client_id` to.
#[derive(Debug, Clone)]
pub(in crate::storage) struct Known {
    id: MessageId,
    room: i64,
    offset: Offset,
    text: MessageText,
    sent: UnixMillis,
}

impl Known {
    /// Reads `id, room_id, topic_offset, body, sent`.
    pub(in crate::storage) fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: MessageId(row.get(0)?),
            room: row.get(1)?,
            offset: log::offset(row, 2)?,
            text: MessageText::parse(row.text(3)?).map_err(corrupt)?,
            sent: row.get(4)?,
        })
    }
}

/// A row of `message`: id, room, offset, author, text, when, and what its author calls it.
pub(super) type MessageRow = (i64, i64, i64, i64, MessageText, UnixMillis, Option<ClientMessageId>);

pub(super) const INSERT_MESSAGE: ForEach = ForEach {
    one: "INSERT INTO message (id, room_id, topic_offset, author_id, body, sent, client_id) \
          VALUES ($1, $2, $3, $4, $5, $6, $7)",
    all: "INSERT INTO message (id, room_id, topic_offset, author_id, body, sent, client_id) SELECT * FROM \
          unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::text[])",
};

/// No row: there is no message yet.
pub(in crate::storage) const LAST_MESSAGE: &str = "SELECT id FROM message ORDER BY id DESC LIMIT 1";

/// A batch's messages, until they are written. Their ids are known before: nobody else writes meanwhile, and no message
/// is ever deleted.
#[derive(Default)]
pub(in crate::storage) struct NewMessages {
    pub(super) rows: Vec<MessageRow>,
    /// The last id given out, once it is known.
    pub(in crate::storage) last_id: Option<i64>,
}

impl NewMessages {
    fn next_id(&mut self, db: Db<'_>) -> Result<i64, StoreError> {
        let last = match self.last_id {
            Some(last) => last,
            None => db.one(LAST_MESSAGE, (), |row| row.get(0))?.unwrap_or(0),
        };
        Ok(*self.last_id.insert(last + 1))
    }
}

impl Batch<'_> {
    pub(super) fn send_message(
        &mut self,
        author: &User,
        at: UnixMillis,
        room: &RoomName,
        text: &MessageText,
        client_id: Option<&ClientMessageId>,
    ) -> Decision {
        let found = self.room(room)?.map(|row| (row.id, row.topic.clone()));
        if let Some(client_id) = client_id {
            // Before membership is asked: a retry gets its first answer, even after leaving the room.
            if let Some(known) = self.known_message(author.id, client_id)? {
                let same = known.text == *text && found.is_some_and(|(id, _)| id == known.room);
                let Known { id, offset, sent, .. } = *known;
                let outcome = Outcome::Message { id, offset, sent, duplicate: true };
                let answer = || Committed { publications: Vec::new(), outcome };
                return Ok(if same { Ok(answer()) } else { Err(Refusal::Conflict) });
            }
        }
        let Some((room_id, topic)) = found else { return Ok(Err(Refusal::NoSuchRoom)) };
        if !self.is_member(room_id, author.id)? {
            return Ok(Err(Refusal::NoSuchRoom));
        }
        let offset = self.topic(&topic)?.head.next();
        let id = MessageId(self.messages.next_id(self.db)?);
        let row = (id.0, room_id, log::sql(offset), author.id.0, text.clone(), at, client_id.cloned());
        self.messages.rows.push(row);
        if let Some(client_id) = client_id {
            let known = Known { id, room: room_id, offset, text: text.clone(), sent: at };
            self.known.insert((author.id, client_id.clone()), Some(known));
        }
        let message = Message {
            id,
            room: room.clone(),
            from: author.name.clone(),
            message: text.clone(),
            sent: at,
            client_id: client_id.cloned(),
        };
        let publication = self.announce(&topic, "new_message", &message, at)?;
        let outcome = Outcome::Message { id, offset: publication.offset, sent: at, duplicate: false };
        Ok(Ok(Committed { publications: vec![publication], outcome }))
    }

    /// What the author gave this `client_id` to, perhaps in this batch.
    fn known_message(&mut self, author: UserId, client_id: &ClientMessageId) -> Result<Option<&Known>, StoreError> {
        match self.known.entry((author, client_id.clone())) {
            Entry::Occupied(known) => Ok(known.into_mut().as_ref()),
            Entry::Vacant(unknown) => {
                let find = "SELECT id, room_id, topic_offset, body, sent FROM message \
                            WHERE author_id = $1 AND client_id = $2";
                let found = self.db.one(find, (author.0, client_id.as_str()), Known::read)?;
                Ok(unknown.insert(found).as_ref())
            }
        }
    }
}

/// A page, if `user` is in the room.
///
/// Every page is a cut in the room's log with so many messages below it and so many above;
/// one more is read on either side, which tells whether there is more. Each side has half of
/// the bytes when both are wanted.
pub(super) fn history(
    db: Db<'_>,
    user: UserId,
    room: &RoomName,
    page: HistoryPage,
) -> Result<Option<History>, StoreError> {
    let found = db.one(
        "SELECT room.id, topic.head FROM room \
         JOIN member ON member.account_id = $1 AND member.room_id = room.id JOIN topic ON topic.id = room.topic_id \
         WHERE room.name = $2",
        (user.0, room.as_str()),
        |row| Ok((row.get::<i64>(0)?, log::offset(row, 1)?)),
    )?;
    let Some((room_id, head)) = found else { return Ok(None) };
    let limit = page.limit;
    let (cut, below, above) = match page.from {
        HistoryAnchor::Newest => (i64::MAX, limit, 0),
        HistoryAnchor::Before(offset) => (log::sql(offset) - 1, limit, 0),
        HistoryAnchor::After(offset) => (log::sql(offset), 0, limit),
        HistoryAnchor::Around(offset) => (log::sql(offset), limit - limit / 2, limit / 2),
    };
    let max_bytes = if below > 0 && above > 0 { MAX_PAGE_BYTES / 2 } else { MAX_PAGE_BYTES };
    let (mut older, more_before) = half(db, room, room_id, UP_TO, cut, (below, max_bytes))?;
    let (newer, more_after) = half(db, room, room_id, ABOVE, cut, (above, max_bytes))?;
    older.reverse();
    older.extend(newer);
    Ok(Some(History { messages: older, offset: head, more_before, more_after }))
}

const UP_TO: &str = "SELECT message.id, account.name, message.body, message.sent, message.client_id, \
     message.topic_offset, account.id FROM message JOIN account ON account.id = message.author_id \
     WHERE message.room_id = $1 AND message.topic_offset <= $2 ORDER BY message.topic_offset DESC LIMIT $3";
const ABOVE: &str = "SELECT message.id, account.name, message.body, message.sent, message.client_id, \
     message.topic_offset, account.id FROM message JOIN account ON account.id = message.author_id \
     WHERE message.room_id = $1 AND message.topic_offset > $2 ORDER BY message.topic_offset LIMIT $3";

/// The messages nearest to the cut on one side of it, and whether there are more.
fn half(
    db: Db<'_>,
    room: &RoomName,
    room_id: i64,
    query: &'static str,
    cut: i64,
    most: (u32, usize),
) -> Result<(Vec<HistoryMessage>, bool), StoreError> {
    let mut authors = HashMap::new(); // few, and checking a name costs more than reading its row
    let text = |item: &HistoryMessage| item.message.message.as_str().len();
    db.page(query, (room_id, cut, i64::from(most.0) + 1), most, text, |row| {
        let author = match authors.entry(row.get::<i64>(6)?) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(UserName::parse(row.text(1)?).map_err(corrupt)?),
        };
        let client_id = row.get::<Option<String>>(4)?;
        let message = Message {
            id: MessageId(row.get(0)?),
            room: room.clone(),
            from: author.clone(),
            message: MessageText::parse(row.text(2)?).map_err(corrupt)?,
            sent: row.get(3)?,
            client_id: client_id.map(|id| ClientMessageId::parse(&id)).transpose().map_err(corrupt)?,
        };
        Ok(HistoryMessage { message, offset: log::offset(row, 5)? })
    })
}
