//! What an event stream may carry: what can be subscribed to, its user's rooms and their own inbox.

use super::{TopicError, Topics, may_hear};
use crate::{
    manager::{Listening, Refused},
    model::{Person, RoomName, TopicName},
};
use std::collections::HashSet;

/// What a stream is asked for, in the order of the request, each once.
#[derive(Debug, Clone)]
pub struct StreamTopics(Vec<(String, Result<TopicName, Refused>)>);

impl StreamTopics {
    /// Most topics of one stream: their positions must fit into a header.
    pub const MAX: usize = 64;

    /// The names, as they will stand in `hello`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl Topics {
    /// Takes 1 to [`StreamTopics::MAX`] names; whether there is such a topic is another matter.
    #[must_use]
    pub fn stream_topics<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<StreamTopics> {
        let mut topics: Vec<(String, _)> = Vec::new();
        for name in names {
            let topic = self.streamed(name);
            let name = topic.as_ref().map_or(name, TopicName::as_str);
            if topics.iter().all(|(known, _)| known != name) {
                topics.push((name.to_owned(), topic));
            }
            if topics.len() > StreamTopics::MAX {
                return None;
            }
        }
        (!topics.is_empty()).then_some(StreamTopics(topics))
    }

    fn streamed(&self, name: &str) -> Result<TopicName, Refused> {
        let not_streamed = || TopicError::NotStreamed.refused();
        match name.split_once('.') {
            Some(("room", room)) => {
                Ok(TopicName::room(&RoomName::parse(room).map_err(|bad| TopicError::from(bad).refused())?))
            }
            Some(("user", _)) => TopicName::parse(name).map_err(|_| not_streamed()),
            _ => Ok(self.of_a_kind(name).unwrap_or_else(|| Err(not_streamed()))?.1),
        }
    }

    /// What a stream of exactly these topics is to hear. Which rooms its user is in is found out later: those that they
    /// are not in are then refused.
    #[must_use]
    pub fn stream(&self, person: &Person, listed: &HashSet<TopicName>, topics: &StreamTopics) -> Listening {
        let mut listening = Listening { only: Some([].into()), ..Listening::default() };
        for (name, topic) in &topics.0 {
            match topic.clone().and_then(|topic| self.may_stream(person, listed, topic)) {
                Ok((topic, otherwise)) => {
                    if is_heard_anyway(&topic) {
                        listening.wanted.heard_by = person.member().map(|user| user.id);
                    } else {
                        listening.wanted.named.push(topic.clone());
                    }
                    listening.only.get_or_insert_default().insert(topic, otherwise);
                }
                Err(refused) => drop(listening.refused.insert(name.clone(), refused)),
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
    ) -> Result<(TopicName, Refused), Refused> {
        let forbidden = TopicError::Forbidden.refused();
        if !is_heard_anyway(&topic) {
            let (_, topic) = may_hear(self.named(topic.as_str())?, person, &|topic| listed.contains(topic))?;
            return Ok((topic, forbidden));
        }
        let user = person.member().ok_or(forbidden)?;
        match topic.name_in("user") {
            Some(_) if topic != TopicName::user(user.id) => Err(TopicError::NotYours.refused()),
            _ => Ok((topic, TopicError::NotInRoom.refused())),
        }
    }
}

/// Whether its user's sockets hear a topic without having subscribed.
fn is_heard_anyway(topic: &TopicName) -> bool {
    topic.name_in("room").is_some() || topic.name_in("user").is_some()
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::kind::{MeterOfKind, TopicKind},
        *,
    };
    use crate::{
        metrics::Metrics,
        protocol::ErrorCode,
        settings::Settings,
        storage::{Check, sqlite},
    };
    use std::sync::Arc;

    /// Topics `a.<name>`, in lower case whatever a client writes.
    struct LowerCase;

    impl TopicKind for LowerCase {
        fn topic(&self, name: &str) -> Option<Result<TopicName, Refused>> {
            name.starts_with("a.").then(|| Ok(TopicName::parse(&name.to_lowercase()).unwrap()))
        }

        fn bad_name(&self) -> ErrorCode {
            ErrorCode::BadTopic
        }

        fn may_hear(&self, _: &Person, _: &dyn Fn(&TopicName) -> bool, _: &TopicName) -> Result<(), Refused> {
            Ok(())
        }

        fn may_list(&self, _: &str, _: &TopicName) -> Result<(), Refused> {
            Ok(())
        }

        fn meters(&self, _: &Metrics) -> MeterOfKind {
            Box::new(|_| None)
        }
    }

    #[test]
    fn names_count_once_however_they_are_written() {
        let data = tempfile::tempdir().unwrap();
        let store = sqlite::open(data.path(), &Settings::defaults().storage, Check::Skip).unwrap();
        let family = Topics::new(Arc::new(store), vec![Arc::new(LowerCase)]);
        let names = ["room.General", "a.b", "room.general", "a.B", "nonsense", "nonsense"];
        let topics = family.stream_topics(names).unwrap();
        assert_eq!(topics.names().collect::<Vec<_>>(), ["room.general", "a.b", "nonsense"]);
        assert!(family.stream_topics([]).is_none());
        let many: Vec<_> = (0..65).map(|n| format!("a.{n}")).collect();
        assert!(family.stream_topics(many[..64].iter().chain(&many[..9]).map(String::as_str)).is_some());
        assert!(family.stream_topics(many.iter().map(String::as_str)).is_none());
    }
}
