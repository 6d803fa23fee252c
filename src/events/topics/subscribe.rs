//! `subscribe` and `unsubscribe`.

use super::{TopicError, Topics, check_count};
use crate::{
    manager::{Context, HandlerError, Refused, Reply, TopicReply, Wish},
    model::{Epoch, Offset, RowTopic, TopicName},
    storage::Row,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// `subscribe`: names, or names with the last offset that was seen.
#[derive(Deserialize)]
pub(super) struct Subscribe {
    topics: Asked,
    epoch: Option<Epoch>,
    /// Whether the rows are wanted that topics are about.
    snapshot: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a list of topics, or an object of topics with positions")]
enum Asked {
    Names(Vec<String>),
    Positions(BTreeMap<String, Option<Offset>>),
}

#[derive(Serialize)]
struct Subscribed {
    topics: BTreeMap<TopicName, Subscription>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    refused: BTreeMap<String, Refused>,
}

/// What a client hears from now on, and what there is beside listening.
#[derive(Serialize)]
struct Subscription {
    #[serde(flatten)]
    reply: TopicReply,
    /// Only there when true: most listen only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    may_publish: bool,
    #[serde(flatten)]
    snapshot: Option<Snapshot>,
}

/// What a topic is about, as it was at its offset.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Snapshot {
    /// The row, if there is one.
    Row(Option<Arc<RawValue>>),
    /// All rows of the table, in the order of their keys.
    Rows(Vec<Arc<RawValue>>),
}

#[derive(Deserialize)]
pub(super) struct Unsubscribe {
    topics: Vec<String>,
}

#[derive(Serialize)]
struct Unsubscribed {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    refused: BTreeMap<String, Refused>,
}

impl Topics {
    /// Lets the client hear what it may; what it may not is named, each with its code.
    pub(super) async fn subscribe(self: Arc<Self>, ctx: Context, request: Subscribe) -> Result<Reply, HandlerError> {
        let asked: Vec<_> = match request.topics {
            Asked::Names(names) => names.into_iter().map(|name| (name, None)).collect(),
            Asked::Positions(positions) => positions.into_iter().collect(),
        };
        check_count(asked.len())?;
        let (mut wishes, mut refused) = (BTreeMap::new(), BTreeMap::new());
        // Of a topic that is heard: whether its member may publish there, and what its rows are to look like.
        let mut known: HashMap<TopicName, (bool, Option<RowTopic>)> = HashMap::new();
        let max_subscriptions = ctx.manager().settings().socket.max_subscriptions;
        let mut room = max_subscriptions.saturating_sub(ctx.client().hears_count());
        for (name, position) in asked {
            let (kind, topic) = match self.heard(&ctx, &name) {
                Ok(heard) => heard,
                Err(error) => {
                    refused.insert(name, error);
                    continue;
                }
            };
            if !ctx.client().hears(&topic) && !wishes.contains_key(&topic) {
                let Some(left) = room.checked_sub(1) else {
                    refused.insert(name, TopicError::TooMany.refused());
                    continue;
                };
                room = left;
            }
            let watched = if request.snapshot == Some(true) { kind.watched(&topic) } else { None };
            let (about, rows) = watched.unzip();
            known.insert(topic.clone(), (kind.may_publish(ctx.person(), &topic), about));
            wishes.insert(topic, Wish { position, rows });
        }
        let mut listened = ctx.manager().listen(ctx.client(), wishes, request.epoch).await?;
        refused.extend(listened.already.iter().map(|topic| (topic.to_string(), TopicError::Already.refused())));
        refused.extend(listened.refused.into_iter().map(|(topic, why)| (topic.to_string(), why)));
        let subscription = |(topic, reply)| {
            let (may_publish, about) = known.remove(&topic).unwrap_or_default();
            let snapshot = listened.rows.remove(&topic).zip(about).map(|(rows, about)| Snapshot::of(&about, rows));
            (topic, Subscription { reply, may_publish, snapshot })
        };
        let topics = listened.topics.into_iter().map(subscription).collect();
        Reply::then(&Subscribed { topics, refused }, listened.after)
    }

    pub(super) async fn unsubscribe(
        self: Arc<Self>,
        ctx: Context,
        request: Unsubscribe,
    ) -> Result<Reply, HandlerError> {
        check_count(request.topics.len())?;
        let (mut topics, mut refused) = (Vec::new(), BTreeMap::new());
        for name in request.topics {
            match self.named(&name) {
                Ok((_, topic)) => topics.push(topic),
                Err(error) => drop(refused.insert(name, error)),
            }
        }
        ctx.manager().stop_listening(ctx.client(), &topics).await;
        Reply::now(&Unsubscribed { refused })
    }
}

impl Snapshot {
    fn of(about: &RowTopic, rows: Vec<Row>) -> Self {
        let mut rows = rows.into_iter().map(|row| row.row);
        match about {
            RowTopic::Table => Self::Rows(rows.collect()),
            RowTopic::Row(_) => Self::Row(rows.next()),
        }
    }
}
