//! Watched tables: who may watch which, and where their rows are read. What changes in them is published elsewhere.

use super::kind::{MeterOfKind, TopicKind, spelt_otherwise};
use crate::{
    manager::Refused,
    metrics::Metrics,
    model::{FeedName, Person, RowTopic, TopicName},
    protocol::ErrorCode,
    settings::{FeedTable, Settings, Watchers},
    storage::{Keep, RowSource},
};
use std::{collections::BTreeMap, sync::Arc};

/// The watched tables of the settings.
pub struct Feeds(BTreeMap<String, Feed>);

/// One watched table.
struct Feed {
    name: FeedName,
    /// The topic of all its rows.
    table: TopicName,
    watchers: Watchers,
    keep: Keep,
    source: Arc<dyn RowSource>,
}

/// Why a topic of a watched table is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum FeedError {
    #[error(
        "no row has a topic of this name: a key is written as in a URL, and one that is too long is heard with its table"
    )]
    BadKey,
    #[error("you may not watch this table")]
    MayNotWatch,
}

impl FeedError {
    fn refused(self) -> Refused {
        let code = match self {
            Self::BadKey => ErrorCode::BadTopic,
            Self::MayNotWatch => ErrorCode::Forbidden,
        };
        Refused { code, message: self.to_string() }
    }
}

impl Feeds {
    /// Those of the settings; `source_of` says where the rows of a table are read.
    #[must_use]
    pub fn new(settings: &Settings, source_of: impl Fn(&FeedTable) -> Arc<dyn RowSource>) -> Arc<Self> {
        let feed = |table: &FeedTable| Feed {
            name: table.topic.clone(),
            table: table.topic.table(),
            watchers: table.subscribe,
            keep: Keep::new(table.history_count, table.history_age),
            source: source_of(table),
        };
        let feeds = settings.feed.table.iter().map(|table| (table.topic.as_str().to_owned(), feed(table)));
        Arc::new(Self(feeds.collect()))
    }

    /// How much of a feed's topics is kept.
    #[must_use]
    pub fn keep(&self, feed: &FeedName) -> Option<Keep> {
        self.0.get(feed.as_str()).map(|feed| feed.keep)
    }

    /// The feed of a topic, and what its name says there.
    fn find<'n>(&self, topic: &'n str) -> Option<(&Feed, &'n str)> {
        let (feed, name) = topic.split_once('.')?;
        Some((self.0.get(feed)?, name))
    }
}

impl TopicKind for Feeds {
    fn topic(&self, name: &str) -> Option<Result<TopicName, Refused>> {
        let (feed, key) = self.find(name)?;
        Some(match feed.name.topic_named(key) {
            Some(topic) if topic.as_str() == name => Ok(topic),
            Some(canonical) => Err(spelt_otherwise(self.bad_name(), &canonical)),
            None => Err(FeedError::BadKey.refused()),
        })
    }

    fn bad_name(&self) -> ErrorCode {
        ErrorCode::BadTopic
    }

    fn may_hear(&self, person: &Person, listed: &dyn Fn(&TopicName) -> bool, topic: &TopicName) -> Result<(), Refused> {
        let may = self.find(topic.as_str()).is_some_and(|(feed, _)| match person {
            Person::Member(_) => feed.watchers == Watchers::Members,
            Person::External(_) => listed(topic) || listed(&feed.table),
        });
        if may { Ok(()) } else { Err(FeedError::MayNotWatch.refused()) }
    }

    /// No row's name says whom it is about, so the app decides.
    fn may_list(&self, _id: &str, _topic: &TopicName) -> Result<(), Refused> {
        Ok(())
    }

    fn watched(&self, topic: &TopicName) -> Option<(RowTopic, Arc<dyn RowSource>)> {
        let (feed, _) = self.find(topic.as_str())?;
        Some((feed.name.topic(topic)?, feed.source.clone()))
    }

    fn meters(&self, metrics: &Metrics) -> MeterOfKind {
        let meter = |feed: &Feed| (feed.name.clone(), Arc::new(metrics.topic_meter(feed.table.as_str())));
        let feeds: Vec<_> = self.0.values().map(meter).collect();
        Box::new(move |topic| {
            let (_, meter) = feeds.iter().find(|(feed, _)| topic.name_in(feed.as_str()).is_some())?;
            Some(meter.clone())
        })
    }
}
