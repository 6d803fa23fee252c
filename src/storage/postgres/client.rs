//! One connection to the database, for a thread that waits for its answers.

use super::{
    connection::LOCK_WAIT_MS,
    failure::{self, Undone},
    tls,
};
use crate::{
    settings::Database,
    storage::{
        StoreError,
        sql::{Row, Value},
    },
};
use futures_util::{TryStreamExt as _, future::try_join_all};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::Future,
    ops::ControlFlow,
    pin::pin,
    time::Duration,
};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_postgres::{Error, Statement};

/// How long an answer may take; the database gives up a little earlier itself.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How long a change of the schema may take, or waiting for another server's.
const PATIENT_WAIT: Duration = Duration::from_secs(3_600);
/// How long [`Client::apart`] waits for somebody's lock.
const SHORT_LOCK_WAIT_MS: u32 = 250;
/// From the first packet until the database is ready to work.
const CONNECT_WAIT: Duration = Duration::from_secs(4);

/// A statement over many rows: its text, and the values of each of its parameters, which are arrays.
pub(in crate::storage) type Over<'v> = (&'static str, Vec<Vec<Value<'v>>>);

/// A connection. Its runtime runs only while an answer is awaited: no thread of its own, and no wake-up between two.
pub(in crate::storage) struct Client {
    client: tokio_postgres::Client,
    /// Always there, until it is dropped.
    runtime: Option<Runtime>,
    statements: RefCell<HashMap<&'static str, Statement>>,
    inserts: RefCell<HashMap<&'static str, Statement>>,
    /// A statement has failed: until the savepoint, or the transaction, is rolled back, nothing else succeeds.
    failed: Cell<bool>,
    /// Why it has.
    why: Cell<Undone>,
    /// The connection is of no use any more.
    lost: Cell<bool>,
    wait: Duration,
}

/// Why there is no connection.
pub(super) struct NoConnection {
    pub(super) why: String,
    /// Trying again does not help.
    pub(super) for_good: bool,
}

