//! Topics and their logs.

use super::{
    commit::Batch,
    sql::{Failure, Sql, corrupt},
};
use crate::{
    model::{Offset, Publication, TopicName, UnixMillis, UserId},
    storage::{LogRange, MAX_PAGE_BYTES, TopicState},
};
use rusqlite::{Connection, Row};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::HashMap, sync::Arc};

/// A topic as a batch knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Topic {
    pub(super) id: i64,
    pub(super) head: Offset,
    /// Whether `head` is to be written when the batch ends.
    changed: bool,
}

impl Batch<'_> {
    /// The topic, made when it is new.
    pub(super) fn topic(&mut self, name: &TopicName) -> Result<&mut Topic, Failure> {
        if !self.topics.contains_key(name) {
            let found = self.db.one("SELECT id, head FROM topic WHERE name = $1", [name.as_str()], |row| {
                Ok(Topic { id: row.get(0)?, head: offset(row, 1)?, changed: false })
            })?;
            let topic = match found {
                Some(topic) => topic,
                None => {
                    let id = self.db.insert("INSERT INTO topic (name) VALUES ($1)", [name.as_str()])?;
                    Topic { id, head: Offset::ZERO, changed: false }
                }
            };
            self.topics.insert(name.clone(), topic);
        }
        self.topics.get_mut(name).ok_or_else(|| corrupt("a topic vanished"))
    }

    /// Appends to a topic's log.
    pub(super) fn append(
        &mut self,
        name: &TopicName,
        event_type: Cow<'static, str>,
        payload: Arc<RawValue>,
        at: UnixMillis,
    ) -> Result<Publication, Failure> {
        let topic = self.topic(name)?;
        topic.head = topic.head.next();
        topic.changed = true;
        let Topic { id, head, .. } = *topic;
        self.db.run(
            "INSERT INTO publication (topic_id, topic_offset, event_type, payload, created_at) \
             VALUES ($1, $2, $3, $4, $5)",
            (id, sql(head), event_type.as_ref(), payload.get(), at),
        )?;
        Ok(Publication { topic: name.clone(), offset: head, event_type, payload })
    }

    /// Once per topic and batch, not once per publication.
    pub(super) fn write_heads(&self) -> Result<(), Failure> {
        for topic in self.topics.values().filter(|topic| topic.changed) {
            self.db.run("UPDATE topic SET head = $1 WHERE id = $2", (sql(topic.head), topic.id))?;
        }
        Ok(())
    }
}

/// The topics `user` hears: one statement, so one snapshot even without a transaction.
pub(super) fn topics_of(db: &Connection, user: UserId) -> Result<Vec<TopicState>, Failure> {
    let inbox = TopicName::user(user);
    let read = |row: &Row<'_>| {
        let topic = TopicName::parse(row.get_ref(0)?.as_str().map_err(corrupt)?).map_err(corrupt)?;
        Ok(TopicState { topic, head: offset(row, 1)?, trimmed: offset(row, 2)? })
    };
    let mut topics = db.all(
        "SELECT topic.name, topic.head, topic.trimmed FROM member \
         JOIN room ON room.id = member.room_id JOIN topic ON topic.id = room.topic_id WHERE member.account_id = $1 \
         UNION ALL SELECT name, head, trimmed FROM topic WHERE name = $2",
        (user.0, inbox.as_str()),
        read,
    )?;
    // An inbox has no row before its first publication.
    if topics.iter().all(|state| state.topic != inbox) {
        topics.push(TopicState { topic: inbox, head: Offset::ZERO, trimmed: Offset::ZERO });
    }
    Ok(topics)
}

pub(super) fn read(db: &Connection, range: &LogRange, limit: u32) -> Result<Vec<Publication>, Failure> {
    let (publications, _) = db.page(
        "SELECT publication.topic_offset, publication.event_type, publication.payload \
         FROM topic JOIN publication ON publication.topic_id = topic.id \
         WHERE topic.name = $1 AND publication.topic_offset > $2 AND publication.topic_offset <= $3 \
         ORDER BY publication.topic_offset LIMIT $4",
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

/// Forgets in the order of commits and stops at the first publication that is young enough,
/// so that what is left of a topic has no hole, whatever the clock did.
pub(super) fn trim(db: &Connection, before: UnixMillis, limit: u32) -> Result<u32, Failure> {
    let (mut last, mut count, mut trimmed) = (None, 0, HashMap::new());
    {
        let sql = "SELECT id, topic_id, topic_offset, created_at FROM publication ORDER BY id LIMIT $1";
        let mut statement = db.statement(sql)?;
        let mut rows = statement.query([limit])?;
        while let Some(row) = rows.next()? {
            if row.get::<_, UnixMillis>(3)? >= before {
                break;
            }
            last = Some(row.get::<_, i64>(0)?);
            count += 1;
            trimmed.insert(row.get::<_, i64>(1)?, row.get::<_, i64>(2)?); // ascending: the last one stays
        }
    }
    if let Some(last) = last {
        db.run("DELETE FROM publication WHERE id <= $1", [last])?;
        for (topic, offset) in trimmed {
            db.run("UPDATE topic SET trimmed = $1 WHERE id = $2", (offset, topic))?;
        }
    }
    Ok(count)
}

/// SQL's integers are signed; an offset beyond them is beyond every log, so the greatest will do.
pub(super) fn sql(offset: Offset) -> i64 {
    i64::try_from(offset.0).unwrap_or(i64::MAX)
}

pub(super) fn offset(row: &Row<'_>, column: usize) -> Result<Offset, Failure> {
    let stored: i64 = row.get(column)?;
    u64::try_from(stored).map(Offset).map_err(corrupt)
}
