//! Transactions on PostgreSQL, and new connections for lost ones.

use super::client::{Client, NoConnection};
use crate::{
    settings::{Database, Synchronous},
    storage::{
        StoreError,
        sql::{Connection, Db},
    },
};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Pauses between two attempts to connect: from one to the other, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// So long after a connection was lost whoever needs it waits for a new one: a restart of the database takes no longer.
const GRACE: Duration = Duration::from_secs(1);

/// How long a statement waits for a lock.
pub(super) const LOCK_WAIT_MS: u32 = 4_000;

/// "SWBD" and the schema: installations in other schemas of the database do not wait for us.
pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock(1398227524, hashtext(current_schema()))";

/// "SWCO" and the schema: held by whoever has the store open, so that a copy is told.
const SHARE: &str = "SELECT pg_advisory_lock_shared(1398227791, hashtext(current_schema()))";
/// Had by a copy that has the store alone: it waits for nobody.
pub(super) const TAKE: &str = "SELECT CAST(pg_try_advisory_lock(1398227791, hashtext(current_schema())) AS INTEGER)";
/// As [`SHARE`], without waiting.
pub(super) const TRY_SHARE: &str =
    "SELECT CAST(pg_try_advisory_lock_shared(1398227791, hashtext(current_schema())) AS INTEGER)";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write(Synchronous),
    Read,
}

impl Purpose {
    /// What every connection of this kind begins with.
    ///
    /// A server that is cut off in the middle of a transaction must not keep the lock until the wire is found dead.
    fn setup(self) -> String {
        let durability = match self {
            // Unless more is asked of the database already.
            Self::Write(Synchronous::Full) => {
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
            }
            Self::Write(Synchronous::Normal) => "SET synchronous_commit = off;",
            Self::Read => "",
        };
        format!(
            "SET statement_timeout = 4500; SET lock_timeout = {LOCK_WAIT_MS}; \
             SET idle_in_transaction_session_timeout = 10000; SET client_min_messages = warning; {durability} {SHARE}"
        )
    }

    fn begin(self) -> String {
        match self {
            // The lock comes first, and each statement sees what was committed before it was had.
            Self::Write(_) => format!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {LOCK}"),
            Self::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned(),
        }
    }
}

/// A connection that is made anew when it is lost.
pub(super) struct Link {
    database: Arc<Database>,
    purpose: Purpose,
    client: Option<Client>,
    in_transaction: bool,
    away: Option<Away>,
}

/// The database is away.
struct Away {
    since: Instant,
    pause: Duration,
    retry_at: Instant,
    why: String,
}

impl Link {
    /// Connected already.
    pub(super) fn new(database: Arc<Database>, purpose: Purpose, client: Client) -> Result<Self, StoreError> {
        client.script(&purpose.setup())?;
        Ok(Self { database, purpose, client: Some(client), in_transaction: false, away: None })
    }

    /// A connection that works, as far as is known.
    fn client(&mut self) -> Result<&Client, StoreError> {
        if self.client.as_ref().is_some_and(Client::is_lost) {
            self.client = None;
        }
        while self.client.is_none() {
            self.wait_to_retry()?;
            match self.connect() {
                Ok(client) => {
                    if self.away.take().is_some_and(|away| away.since.elapsed() > GRACE) {
                        tracing::info!(storage.url = self.database.shown, "the database is back");
                    }
                    self.client = Some(client);
                }
                Err(error) => self.note(error),
            }
        }
        self.client.as_ref().ok_or_else(|| StoreError::Unavailable("there is no connection".to_owned()))
    }

    fn connect(&self) -> Result<Client, NoConnection> {
        let client = Client::connect(&self.database)?;
        match client.script(&self.purpose.setup()) {
            Ok(()) => Ok(client),
            Err(error) => Err(NoConnection { why: error.to_string(), for_good: false }),
        }
    }

    /// Nobody waits for a database that has been away for longer: they are told.
    fn wait_to_retry(&self) -> Result<(), StoreError> {
        let Some(away) = &self.away else { return Ok(()) };
        let now = Instant::now();
        if away.retry_at > now.max(away.since + GRACE) {
            return Err(StoreError::Unavailable(away.why.clone()));
        }
        thread::sleep(away.retry_at.saturating_duration_since(now));
        Ok(())
    }

    fn note(&mut self, error: NoConnection) {
        let now = Instant::now();
        let pause = self.away.as_ref().map_or(FIRST_PAUSE, |away| (away.pause * 2).min(LONGEST_PAUSE));
        let since = self.away.as_ref().map_or(now, |away| away.since);
        if pause == FIRST_PAUSE || pause == LONGEST_PAUSE {
            tracing::warn!(error = error.why, "the database is away");
        }
        // Up to a quarter less, so that servers that lost it together do not come back together.
        let retry_at = now + pause.mul_f64(1.0 - rand::random::<f64>() / 4.0);
        self.away = Some(Away { since, pause, retry_at, why: error.why });
    }
}

impl Connection for Link {
    fn begin(&mut self) -> Result<(), StoreError> {
        let begin = self.purpose.begin();
        for last in [false, true] {
            let client = self.client()?;
            client.forgive();
            let (begun, lost) = (client.script(&begin), client.is_lost());
            self.in_transaction = true;
            match begun {
                Ok(()) => return Ok(()),
                // It was lost while nobody looked, and nothing was begun.
                Err(_) if lost && !last => {}
                Err(error) => {
                    self.roll_back(None);
                    return Err(error);
                }
            }
        }
        Err(StoreError::Unavailable("the connection was lost twice".to_owned()))
    }

    fn db(&self) -> Db<'_> {
        Db::Postgres(self.client.as_ref().expect("`begin` has connected"))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let Some(client) = &self.client else {
            return Err(StoreError::Unavailable("there is no transaction".to_owned()));
        };
        client.commit()?;
        self.in_transaction = false;
        Ok(())
    }

    fn roll_back(&mut self, _error: Option<&StoreError>) {
        if !std::mem::take(&mut self.in_transaction) {
            return;
        }
        let Some(client) = &self.client else { return };
        // A connection that cannot even do this is closed, which does it too.
        if client.is_lost() || client.script("ROLLBACK").is_err() {
            self.client = None;
        }
    }

    fn is_open(&self) -> bool {
        self.client.as_ref().is_some_and(|client| !client.is_lost())
    }

    fn back_to_savepoint(&self) -> Result<(), StoreError> {
        let db = self.db();
        db.run("ROLLBACK TO SAVEPOINT job", ())?;
        if let Db::Postgres(client) = db {
            client.forgive();
        }
        Ok(())
    }
}
