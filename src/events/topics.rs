//! What a client asks of topics, whatever their kind: to hear them, to hear them no more, to read back what is kept.
//! Who may is judged by the family whose kind a topic is.

mod publications;
mod stream;
mod subscribe;

pub use stream::StreamTopics;

use super::kind::{TopicKind, spelt_otherwise};
use crate::{
    manager::{Context, HandlerError, Listening, Refused, Registry},
    metrics::{Metrics, TopicMeter},
    model::{InvalidName, Person, Resume, TopicName},
    protocol::ErrorCode,
    storage::Store,
};
use std::{collections::HashSet, sync::Arc};

/// Most topics in one request.
pub const MAX_TOPICS: usize = 1024;

/// The family of `subscribe`.
pub struct Topics {
    store: Arc<dyn Store>,
    kinds: Vec<Arc<dyn TopicKind>>,
}

/// Why a topic is refused, whatever its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Of no kind that can be subscribed to.
    #[error(
        "only channels, as `channel.<name>`, and watched tables can be subscribed to: rooms are heard by joining them"
    )]
    NoSuchKind,
    /// Nothing that a stream can carry.
    #[error("a stream carries `channel.<name>`, watched tables, `room.<name>` and your own `user.<id>`")]
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
    /// Not for this person.
    #[error("you may not subscribe to this")]
    Forbidden,
    /// The client hears as many topics as one may.
    #[error("you hear as many topics as one connection may")]
    TooMany,
    /// It gave a position for a topic that it hears already.
    #[error("you hear this topic already: unsubscribe before you subscribe from a position")]
    Already,
}

impl TopicError {
    /// What the client may branch on.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::NoSuchKind | Self::NotStreamed => ErrorCode::BadTopic,
            Self::BadRoom(_) => ErrorCode::BadRoom,
            Self::NotInRoom => ErrorCode::NoSuchRoom,
            Self::NotYours | Self::Forbidden => ErrorCode::Forbidden,
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

/// A topic, and the family it belongs to.
type Known<'t> = (&'t dyn TopicKind, TopicName);

impl Topics {
    /// The family, ready to be registered; a topic is of the first of `kinds` that knows it.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, kinds: Vec<Arc<dyn TopicKind>>) -> Arc<Self> {
        Arc::new(Self { store, kinds })
    }

    /// Routes this family's event types to it.
    pub fn register(self: Arc<Self>, registry: &mut Registry) {
        registry.on("subscribe", &self, Self::subscribe);
        registry.on("unsubscribe", &self, Self::unsubscribe);
        registry.on("get_publications", &self, Self::get_publications);
    }

    /// What a new socket is to hear: a member's rooms, and the topics it has positions for.
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
            let Some(known) = self.of_a_kind(topic.as_str()) else { continue };
            match known.and_then(|known| may_hear(known, person, &|topic| listed.contains(topic))) {
                Ok(_) if listening.wanted.named.len() >= max_subscriptions => {
                    listening.refused.insert(topic.to_string(), TopicError::TooMany.refused());
                }
                // Otherwise it is a spelling of the same name, which would be heard under another.
                Ok((_, canonical)) if canonical == *topic => listening.wanted.named.push(canonical),
                Ok((kind, canonical)) => {
                    listening.refused.insert(topic.to_string(), spelt_otherwise(kind.bad_name(), &canonical));
                }
                Err(refused) => drop(listening.refused.insert(topic.to_string(), refused)),
            }
        }
        listening.resume = resume;
        listening
    }

    /// The topics an OTP for the external user `id` lists, each checked.
    ///
    /// # Errors
    /// The place of the first that is refused, and why.
    pub fn listed(&self, id: &str, topics: &[String]) -> Result<HashSet<TopicName>, (usize, Refused)> {
        let check = |name: &String| {
            let (kind, topic) = self.named(name)?;
            kind.may_list(id, &topic).map(|()| topic)
        };
        topics.iter().enumerate().map(|(place, name)| check(name).map_err(|refused| (place, refused))).collect()
    }

    /// Where topics are counted: as their kind says, the rest by what stands before the dot.
    pub fn meters(&self, metrics: &Metrics) -> impl Fn(&TopicName) -> Arc<TopicMeter> + use<> {
        let meter = |name: &str| Arc::new(metrics.topic_meter(name));
        let (rooms, inboxes, others) = (meter("room.*"), meter("user.*"), meter("other"));
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.meters(metrics)).collect();
        move |topic| {
            if topic.name_in("room").is_some() {
                return rooms.clone();
            }
            if topic.name_in("user").is_some() {
                return inboxes.clone();
            }
            kinds.iter().find_map(|meter_of| meter_of(topic)).unwrap_or_else(|| others.clone())
        }
    }

    /// The topic that a name stands for, if there is a kind that has such names.
    fn of_a_kind(&self, name: &str) -> Option<Result<Known<'_>, Refused>> {
        self.kinds.iter().find_map(|kind| Some(kind.topic(name)?.map(|topic| (&**kind, topic))))
    }

    fn named(&self, name: &str) -> Result<Known<'_>, Refused> {
        self.of_a_kind(name).unwrap_or_else(|| Err(TopicError::NoSuchKind.refused()))
    }

    /// As [`Topics::named`], if the client may hear it.
    fn heard(&self, ctx: &Context, name: &str) -> Result<Known<'_>, Refused> {
        may_hear(self.named(name)?, ctx.person(), &|topic| ctx.client().lists(topic))
    }
}

fn may_hear<'t>(
    (kind, topic): Known<'t>,
    person: &Person,
    listed: &dyn Fn(&TopicName) -> bool,
) -> Result<Known<'t>, Refused> {
    kind.may_hear(person, listed, &topic)?;
    Ok((kind, topic))
}

fn check_count(topics: usize) -> Result<(), HandlerError> {
    let problem = "must be 1 to 1024 topics";
    if (1..=MAX_TOPICS).contains(&topics) { Ok(()) } else { Err(HandlerError::BadField { field: "topics", problem }) }
}
