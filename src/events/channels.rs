//! Push channels: any back end reaches any page. A channel is the topic `channel.<name>`, nothing more.

mod namespaces;
mod publish;

pub use namespaces::Namespaces;
pub use publish::{MAX_PUBLICATIONS, NewPublish, Published};

use super::kind::{MeterOfKind, TopicKind};
use crate::{
    journal::Journal,
    manager::Refused,
    metrics::Metrics,
    model::{ChannelName, InvalidChannel, Person, TopicName},
    protocol::ErrorCode,
    storage::Store,
};
use std::sync::Arc;

/// The channels family.
pub struct Channels {
    store: Arc<dyn Store>,
    journal: Journal,
    namespaces: Namespaces,
}

/// Why a channel is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Not a name.
    #[error("the name of a channel {0}")]
    BadName(#[from] InvalidChannel),
    /// No namespace matches its name.
    #[error("no namespace of this server has a channel of this name")]
    NoNamespace,
    /// It is not for this person.
    #[error("you may not subscribe to this channel")]
    MayNotSubscribe,
    /// Members do not publish there, or not this one.
    #[error("you may not publish to this channel")]
    MayNotPublish,
    /// The key's scopes do not cover it.
    #[error("this key may not publish to this channel")]
    KeyMayNotPublish,
}

impl ChannelError {
    /// What the client may branch on.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::BadName(_) => ErrorCode::BadChannel,
            Self::NoNamespace => ErrorCode::NoSuchNamespace,
            Self::MayNotSubscribe | Self::MayNotPublish | Self::KeyMayNotPublish => ErrorCode::Forbidden,
        }
    }
}

impl From<ChannelError> for Refused {
    fn from(error: ChannelError) -> Self {
        Self { code: error.code(), message: error.to_string() }
    }
}

impl Channels {
    /// The family, ready to publish and to judge who may listen.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, journal: Journal, namespaces: Namespaces) -> Arc<Self> {
        Arc::new(Self { store, journal, namespaces })
    }
}

/// The channel that a topic of this kind is the log of.
fn channel_of(topic: &TopicName) -> Result<ChannelName, ChannelError> {
    Ok(ChannelName::parse(topic.name_in("channel").unwrap_or_default())?)
}

impl TopicKind for Channels {
    fn topic(&self, name: &str) -> Option<Result<TopicName, Refused>> {
        let channel = ChannelName::parse(name.strip_prefix("channel.")?).map_err(ChannelError::from);
        Some(channel.map(|channel| TopicName::channel(&channel)).map_err(Refused::from))
    }

    fn bad_name(&self) -> ErrorCode {
        ErrorCode::BadChannel
    }

    fn may_hear(&self, person: &Person, listed: &dyn Fn(&TopicName) -> bool, topic: &TopicName) -> Result<(), Refused> {
        Ok(self.namespaces.may_subscribe(person, listed, &channel_of(topic)?)?)
    }

    fn may_list(&self, id: &str, topic: &TopicName) -> Result<(), Refused> {
        Ok(self.namespaces.may_list(id, &channel_of(topic)?)?)
    }

    fn may_publish(&self, person: &Person, topic: &TopicName) -> bool {
        let member = person.member().zip(channel_of(topic).ok());
        member.is_some_and(|(user, channel)| self.namespaces.member_may_publish(user, &channel).is_ok())
    }

    fn meters(&self, metrics: &Metrics) -> MeterOfKind {
        self.namespaces.meters(metrics)
    }
}
