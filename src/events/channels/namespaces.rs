//! Which push channels there are, who may hear them and who may publish to them.

use super::ChannelError;
use crate::{
    metrics::{Metrics, TopicMeter},
    model::{ApiKey, ChannelName, ChannelPattern, NamedUser, Person, TopicName, User},
    settings::{Namespace, Publishers, Settings, Subscribers},
    storage::Keep,
};
use std::{collections::HashSet, sync::Arc};

/// The namespaces of the settings, in their order: the first that matches a name decides.
#[derive(Debug, Clone)]
pub struct Namespaces(Arc<[Namespace]>);

impl Namespaces {
    /// Those of the settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self(settings.namespace.clone().into())
    }

    /// The namespace a channel is in, and whom its name is about.
    ///
    /// # Errors
    /// [`ChannelError::NoNamespace`]: nothing is open by accident.
    pub fn find<'n>(&self, channel: &'n ChannelName) -> Result<(&Namespace, NamedUser<'n>), ChannelError> {
        let mut namespaces = self.0.iter();
        let found = namespaces.find_map(|namespace| Some((namespace, namespace.pattern.matches(channel)?)));
        found.ok_or(ChannelError::NoNamespace)
    }

    /// Whether `person` may hear a channel; `listed` is what an external user's OTP lists.
    ///
    /// # Errors
    /// [`ChannelError::NoNamespace`], [`ChannelError::MayNotSubscribe`].
    pub fn may_subscribe(
        &self,
        person: &Person,
        listed: impl FnOnce(&TopicName) -> bool,
        channel: &ChannelName,
    ) -> Result<(), ChannelError> {
        let (namespace, named) = self.find(channel)?;
        let may = match person {
            Person::Member(user) => member_may_subscribe(namespace, named, user),
            Person::External(_) => listed(&TopicName::channel(channel)),
        };
        if may { Ok(()) } else { Err(ChannelError::MayNotSubscribe) }
    }

    /// Whether an OTP for the external user `id` may list a channel: where the name is about somebody, it must be them.
    ///
    /// # Errors
    /// [`ChannelError::NoNamespace`], [`ChannelError::MayNotSubscribe`].
    pub fn may_list(&self, id: &str, channel: &ChannelName) -> Result<(), ChannelError> {
        let (_, named) = self.find(channel)?;
        if named.is_nobody() || named.is_external(id) { Ok(()) } else { Err(ChannelError::MayNotSubscribe) }
    }

    /// The first pattern by which a member hears what has their name in it, and by which names with a dot are cut.
    #[must_use]
    pub fn that_cuts_names(&self) -> Option<&ChannelPattern> {
        let cuts = |one: &&Namespace| one.subscribe == Subscribers::User && one.pattern.has_user_name();
        self.0.iter().find(cuts).map(|one| &one.pattern)
    }

    /// Whether a member may publish to a channel.
    ///
    /// # Errors
    /// [`ChannelError::NoNamespace`], [`ChannelError::MayNotPublish`].
    pub fn member_may_publish(&self, user: &User, channel: &ChannelName) -> Result<&Namespace, ChannelError> {
        let (namespace, named) = self.find(channel)?;
        let may = namespace.publish == Publishers::Members && member_may_subscribe(namespace, named, user);
        if may { Ok(namespace) } else { Err(ChannelError::MayNotPublish) }
    }

    /// Whether a key may publish to a channel.
    ///
    /// # Errors
    /// [`ChannelError::NoNamespace`], [`ChannelError::KeyMayNotPublish`].
    pub fn key_may_publish(&self, key: &ApiKey, channel: &ChannelName) -> Result<&Namespace, ChannelError> {
        // The scope first: whoever has none learns nothing of the namespaces.
        if !key.may_publish(channel) {
            return Err(ChannelError::KeyMayNotPublish);
        }
        self.find(channel).map(|(namespace, _)| namespace)
    }

    /// Where topics are counted: a channel with its namespace, the rest with its kind.
    pub fn meters(&self, metrics: &Metrics) -> impl Fn(&TopicName) -> Arc<TopicMeter> + use<> {
        let meter = |name: &str| Arc::new(metrics.topic_meter(name));
        let (rooms, inboxes, others) = (meter("room.*"), meter("user.*"), meter("other"));
        let of_namespace = |namespace: &Namespace| {
            let pattern: &ChannelPattern = &namespace.pattern;
            (pattern.clone(), meter(&format!("channel.{pattern}")))
        };
        let channels: Vec<_> = self.0.iter().map(of_namespace).collect();
        move |topic| {
            if topic.name_in("room").is_some() {
                return rooms.clone();
            }
            if topic.name_in("user").is_some() {
                return inboxes.clone();
            }
            let channel = topic.name_in("channel").and_then(|name| ChannelName::parse(name).ok());
            let found = channel.and_then(|name| channels.iter().find(|(pattern, _)| pattern.matches(&name).is_some()));
            found.map_or_else(|| others.clone(), |(_, meter)| meter.clone())
        }
    }
}

/// How much of a namespace's channels is kept.
pub(super) fn keep(namespace: &Namespace) -> Keep {
    let age_ms = i64::try_from(namespace.history_age.as_millis()).unwrap_or(i64::MAX);
    // What is kept for no time is not kept at all.
    Keep { count: if age_ms == 0 { 0 } else { namespace.history_count }, age_ms }
}

fn member_may_subscribe(namespace: &Namespace, named: NamedUser<'_>, user: &User) -> bool {
    match namespace.subscribe {
        Subscribers::Members => true,
        Subscribers::User => named.is_member(user),
        Subscribers::Listed => false,
    }
}

/// The channels an OTP lists, each checked.
///
/// # Errors
/// The place of the first that is refused, and why.
pub fn listed(
    namespaces: &Namespaces,
    id: &str,
    topics: &[String],
) -> Result<HashSet<TopicName>, (usize, ChannelError)> {
    let check = |text: &String| {
        let channel = super::channel_of_topic(text)?;
        namespaces.may_list(id, &channel)?;
        Ok(TopicName::channel(&channel))
    };
    topics.iter().enumerate().map(|(place, text)| check(text).map_err(|error| (place, error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_decides_who_hears_can_be_cut() {
        let with = |pattern: &str, subscribe| {
            let mut settings = Settings::defaults();
            settings.namespace[0].pattern = pattern.parse().unwrap();
            settings.namespace[0].subscribe = subscribe;
            Namespaces::new(&settings).that_cuts_names().is_some()
        };
        assert!(with("orders.{user}.*", Subscribers::User));
        assert!(!with("orders.{user}.*", Subscribers::Listed));
        assert!(!with("orders.{user_id}.*", Subscribers::User));
    }
}
