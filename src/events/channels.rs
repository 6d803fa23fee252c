//! Push channels: any back end reaches any page. A channel is the topic `channel.<name>`, nothing more.

mod namespaces;
mod publish;
mod stream;

pub use namespaces::{Namespaces, listed};
pub use publish::{MAX_PUBLICATIONS, NewPublish, Published, Publisher};
pub use stream::StreamTopics;

use super::page::page_limit;
use crate::{
    journal::Journal,
    manager::{Context, HandlerError, Listening, Refused, Registry, Reply, TopicReply},
    model::{ChannelName, Epoch, InvalidChannel, InvalidName, Offset, Person, Publication, Resume, TopicName},
    protocol::ErrorCode,
    storage::{LogRange, Store, Wanted},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Most topics in one request.
pub const MAX_TOPICS: usize = 1024;

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
    /// Not a channel's topic.
    #[error("only channels can be subscribed to, as `channel.<name>`: rooms are heard by joining them")]
    NotAChannel,
    /// Nothing that a stream can carry.
    #[error("a stream carries `channel.<name>`, `room.<name>` and your own `user.<id>`")]
    NotStreamed,
    /// Not the name of a room.
    #[error("the name of a room {0}")]
    BadRoom(#[from] InvalidName),
    /// The room is not there, or its user is not in it.
    #[error("there is no such room, or you are not in it")]
    NotInRoom,
    /// The inbox of somebody else.
    #[error("this is not your inbox")]
    NotYours,
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
    /// The client hears as many topics as one may.
    #[error("you hear as many topics as one connection may")]
    TooMany,
    /// It gave a position for a topic that it hears already.
    #[error("you hear this topic already: unsubscribe before you subscribe from a position")]
    Already,
}

impl ChannelError {
    /// What the client may branch on.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::BadName(_) => ErrorCode::BadChannel,
            Self::NotAChannel | Self::NotStreamed => ErrorCode::BadTopic,
            Self::BadRoom(_) => ErrorCode::BadRoom,
            Self::NotInRoom => ErrorCode::NoSuchRoom,
            Self::NoNamespace => ErrorCode::NoSuchNamespace,
            Self::MayNotSubscribe | Self::MayNotPublish | Self::KeyMayNotPublish | Self::NotYours => {
                ErrorCode::Forbidden
            }
            Self::TooMany => ErrorCode::TooManyTopics,
            Self::Already => ErrorCode::AlreadySubscribed,
        }
    }

    /// As it stands beside a refused topic.
    #[must_use]
    pub fn refused(self) -> Refused {
        Refused { code: self.code(), message: self.to_string() }
    }
}

/// The channel that a topic's name stands for.
fn channel_of_topic(topic: &str) -> Result<ChannelName, ChannelError> {
    let name = topic.strip_prefix("channel.").ok_or(ChannelError::NotAChannel)?;
    Ok(ChannelName::parse(name)?)
}

/// `subscribe`: names, or names with the last offset that was seen.
#[derive(Deserialize)]
struct Subscribe {
    topics: Topics,
    epoch: Option<Epoch>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a list of topics, or an object of topics with positions")]
enum Topics {
    Names(Vec<String>),
    Positions(BTreeMap<String, Option<Offset>>),
}

#[derive(Serialize)]
struct Subscribed {
    topics: BTreeMap<TopicName, Subscription>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    refused: BTreeMap<String, Refused>,
}

/// What a client hears from now on, and whether it has more to do there than to listen.
#[derive(Serialize)]
struct Subscription {
    #[serde(flatten)]
    reply: TopicReply,
    /// Only there when true: most listen only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    may_publish: bool,
}

#[derive(Deserialize)]
struct Unsubscribe {
    topics: Vec<String>,
}

#[derive(Serialize)]
struct Unsubscribed {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    refused: BTreeMap<String, Refused>,
}

#[derive(Deserialize)]
struct GetPublications {
    topic: String,
    before: Option<Offset>,
    after: Option<Offset>,
    limit: Option<u64>,
}

#[derive(Serialize)]
struct Page<'a> {
    topic: &'a TopicName,
    publications: Vec<Entry<'a>>,
    offset: Offset,
    more_before: bool,
    more_after: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    r#type: &'a str,
    offset: Offset,
    payload: &'a RawValue,
}

