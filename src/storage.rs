//! What survives a restart: one trait, one implementation per engine.
//!
//! Everything that is appended to a topic goes through [`Store::commit`], which the journal
//! alone calls; the rest is accounts, sessions and reading.

mod clock;
pub mod copy;
mod credentials;
mod documents;
mod drafts;
mod error;
mod migrations;
pub mod postgres;
mod reads;
mod rows;
mod sql;
pub mod sqlite;
#[cfg(test)]
mod suite;

pub use clock::now;
pub use credentials::*;
pub use documents::{
    DocumentEdit, DocumentPage, EditedBy, FoundDocument, StaleDocument, StoredContent, StoredUpdate, StoredVersion,
};
pub use drafts::*;
pub use error::StoreError;
pub use reads::*;
pub use rows::{ProductRows, Row, RowSource, RowsAt, RowsError};
pub use sql::SqlStore;

use crate::model::{
    Account, ApiKey, Credential, DocumentId, DocumentName, DocumentVersion, Epoch, InvitationId, KeyId, Offset,
    Product, ProductId, Publication, Role, RoomName, SessionId, TopicName, UnixMillis, User, UserId, UserName,
    VersionId,
};
use async_trait::async_trait;

/// How much of a store is looked at for damage when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// All of it, unless it is larger than 1 GiB: for a server's start.
    Whole,
    /// Only what is read: for commands, which come often and beside a server that has checked.
    Skip,
}

/// A store that nobody else has open, as long as the connection is there.
struct Alone {
    connection: Box<dyn sql::Connection>,
    /// The number of its schema; 0: none.
    schema: u32,
}

