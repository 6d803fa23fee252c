//! What an event stream may carry: channels, its user's rooms and their own inbox.

use super::{ChannelError, Channels, channel_of_topic};
use crate::{
    manager::{Listening, Refused},
    model::{Person, RoomName, TopicName},
};
use std::collections::HashSet;

/// What a stream is asked for, in the order of the request, each once.
#[derive(Debug, Clone)]
pub struct StreamTopics(Vec<(String, Result<TopicName, ChannelError>)>);

impl StreamTopics {
    /// Most topics of one stream: their positions must fit into a header.
    pub const MAX: usize = 64;

    /// Takes 1 to [`StreamTopics::MAX`] names; whether there is such a topic is another matter.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut topics: Vec<(String, _)> = Vec::new();
        for name in names {
            let topic = topic(name);
            let name = topic.as_ref().map_or(name, TopicName::as_str);
            if topics.iter().all(|(known, _)| known != name) {
                topics.push((name.to_owned(), topic));
            }
            if topics.len() > Self::MAX {
                return None;
            }
        }
        (!topics.is_empty()).then_some(Self(topics))
    }

    /// The names, as they will stand in `hello`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl Channels {
    /// What a stream of exactly these topics is to hear. Which rooms its user is in is found out later: those that they
    /// are not in are then refused.
    #[must_use]
    pub fn stream(&self, person: &Person, listed: &HashSet<TopicName>, topics: &StreamTopics) -> Listening {
        let mut listening = Listening { only: Some([].into()), ..Listening::default() };
        for (name, topic) in &topics.0 {
            match topic.clone().and_then(|topic| self.may_stream(person, listed, topic)) {
                Ok((topic, otherwise)) => {
                    if topic.name_in("channel").is_some() {
                        listening.wanted.named.push(topic.clone());
                    } else {
                        listening.wanted.heard_by = person.member().map(|user| user.id);
                    }
                    listening.only.get_or_insert_default().insert(topic, otherwise);
                }
                Err(error) => drop(listening.refused.insert(name.clone(), error.refused())),
            }
        }
        listening
    }

    /// Lets a topic pass, with what is said of it should its user turn out not to hear it.
    fn may_stream(
        &self,
        person: &Person,
        listed: &HashSet<TopicName>,
        topic: TopicName,
    ) -> Result<(TopicName, Refused), ChannelError> {
        if let Some(name) = topic.name_in("channel") {
            let topic = self.may_hear(person, |topic| listed.contains(topic), name)?;
            return Ok((topic, ChannelError::MayNotSubscribe.refused()));
        }
        let user = person.member().ok_or(ChannelError::MayNotSubscribe)?;
        match topic.name_in("user") {
            Some(_) if topic != TopicName::user(user.id) => Err(ChannelError::NotYours),
            _ => Ok((topic, ChannelError::NotInRoom.refused())),
        }
    }
}

fn topic(name: &str) -> Result<TopicName, ChannelError> {
    match name.split_once('.') {
        Some(("channel", _)) => channel_of_topic(name).map(|channel| TopicName::channel(&channel)),
        Some(("room", room)) => Ok(TopicName::room(&RoomName::parse(room)?)),
        Some(("user", _)) => TopicName::parse(name).map_err(|_| ChannelError::NotStreamed),
        _ => Err(ChannelError::NotStreamed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_once_however_they_are_written() {
        let names = ["room.General", "channel.a", "room.general", "channel.ａ", "nonsense", "nonsense"];
        let topics = StreamTopics::new(names).unwrap();
        assert_eq!(topics.names().collect::<Vec<_>>(), ["room.general", "channel.a", "nonsense"]);
        assert!(StreamTopics::new([]).is_none());
        let many: Vec<_> = (0..65).map(|n| format!("channel.{n}")).collect();
        assert!(StreamTopics::new(many[..64].iter().chain(&many[..9]).map(String::as_str)).is_some());
        assert!(StreamTopics::new(many.iter().map(String::as_str)).is_none());
    }
}
