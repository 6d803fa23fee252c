//! What keeps a client's live publications and a replay of the same topics apart.

use crate::{
    model::{Offset, TopicName},
    protocol::Frame,
};
use std::collections::{HashMap, HashSet};

/// Counts the batches that the journal has published.
pub(super) type PublishRound = u64;

/// Live publications that came while the client was being brought up to date.
#[derive(Debug, Default)]
pub(super) struct Holding {
    /// Of which topics; `None`: of all.
    topics: Option<HashSet<TopicName>>,
    publications: Vec<Held>,
    events: usize,
    bytes: usize,
}

/// What a topic published up to `last` with one commit.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) topic: TopicName,
    pub(super) last: Offset,
    pub(super) round: PublishRound,
    pub(super) frame: Frame,
}

impl Holding {
    /// Holds back what these topics publish.
    pub(super) fn of(topics: HashSet<TopicName>) -> Self {
        Self { topics: Some(topics), ..Self::default() }
    }

    /// Whether it holds back what this topic publishes.
    pub(super) fn covers(&self, topic: &TopicName) -> bool {
        self.topics.as_ref().is_none_or(|topics| topics.contains(topic))
    }

    pub(super) fn push(&mut self, held: Held) {
        self.events += held.frame.events();
        self.bytes += held.frame.bytes().len();
        self.publications.push(held);
    }

    /// How much it is, in events and in bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.events, self.bytes)
    }

    /// All of it, in the order it came.
    pub(super) fn into_publications(self) -> Vec<Held> {
        self.publications
    }
}

/// What a replay has sent already, and until when that matters.
#[derive(Debug)]
pub(super) struct Replayed {
    /// The last offset that was replayed, or not wanted, per topic.
    pub(super) heads: HashMap<TopicName, Offset>,
    /// The last publication round that may hold any of it.
    pub(super) until: PublishRound,
}

impl Replayed {
    /// An earlier replay may still matter for other topics. That it does so longer is no harm: what is published
    /// later is above what was replayed.
    pub(super) fn extend(&mut self, later: Self) {
        self.heads.extend(later.heads);
        self.until = self.until.max(later.until);
    }

    /// Whether the log has been read this far already. One commit's events travel in one frame and a replay ends between
    /// two commits, so a frame is replayed whole or not at all.
    pub(super) fn reaches(&self, topic: &TopicName, last: Offset) -> bool {
        self.heads.get(topic).is_some_and(|head| last <= *head)
    }

    /// Forgets these topics: another replay will know better.
    pub(super) fn forget(&mut self, topics: &HashSet<TopicName>) {
        self.heads.retain(|topic, _| !topics.contains(topic));
    }
}
