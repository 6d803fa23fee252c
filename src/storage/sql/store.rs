//! The store on any engine that speaks SQL: one thread writes, a few connections read beside it.

use super::{
    accounts, commit, connection::Connection, db::Db, documents, feed, invitations, keys, log, messages, probe::Probe,
    products, readers::Readers, rooms, sessions, trim, writer::Writer,
};
use crate::{
    model::{
        Account, ApiKey, Credential, DocumentId, DocumentName, DocumentVersion, Epoch, InvitationId, KeyId, Offset,
        Product, ProductId, Publication, RoomName, SessionId, TopicName, UnixMillis, User, UserId, UserName, VersionId,
    },
    storage::{
        Committed, DocumentPage, Draft, FeedProgress, FoundDocument, History, HistoryPage, Invitation, LogRange,
        NewAccount, NewInvitation, NewKey, NewSession, ProductPage, Refusal, RoomList, RowsAt, RowsError, Session,
        SessionLimits, StaleDocument, Store, StoreError, StoredContent, StoredUpdate, StoredVersion, SweepLimits,
        TokenHash, TopicState, Wanted,
    },
};
use async_trait::async_trait;
use std::sync::Arc;

/// A store on SQL. What opens one is its engine's.
pub struct SqlStore {
    epoch: Epoch,
    pub(in crate::storage) writer: Arc<Writer>,
    pub(in crate::storage) readers: Readers,
    probe: Probe,
}

impl SqlStore {
    /// On connections that are ready: the schema is up to date, and whose store it is, is known.
    pub(in crate::storage) fn new(
        epoch: Epoch,
        writing: Box<dyn Connection>,
        reading: Vec<Box<dyn Connection>>,
    ) -> Result<Self, StoreError> {
        let (writer, readers) = (Arc::new(Writer::start(writing)?), Readers::new(reading));
        Ok(Self { epoch, writer, readers, probe: Probe::default() })
    }
}

#[async_trait]
impl Store for SqlStore {
    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    async fn commit(&self, drafts: Vec<Draft>) -> Result<Vec<Result<Committed, Refusal>>, StoreError> {
        self.writer.run_alone(move |db| commit::commit(db, &drafts)).await
    }

    async fn topic_states(&self, wanted: Wanted) -> Result<Vec<TopicState>, StoreError> {
        self.readers.run(move |db| log::states(db, &wanted)).await
    }

    async fn topic_states_for(
        &self,
        credential: Credential,
        wanted: Wanted,
        now: UnixMillis,
    ) -> Result<Option<Vec<TopicState>>, StoreError> {
        self.readers
            .run(move |db| {
                let is_good = match credential {
                    Credential::Session(session) => !sessions::live(db, vec![session])?.is_empty(),
                    Credential::Key(key) => !keys::live(db, vec![key], now)?.is_empty(),
                };
                if is_good { log::states(db, &wanted).map(Some) } else { Ok(None) }
            })
            .await
    }

    async fn read_log(&self, range: LogRange, limit: u32) -> Result<Vec<Publication>, StoreError> {
        self.readers.run(move |db| log::read(db, &range, limit)).await
    }

    async fn read_log_end(&self, range: LogRange, limit: u32) -> Result<Vec<Publication>, StoreError> {
        self.readers.run(move |db| log::read_end(db, &range, limit)).await
    }

    async fn trim_log(&self, now: UnixMillis, retention_ms: i64, limit: u32) -> Result<u32, StoreError> {
        self.writer.run_alone(move |db| trim::trim(db, now, retention_ms, limit)).await
    }

    async fn feed_progress(&self, outbox: &str) -> Result<FeedProgress, StoreError> {
        let outbox = outbox.to_owned();
        self.readers.run(move |db| feed::progress(db, &outbox)).await
    }

    async fn forget_feed(&self, outbox: &str) -> Result<(), StoreError> {
        let outbox = outbox.to_owned();
        self.writer.run(move |db| feed::forget(db, &outbox)).await
    }

    async fn rooms_for(&self, user: UserId) -> Result<RoomList, StoreError> {
        self.readers.run(move |db| rooms::visible_to(db, user)).await
    }

