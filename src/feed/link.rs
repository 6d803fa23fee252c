//! A connection to a watched database, which hears its doorbell.

use super::{error::FeedError, notation};
use crate::{settings::Database, storage::postgres};
use futures_util::StreamExt as _;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{sync::Notify, time::timeout};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::task::AbortOnDropHandle;

/// How long an answer may take; the database gives up a little earlier itself.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// From the first packet until the database is ready to work.
const CONNECT_WAIT: Duration = Duration::from_secs(4);

/// What every connection begins with. Whatever the statistics say, we read little and by index: an outbox is empty when
/// the database counts it, and full when it matters. A server that has vanished must not keep its locks.
const SETUP: &str = "SET statement_timeout = 4500; SET lock_timeout = 4000; \
    SET idle_in_transaction_session_timeout = 10000; SET client_min_messages = warning; \
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
    SET standard_conforming_strings = on; SET synchronous_commit = on; SET jit = off; \
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET enable_hashjoin = off; \
    SET enable_mergejoin = off;";

/// A connection.
pub(super) struct Link {
    pub(super) client: Client,
    bell: Arc<Notify>,
    _driver: AbortOnDropHandle<()>,
}

impl Link {
    pub(super) async fn connect(database: &Database) -> Result<Self, FeedError> {
        let away = |why: String, code| FeedError::Database { why: format!("{}: {why}", database.shown), code };
        let tls = postgres::connector(&database.trust).map_err(FeedError::Settings)?;
        let connected = timeout(CONNECT_WAIT, database.config.connect(tls)).await;
        let (client, mut connection) = connected
            .map_err(|_| away("it does not answer".to_owned(), None))?
            .map_err(|error| away(postgres::failure_text(&error), error.code().cloned()))?;
        let bell = Arc::new(Notify::new());
        let ringing = bell.clone();
        let driver = tokio::spawn(async move {
            let mut messages = futures_util::stream::poll_fn(move |cx| connection.poll_message(cx));
            while let Some(Ok(message)) = messages.next().await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    ringing.notify_one();
                }
            }
            ringing.notify_one(); // whoever waits for the bell finds that the connection is gone
        });
        let link = Self { client, bell, _driver: AbortOnDropHandle::new(driver) };
        link.script(SETUP).await?;
        link.script(notation::SAME_TEXTS).await?;
        Ok(link)
    }

    /// Statements without parameters, separated by semicolons, in one round trip.
    pub(super) async fn script(&self, sql: &str) -> Result<(), FeedError> {
        answer(self.client.batch_execute(sql)).await
    }

    /// Waits for the doorbell, or for the end of the connection. A ring that came earlier counts.
    ///
    /// # Cancel safety
    /// No ring is lost.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }
}

/// Waits for an answer, not for ever.
pub(super) async fn answer<T>(work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, FeedError> {
    timeout(ANSWER_WAIT, work).await.map_err(|_| FeedError::late())?.map_err(FeedError::from)
}
