//! What a batch is going to ask for, in one round trip: each question of its own would cost another.
//!
//! What is missing here is only slower: the batch asks for what it does not know.

use super::Client;
use crate::{
    model::{ClientMessageId, DocumentId, RoomName, TopicName, UserId},
    storage::{
        Change, DocumentEdit, Draft, StoreError,
        sql::{
            Batch, DocumentRow, Known, LAST_MESSAGE, Receipt, RoomRow, Row, Rows as _, Topic, corrupt, offset,
            published_batches,
        },
    },
};
use std::collections::HashSet;

const ROOMS: &str = "SELECT id, title, public, members, name FROM room WHERE name = ANY ($1::text[])";
const TOPICS: &str = "SELECT id, head, name FROM topic WHERE name = ANY ($1::text[])";
const MEMBERS: &str = "SELECT member.room_id, member.account_id \
    FROM unnest($1::text[], $2::bigint[]) AS asked (room, account_id) JOIN room ON room.name = asked.room \
    JOIN member ON member.room_id = room.id AND member.account_id = asked.account_id";
const KNOWN: &str = "SELECT message.id, room_id, topic_offset, body, sent, message.author_id, message.client_id \
    FROM message JOIN unnest($1::bigint[], $2::text[]) AS asked (author_id, client_id) \
    ON message.author_id = asked.author_id AND message.client_id = asked.client_id \
    AND message.client_id IS NOT NULL";

const RECEIPTS: &str = "SELECT fingerprint, answer, issuer, idempotency_key FROM publish_receipt \
    JOIN unnest($1::text[], $2::text[]) AS asked (issuer, idempotency_key) USING (issuer, idempotency_key)";

const EDITORS: &str = "SELECT document.id, member.account_id \
    FROM unnest($1::bigint[], $2::bigint[]) AS asked (document_id, account_id) \
    JOIN document ON document.id = asked.document_id \
    JOIN member ON member.room_id = document.room_id AND member.account_id = asked.account_id";
const OUTBOXES: &str = "SELECT batch, outbox FROM feed_source WHERE outbox = ANY ($1::text[])";
const MAKE_TOPICS: &str = "INSERT INTO topic (name) SELECT * FROM unnest($1::text[]) RETURNING id, head, name";

/// Fills `batch` with what the drafts are about.
pub(in crate::storage) fn prefetch(client: &Client, batch: &mut Batch<'_>, drafts: &[Draft]) -> Result<(), StoreError> {
    let asked = Asked::of(drafts);
    let rooms: Vec<_> = asked.rooms.iter().map(|name| [name.as_str()]).collect();
    let topics: Vec<_> = asked.topics.iter().map(|name| [name.as_str()]).collect();
    let members: Vec<_> = asked.members.iter().map(|(user, room)| (room.as_str(), user.0)).collect();
    let receipts: Vec<_> = asked.receipts.iter().copied().collect();
    let outboxes: Vec<_> = asked.outboxes.iter().map(|outbox| [*outbox]).collect();
    let known: Vec<_> = asked.known.iter().map(|(author, client_id)| (author.0, *client_id)).collect();
    let documents: Vec<_> = asked.documents.iter().map(|document| [document.0]).collect();
    let editors: Vec<_> = asked.editors.iter().map(|(document, user)| (document.0, user.0)).collect();
    let mut questions = Vec::new();
    if !topics.is_empty() {
        questions.push((TOPICS, topics.columns()));
    }
    if !rooms.is_empty() {
        questions.extend([(ROOMS, rooms.columns()), (MEMBERS, members.columns()), (LAST_MESSAGE, Vec::new())]);
    }
    if !known.is_empty() {
        questions.push((KNOWN, known.columns()));
    }
    if !receipts.is_empty() {
        questions.push((RECEIPTS, receipts.columns()));
    }
    if !asked.outboxes.is_empty() {
        questions.push((OUTBOXES, outboxes.columns()));
    }
    if !documents.is_empty() {
        questions.push((DocumentRow::OF_IDS, documents.columns()));
    }
    if !editors.is_empty() {
        questions.push((EDITORS, editors.columns()));
    }
    if questions.is_empty() {
        return Ok(()); // of what nobody else has a part in: products, say
    }
    let mut answers = client.ask(questions)?.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    if !topics.is_empty() {
        learn_topics(batch, &next())?;
    }
    if !rooms.is_empty() {
        asked.learn_rooms(batch, &next())?;
        asked.learn_members(batch, &next())?;
        let last = next().first().map(|row| Row::Postgres(row).get(0)).transpose()?;
        batch.messages.last_id = Some(last.unwrap_or(0));
    }
    if !known.is_empty() {
        asked.learn_known(batch, &next())?;
    }
    if !receipts.is_empty() {
        asked.learn_receipts(batch, &next())?;
    }
    if !outboxes.is_empty() {
        asked.learn_outboxes(batch, &next())?;
    }
    if !documents.is_empty() {
        asked.learn_documents(batch, &next())?;
    }
    if !editors.is_empty() {
        asked.learn_editors(batch, &next())?;
    }
    if !outboxes.is_empty() {
        make_topics(client, batch, &asked)?;
    }
    Ok(())
}

