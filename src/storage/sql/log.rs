//! Topics and their logs.

use super::{
    commit::Batch,
    db::{Db, ForEach, Row, corrupt},
    documents::{APPEND_UPDATE, SET_DOCUMENT_HEAD},
    feed::NOTE_PROGRESS,
    messages::INSERT_MESSAGE,
    publish::INSERT_RECEIPT,
};
use crate::{
    model::{Offset, Publication, TopicName, UnixMillis, UserId},
    storage::{LogRange, MAX_PAGE_BYTES, NewPublication, StoreError, TopicState, Wanted},
};

use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc};

/// A topic as a batch knows it.
#[derive(Debug, Clone, Copy)]
pub(in crate::storage) struct Topic {
    pub(super) id: i64,
    pub(super) head: Offset,
    /// Whether `head` is to be written when the batch ends.
    changed: bool,
    /// How many publications are kept; `None`: all, as far as their number goes.
    keep: Option<u64>,
}

impl Topic {
    /// As it is stored.
    pub(in crate::storage) fn new(id: i64, head: Offset) -> Self {
        Self { id, head, changed: false, keep: None }
    }
}

/// A row of `publication`: topic, offset, event type, payload, when, and how long it is kept.
pub(super) type PublicationRow = (i64, i64, Cow<'static, str>, Arc<RawValue>, UnixMillis, Option<i64>);

const INSERT_PUBLICATION: ForEach = ForEach {
    one: "INSERT INTO publication (topic_id, topic_offset, event_type, payload, created_at, keep_ms) \
          VALUES ($1, $2, $3, $4, $5, $6)",
    all: "INSERT INTO publication (topic_id, topic_offset, event_type, payload, created_at, keep_ms) \
          SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])",
};
const SET_HEAD: ForEach = ForEach {
    one: "UPDATE topic SET head = $1 WHERE id = $2",
    all: "UPDATE topic SET head = new.head FROM unnest($1::bigint[], $2::bigint[]) AS new (head, id) \
          WHERE topic.id = new.id",
};
const FORGET_UP_TO: ForEach = ForEach {
    one: "DELETE FROM publication WHERE topic_offset <= $1 AND topic_id = $2",
    all: "DELETE FROM publication USING unnest($1::bigint[], $2::bigint[]) AS old (last, id) \
          WHERE publication.topic_offset <= old.last AND publication.topic_id = old.id",
};
/// How far logs are forgotten: offset, topic.
pub(super) const MARK_TRIMMED: ForEach = ForEach {
    one: "UPDATE topic SET trimmed = $1 WHERE id = $2 AND trimmed < $1",
    all: "UPDATE topic SET trimmed = new.trimmed FROM unnest($1::bigint[], $2::bigint[]) AS new (trimmed, id) \
          WHERE topic.id = new.id AND topic.trimmed < new.trimmed",
};

impl Batch<'_> {
    /// The topic, made when it is new.
    pub(super) fn topic(&mut self, name: &TopicName) -> Result<&mut Topic, StoreError> {
        if !self.topics.contains_key(name) {
            let found = self.db.one("SELECT id, head FROM topic WHERE name = $1", [name.as_str()], |row| {
                Ok(Topic::new(row.get(0)?, offset(row, 1)?))
            })?;
            let topic = match found {
                Some(topic) => topic,
                None => {
                    Topic::new(self.db.insert("INSERT INTO topic (name) VALUES ($1)", [name.as_str()])?, Offset::ZERO)
                }
            };
            self.topics.insert(name.clone(), topic);
        }
        self.topics.get_mut(name).ok_or_else(|| corrupt("a topic vanished"))
    }

    /// Appends to a topic's log.
    pub(super) fn append(&mut self, new: &NewPublication, at: UnixMillis) -> Result<Publication, StoreError> {
        let topic = self.topic(&new.topic)?;
        topic.head = topic.head.next();
        topic.changed = true;
        topic.keep = new.keep.map(|keep| keep.count);
        let Topic { id, head, .. } = *topic;
        if new.keep.is_none_or(|keep| keep.count > 0) {
            let keep_ms = new.keep.map(|keep| keep.age_ms);
            let row = (id, sql(head), new.event_type.clone(), new.payload.clone(), at, keep_ms);
            self.publications.push(row);
        }
        let NewPublication { topic, event_type, payload, .. } = new.clone();
        Ok(Publication { topic, offset: head, event_type, payload })
    }

    /// Writes what was decided: topics once per batch, not once per publication.
    pub(super) fn write(self) -> Result<(), StoreError> {
        let changed = || self.topics.values().filter(|topic| topic.changed);
        let heads: Vec<_> = changed().map(|topic| (sql(topic.head), topic.id)).collect();
        let surplus = |topic: &Topic| topic.keep.map_or(0, |keep| topic.head.0.saturating_sub(keep));
        let surplus = changed().map(|topic| (sql(Offset(surplus(topic))), topic.id));
        let surplus: Vec<_> = surplus.filter(|(last, _)| *last > 0).collect();
        let document_heads = self.documents.heads();
        self.db.run_for_each(&[
            (&INSERT_MESSAGE, &self.messages.rows),
            (&INSERT_PUBLICATION, &self.publications),
            (&INSERT_RECEIPT, &self.new_receipts),
            (&NOTE_PROGRESS, &self.new_progress),
            (&SET_HEAD, &heads),
            (&FORGET_UP_TO, &surplus),
            (&MARK_TRIMMED, &surplus),
            (&APPEND_UPDATE, &self.documents.updates),
            (&SET_DOCUMENT_HEAD, &document_heads),
        ])
    }
}