    async fn history(&self, user: UserId, room: &RoomName, page: HistoryPage) -> Result<Option<History>, StoreError> {
        let room = room.clone();
        self.readers.run(move |db| messages::history(db, user, &room, page)).await
    }

    async fn create_account(&self, account: NewAccount) -> Result<User, StoreError> {
        self.writer.run(move |db| accounts::create(db, &account, account.role)).await
    }

    async fn create_first_account(&self, account: NewAccount) -> Result<User, StoreError> {
        self.writer.run(move |db| accounts::create_first(db, &account)).await
    }

    async fn account(&self, name: &UserName) -> Result<Option<Account>, StoreError> {
        let name = name.clone();
        self.readers.run(move |db| accounts::find(db, &name)).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.readers.run(accounts::list).await
    }

    async fn disable_account(&self, name: &UserName) -> Result<bool, StoreError> {
        let name = name.clone();
        self.writer.run(move |db| accounts::disable(db, &name)).await
    }

    async fn enable_account(&self, name: &UserName) -> Result<bool, StoreError> {
        let name = name.clone();
        self.writer.run(move |db| accounts::enable(db, &name)).await
    }

    async fn reset_password(&self, name: &UserName, password_hash: &str) -> Result<bool, StoreError> {
        let (name, password_hash) = (name.clone(), password_hash.to_owned());
        self.writer.run(move |db| accounts::reset_password(db, &name, &password_hash)).await
    }

    async fn rehash_password(&self, user: UserId, weak: &str, strong: &str) -> Result<(), StoreError> {
        let (weak, strong) = (weak.to_owned(), strong.to_owned());
        self.writer.run(move |db| accounts::rehash_password(db, user, &weak, &strong)).await
    }

    async fn create_session(&self, session: NewSession) -> Result<SessionId, StoreError> {
        self.writer.run(move |db| sessions::create(db, &session)).await
    }

    async fn use_session(
        &self,
        token_hash: TokenHash,
        now: UnixMillis,
        limits: SessionLimits,
    ) -> Result<Option<Session>, StoreError> {
        let found = self.readers.run(move |db| sessions::find(db, token_hash)).await?;
        let Some(mut found) = found else { return Ok(None) };
        found.last_seen = found.last_seen.max(self.writer.seen().last(found.session.id).unwrap_or(found.last_seen));
        if !found.is_good(now, limits) {
            return Ok(None);
        }
        if found.is_stale(now) {
            self.writer.note_seen(found.session.id, now);
        }
        Ok(Some(found.session))
    }

    async fn end_session(&self, session: SessionId) -> Result<(), StoreError> {
        self.writer.run(move |db| sessions::end(db, session)).await
    }

