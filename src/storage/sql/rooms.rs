//! Rooms and who is in them.

use super::{
    commit::{Batch, Decision},
    db::{Db, Row, corrupt},
};
use crate::{
    model::{GENERAL, Offset, Publication, Room, RoomName, RoomTitle, TopicName, UnixMillis, User, UserId, UserName},
    storage::{Committed, MAX_OPEN_ROOMS, Outcome, Refusal, RoomList, StoreError},
};

use serde::Serialize;

/// A room as a batch knows it.
#[derive(Debug, Clone)]
pub(in crate::storage) struct RoomRow {
    pub(in crate::storage) id: i64,
    pub(super) topic: TopicName,
    title: RoomTitle,
    public: bool,
    members: u32,
}

impl RoomRow {
    pub(super) fn find(db: Db<'_>, name: &RoomName) -> Result<Option<Self>, StoreError> {
        let find = "SELECT id, title, public, members FROM room WHERE name = $1";
        db.one(find, [name.as_str()], |row| Self::read(row, name))
    }

    /// Reads `id, title, public, members`.
    pub(in crate::storage) fn read(row: &Row<'_>, name: &RoomName) -> Result<Self, StoreError> {
        let topic = TopicName::room(name);
        Ok(Self { id: row.get(0)?, topic, title: title(row, 1)?, public: row.get(2)?, members: row.get(3)? })
    }

    fn seen_by_member(&self, name: &RoomName) -> Room {
        let (title, public, members) = (self.title.clone(), self.public, self.members);
        Room { name: name.clone(), title, public, joined: true, members }
    }
}

/// `room_created`
#[derive(Serialize)]
struct RoomCreated<'a> {
    room: &'a RoomName,
    title: &'a RoomTitle,
    public: bool,
    by: &'a UserName,
}

/// `member_joined`, `member_left`
#[derive(Serialize)]
struct MemberChanged<'a> {
    room: &'a RoomName,
    user: &'a UserName,
}

/// `room_added`
#[derive(Serialize)]
struct RoomAdded<'a> {
    room: &'a Room,
    offset: Offset,
}

/// `room_removed`
#[derive(Serialize)]
struct RoomRemoved<'a> {
    room: &'a RoomName,
}

impl Batch<'_> {
    pub(super) fn create_room(
        &mut self,
        author: &User,
        at: UnixMillis,
        (name, title, public): (&RoomName, &RoomTitle, bool),
        max_joined: u32,
    ) -> Decision {
        if self.room(name)?.is_some() {
            return Ok(Err(Refusal::RoomExists));
        }
        // Made counts too: who leaves what they make would otherwise make rooms without end.
        if self.is_in_as_many_as(author.id, max_joined)? || self.has_made_as_many_as(author.id, max_joined)? {
            return Ok(Err(Refusal::TooManyRooms));
        }
        let topic = TopicName::room(name);
        let topic_id = self.topic(&topic)?.id;
        let id = self.db.insert(
            "INSERT INTO room (name, title, public, topic_id, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
            (name.as_str(), title.as_str(), i64::from(public), topic_id, author.id.0, at),
        )?;
        let row = RoomRow { id, topic: topic.clone(), title: title.clone(), public, members: 0 };
        self.rooms.insert(name.clone(), Some(row.clone()));
        let created = RoomCreated { room: name, title, public, by: &author.name };
        let created = self.announce(&topic, "room_created", &created, at)?;
        self.add_member(author, at, name, row, created)
    }

    pub(super) fn join_room(&mut self, author: &User, at: UnixMillis, name: &RoomName, max_joined: u32) -> Decision {
        let Some(row) = self.room(name)?.cloned() else { return Ok(Err(Refusal::NoSuchRoom)) };
        if self.is_member(row.id, author.id)? {
            let offset = self.topic(&row.topic)?.head;
            let outcome = Outcome::Joined { room: row.seen_by_member(name), offset };
            return Ok(Ok(Committed { publications: Vec::new(), outcome }));
        }
        if !row.public {
            return Ok(Err(Refusal::NoSuchRoom));
        }
        if self.is_in_as_many_as(author.id, max_joined)? {
            return Ok(Err(Refusal::TooManyRooms));
        }
        let joined = MemberChanged { room: name, user: &author.name };
        let joined = self.announce(&row.topic, "member_joined", &joined, at)?;
        self.add_member(author, at, name, row, joined)
    }

    pub(super) fn leave_room(&mut self, author: &User, at: UnixMillis, name: &RoomName) -> Decision {
        let left = |publications| Ok(Ok(Committed { publications, outcome: Outcome::Left }));
        let Some(row) = self.room(name)?.cloned() else { return Ok(Err(Refusal::NoSuchRoom)) };
        if !self.is_member(row.id, author.id)? {
            // A private room must look like one that is not there.
            return if row.public { left(Vec::new()) } else { Ok(Err(Refusal::NoSuchRoom)) };
        }
        if name.as_str() == GENERAL {
            return Ok(Err(Refusal::NoSuchRoom));
        }
        self.db.run("DELETE FROM member WHERE account_id = $1 AND room_id = $2", (author.id.0, row.id))?;
        self.members.insert((row.id, author.id), false);
        self.write_count(name, row.id, row.members.saturating_sub(1))?;
        let member_left = MemberChanged { room: name, user: &author.name };
        let member_left = self.announce(&row.topic, "member_left", &member_left, at)?;
        let inbox = TopicName::user(author.id);
        let removed = self.announce(&inbox, "room_removed", &RoomRemoved { room: name }, at)?;
        left(vec![member_left, removed])
    }

    /// Asks the database: what the batch has changed so far is in it.
    fn is_in_as_many_as(&self, user: UserId, count: u32) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM member WHERE account_id = $1 LIMIT $2) AS found";
        self.reaches(sql, user.0, count)
    }

    fn has_made_as_many_as(&self, user: UserId, count: u32) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM room WHERE created_by = $1 LIMIT $2) AS found";
        self.reaches(sql, user.0, count)
    }

    /// Whether as many are found of `owner`'s.
    pub(super) fn reaches(&self, sql: &'static str, owner: i64, count: u32) -> Result<bool, StoreError> {
        let found = self.db.one(sql, (owner, count), |row| row.get::<u32>(0))?;
        Ok(found.is_some_and(|found| found >= count))
    }

    /// The second half of creating and joining, after the room heard of it.
    fn add_member(
        &mut self,
        author: &User,
        at: UnixMillis,
        name: &RoomName,
        mut row: RoomRow,
        heard: Publication,
    ) -> Decision {
        insert_member(self.db, author.id, row.id, at)?;
        self.members.insert((row.id, author.id), true);
        row.members += 1;
        self.write_count(name, row.id, row.members)?;
        let (room, offset) = (row.seen_by_member(name), heard.offset);
        let inbox = TopicName::user(author.id);
        let added = self.announce(&inbox, "room_added", &RoomAdded { room: &room, offset }, at)?;
        Ok(Ok(Committed { publications: vec![heard, added], outcome: Outcome::Joined { room, offset } }))
    }

    fn write_count(&mut self, name: &RoomName, id: i64, members: u32) -> Result<(), StoreError> {
        if let Some(row) = self.room(name)? {
            row.members = members;
        }
        self.db.run("UPDATE room SET members = $1 WHERE id = $2", (members, id)).map(drop)
    }
}

