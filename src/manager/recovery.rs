//! Brings a new client up to date: `hello`, what it missed, `caught_up`, then live.
//!
//! The live buffer is registered first, then the log is read, then the buffer is drained: in
//! any other order a publication between the two steps would be lost or come twice.

use super::{Client, Manager, egress::Replayed};
use crate::{
    model::{Epoch, Offset, Resume, TopicName, User},
    protocol::{CloseReason, Frame},
    storage::{LogRange, StoreError, TopicState, can_recover},
};
use serde::Serialize;
use serde_json::Number;
use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Publications read and queued at a time: few enough to hold in memory for many clients at once.
const PAGE: u32 = 128;

#[derive(Serialize)]
struct Hello<'a> {
    user: &'a User,
    epoch: &'a Epoch,
    ping_period_secs: Number,
    topics: BTreeMap<&'a TopicName, HelloTopic>,
}

#[derive(Serialize)]
struct HelloTopic {
    offset: Offset,
    recovered: bool,
}

pub(super) async fn recover(
    manager: &Manager,
    client: &Arc<Client>,
    resume: Option<Resume>,
) -> Result<(), CloseReason> {
    let failed = |error: StoreError| {
        tracing::error!(client.id = %client.id(), %error, "recovery failed");
        CloseReason::Internal
    };
    let topics = register(manager, client).await.map_err(failed)?;
    // A batch that is committed and not yet published is the only one that the log has and that
    // is still to come.
    let until = manager.published.load(Ordering::Acquire) + 1;
    let positions = resume.filter(|resume| resume.epoch == *manager.store().epoch()).map(|resume| resume.positions);
    let missed = missed(&topics, positions.as_ref(), manager.settings().recovery.max_publications);
    client.egress().replay(hello(manager, client, &topics, &missed));
    for (topic, after, until) in &missed {
        replay(manager, client, topic, *after, *until).await.map_err(failed)?;
    }
    let heads = topics.into_iter().map(|state| (state.topic, state.head)).collect();
    let replayed = Replayed { heads, until };
    client.egress().go_live(Frame::event("caught_up", &serde_json::json!({})), replayed);
    Ok(())
}

/// Subscribes the client and reads where every log stands, as one snapshot.
///
/// The client is in the client list already, so whoever changes its user's rooms from now on
/// changes its subscriptions too; this covers the rooms it was in before. A room that was left
/// between the two reads must not stay subscribed, so it is repeated until they agree.
async fn register(manager: &Manager, client: &Arc<Client>) -> Result<Vec<TopicState>, StoreError> {
    let user = client.user().id;
    loop {
        let before = manager.store().topics_of(user).await?;
        for state in &before {
            manager.subscribe(client, &state.topic);
        }
        let now = manager.store().topics_of(user).await?;
        let mut stable = true;
        for left in before.iter().filter(|old| now.iter().all(|new| new.topic != old.topic)) {
            manager.unsubscribe(client, &left.topic);
            stable = false;
        }
        if stable {
            return Ok(now);
        }
    }
}

/// What has to be replayed: topic, after, until. A topic that is missing here cannot be.
fn missed(
    topics: &[TopicState],
    positions: Option<&crate::model::Positions>,
    max_publications: u64,
) -> Vec<(TopicName, Offset, Offset)> {
    let Some(positions) = positions else { return Vec::new() };
    let missed = topics.iter().filter_map(|state| {
        let seen = *positions.get(&state.topic)?;
        can_recover(state, seen, max_publications).then(|| (state.topic.clone(), seen, state.head))
    });
    missed.collect()
}

fn hello(manager: &Manager, client: &Client, topics: &[TopicState], missed: &[(TopicName, Offset, Offset)]) -> Frame {
    let recovered: HashSet<_> = missed.iter().map(|(topic, ..)| topic).collect();
    let topics = topics
        .iter()
        .map(|state| {
            let recovered = recovered.contains(&state.topic);
            (&state.topic, HelloTopic { offset: state.head, recovered })
        })
        .collect();
    let ping_period_secs = seconds(manager.settings().socket.ping_period);
    Frame::event("hello", &Hello { user: client.user(), epoch: manager.store().epoch(), ping_period_secs, topics })
}

/// Whole when it is: not every reader of JSON takes `25.0` for an integer.
fn seconds(duration: Duration) -> Number {
    let fraction = Number::from_f64(duration.as_secs_f64()).filter(|_| duration.subsec_nanos() > 0);
    fraction.unwrap_or_else(|| duration.as_secs().into())
}

/// Queues the publications after `after` up to `until`, a page whenever the last one is written.
async fn replay(
    manager: &Manager,
    client: &Client,
    topic: &TopicName,
    mut after: Offset,
    until: Offset,
) -> Result<(), StoreError> {
    while after < until && !client.closing().is_cancelled() {
        let range = LogRange::new(topic.clone(), after, until);
        let page = manager.store().read_log(range, PAGE).await?;
        let whole = page.first().is_some_and(|first| first.offset == after.next());
        let (true, Some(last)) = (whole, page.last().map(|last| last.offset)) else {
            // Trimmed away meanwhile. Recovery is never partial: the client comes back and is told so.
            client.close(CloseReason::SlowConsumer);
            return Ok(());
        };
        client.egress().replay(Frame::publications(&page));
        client.egress().drained().await;
        after = last;
    }
    Ok(())
}