impl Client {
    pub(super) fn connect(database: &Database) -> Result<Self, NoConnection> {
        let sorry = |why: String, for_good| NoConnection { why: format!("{}: {why}", database.shown), for_good };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| sorry(error.to_string(), false))?;
        let tls = tls::connector(&database.trust).map_err(|why| sorry(why, true))?;
        let connected = runtime.block_on(async { timeout(CONNECT_WAIT, database.config.connect(tls)).await });
        let (client, connection) = connected
            .map_err(|_| sorry("it does not answer".to_owned(), false))?
            .map_err(|error| sorry(failure::text(&error), failure::is_for_good(&error)))?;
        runtime.spawn(async move {
            // Whoever waits for an answer is told of the error.
            let _ = connection.await;
        });
        Ok(Self {
            client,
            runtime: Some(runtime),
            statements: RefCell::default(),
            inserts: RefCell::default(),
            failed: Cell::new(false),
            why: Cell::new(Undone::Failed),
            lost: Cell::new(false),
            wait: ANSWER_WAIT,
        })
    }

    /// From now on an answer may take as long as a change of the schema does.
    pub(super) fn be_patient(&mut self) {
        self.wait = PATIENT_WAIT;
    }

    /// Whether a new connection is needed.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.get() || self.client.is_closed()
    }

    /// Whether a statement has failed since the last [`Self::forgive`].
    pub(super) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// What failed was rolled back.
    pub(super) fn forgive(&self) {
        self.failed.set(false);
    }

    /// Statements without parameters, separated by semicolons, in one round trip.
    pub(in crate::storage) fn script(&self, sql: &str) -> Result<(), StoreError> {
        self.wait_for(self.client.batch_execute(sql))
    }

    /// Does what others may stand in the way of: it waits only a moment for a lock of theirs, and what fails of it is
    /// undone alone. The outer error is the whole transaction's.
    pub(in crate::storage) fn apart<T>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<Result<T, Undone>, StoreError> {
        self.script(&format!("SAVEPOINT apart; SET LOCAL lock_timeout = {SHORT_LOCK_WAIT_MS}"))?;
        match work() {
            Ok(done) => {
                self.script(&format!("RELEASE SAVEPOINT apart; SET LOCAL lock_timeout = {LOCK_WAIT_MS}"))?;
                Ok(Ok(done))
            }
            Err(error) if self.is_lost() => Err(error),
            Err(error) => {
                let why = if self.has_failed() { self.why.get() } else { Undone::Failed };
                tracing::warn!(%error, "a part of a transaction was undone");
                self.script("ROLLBACK TO SAVEPOINT apart; RELEASE SAVEPOINT apart")?;
                self.forgive();
                Ok(Err(why))
            }
        }
    }

    /// Ends the transaction durably.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        if self.has_failed() {
            return Err(StoreError::Unavailable("a statement of the transaction had failed".to_owned()));
        }
        if self.is_lost() {
            return Err(StoreError::Unavailable("the connection was lost before the commit".to_owned()));
        }
        self.answer(self.client.batch_execute("COMMIT"), failure::of_commit)
            .unwrap_or_else(|| Err(StoreError::InDoubt("the commit was not answered in time".to_owned())))
    }

    /// How many rows changed.
    pub(in crate::storage) fn run(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let statement = self.statement(sql)?;
        self.wait_for(self.client.execute_raw(&statement, values.iter().copied()))
    }

    /// The `id` of the inserted row.
    pub(in crate::storage) fn insert(&self, sql: &'static str, values: &[Value<'_>]) -> Result<i64, StoreError> {
        let statement = self.prepared(&self.inserts, sql, || format!("{sql} RETURNING id"))?;
        let rows = self.wait_for(self.client.query_raw(&statement, values.iter().copied()))?;
        let rows: Vec<_> = self.wait_for(rows.try_collect())?;
        rows.first().map_or_else(
            || Err(StoreError::Corrupt("an inserted row has no id".to_owned())),
            |row| Row::Postgres(row).get(0),
        )
    }

    /// Runs statements whose parameters are arrays, one after the other but all in one round trip.
    pub(in crate::storage) fn run_over(&self, changes: Vec<Over<'_>>) -> Result<(), StoreError> {
        let statements = self.statements(&changes)?;
        let sent = changes.into_iter().zip(&statements);
        let sent = sent.map(|((_, columns), statement)| self.client.execute_raw(statement, columns));
        self.wait_for(try_join_all(sent)).map(drop)
    }

    /// Asks questions whose parameters are arrays, all in one round trip; each one's rows.
    pub(super) fn ask(&self, questions: Vec<Over<'_>>) -> Result<Vec<Vec<tokio_postgres::Row>>, StoreError> {
        let statements = self.statements(&questions)?;
        let asked = questions.into_iter().zip(&statements).map(|((_, columns), statement)| async move {
            self.client.query_raw(statement, columns).await?.try_collect::<Vec<_>>().await
        });
        self.wait_for(try_join_all(asked))
    }

    fn statements(&self, wanted: &[Over<'_>]) -> Result<Vec<Statement>, StoreError> {
        wanted.iter().map(|(sql, _)| self.statement(sql)).collect()
    }

    /// Shows one row after the other until `visit` breaks off.
    pub(in crate::storage) fn visit(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        visit: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let statement = self.statement(sql)?;
        let mut rows = pin!(self.wait_for(self.client.query_raw(&statement, values.iter().copied()))?);
        while let Some(row) = self.wait_for(rows.try_next())? {
            if visit(&Row::Postgres(&row))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn statement(&self, sql: &'static str) -> Result<Statement, StoreError> {
        self.prepared(&self.statements, sql, || sql.to_owned())
    }

    fn prepared(
        &self,
        known: &RefCell<HashMap<&'static str, Statement>>,
        sql: &'static str,
        text: impl FnOnce() -> String,
    ) -> Result<Statement, StoreError> {
        if let Some(statement) = known.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait_for(self.client.prepare(&text()))?;
        known.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    fn wait_for<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
        let late = || Err(StoreError::Unavailable("the database does not answer".to_owned()));
        self.answer(work, StoreError::from).unwrap_or_else(late)
    }

    /// `None`: there was no answer in time.
    fn answer<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
        mean: impl FnOnce(Error) -> StoreError,
    ) -> Option<Result<T, StoreError>> {
        let runtime = self.runtime.as_ref().expect("it is there until it is dropped");
        match runtime.block_on(async { timeout(self.wait, work).await }) {
            Ok(Ok(answer)) => Some(Ok(answer)),
            Ok(Err(error)) => {
                self.failed.set(true);
                self.why.set(Undone::by(&error));
                self.lost.set(self.lost.get() || failure::ends_connection(&error));
                Some(Err(mean(error)))
            }
            Err(_) => {
                self.failed.set(true);
                self.lost.set(true);
                None
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Wherever it is dropped, an async thread included: waiting would be refused there.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
