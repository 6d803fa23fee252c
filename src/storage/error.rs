//! What can go wrong in a store.

/// A store's refusal or failure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another account, or another key, has this name.
    #[error("this name is taken")]
    NameTaken,
    /// There is an account already.
    #[error("the server has its owner")]
    AlreadySetUp,
    /// The invitation is unknown, expired or used up.
    #[error("the invitation cannot be used")]
    InvitationSpent,
    /// Disk full, locked, I/O error: nothing was stored.
    #[error("the store cannot be written: {0}")]
    Unavailable(String),
    /// The disk did not confirm the write. It may be there after a restart or not, and until
    /// then nothing else is written.
    #[error("the disk did not confirm a write, which may be stored or not: {0}")]
    InDoubt(String),
    /// What was read cannot be.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// A newer program wrote it.
    #[error("the store has schema {found}, this program knows up to {known}: use a newer program")]
    NewerSchema {
        /// In the store.
        found: u32,
        /// In this program.
        known: u32,
    },
    /// A copy into it has not come to its end: `switchboard storage copy` began it.
    #[error(
        "the store is an unfinished copy: give the same `switchboard storage copy` again to finish it, or use an empty \
         store"
    )]
    UnfinishedCopy,
    /// It is wanted alone, and somebody has it open, or has it alone.
    #[error("another program uses the store: a server, a command, or a copy that is under way")]
    InUse,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