/// How far logs reach; the caller's transaction makes it one snapshot.
pub(super) fn states(db: Db<'_>, wanted: &Wanted) -> Result<Vec<TopicState>, StoreError> {
    let mut states = match wanted.heard_by {
        Some(user) => heard_by(db, user)?,
        None => Vec::new(),
    };
    for name in &wanted.named {
        states.push(state(db, name)?);
    }
    Ok(states)
}

/// A member's rooms and their inbox.
fn heard_by(db: Db<'_>, user: UserId) -> Result<Vec<TopicState>, StoreError> {
    let mut topics = db.all(
        "SELECT topic.name, topic.head, topic.trimmed FROM member \
         JOIN room ON room.id = member.room_id JOIN topic ON topic.id = room.topic_id WHERE member.account_id = $1",
        [user.0],
        |row| {
            let topic = TopicName::parse(row.text(0)?).map_err(corrupt)?;
            Ok(TopicState { topic, head: offset(row, 1)?, trimmed: offset(row, 2)? })
        },
    )?;
    topics.push(state(db, &TopicName::user(user))?);
    Ok(topics)
}

/// A topic has no row before its first publication.
fn state(db: Db<'_>, name: &TopicName) -> Result<TopicState, StoreError> {
    let found = db.one("SELECT head, trimmed FROM topic WHERE name = $1", [name.as_str()], |row| {
        Ok(TopicState { topic: name.clone(), head: offset(row, 0)?, trimmed: offset(row, 1)? })
    })?;
    Ok(found.unwrap_or_else(|| TopicState { topic: name.clone(), head: Offset::ZERO, trimmed: Offset::ZERO }))
}

const OLDEST: &str = "SELECT publication.topic_offset, publication.event_type, publication.payload \
     FROM topic JOIN publication ON publication.topic_id = topic.id \
     WHERE topic.name = $1 AND publication.topic_offset > $2 AND publication.topic_offset <= $3 \
     ORDER BY publication.topic_offset LIMIT $4";
const NEWEST: &str = "SELECT publication.topic_offset, publication.event_type, publication.payload \
     FROM topic JOIN publication ON publication.topic_id = topic.id \
     WHERE topic.name = $1 AND publication.topic_offset > $2 AND publication.topic_offset <= $3 \
     ORDER BY publication.topic_offset DESC LIMIT $4";

pub(super) fn read(db: Db<'_>, range: &LogRange, limit: u32) -> Result<Vec<Publication>, StoreError> {
    stretch(db, OLDEST, range, limit)
}

pub(super) fn read_end(db: Db<'_>, range: &LogRange, limit: u32) -> Result<Vec<Publication>, StoreError> {
    let mut newest = stretch(db, NEWEST, range, limit)?;
    newest.reverse();
    Ok(newest)
}

fn stretch(db: Db<'_>, query: &'static str, range: &LogRange, limit: u32) -> Result<Vec<Publication>, StoreError> {
    let (publications, _) = db.page(
        query,
        (range.topic.as_str(), sql(range.after), sql(range.until), limit),
        (limit, MAX_PAGE_BYTES),
        |publication: &Publication| publication.payload.get().len(),
        |row| {
            let payload: Arc<RawValue> = RawValue::from_string(row.get(2)?).map_err(corrupt)?.into();
            let event_type = row.get::<String>(1)?.into();
            Ok(Publication { topic: range.topic.clone(), offset: offset(row, 0)?, event_type, payload })
        },
    )?;
    Ok(publications)
}

/// SQL's integers are signed; an offset beyond them is beyond every log, so the greatest will do.
pub(super) fn sql(offset: Offset) -> i64 {
    i64::try_from(offset.0).unwrap_or(i64::MAX)
}

pub(in crate::storage) fn offset(row: &Row<'_>, column: usize) -> Result<Offset, StoreError> {
    let stored: i64 = row.get(column)?;
    u64::try_from(stored).map(Offset).map_err(corrupt)
}
