//! Documents without sockets: the store is a real one, clients are queues that nobody empties unless a test reads them, and
//! the journal commits when a test says so.

mod cursors;
mod fences;
mod housekeeping;
mod merging;

use super::{
    Documents, TEXT_ROOT,
    guard::reader::Reader,
    inbox::{Inbox, Request},
    server_copy::ServerCopy,
    wire::{self, Message},
};
use crate::{
    cluster::LocalBus,
    journal::{Journal, JournalTask},
    manager::{Client, EgressLimits, Identity, Manager, Outgoing, Registry},
    metrics::Metrics,
    model::{
        ClientId, Credential, Document, DocumentAccess, DocumentId, DocumentName, DocumentTitle, ExternalUser, KeyId,
        MembersMay, Offset, Person, TopicName,
    },
    protocol::{CloseReason, Frame},
    settings::{Settings, Synchronous},
    storage::{Change, Check, DocumentEdit, Draft, EditedBy, Outcome, SqlStore, Store, StoredContent, sqlite},
};
use bytes::Bytes;
use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::time::timeout;
use yrs::{
    Doc, GetString, OffsetKind, Options, ReadTxn, Text, Transact, Update,
    updates::{decoder::Decode, encoder::Encode},
};

/// So long anything may take on a machine that is busy.
const BUDGET: Duration = Duration::from_secs(20);
const ROOM_FOR_ALL: EgressLimits = EgressLimits { events: usize::MAX, bytes: usize::MAX };

/// Documents, their store and their journal.
struct House {
    documents: Arc<Documents>,
    store: Arc<SqlStore>,
    manager: Arc<Manager>,
    journal: Option<JournalTask>,
    dir: TempDir,
}

impl House {
    /// One whose journal commits.
    fn open(change: impl FnOnce(&mut Settings)) -> Self {
        let mut house = Self::holding(change);
        house.commits();
        house
    }

    /// One whose journal takes drafts in and commits none.
    fn holding(change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::defaults();
        // Nobody pulls the plug here, and fsync is most of what these tests would take.
        settings.storage.synchronous = Synchronous::Normal;
        change(&mut settings);
        let store = Arc::new(sqlite::open(dir.path(), &settings.storage, Check::Skip).unwrap());
        let (settings, metrics) = (Arc::new(settings), Arc::new(Metrics::default()));
        let (journal, task) = Journal::new(&settings);
        let documents = Documents::new(store.clone(), journal, settings.clone(), metrics.documents.clone());
        let no_topics = Arc::new(|_: &TopicName| unreachable!("nobody hears topics"));
        let bus = Arc::new(LocalBus);
        let manager = Manager::new(Registry::default(), store.clone(), bus, settings, metrics, no_topics);
        Self { documents, store, manager, journal: Some(task), dir }
    }

    /// From now on the journal commits.
    fn commits(&mut self) {
        let task = self.journal.take().expect("it did not commit before");
        tokio::spawn(task.run(self.store.clone(), self.manager.clone(), pending()));
    }

    /// The journal has stopped, and nothing that it took in is stored.
    fn fails(&mut self) {
        self.journal = None;
    }

    fn merges(&self) -> u64 {
        self.documents.meter.compactions.get()
    }

    /// A document without a room, made and changed at this time.
    async fn makes(&self, name: &str, at: i64) -> Document {
        let edit = DocumentEdit::Create {
            name: DocumentName::parse(name).unwrap(),
            title: DocumentTitle::parse(name).unwrap(),
            room: None,
            members: MembersMay::Write,
            content: Bytes::new(),
            max_per_room: 1_000,
            namespace: None,
        };
        match self.stores(edit, at).await {
            Outcome::Document(document) => document,
            other => panic!("a document was made as {other:?}"),
        }
    }

    /// Stores something without the journal.
    async fn stores(&self, edit: DocumentEdit, at: i64) -> Outcome {
        let draft = Draft { at, change: Change::Document { edit, by: EditedBy::default() } };
        self.store.commit(vec![draft]).await.unwrap().remove(0).unwrap().outcome
    }

    async fn content(&self, id: DocumentId) -> StoredContent {
        self.store.document_content(id).await.unwrap().expect("it is there")
    }

    /// Up to where its log is merged, and the numbers of what is not.
    async fn log(&self, id: DocumentId) -> (u64, Vec<u64>) {
        let StoredContent { merged: Offset(merged), updates, .. } = self.content(id).await;
        (merged, updates.iter().map(|stored| stored.number.0).collect())
    }

    /// The text that is stored.
    async fn text(&self, id: DocumentId) -> String {
        ServerCopy::load(&self.content(id).await).unwrap().text(TEXT_ROOT).unwrap()
    }

    /// Somebody who opens a document to write in it.
    async fn guest(&self, document: &Document, id: u64) -> Guest {
        self.guest_with(document, id, ROOM_FOR_ALL).await
    }