    async fn sweep(&self, connected: Vec<SessionId>, now: UnixMillis, limits: SweepLimits) -> Result<(), StoreError> {
        let seen = self.writer.seen().clone();
        let sweep = move |db: Db<'_>| {
            // Whoever came back a moment ago must not be swept for what the store does not know yet.
            sessions::mark_seen(db, &seen.some(usize::MAX))?;
            sessions::sweep(db, &connected, now, limits)
        };
        self.writer.run_alone(sweep).await
    }

    async fn live_sessions(&self, sessions: Vec<SessionId>) -> Result<Vec<SessionId>, StoreError> {
        self.readers.run(move |db| sessions::live(db, sessions)).await
    }

    async fn revocations(&self) -> Result<i64, StoreError> {
        self.readers.run(sessions::revocations).await
    }

    async fn remember_device(&self, user: UserId, token_hash: TokenHash, now: UnixMillis) -> Result<(), StoreError> {
        self.writer.run(move |db| sessions::remember_device(db, user, token_hash, now)).await
    }

    async fn knows_device(&self, user: UserId, token_hash: TokenHash) -> Result<bool, StoreError> {
        self.readers.run(move |db| sessions::knows_device(db, user, token_hash)).await
    }

    async fn create_invitation(&self, invitation: NewInvitation) -> Result<InvitationId, StoreError> {
        self.writer.run(move |db| invitations::create(db, &invitation)).await
    }

    async fn invitations(&self, now: UnixMillis) -> Result<Vec<Invitation>, StoreError> {
        self.readers.run(move |db| invitations::usable(db, now)).await
    }

    async fn invitation(&self, token_hash: TokenHash, now: UnixMillis) -> Result<Option<Invitation>, StoreError> {
        self.readers.run(move |db| invitations::find(db, token_hash, now)).await
    }

    async fn revoke_invitation(&self, id: InvitationId) -> Result<bool, StoreError> {
        self.writer.run(move |db| invitations::revoke(db, id)).await
    }

    async fn accept_invitation(&self, token_hash: TokenHash, account: NewAccount) -> Result<User, StoreError> {
        self.writer.run(move |db| invitations::accept(db, token_hash, &account)).await
    }

    async fn create_key(&self, key: NewKey) -> Result<ApiKey, StoreError> {
        self.writer.run(move |db| keys::create(db, key)).await
    }

    async fn key(&self, token_hash: TokenHash, now: UnixMillis) -> Result<Option<ApiKey>, StoreError> {
        self.readers.run(move |db| keys::find(db, token_hash, now)).await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.readers.run(keys::list).await
    }

    async fn touch_key(&self, key: KeyId, now: UnixMillis) -> Result<(), StoreError> {
        self.writer.run(move |db| keys::touch(db, key, now)).await
    }

    async fn revoke_key(&self, key: KeyId) -> Result<bool, StoreError> {
        self.writer.run(move |db| keys::revoke(db, key)).await
    }

    async fn live_keys(&self, keys: Vec<KeyId>, now: UnixMillis) -> Result<Vec<KeyId>, StoreError> {
        self.readers.run(move |db| keys::live(db, keys, now)).await
    }

    async fn products(&self, after: Option<ProductId>, limit: u32) -> Result<ProductPage, StoreError> {
        self.readers.run(move |db| products::page(db, after, limit)).await
    }

    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        self.readers.run(move |db| products::find(db, id)).await
    }

    async fn product_rows(&self, topics: Vec<TopicName>, max_bytes: usize) -> Result<Vec<RowsAt>, RowsError> {
        let rows = self.readers.run(move |db| products::rows(db, &topics, max_bytes)).await?;
        rows.ok_or(RowsError::TooLarge)
    }

    async fn document(&self, name: &DocumentName, asker: Option<UserId>) -> Result<Option<FoundDocument>, StoreError> {
        let name = name.clone();
        self.readers.run(move |db| documents::find(db, &name, asker)).await
    }

    async fn documents_of(
        &self,
        room: &RoomName,
        asker: Option<UserId>,
        after: Option<DocumentName>,
        limit: u32,
    ) -> Result<Option<DocumentPage>, StoreError> {
        let room = room.clone();
        self.readers.run(move |db| documents::of_room(db, &room, asker, after.as_ref(), limit)).await
    }

    async fn documents(&self, after: Option<DocumentName>, limit: u32) -> Result<DocumentPage, StoreError> {
        self.readers.run(move |db| documents::page(db, after.as_ref(), limit)).await
    }

    async fn document_content(&self, id: DocumentId) -> Result<Option<StoredContent>, StoreError> {
        self.readers.run(move |db| documents::content(db, id)).await
    }

    async fn document_updates(&self, id: DocumentId, after: Offset) -> Result<Vec<StoredUpdate>, StoreError> {
        self.readers.run(move |db| documents::updates(db, id, after)).await
    }

    async fn compact_document(&self, id: DocumentId, upto: Offset, state: Vec<u8>) -> Result<bool, StoreError> {
        self.writer.run_alone(move |db| documents::compact(db, id, upto, &state)).await
    }

    async fn stale_documents(
        &self,
        before: UnixMillis,
        after: Option<(UnixMillis, DocumentId)>,
        limit: u32,
    ) -> Result<Vec<StaleDocument>, StoreError> {
        self.readers.run(move |db| documents::stale(db, before, after, limit)).await
    }

    async fn document_versions(&self, id: DocumentId) -> Result<Vec<DocumentVersion>, StoreError> {
        self.readers.run(move |db| documents::versions(db, id)).await
    }

    async fn document_version(&self, id: DocumentId, version: VersionId) -> Result<Option<StoredVersion>, StoreError> {
        self.readers.run(move |db| documents::version(db, id, version)).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.probe.ask(&self.writer).await
    }

    async fn close(&self) {
        self.readers.close().await; // first: the last connection to go can then tidy up
        self.writer.close().await;
    }
}
