//! Rows as they are now, for whoever begins to watch them.

use super::{Store, StoreError, TopicState};
use crate::model::TopicName;
use async_trait::async_trait;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where watched rows are read, at the place where the stream of their changes can be taken up.
#[async_trait]
pub trait RowSource: Send + Sync + 'static {
    /// The rows that these topics are about, all in one snapshot, and where each topic's log stood in it: what is in a
    /// log up to there is in the rows, and nothing that comes above it.
    ///
    /// # Errors
    /// [`RowsError`]
    async fn rows(&self, topics: Vec<TopicName>, max_bytes: usize) -> Result<Vec<RowsAt>, RowsError>;
}

/// What one topic is about, and where its stream goes on.
#[derive(Debug, Clone)]
pub struct RowsAt {
    /// Where the topic's log stood.
    pub state: TopicState,
    /// All rows of a table, in the order of their keys; of one row's topic that row, or none when there is no such row.
    pub rows: Vec<Row>,
}

/// A row as it is sent.
#[derive(Debug, Clone)]
pub struct Row {
    /// What tells it apart, as text.
    pub key: String,
    /// The row as JSON text.
    pub row: Arc<RawValue>,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// It would be larger than was allowed.
    #[error("the rows are more than fit into one answer")]
    TooLarge,
    /// The database of the feed is away, or has not been caught up with in time. The text is for the log.
    #[error("the feed is not up to date: {0}")]
    Unavailable(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Our own products, in a store that publishes their changes itself: what is committed there is in the logs at once.
pub struct ProductRows {
    store: Arc<dyn Store>,
    /// Whose turn it is: whoever asks again and again must not take all readers of the store.
    turn: Semaphore,
}

impl ProductRows {
    /// Those of this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, turn: Semaphore::new(1) }
    }
}

#[async_trait]
impl RowSource for ProductRows {
    async fn rows(&self, topics: Vec<TopicName>, max_bytes: usize) -> Result<Vec<RowsAt>, RowsError> {
        let _turn = self.turn.acquire().await; // never closed
        self.store.product_rows(topics, max_bytes).await
    }
}
