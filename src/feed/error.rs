//! What keeps a feed from working. The texts are for the operator.

use crate::{journal::JournalError, storage::StoreError, storage::postgres};
use tokio_postgres::error::SqlState;

/// Why the feed of a database does not work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FeedError {
    /// The database is away, or refuses what is asked of it.
    #[error("{why}")]
    Database {
        /// What it says.
        why: String,
        /// Its code for it; `None` when it is away.
        code: Option<SqlState>,
    },
    /// The settings' URL cannot be used.
    #[error("{0}")]
    Settings(String),
    /// There is no outbox, and the server may not make it.
    #[error("the feed is not installed in {database}: `switchboard feed install` does it")]
    NotInstalled {
        /// Where.
        database: String,
    },
    /// There is no outbox, and the server would make it but may not.
    #[error(
        "the feed is not installed in {database}, and this database user may not do it ({why}): run `switchboard feed \
         install` with the URL of one who may"
    )]
    MayNotInstall {
        /// Where.
        database: String,
        /// What the database says.
        why: String,
    },
    /// The schema has things in it that are not ours.
    #[error("the schema `{0}` is not the feed's: name one in feed.schema that does not exist, or is empty")]
    ForeignSchema(String),
    /// Another store publishes what is in the outbox.
    #[error(
        "the schema `{0}` belongs to another installation, whose changes would be lost to it: name another one in \
         feed.schema; if that installation is gone, or was this one before its store was restored, \
         `switchboard feed install --adopt`"
    )]
    OtherInstallation(String),
    /// One database under two names: each would remove what the other one has installed.
    #[error(
        "the schema `{schema}` is that of {other}.url, and this is {this}.url: if both are one database, leave out \
         feed.url; if the feed's URL has moved from one to the other, `switchboard feed install --adopt`"
    )]
    OtherSource {
        /// Of the outbox.
        schema: String,
        /// `storage` or `feed`: whose it is.
        other: String,
        /// The other one.
        this: &'static str,
    },
    /// The database does not know what its texts are.
    #[error(
        "the encoding of {0} is SQL_ASCII: what is no UTF-8 in one row would end the feed of all; move it to a \
         database with an encoding"
    )]
    NoEncoding(String),
    /// What is installed was made by a newer program.
    #[error("what is installed in the schema `{0}` was made by a newer program: use that")]
    Newer(String),
    /// Another server went on with the outbox.
    #[error("another server has gone on with the outbox")]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal did not take a batch.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Why a table cannot be watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableFault {
    /// There is none of this name.
    #[error(
        "there is no table `{0}`; a schema other than those of search_path is named as in \"schema.table\", and upper and lower case differ"
    )]
    NoTable(String),
    /// A name with dots can be read in more than one way.
    #[error("`{0}` is more than one table: rename one, or name its schema")]
    Ambiguous(String),
    /// It is something else.
    #[error("`{table}` is {what}: only tables can be watched")]
    NoPlainTable {
        /// Its name.
        table: String,
        /// What it is.
        what: &'static str,
    },
    /// It has no such column.
    #[error("`{table}` has no column `{key}`")]
    NoColumn {
        /// Its name.
        table: String,
        /// The settings' key.
        key: String,
    },
    /// The key may be null.
    #[error("`{key}` of `{table}` may be null: ALTER TABLE … ALTER COLUMN … SET NOT NULL")]
    Nullable {
        /// Its name.
        table: String,
        /// The settings' key.
        key: String,
    },
    /// Two rows may have the same key, if only for a while.
    #[error(
        "`{key}` of `{table}` has no unique index of its own: it needs one on this column alone, of all rows, that is \
         not deferrable"
    )]
    NotUnique {
        /// Its name.
        table: String,
        /// The settings' key.
        key: String,
    },
    /// Our role may not read it.
    #[error("the database user may not read `{0}`: GRANT SELECT ON … TO …")]
    MayNotRead(String),
    /// We are a superuser, and its owner, or that of a type in it, is not.
    #[error(
        "`{0}`, or a type in it, belongs to a role that is no superuser, and could have what it likes done with the \
         rights of this one: name a role in the URL that is none"
    )]
    LendsRights(String),
    /// Our role may not make triggers.
    #[error(
        "the database user may not make triggers on `{0}`: GRANT TRIGGER ON … TO …, or have its owner run `switchboard feed install`"
    )]
    MayNotTrigger(String),
    /// It has no triggers of ours, or others than it should have, and none are to be made.
    #[error("`{0}` is not watched, or not as it should be: `switchboard feed install` mends it")]
    NotInstalled(String),
    /// The settings do not name it any more, and its triggers could not be taken away.
    #[error("{topic}.* is still watched, though the settings do not name its table: {why}")]
    StillWatched {
        /// What is sent for it.
        topic: String,
        /// What the database says.
        why: String,
    },
    /// The database refused to make the triggers.
    #[error("`{table}`: {why}")]
    Refused {
        /// Its name.
        table: String,
        /// What the database says.
        why: String,
    },
}

impl FeedError {
    /// The database has not answered in time.
    pub(super) fn late() -> Self {
        Self::Database { why: "the database does not answer".to_owned(), code: None }
    }

    /// Whether the database says that our role may not do that.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Database { code: Some(code), .. } if *code == SqlState::INSUFFICIENT_PRIVILEGE)
    }

    /// Whether trying again later may help without anybody's doing.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Database { code: None, .. } | Self::Overtaken | Self::Store(_) | Self::Journal(_))
    }
}

impl From<tokio_postgres::Error> for FeedError {
    fn from(error: tokio_postgres::Error) -> Self {
        let code = if postgres::ends_connection(&error) { None } else { error.code().cloned() };
        Self::Database { why: postgres::failure_text(&error), code }
    }
}
