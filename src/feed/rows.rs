//! Rows as they are now: asked of the listener, which alone knows where the stream of their changes stands.

use super::change::feed_of;
use crate::{
    model::{FeedName, TopicName},
    storage::{RowSource, RowsAt, RowsError},
};
use async_trait::async_trait;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

/// Questions that wait; more are answered at once.
const QUEUE: usize = 256;
/// How long the listener may take to catch up.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// A question.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) topics: Vec<TopicName>,
    pub(super) max_bytes: usize,
    asked_at: Instant,
    answer: oneshot::Sender<Result<Vec<RowsAt>, RowsError>>,
}

impl Request {
    /// Whether anybody still waits.
    pub(super) fn is_wanted(&self) -> bool {
        !self.answer.is_closed() && self.asked_at.elapsed() < PATIENCE
    }

    pub(super) fn answer(self, rows: Result<Vec<RowsAt>, RowsError>) {
        let _ = self.answer.send(rows); // perhaps nobody waits any more
    }
}

/// Why the listener does not drain its outbox; `None`: it does.
pub(super) type Idle = Option<Arc<str>>;

/// The rows that one listener watches.
#[derive(Debug, Clone)]
pub struct ListenedRows {
    requests: mpsc::Sender<Request>,
    idle: watch::Receiver<Idle>,
}

/// The listener's end.
#[derive(Debug)]
pub(super) struct Counter {
    pub(super) requests: mpsc::Receiver<Request>,
    idle: watch::Sender<Idle>,
}

impl ListenedRows {
    pub(super) fn new() -> (Self, Counter) {
        let (ask, requests) = mpsc::channel(QUEUE);
        let (tell, idle) = watch::channel(Some("the feed has not begun yet".into()));
        (Self { requests: ask, idle }, Counter { requests, idle: tell })
    }
}

#[async_trait]
impl RowSource for ListenedRows {
    async fn rows(&self, topics: Vec<TopicName>, max_bytes: usize) -> Result<Vec<RowsAt>, RowsError> {
        let away = |why: &str| RowsError::Unavailable(why.to_owned());
        if let Some(why) = &*self.idle.borrow() {
            return Err(away(why));
        }
        let (answer, answered) = oneshot::channel();
        let request = Request { topics, max_bytes, asked_at: Instant::now(), answer };
        self.requests.try_send(request).map_err(|_| away("too many ask at once"))?;
        match timeout(PATIENCE, answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(away("the feed was interrupted"))),
            Err(_) => Err(away("the feed could not catch up in time")),
        }
    }
}

impl Counter {
    /// Questions are answered from now on.
    pub(super) fn open(&self) {
        self.idle.send_replace(None);
    }

    /// Whoever asks from now on is told why there is no answer; as is whoever waits for one.
    pub(super) fn close(&mut self, why: &str) {
        self.idle.send_replace(Some(why.into()));
        while self.requests.try_recv().is_ok() {}
    }
}

/// The rows of all feeds, wherever they are.
#[derive(Clone, Default)]
pub struct FeedRows(HashMap<FeedName, Arc<dyn RowSource>>);

impl FeedRows {
    /// From now on `source` is asked for the rows of a feed.
    pub fn add(&mut self, feed: FeedName, source: Arc<dyn RowSource>) {
        self.0.insert(feed, source);
    }

    /// Where the rows of a feed are read; of one that nobody watches none can be.
    #[must_use]
    pub fn source_of(&self, feed: &FeedName) -> Arc<dyn RowSource> {
        self.0.get(feed).cloned().unwrap_or_else(|| Arc::new(Self::default()))
    }
}

#[async_trait]
impl RowSource for FeedRows {
    /// In one snapshot for each database.
    async fn rows(&self, topics: Vec<TopicName>, max_bytes: usize) -> Result<Vec<RowsAt>, RowsError> {
        let mut by_source: Vec<(&Arc<dyn RowSource>, Vec<TopicName>)> = Vec::new();
        for topic in topics {
            let source = feed_of(&topic).and_then(|feed| self.0.get(&feed));
            let source = source.ok_or_else(|| RowsError::Unavailable(format!("nobody watches {topic}")))?;
            match by_source.iter_mut().find(|(known, _)| Arc::ptr_eq(known, source)) {
                Some((_, topics)) => topics.push(topic),
                None => by_source.push((source, vec![topic])),
            }
        }
        let (mut all, mut left) = (Vec::new(), max_bytes);
        for (source, topics) in by_source {
            let rows = source.rows(topics, left).await?;
            let bytes = rows.iter().flat_map(|at| &at.rows).map(|row| row.row.get().len()).sum();
            left = left.checked_sub(bytes).ok_or(RowsError::TooLarge)?;
            all.extend(rows);
        }
        Ok(all)
    }
}
