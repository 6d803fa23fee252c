//! Messages: sending and paging.

use super::{
    commit::{Batch, Decision},
    log,
    sql::{Failure, Sql, corrupt},
};
use crate::{
    model::{ClientMessageId, Message, MessageId, MessageText, RoomName, UnixMillis, User, UserId, UserName},
    storage::{Committed, History, HistoryAnchor, HistoryMessage, HistoryPage, MAX_PAGE_BYTES, Outcome, Refusal},
};
use rusqlite::Connection;
use std::collections::{HashMap, hash_map::Entry};

/// The message an author gave this `client_id` to.
struct Known {
    room: i64,
    same_text: bool,
    outcome: Outcome,
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
            if let Some(known) = self.known_message(author.id, client_id, text)? {
                let same = known.same_text && found.is_some_and(|(id, _)| id == known.room);
                let answer = || Committed { publications: Vec::new(), outcome: known.outcome };
                return Ok(if same { Ok(answer()) } else { Err(Refusal::Conflict) });
            }
        }
        let Some((room_id, topic)) = found else { return Ok(Err(Refusal::NoSuchRoom)) };
        if !self.is_member(room_id, author.id)? {
            return Ok(Err(Refusal::NoSuchRoom));
        }
        let offset = self.topic(&topic)?.head.next();
        let id = MessageId(self.db.insert(
            "INSERT INTO message (room_id, topic_offset, author_id, body, sent, client_id) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            (room_id, log::sql(offset), author.id.0, text.as_str(), at, client_id.map(ClientMessageId::as_str)),
        )?);
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

    fn known_message(
        &self,
        author: UserId,
        client_id: &ClientMessageId,
        text: &MessageText,
    ) -> Result<Option<Known>, Failure> {
        self.db.one(
            "SELECT id, room_id, topic_offset, body, sent FROM message WHERE author_id = $1 AND client_id = $2",
            (author.0, client_id.as_str()),
            |row| {
                let outcome = Outcome::Message {
                    id: MessageId(row.get(0)?),
                    offset: log::offset(row, 2)?,
                    sent: row.get(4)?,
                    duplicate: true,
                };
                let same_text = row.get_ref(3)?.as_str().map_err(corrupt)? == text.as_str();
                Ok(Known { room: row.get(1)?, same_text, outcome })
            },
        )
    }
}

/// A page, if `user` is in the room.
///
/// Every page is a cut in the room's log with so many messages below it and so many above;
/// one more is read on either side, which tells whether there is more. Each side has half of
/// the bytes when both are wanted.
pub(super) fn history(
    db: &Connection,
    user: UserId,
    room: &RoomName,
    page: HistoryPage,
) -> Result<Option<History>, Failure> {
    let found = db.one(
        "SELECT room.id, topic.head FROM room \
         JOIN member ON member.account_id = $1 AND member.room_id = room.id JOIN topic ON topic.id = room.topic_id \
         WHERE room.name = $2",
        (user.0, room.as_str()),
        |row| Ok((row.get::<_, i64>(0)?, log::offset(row, 1)?)),
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
    db: &Connection,
    room: &RoomName,
    room_id: i64,
    query: &str,
    cut: i64,
    most: (u32, usize),
) -> Result<(Vec<HistoryMessage>, bool), Failure> {
    let mut authors = HashMap::new(); // few, and checking a name costs more than reading its row
    let text = |item: &HistoryMessage| item.message.message.as_str().len();
    db.page(query, (room_id, cut, i64::from(most.0) + 1), most, text, |row| {
        let author = match authors.entry(row.get::<_, i64>(6)?) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                new.insert(UserName::parse(row.get_ref(1)?.as_str().map_err(corrupt)?).map_err(corrupt)?)
            }
        };
        let client_id = row.get::<_, Option<String>>(4)?;
        let message = Message {
            id: MessageId(row.get(0)?),
            room: room.clone(),
            from: author.clone(),
            message: MessageText::parse(row.get_ref(2)?.as_str().map_err(corrupt)?).map_err(corrupt)?,
            sent: row.get(3)?,
            client_id: client_id.map(|id| ClientMessageId::parse(&id)).transpose().map_err(corrupt)?,
        };
        Ok(HistoryMessage { message, offset: log::offset(row, 5)? })
    })
}