/// The store. Every method is atomic; a failed one has changed nothing, except that after
/// [`StoreError::InDoubt`] it may have.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The identity of this store's logs.
    fn epoch(&self) -> &Epoch;

    // ---- the log -------------------------------------------------------------------------

    /// Commits `drafts` as one durable transaction and assigns their offsets.
    ///
    /// The outer error means nothing was stored, or with [`StoreError::InDoubt`] all or
    /// nothing: sent again with their `client_id`s, messages are stored once. An inner [`Refusal`] concerns its draft
    /// alone: the others are stored.
    async fn commit(&self, drafts: Vec<Draft>) -> Result<Vec<Result<Committed, Refusal>>, StoreError>;

    /// How far the logs of topics reach, read as one snapshot.
    async fn topic_states(&self, wanted: Wanted) -> Result<Vec<TopicState>, StoreError>;

    /// As [`Store::topic_states`], and whether the credential is good at `now`, in one read: `None` when
    /// it has ended or its account is disabled.
    async fn topic_states_for(
        &self,
        credential: Credential,
        wanted: Wanted,
        now: UnixMillis,
    ) -> Result<Option<Vec<TopicState>>, StoreError>;

    /// Publications of `topic` above `after` up to and including `until`, oldest first, at
    /// most `limit` and about [`MAX_PAGE_BYTES`]; when there is any, at least one.
    async fn read_log(&self, range: LogRange, limit: u32) -> Result<Vec<Publication>, StoreError>;

    /// As [`Store::read_log`], but of the end of the range: the newest of them, oldest first.
    async fn read_log_end(&self, range: LogRange, limit: u32) -> Result<Vec<Publication>, StoreError>;

    /// Forgets publications older than `retention_ms`, or than their own [`Keep::age_ms`], at most
    /// `limit` of them. Answers how many.
    async fn trim_log(&self, now: UnixMillis, retention_ms: i64, limit: u32) -> Result<u32, StoreError>;

    // ---- the feed ------------------------------------------------------------------------

    /// How far the outbox with this id is published.
    async fn feed_progress(&self, outbox: &str) -> Result<FeedProgress, StoreError>;

    /// Forgets how far an outbox is published that is gone.
    async fn forget_feed(&self, outbox: &str) -> Result<(), StoreError>;

    // ---- rooms ---------------------------------------------------------------------------

    /// The rooms `user` is in, all of them, and the largest of the other public ones.
    async fn rooms_for(&self, user: UserId) -> Result<RoomList, StoreError>;

    /// One page of a room's messages, if `user` is in it: at most `page.limit` of them and about
    /// [`MAX_PAGE_BYTES`], at least one.
    async fn history(&self, user: UserId, room: &RoomName, page: HistoryPage) -> Result<Option<History>, StoreError>;

    // ---- accounts ------------------------------------------------------------------------

    /// Makes an account; it is in `general` at once.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`], without regard to case.
    async fn create_account(&self, account: NewAccount) -> Result<User, StoreError>;

    /// Makes the first account.
    ///
    /// # Errors
    /// [`StoreError::AlreadySetUp`] when there is any account.
    async fn create_first_account(&self, account: NewAccount) -> Result<User, StoreError>;

    /// The account with this name, without regard to case.
    async fn account(&self, name: &UserName) -> Result<Option<Account>, StoreError>;

    /// All accounts, by name.
    async fn accounts(&self) -> Result<Vec<Account>, StoreError>;

    /// Disables an account and ends its sessions. `false`: there is none of that name.
    async fn disable_account(&self, name: &UserName) -> Result<bool, StoreError>;

    /// Takes back [`Store::disable_account`]; what sessions there were stay ended. `false`: none of that name.
    async fn enable_account(&self, name: &UserName) -> Result<bool, StoreError>;

    /// Sets a new password hash and ends the account's sessions. `false`: none of that name.
    async fn reset_password(&self, name: &UserName, password_hash: &str) -> Result<bool, StoreError>;

    /// Replaces `weak` by a stronger hash of the same password, unless another password was set
    /// meanwhile; sessions go on.
    async fn rehash_password(&self, user: UserId, weak: &str, strong: &str) -> Result<(), StoreError>;

    // ---- sessions ------------------------------------------------------------------------

    /// Opens a session; only the hash of its token is kept.
    async fn create_session(&self, session: NewSession) -> Result<SessionId, StoreError>;

    /// The session with this token hash, if it and its account are good at `now`, and marks
    /// it as seen. Idle and absolute limits are the caller's, in `limits`.
    async fn use_session(
        &self,
        token_hash: TokenHash,
        now: UnixMillis,
        limits: SessionLimits,
    ) -> Result<Option<Session>, StoreError>;

    /// Ends a session.
    async fn end_session(&self, session: SessionId) -> Result<(), StoreError>;

    /// Which of `sessions` are still good; the rest were ended or their account disabled.
    async fn live_sessions(&self, sessions: Vec<SessionId>) -> Result<Vec<SessionId>, StoreError>;

    /// Marks `connected` as used at `now` and throws away what has expired: sessions, by
    /// `limits`, devices not seen for `device_ms`, invitations, old receipts. A connected session that has
    /// reached its absolute limit ends too.
    async fn sweep(&self, connected: Vec<SessionId>, now: UnixMillis, limits: SweepLimits) -> Result<(), StoreError>;

    /// A number that grows whenever sessions end or keys are revoked, whoever does it, another process included.
    async fn revocations(&self) -> Result<i64, StoreError>;

    /// Remembers a browser that signed in to an account, by the hash of its device token.
    async fn remember_device(&self, user: UserId, token_hash: TokenHash, now: UnixMillis) -> Result<(), StoreError>;

    /// Whether this device signed in to this account before.
    async fn knows_device(&self, user: UserId, token_hash: TokenHash) -> Result<bool, StoreError>;

    // ---- invitations ---------------------------------------------------------------------

    /// Makes an invitation; only the hash of its token is kept.
    async fn create_invitation(&self, invitation: NewInvitation) -> Result<InvitationId, StoreError>;

    /// Invitations that can still be used at `now`.
    async fn invitations(&self, now: UnixMillis) -> Result<Vec<Invitation>, StoreError>;

    /// The invitation with this token hash, if it can still be used at `now`.
    async fn invitation(&self, token_hash: TokenHash, now: UnixMillis) -> Result<Option<Invitation>, StoreError>;

    /// Takes back an invitation. `false`: there is none with this id.
    async fn revoke_invitation(&self, id: InvitationId) -> Result<bool, StoreError>;

    /// Spends one use of the invitation and makes the account, both or neither. The
    /// invitation's role is the account's; `account.role` is not looked at.
    ///
    /// # Errors
    /// [`StoreError::InvitationSpent`] or [`StoreError::NameTaken`].
    async fn accept_invitation(&self, token_hash: TokenHash, account: NewAccount) -> Result<User, StoreError>;

    // ---- API keys ------------------------------------------------------------------------

    /// Makes a key; only the hash of its secret is kept.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`], without regard to case: by an expired key too.
    async fn create_key(&self, key: NewKey) -> Result<ApiKey, StoreError>;

    /// The key with this hash, if it is good at `now`: neither revoked nor expired.
    async fn key(&self, token_hash: TokenHash, now: UnixMillis) -> Result<Option<ApiKey>, StoreError>;

    /// All keys, expired ones too, by name.
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Notes that a key was used at `now`.
    async fn touch_key(&self, key: KeyId, now: UnixMillis) -> Result<(), StoreError>;

    /// Revokes a key: it is gone. `false`: there is none with this id.
    async fn revoke_key(&self, key: KeyId) -> Result<bool, StoreError>;

    /// Which of `keys` are good at `now`; the rest were revoked or have expired.
    async fn live_keys(&self, keys: Vec<KeyId>, now: UnixMillis) -> Result<Vec<KeyId>, StoreError>;

    // ---- products ------------------------------------------------------------------------

    /// Products with ids above `after`, ascending: at most `limit` and about [`MAX_PAGE_BYTES`]; when there is any, at
    /// least one.
    async fn products(&self, after: Option<ProductId>, limit: u32) -> Result<ProductPage, StoreError>;

    /// The product with this id.
    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError>;

    /// As [`RowSource::rows`], of products that this store publishes itself.
    async fn product_rows(&self, topics: Vec<TopicName>, max_bytes: usize) -> Result<Vec<RowsAt>, RowsError>;

    // ---- documents -----------------------------------------------------------------------

    /// The document of this name, whoever asks: whether `asker` may see it is not judged here.
    async fn document(&self, name: &DocumentName, asker: Option<UserId>) -> Result<Option<FoundDocument>, StoreError>;

    /// The documents of a room with names above `after`, ascending, at most `limit`. `None`: there is no such room, or
    /// `asker` is not in it; without an asker nobody has to be.
    async fn documents_of(
        &self,
        room: &RoomName,
        asker: Option<UserId>,
        after: Option<DocumentName>,
        limit: u32,
    ) -> Result<Option<DocumentPage>, StoreError>;

    /// All documents with names above `after`, ascending, at most `limit`.
    async fn documents(&self, after: Option<DocumentName>, limit: u32) -> Result<DocumentPage, StoreError>;

    /// A document's content, read as one snapshot. `None`: it is gone.
    async fn document_content(&self, id: DocumentId) -> Result<Option<StoredContent>, StoreError>;

    /// The updates of a document above `after`, in their order; those that were merged meanwhile are missing.
    async fn document_updates(&self, id: DocumentId, after: Offset) -> Result<Vec<StoredUpdate>, StoreError>;

    /// Puts `state`, which has everything up to and including `upto`, in the place of those updates. `false`: the document
    /// is gone, or as much was merged before.
    async fn compact_document(&self, id: DocumentId, upto: Offset, state: Vec<u8>) -> Result<bool, StoreError>;

    /// Documents that have updates from before `before` that are not merged, at most `limit`: those that have waited
    /// longest first, behind the one that has waited since then and has this id.
    async fn stale_documents(
        &self,
        before: UnixMillis,
        after: Option<(UnixMillis, DocumentId)>,
        limit: u32,
    ) -> Result<Vec<StaleDocument>, StoreError>;

    /// The versions of a document, the newest first.
    async fn document_versions(&self, id: DocumentId) -> Result<Vec<DocumentVersion>, StoreError>;

    /// One version of a document.
    async fn document_version(&self, id: DocumentId, version: VersionId) -> Result<Option<StoredVersion>, StoreError>;

    // ---- life ----------------------------------------------------------------------------

    /// Writes and reads back: can the store do its work? The answer may be a second old.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Finishes what is under way and closes. Later calls fail with [`StoreError::Closed`].
    async fn close(&self);
}

/// What an account holder's role is called in queries; kept here so that engines agree.
pub(crate) fn role_from_text(text: &str) -> Result<Role, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(format!("role `{text}`")))
}

/// Whether everything after `seen` is still there, exists, and is not too much to replay.
///
/// # Errors
/// Why not.
pub fn can_recover(state: &TopicState, seen: Offset, max_publications: u64) -> Result<(), OutOfReach> {
    match seen {
        _ if seen > state.head => Err(OutOfReach::Ahead),
        _ if seen < state.trimmed => Err(OutOfReach::TooOld),
        _ if state.head.0 - seen.0 > max_publications => Err(OutOfReach::TooFar),
        _ => Ok(()),
    }
}

impl LogRange {
    /// Everything of `topic` above `after`, up to `until`.
    #[must_use]
    pub fn new(topic: TopicName, after: Offset, until: Offset) -> Self {
        Self { topic, after, until }
    }
}
