//! What a batch is going to ask for, in a few statements: each question of its own would cost a round trip.
//!
//! What is missing here is only slower: the batch asks for what it does not know.

use super::Client;
use crate::{
    model::{ClientMessageId, RoomName, TopicName, UserId},
    storage::{
        Change, Draft, StoreError,
        sql::{Batch, Known, RoomRow, Topic, corrupt, offset},
    },
};
use std::collections::{HashMap, HashSet};

/// Fills `batch` with what the drafts are about.
pub(in crate::storage) fn prefetch(client: &Client, batch: &mut Batch<'_>, drafts: &[Draft]) -> Result<(), StoreError> {
    if drafts.len() < 2 {
        return Ok(());
    }
    let asked = Asked::of(drafts);
    asked.rooms(client, batch)?;
    asked.topics(client, batch)?;
    asked.members(client, batch)?;
    asked.known(client, batch)
}

/// What the drafts name, each once.
#[derive(Default)]
struct Asked<'d> {
    rooms: HashSet<&'d RoomName>,
    topics: HashSet<TopicName>,
    members: HashSet<(UserId, &'d RoomName)>,
    known: HashSet<(UserId, &'d ClientMessageId)>,
}

impl<'d> Asked<'d> {
    fn of(drafts: &'d [Draft]) -> Self {
        let mut asked = Self::default();
        for draft in drafts {
            match &draft.change {
                Change::Publish { publications, .. } => {
                    asked.topics.extend(publications.iter().map(|one| one.topic.clone()));
                }
                Change::SendMessage { author, room, client_id, .. } => {
                    asked.room(author.id, room);
                    asked.known.extend(client_id.iter().map(|client_id| (author.id, client_id)));
                }
                Change::CreateRoom { author, room, .. }
                | Change::JoinRoom { author, room, .. }
                | Change::LeaveRoom { author, room } => {
                    asked.room(author.id, room);
                    asked.topics.insert(TopicName::user(author.id));
                }
            }
        }
        asked
    }

    fn room(&mut self, author: UserId, room: &'d RoomName) {
        if self.rooms.insert(room) {
            self.topics.insert(TopicName::room(room));
        }
        self.members.insert((author, room));
    }

    fn rooms(&self, client: &Client, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        let names: Vec<_> = self.rooms.iter().map(|name| [name.as_str()]).collect();
        if names.is_empty() {
            return Ok(());
        }
        batch.rooms.extend(self.rooms.iter().map(|name| ((*name).clone(), None)));
        let find = "SELECT id, title, public, members, name FROM room WHERE name = ANY ($1::text[])";
        client.visit_over(find, &names, |row| {
            let name = RoomName::parse(row.text(4)?).map_err(corrupt)?;
            let room = RoomRow::read(row, &name)?;
            batch.rooms.insert(name, Some(room));
            Ok(())
        })
    }

    /// Those that are there; new ones are made when something is appended.
    fn topics(&self, client: &Client, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        let names: Vec<_> = self.topics.iter().map(|name| [name.as_str()]).collect();
        let find = "SELECT id, head, name FROM topic WHERE name = ANY ($1::text[])";
        client.visit_over(find, &names, |row| {
            let name = TopicName::parse(row.text(2)?).map_err(corrupt)?;
            batch.topics.insert(name, Topic::new(row.get(0)?, offset(row, 1)?));
            Ok(())
        })
    }

    fn members(&self, client: &Client, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        let rooms: HashMap<_, _> =
            batch.rooms.iter().filter_map(|(name, row)| Some((name, row.as_ref()?.id))).collect();
        let pairs: Vec<_> = self.members.iter().filter_map(|(user, room)| Some((*rooms.get(room)?, *user))).collect();
        if pairs.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = pairs.iter().map(|(room, user)| (*room, user.0)).collect();
        batch.members.extend(pairs.into_iter().map(|pair| (pair, false)));
        let find = "SELECT member.room_id, member.account_id FROM member \
                    JOIN unnest($1::bigint[], $2::bigint[]) AS asked (room_id, account_id) \
                    ON member.room_id = asked.room_id AND member.account_id = asked.account_id";
        client.visit_over(find, &rows, |row| {
            batch.members.insert((row.get(0)?, UserId(row.get(1)?)), true);
            Ok(())
        })
    }

    fn known(&self, client: &Client, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        let rows: Vec<_> = self.known.iter().map(|(author, client_id)| (author.0, *client_id)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let unknown = self.known.iter().map(|(author, client_id)| ((*author, (*client_id).clone()), None));
        batch.known.extend(unknown);
        let find = "SELECT message.id, room_id, topic_offset, body, sent, message.author_id, message.client_id \
                    FROM message JOIN unnest($1::bigint[], $2::text[]) AS asked (author_id, client_id) \
                    ON message.author_id = asked.author_id AND message.client_id = asked.client_id \
                    AND message.client_id IS NOT NULL";
        client.visit_over(find, &rows, |row| {
            let client_id = ClientMessageId::parse(row.text(6)?).map_err(corrupt)?;
            batch.known.insert((UserId(row.get(5)?), client_id), Some(Known::read(row)?));
            Ok(())
        })
    }
}