/// A feed's new topics, one for each new key, all at once. Should the feed's batch be refused, it was published before and
/// none of its topics is new.
fn make_topics(client: &Client, batch: &mut Batch<'_>, asked: &Asked<'_>) -> Result<(), StoreError> {
    let new: Vec<_> = asked.of_feeds.iter().filter(|name| !batch.topics.contains_key(**name)).collect();
    let new: Vec<_> = new.into_iter().map(|name| [name.as_str()]).collect();
    if new.is_empty() {
        return Ok(());
    }
    let made = client.ask(vec![(MAKE_TOPICS, new.columns())])?;
    made.iter().try_for_each(|rows| learn_topics(batch, rows))
}

/// Those that are there; new ones are made when something is appended.
fn learn_topics(batch: &mut Batch<'_>, rows: &[tokio_postgres::Row]) -> Result<(), StoreError> {
    for row in rows.iter().map(Row::Postgres) {
        let name = TopicName::parse(row.text(2)?).map_err(corrupt)?;
        batch.topics.insert(name, Topic::new(row.get(0)?, offset(&row, 1)?));
    }
    Ok(())
}

/// What the drafts name, each once.
#[derive(Default)]
struct Asked<'d> {
    rooms: HashSet<&'d RoomName>,
    topics: HashSet<TopicName>,
    members: HashSet<(UserId, &'d RoomName)>,
    known: HashSet<(UserId, &'d ClientMessageId)>,
    receipts: HashSet<(&'d str, &'d str)>,
    outboxes: HashSet<&'d str>,
    /// Of `topics`, those that a feed publishes to.
    of_feeds: HashSet<&'d TopicName>,
    documents: HashSet<DocumentId>,
    editors: HashSet<(DocumentId, UserId)>,
}

impl<'d> Asked<'d> {
    fn of(drafts: &'d [Draft]) -> Self {
        let mut asked = Self::default();
        for draft in drafts {
            match &draft.change {
                Change::Publish { publications, once, .. } => {
                    asked.topics.extend(publications.iter().map(|one| one.topic.clone()));
                    asked.receipts.extend(once.iter().map(|once| (once.issuer.as_str(), once.key.as_str())));
                }
                Change::Product { once, .. } => {
                    asked.receipts.extend(once.iter().map(|once| (once.issuer.as_str(), once.key.as_str())));
                }
                Change::Document { edit, by } => asked.document(edit, by.author.as_ref().map(|author| author.id)),
                Change::Feed { outbox, publications, .. } => {
                    asked.topics.extend(publications.iter().map(|one| one.topic.clone()));
                    asked.of_feeds.extend(publications.iter().map(|one| &one.topic));
                    asked.outboxes.insert(outbox);
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

    fn document(&mut self, edit: &'d DocumentEdit, author: Option<UserId>) {
        if let (DocumentEdit::Create { room: Some(room), .. }, Some(author)) = (edit, author) {
            self.room(author, room);
        }
        if let Some(id) = edit.id() {
            self.documents.insert(id);
            self.editors.extend(author.map(|author| (id, author)));
        }
    }

    fn learn_rooms(&self, batch: &mut Batch<'_>, rows: &[tokio_postgres::Row]) -> Result<(), StoreError> {
        batch.rooms.extend(self.rooms.iter().map(|name| ((*name).clone(), None)));
        for row in rows.iter().map(Row::Postgres) {
            let name = RoomName::parse(row.text(4)?).map_err(corrupt)?;
            let room = RoomRow::read(&row, &name)?;
            batch.rooms.insert(name, Some(room));
        }
        Ok(())
    }

    /// After the rooms: whoever was not found in one that is there is not in it.
    fn learn_members(&self, batch: &mut Batch<'_>, rows: &[tokio_postgres::Row]) -> Result<(), StoreError> {
        for (user, room) in &self.members {
            if let Some(Some(room)) = batch.rooms.get(*room) {
                batch.members.insert((room.id, *user), false);
            }
        }
        for row in rows.iter().map(Row::Postgres) {
            batch.members.insert((row.get(0)?, UserId(row.get(1)?)), true);
        }
        Ok(())
    }

    fn learn_receipts(&self, batch: &mut Batch<'_>, rows: &[tokio_postgres::Row]) -> Result<(), StoreError> {
        let unknown = self.receipts.iter().map(|(issuer, key)| (((*issuer).to_owned(), (*key).to_owned()), None));
        batch.receipts.extend(unknown);
        for row in rows.iter().map(Row::Postgres) {
            batch.receipts.insert((row.get(2)?, row.get(3)?), Some(Receipt::read(&row)?));
        }
        Ok(())
    }

    fn learn_outboxes(&self, batch: &mut Batch<'_>, rows: &[tokio_postgres::Row]) -> Result<(), StoreError> {
        batch.outboxes.extend(self.outboxes.iter().map(|outbox| ((*outbox).to_owned(), 0)));
        for row in rows.iter().map(Row::Postgres) {
            batch.outboxes.insert(row.get(1)?, published_batches(&row, 0)?);
        }
        Ok(())
    }

    fn learn_documents(&self, batch: &mut Batch<'_>, rows: &[tokio_postgres::Row]) -> Result<(), StoreError> {
        batch.documents.rows.extend(self.documents.iter().map(|id| (*id, None)));
        for row in rows.iter().map(Row::Postgres) {
            let document = DocumentRow::read(&row)?;
            batch.documents.rows.insert(document.id(), Some(document));
        }
        Ok(())
    }

    /// After the documents: whoever was not found in the room of one is not in it.
    fn learn_editors(&self, batch: &mut Batch<'_>, rows: &[tokio_postgres::Row]) -> Result<(), StoreError> {
        let members: HashSet<_> = rows
            .iter()
            .map(Row::Postgres)
            .map(|row| Ok((DocumentId(row.get(0)?), UserId(row.get(1)?))))
            .collect::<Result<_, StoreError>>()?;
        for editor @ (document, user) in &self.editors {
            let room = batch.documents.rows.get(document).and_then(|row| row.as_ref()?.room);
            batch.members.extend(room.map(|room| ((room, *user), members.contains(editor))));
        }
        Ok(())
    }

    fn learn_known(&self, batch: &mut Batch<'_>, rows: &[tokio_postgres::Row]) -> Result<(), StoreError> {
        let unknown = self.known.iter().map(|(author, client_id)| ((*author, (*client_id).clone()), None));
        batch.known.extend(unknown);
        for row in rows.iter().map(Row::Postgres) {
            let client_id = ClientMessageId::parse(row.text(6)?).map_err(corrupt)?;
            batch.known.insert((UserId(row.get(5)?), client_id), Some(Known::read(&row)?));
        }
        Ok(())
    }
}
