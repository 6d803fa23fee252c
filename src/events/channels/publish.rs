//! Publishing: who may, how much, and where it went.

use super::{ChannelError, Channels};
use crate::{
    events::author::Author,
    manager::{HandlerError, Manager},
    model::{ChannelName, Epoch, TopicName, UserName},
    protocol::ErrorCode,
    settings::Namespace,
    storage::{Change, Draft, Keep, NewPublication, Once, Outcome, Placed, now},
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

/// Most publications in one request.
pub const MAX_PUBLICATIONS: usize = 100;
/// The event type of what is published.
const PUBLISHED: &str = "published";

/// What is to be published to one channel.
#[derive(Debug, Clone)]
pub struct NewPublish {
    /// Where.
    pub channel: ChannelName,
    /// What: any JSON, without white space around its parts.
    pub data: Arc<RawValue>,
}

/// What was published.
#[derive(Debug, Clone)]
pub struct Published {
    /// Where each publication went, in the order of the request.
    pub places: Vec<Placed>,
    /// What the offsets belong to.
    pub epoch: Epoch,
    /// Whether it was there already.
    pub duplicate: bool,
}

/// The payload of `published`.
#[derive(Serialize)]
struct Payload<'a> {
    channel: &'a ChannelName,
    data: &'a RawValue,
    /// Only a member's: a key speaks for its whole application.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a UserName>,
}

impl Channels {
    /// Publishes all of it or nothing; it is durable and in the egress of every subscriber when this returns. `once`:
    /// what the publisher calls the request, and the SHA-256 of it.
    ///
    /// # Errors
    /// [`HandlerError::Denied`] names the channel that is refused or too large; the journal's.
    pub async fn publish(
        &self,
        manager: &Manager,
        publisher: &Author,
        new: Vec<NewPublish>,
        once: Option<(String, [u8; 32])>,
    ) -> Result<Published, HandlerError> {
        let total: usize = new.iter().map(|one| one.data.get().len()).sum();
        let most = manager.settings().publish_limit();
        if total > most {
            return Err(too_large(format!("all data together is {total} bytes: at most {most} in one request")));
        }
        let mut publications = Vec::with_capacity(new.len());
        for NewPublish { channel, data } in &new {
            let namespace = self.may_publish(publisher, channel).map_err(|error| denied(channel, error))?;
            let (size, most) = (data.get().len(), namespace.max_data_bytes);
            if size > most {
                return Err(too_large(format!("`{channel}`: the data is {size} bytes, of at most {most}")));
            }
            let payload = to_raw_value(&Payload { channel, data, from: publisher.member().map(|user| &user.name) })
                .map_err(|_| HandlerError::Internal("a publication cannot be written as JSON"))?;
            let topic = TopicName::channel(channel);
            publications.push(NewPublication {
                subscribers: manager.subscribers(&topic) as u64,
                topic,
                event_type: PUBLISHED.into(),
                payload: payload.into(),
                keep: Some(Keep::new(namespace.history_count, namespace.history_age)),
            });
        }
        let once = once.map(|(key, fingerprint)| Once { issuer: publisher.issuer(), key, fingerprint });
        let draft = Draft { at: now(), change: Change::Publish { publications, once, key: publisher.key() } };
        match self.journal.append(draft).await?.committed().await? {
            Outcome::Published { places, duplicate } => {
                Ok(Published { places, epoch: self.store.epoch().clone(), duplicate })
            }
            _ => Err(HandlerError::Internal("a publication was committed as something else")),
        }
    }

    fn may_publish(&self, publisher: &Author, channel: &ChannelName) -> Result<&Namespace, ChannelError> {
        match publisher {
            Author::Key(key) => self.namespaces.key_may_publish(key, channel),
            Author::Member(user) => self.namespaces.member_may_publish(user, channel),
        }
    }
}

fn denied(channel: &ChannelName, error: ChannelError) -> HandlerError {
    HandlerError::Denied { code: error.code(), message: format!("`{channel}`: {error}") }
}

fn too_large(message: String) -> HandlerError {
    HandlerError::Denied { code: ErrorCode::TooLarge, message }
}
