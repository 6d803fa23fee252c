//! Topics and their logs.

use super::{
    commit::Batch,
    sql::{Failure, Sql, corrupt},
};
use crate::{
    model::{Offset, Publication, TopicName, UnixMillis, UserId},
    storage::{LogRange, MAX_PAGE_BYTES, NewPublication, TopicState, Wanted},
};
use rusqlite::{Connection, Row};
use serde_json::value::RawValue;
use std::sync::Arc;

/// A topic as a batch knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Topic {
    pub(super) id: i64,
    pub(super) head: Offset,
    /// Whether `head` is to be written when the batch ends.
    changed: bool,
    /// How many publications are kept; `None`: all, as far as their number goes.
    keep: Option<u64>,
}

impl Batch<'_> {
    /// The topic, made when it is new.
    pub(super) fn topic(&mut self, name: &TopicName) -> Result<&mut Topic, Failure> {
        if !self.topics.contains_key(name) {
            let found = self.db.one("SELECT id, head FROM topic WHERE name = $1", [name.as_str()], |row| {
                Ok(Topic { id: row.get(0)?, head: offset(row, 1)?, changed: false, keep: None })
            })?;
            let topic = match found {
                Some(topic) => topic,
                None => {
                    let id = self.db.insert("INSERT INTO topic (name) VALUES ($1)", [name.as_str()])?;
                    Topic { id, head: Offset::ZERO, changed: false, keep: None }
                }
            };
            self.topics.insert(name.clone(), topic);
        }
        self.topics.get_mut(name).ok_or_else(|| corrupt("a topic vanished"))
    }

    /// Appends to a topic's log.
    pub(super) fn append(&mut self, new: &NewPublication, at: UnixMillis) -> Result<Publication, Failure> {
        let topic = self.topic(&new.topic)?;
        topic.head = topic.head.next();
        topic.changed = true;
        topic.keep = new.keep.map(|keep| keep.count);
        let Topic { id, head, .. } = *topic;
        if new.keep.is_none_or(|keep| keep.count > 0) {
            let keep_ms = new.keep.map(|keep| keep.age_ms);
            self.db.run(
                "INSERT INTO publication (topic_id, topic_offset, event_type, payload, created_at, keep_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
                (id, sql(head), new.event_type.as_ref(), new.payload.get(), at, keep_ms),
            )?;
        }
        let NewPublication { topic, event_type, payload, .. } = new.clone();
        Ok(Publication { topic, offset: head, event_type, payload })
    }

    /// Once per topic and batch, not once per publication.
    pub(super) fn write_topics(&self) -> Result<(), Failure> {
        for topic in self.topics.values().filter(|topic| topic.changed) {
            self.db.run("UPDATE topic SET head = $1 WHERE id = $2", (sql(topic.head), topic.id))?;
            let surplus = topic.keep.map_or(0, |keep| topic.head.0.saturating_sub(keep));
            if surplus > 0 {
                let last = sql(Offset(surplus));
                self.db.run("DELETE FROM publication WHERE topic_id = $1 AND topic_offset <= $2", (topic.id, last))?;
                self.db.run("UPDATE topic SET trimmed = $1 WHERE id = $2 AND trimmed < $1", (last, topic.id))?;
            }
        }
        Ok(())
    }
}

/// How far logs reach; the caller's transaction makes it one snapshot.
pub(super) fn states(db: &Connection, wanted: &Wanted) -> Result<Vec<TopicState>, Failure> {
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
fn heard_by(db: &Connection, user: UserId) -> Result<Vec<TopicState>, Failure> {
    let mut topics = db.all(
        "SELECT topic.name, topic.head, topic.trimmed FROM member \
         JOIN room ON room.id = member.room_id JOIN topic ON topic.id = room.topic_id WHERE member.account_id = $1",
        [user.0],
        |row| {
            let topic = TopicName::parse(row.get_ref(0)?.as_str().map_err(corrupt)?).map_err(corrupt)?;
            Ok(TopicState { topic, head: offset(row, 1)?, trimmed: offset(row, 2)? })
        },
    )?;
    topics.push(state(db, &TopicName::user(user))?);
    Ok(topics)
}

/// A topic has no row before its first publication.
fn state(db: &Connection, name: &TopicName) -> Result<TopicState, Failure> {
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

pub(super) fn read(db: &Connection, range: &LogRange, limit: u32) -> Result<Vec<Publication>, Failure> {
    stretch(db, OLDEST, range, limit)
}

pub(super) fn read_end(db: &Connection, range: &LogRange, limit: u32) -> Result<Vec<Publication>, Failure> {
    let mut newest = stretch(db, NEWEST, range, limit)?;
    newest.reverse();
    Ok(newest)
}

fn stretch(db: &Connection, query: &str, range: &LogRange, limit: u32) -> Result<Vec<Publication>, Failure> {
    let (publications, _) = db.page(
        query,
        (range.topic.as_str(), sql(range.after), sql(range.until), limit),
        (limit, MAX_PAGE_BYTES),
        |publication: &Publication| publication.payload.get().len(),
        |row| {
            let payload: Arc<RawValue> = RawValue::from_string(row.get(2)?).map_err(corrupt)?.into();
            let event_type = row.get::<_, String>(1)?.into();
            Ok(Publication { topic: range.topic.clone(), offset: offset(row, 0)?, event_type, payload })
        },
    )?;
    Ok(publications)
}

/// SQL's integers are signed; an offset beyond them is beyond every log, so the greatest will do.
pub(super) fn sql(offset: Offset) -> i64 {
    i64::try_from(offset.0).unwrap_or(i64::MAX)
}

pub(super) fn offset(row: &Row<'_>, column: usize) -> Result<Offset, Failure> {
    let stored: i64 = row.get(column)?;
    u64::try_from(stored).map(Offset).map_err(corrupt)
}