/// Puts a new account into the room everyone is in; nobody is told.
pub(super) fn join_general(db: Db<'_>, user: UserId, at: UnixMillis) -> Result<(), StoreError> {
    let general = db.one("SELECT id FROM room WHERE name = $1", [GENERAL], |row| row.get::<i64>(0))?;
    let general = general.ok_or_else(|| corrupt("there is no room `general`"))?;
    insert_member(db, user, general, at)?;
    db.run("UPDATE room SET members = members + 1 WHERE id = $1", [general]).map(drop)
}

fn insert_member(db: Db<'_>, user: UserId, room: i64, at: UnixMillis) -> Result<(), StoreError> {
    let sql = "INSERT INTO member (account_id, room_id, joined_at) VALUES ($1, $2, $3)";
    db.run(sql, (user.0, room, at)).map(drop)
}

/// The rooms `user` is in and the largest of the other public ones, by name.
pub(super) fn visible_to(db: Db<'_>, user: UserId) -> Result<RoomList, StoreError> {
    let mut rooms = db.all(
        "SELECT room.name, room.title, room.public, room.members, 1 FROM member \
         JOIN room ON room.id = member.room_id WHERE member.account_id = $1",
        [user.0],
        read,
    )?;
    // The index has them in this order, so it reads no more than it answers and those it skips.
    let (mut open, more) = db.page(
        "SELECT room.name, room.title, room.public, room.members, 0 FROM room WHERE room.public = 1 AND NOT EXISTS \
         (SELECT 1 FROM member WHERE member.account_id = $1 AND member.room_id = room.id) \
         ORDER BY room.members DESC, room.name LIMIT $2",
        (user.0, i64::from(MAX_OPEN_ROOMS) + 1),
        (MAX_OPEN_ROOMS, usize::MAX),
        |_| 0,
        read,
    )?;
    rooms.append(&mut open);
    rooms.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(RoomList { rooms, more })
}

/// Reads `name, title, public, members, joined`.
fn read(row: &Row<'_>) -> Result<Room, StoreError> {
    let name = RoomName::parse(row.text(0)?).map_err(corrupt)?;
    let (public, members, joined) = (row.get(2)?, row.get(3)?, row.get(4)?);
    Ok(Room { name, title: title(row, 1)?, public, joined, members })
}

fn title(row: &Row<'_>, column: usize) -> Result<RoomTitle, StoreError> {
    RoomTitle::parse(row.text(column)?).map_err(corrupt)
}