    async fn guest_with(&self, document: &Document, id: u64, limits: EgressLimits) -> Guest {
        let identity = Identity {
            person: Person::External(ExternalUser::new(KeyId(1), &id.to_string(), None).unwrap()),
            credential: Credential::Key(KeyId(1)),
            listed: Arc::default(),
            follows_rooms: false,
            network: [127, 0, 0, 1].into(),
            bound: None,
        };
        let client = Arc::new(Client::new(ClientId(id), identity, limits, Arc::default()));
        let arrive = |answer| Request::Arrive { client: client.clone(), access: DocumentAccess::Write, answer };
        let ((), inbox) = self.documents.ask(document, arrive).await.expect("it can be opened");
        let options = Options { offset_kind: OffsetKind::Utf16, ..Options::with_client_id(yrs::ClientID::new(id)) };
        Guest { client, inbox, doc: Doc::with_options(options), unread: VecDeque::new(), fences: 0 }
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let wait = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(BUDGET, wait).await.expect("it becomes so in time");
    }

    /// Changes the database behind the store's back.
    fn meddles(&self, sql: &str) {
        rusqlite::Connection::open(self.dir.path().join("switchboard.db")).unwrap().execute_batch(sql).unwrap();
    }
}

/// Somebody who has a document open.
struct Guest {
    client: Arc<Client>,
    inbox: Inbox,
    doc: Doc,
    unread: VecDeque<Frame>,
    fences: u64,
}

impl Guest {
    fn id(&self) -> u64 {
        self.client.id().0
    }

    fn says(&self, message: Message) {
        let room = self.inbox.room_now(message.bytes()).expect("there is room");
        let message = Request::Message { from: self.client.id(), message, answered: None, _room: room };
        assert!(self.inbox.send(message), "the owner is there");
    }

    fn leaves(self) {
        assert!(self.inbox.send(Request::Leave(self.client.id())));
    }

    /// Writes at the end.
    fn types(&self, what: &str) {
        let text = self.doc.get_or_insert_text(TEXT_ROOT);
        let mut transaction = self.doc.transact_mut();
        text.push(&mut transaction, what);
        self.says(Message::Update(transaction.encode_update_v1().into()));
    }

    fn text(&self) -> String {
        self.doc.get_or_insert_text(TEXT_ROOT).get_string(&self.doc.transact())
    }

    /// Shows states: their ids, clocks and JSON.
    fn shows(&self, states: &[(u64, u64, &str)]) {
        let mut update = Vec::new();
        wire::put_number(&mut update, states.len() as u64);
        for (id, clock, state) in states {
            wire::put_number(&mut update, *id);
            wire::put_number(&mut update, *clock);
            wire::put_bytes(&mut update, state.as_bytes());
        }
        self.says(Message::Awareness(update.into()));
    }

    /// The next thing it is told, which it takes in; or why it was closed.
    async fn hears(&mut self) -> Result<Message, CloseReason> {
        loop {
            let frame = match self.unread.pop_front() {
                Some(frame) => frame,
                None => match timeout(BUDGET, self.client.egress().next()).await.expect("something comes in time") {
                    Outgoing::Frames(frames) => {
                        self.unread = frames;
                        continue;
                    }
                    Outgoing::End => panic!("nothing comes any more"),
                },
            };
            if frame.bytes()[0] & 0x0f == 0x8 {
                return Err(self.client.close_reason().expect("it was closed"));
            }
            // What it was denied is no message for a server.
            let Some(message) = wire::messages(&payload(&frame)).unwrap().pop() else { continue };
            if let Message::SyncStep2(update) | Message::Update(update) = &message {
                self.doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
            }
            return Ok(message);
        }
    }

    /// Has all that it lacks.
    async fn syncs(&mut self) {
        let known = self.doc.transact().state_vector().encode_v1();
        self.says(Message::SyncStep1(known.into()));
        while !matches!(self.hears().await.expect("it is not closed"), Message::SyncStep2(_)) {}
    }

    /// What it was told until all that it said is stored.
    async fn fence(&mut self) -> Vec<Message> {
        self.fences += 1;
        self.says(Message::Fence(self.fences));
        let mut heard = Vec::new();
        loop {
            match self.hears().await.expect("it is not closed") {
                Message::Fence(number) if number == self.fences => return heard,
                message => heard.push(message),
            }
        }
    }

    /// What it was told until it was closed, and why it was.
    async fn is_closed(&mut self) -> (Vec<Message>, CloseReason) {
        let mut heard = Vec::new();
        loop {
            match self.hears().await {
                Ok(message) => heard.push(message),
                Err(reason) => return (heard, reason),
            }
        }
    }
}

/// What is behind the head of a frame (RFC 6455 section 5.2).
fn payload(frame: &Frame) -> Bytes {
    let head = match frame.bytes()[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    frame.bytes().slice(head..)
}

/// The ids that messages of awareness show or take back, in order.
fn shown(messages: &[Message]) -> Vec<(u64, bool)> {
    let mut all = Vec::new();
    for message in messages {
        let Message::Awareness(update) = message else { continue };
        let mut reader = Reader::new(update);
        for _ in 0..reader.count(3).unwrap() {
            let (id, _, state) = (reader.number().unwrap(), reader.number().unwrap(), reader.bytes().unwrap());
            all.push((id, state != b"null"));
        }
    }
    all
}

/// Lets every task go as far as it can without time passing.
async fn everybody_rests() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}