impl Channels {
    /// The family, ready to be registered.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, journal: Journal, namespaces: Namespaces) -> Arc<Self> {
        Arc::new(Self { store, journal, namespaces })
    }

    /// Routes this family's event types to it.
    pub fn register(self: Arc<Self>, registry: &mut Registry) {
        registry.on("subscribe", &self, Self::subscribe);
        registry.on("unsubscribe", &self, Self::unsubscribe);
        registry.on("get_publications", &self, Self::get_publications);
    }

    /// The namespaces it judges by.
    #[must_use]
    pub fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// What a new socket is to hear: a member's rooms, and the channels it has positions for.
    #[must_use]
    pub fn listening(
        &self,
        person: &Person,
        listed: &HashSet<TopicName>,
        resume: Option<Resume>,
        max_subscriptions: usize,
    ) -> Listening {
        let mut listening = Listening::default();
        listening.wanted.heard_by = person.member().map(|user| user.id);
        for topic in resume.iter().flat_map(|resume| resume.positions.keys()) {
            let Some(name) = topic.name_in("channel") else { continue };
            match self.may_hear(person, |topic| listed.contains(topic), name) {
                Ok(_) if listening.wanted.named.len() >= max_subscriptions => {
                    listening.refused.insert(topic.to_string(), ChannelError::TooMany.refused());
                }
                // Otherwise it is a spelling of the same name, which would be heard under another.
                Ok(canonical) if canonical == *topic => listening.wanted.named.push(canonical),
                Ok(canonical) => drop(listening.refused.insert(topic.to_string(), spelt_otherwise(&canonical))),
                Err(error) => drop(listening.refused.insert(topic.to_string(), error.refused())),
            }
        }
        listening.resume = resume;
        listening
    }

    fn may_hear(
        &self,
        person: &Person,
        listed: impl FnOnce(&TopicName) -> bool,
        name: &str,
    ) -> Result<TopicName, ChannelError> {
        let channel = ChannelName::parse(name)?;
        self.namespaces.may_subscribe(person, listed, &channel)?;
        Ok(TopicName::channel(&channel))
    }

    /// Lets the client hear what it may; what it may not is named, each with its code.
    async fn subscribe(self: Arc<Self>, ctx: Context, request: Subscribe) -> Result<Reply, HandlerError> {
        let wishes: Vec<_> = match request.topics {
            Topics::Names(names) => names.into_iter().map(|name| (name, None)).collect(),
            Topics::Positions(positions) => positions.into_iter().collect(),
        };
        check_count(wishes.len())?;
        let (mut topics, mut refused) = (BTreeMap::new(), BTreeMap::new());
        let max_subscriptions = ctx.manager().settings().socket.max_subscriptions;
        let mut room = max_subscriptions.saturating_sub(ctx.client().hears_count());
        for (text, position) in wishes {
            match self.may_subscribe(&ctx, &text) {
                Ok(topic) if !ctx.client().hears(&topic) && !topics.contains_key(&topic) => match room.checked_sub(1) {
                    Some(left) => {
                        room = left;
                        topics.insert(topic, position);
                    }
                    None => drop(refused.insert(text, ChannelError::TooMany.refused())),
                },
                Ok(topic) => drop(topics.insert(topic, position)),
                Err(error) => drop(refused.insert(text, error.refused())),
            }
        }
        let listened = ctx.manager().listen(ctx.client(), topics.into_iter().collect(), request.epoch).await?;
        refused.extend(listened.already.iter().map(|topic| (topic.to_string(), ChannelError::Already.refused())));
        let subscription = |(topic, reply)| {
            let may_publish = self.member_may_publish(ctx.person(), &topic);
            (topic, Subscription { reply, may_publish })
        };
        let topics = listened.topics.into_iter().map(subscription).collect();
        Reply::then(&Subscribed { topics, refused }, listened.after)
    }

    fn member_may_publish(&self, person: &Person, topic: &TopicName) -> bool {
        let channel = topic.name_in("channel").and_then(|name| ChannelName::parse(name).ok());
        let member = person.member().zip(channel);
        member.is_some_and(|(user, channel)| self.namespaces.member_may_publish(user, &channel).is_ok())
    }

    async fn unsubscribe(self: Arc<Self>, ctx: Context, request: Unsubscribe) -> Result<Reply, HandlerError> {
        check_count(request.topics.len())?;
        let (mut topics, mut refused) = (Vec::new(), BTreeMap::new());
        for text in request.topics {
            match channel_of_topic(&text) {
                Ok(channel) => topics.push(TopicName::channel(&channel)),
                Err(error) => drop(refused.insert(text, error.refused())),
            }
        }
        ctx.manager().stop_listening(ctx.client(), &topics).await;
        Reply::now(&Unsubscribed { refused })
    }

    /// A page of what is kept of a channel: the newest without a position.
    async fn get_publications(self: Arc<Self>, ctx: Context, request: GetPublications) -> Result<Reply, HandlerError> {
        let topic = self.may_subscribe(&ctx, &request.topic)?;
        let limit = page_limit(request.limit)?;
        let wanted = Wanted { heard_by: None, named: vec![topic.clone()] };
        let states = self.store.topic_states(wanted).await?;
        let state = states.first().ok_or(HandlerError::Internal("a topic has no state"))?;
        let (range, newest) = match (request.before, request.after) {
            (None, Some(after)) => (LogRange::new(topic.clone(), after.max(state.trimmed), state.head), false),
            (before, None) => {
                let until = before.map_or(state.head.0, |before| before.0.saturating_sub(1)).min(state.head.0);
                let after = Offset(until.saturating_sub(limit.into())).max(state.trimmed);
                (LogRange::new(topic.clone(), after, Offset(until)), true)
            }
            (Some(_), Some(_)) => {
                let problem = "at most one of `before` and `after`";
                return Err(HandlerError::BadField { field: "before", problem });
            }
        };
        let (after, until) = (range.after, range.until);
        let publications: Vec<_> = match newest {
            true => self.store.read_log_end(range, limit).await?,
            false => self.store.read_log(range, limit).await?,
        };
        // An empty page lies somewhere too.
        let before_first = publications.first().map_or(after.min(state.head).0, |first| first.offset.0 - 1);
        let last = publications.last().map_or(until, |last| last.offset);
        Reply::now(&Page {
            topic: &topic,
            publications: publications.iter().map(entry).collect(),
            offset: state.head,
            more_before: before_first > state.trimmed.0,
            more_after: last.max(state.trimmed) < state.head,
        })
    }

    fn may_subscribe(&self, ctx: &Context, topic: &str) -> Result<TopicName, ChannelError> {
        let name = channel_of_topic(topic)?;
        self.may_hear(ctx.person(), |topic| ctx.client().lists(topic), name.as_str())
    }
}

fn check_count(topics: usize) -> Result<(), HandlerError> {
    let problem = "must be 1 to 1024 topics";
    if (1..=MAX_TOPICS).contains(&topics) { Ok(()) } else { Err(HandlerError::BadField { field: "topics", problem }) }
}

fn spelt_otherwise(canonical: &TopicName) -> Refused {
    Refused { code: ErrorCode::BadChannel, message: format!("write it as `{canonical}`") }
}

fn entry(publication: &Publication) -> Entry<'_> {
    Entry { r#type: &publication.event_type, offset: publication.offset, payload: &publication.payload }
}

impl From<ChannelError> for HandlerError {
    fn from(error: ChannelError) -> Self {
        Self::Denied { code: error.code(), message: error.to_string() }
    }
}
