//! Which push channels there are, who may hear them and who may publish to them.

use super::{super::kind::MeterOfKind, ChannelError};
use crate::{
    metrics::Metrics,
    model::{ApiKey, ChannelName, ChannelPattern, NamedUser, Person, TopicName, User},
    settings::{Namespace, Publishers, Settings, Subscribers},
};
use std::sync::Arc;

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

    /// Where channels are counted: with their namespace.
    pub(super) fn meters(&self, metrics: &Metrics) -> MeterOfKind {
        let of_namespace = |namespace: &Namespace| {
            let pattern: &ChannelPattern = &namespace.pattern;
            (pattern.clone(), Arc::new(metrics.topic_meter(&format!("channel.{pattern}"))))
        };
        let channels: Vec<_> = self.0.iter().map(of_namespace).collect();
        Box::new(move |topic| {
            let channel = topic.name_in("channel").and_then(|name| ChannelName::parse(name).ok())?;
            let (_, meter) = channels.iter().find(|(pattern, _)| pattern.matches(&channel).is_some())?;
            Some(meter.clone())
        })
    }
}

fn member_may_subscribe(namespace: &Namespace, named: NamedUser<'_>, user: &User) -> bool {
    match namespace.subscribe {
        Subscribers::Members => true,
        Subscribers::User => named.is_member(user),
        Subscribers::Listed => false,
    }
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
