//! Brings a client up to date: what it missed of each topic, then live. A new one gets `hello`
//! before and `caught_up` after that; one that subscribes later gets the answer to its request.
//!
//! The live buffer is registered first, then the log is read, then the buffer is drained: in
//! any other order a publication between the two steps would be lost or come twice.

mod listen;
mod snapshot;

pub(super) use listen::listen;
pub use listen::{AfterAnswer, Listened, Wish};

use super::{Client, Manager, holding::Replayed};
use crate::{
    model::{Epoch, Offset, Person, Positions, Resume, TopicName},
    protocol::{CloseReason, ErrorCode, Frame},
    storage::{LogRange, OutOfReach, StoreError, TopicState, Wanted, can_recover, now},
};
use serde::Serialize;
use serde_json::Number;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Publications read and queued at a time: few enough to hold in memory for many clients at once.
const PAGE: u32 = 128;

/// What a new client is to hear.
#[derive(Debug, Default)]
pub struct Listening {
    /// What it is entitled to and asks for.
    pub wanted: Wanted,
    /// Where those topics stood when it was admitted.
    pub states: Vec<TopicState>,
    /// Nothing but these, whatever its user hears, each with what is said of it when they do not; `None`: all.
    pub only: Option<BTreeMap<TopicName, Refused>>,
    /// What it has seen already.
    pub resume: Option<Resume>,
    /// Why what it says to have seen means nothing here.
    pub gap: Option<Gap>,
    /// What it asked for and cannot have.
    pub refused: BTreeMap<String, Refused>,
}

impl Listening {
    /// Leaves of `states` only what it is to hear.
    pub fn leave_only_wanted(&self, states: &mut Vec<TopicState>) {
        states.retain(|state| self.only.as_ref().is_none_or(|only| only.contains_key(&state.topic)));
    }

    /// Refuses what it asked for and what is not among what its user hears.
    pub fn refuse_unheard(&mut self, states: &[TopicState]) {
        for (topic, refused) in self.only.iter().flatten() {
            if !has(states, topic) {
                self.refused.insert(topic.to_string(), refused.clone());
            }
        }
    }
}

fn has(states: &[TopicState], topic: &TopicName) -> bool {
    states.iter().any(|state| state.topic == *topic)
}

/// Why a topic cannot be heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// What the client may branch on.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
}

/// Where a topic stands that a client begins to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TopicReply {
    /// What comes live is above it.
    pub offset: Offset,
    /// Whether everything after the client's position comes before that.
    pub recovered: bool,
    /// Why not, when it gave a position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Gap>,
}

/// Why a client that gave a position has a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Gap {
    /// Its position is out of the log's reach.
    OutOfReach(OutOfReach),
    /// Its position means something elsewhere.
    Foreign(ForeignPosition),
}

/// Whose position it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignPosition {
    /// Another store's: it was made anew, or restored.
    OtherEpoch,
    /// That of an event stream of other topics, or nobody's.
    OtherStream,
}

#[derive(Serialize)]
struct Hello<'a> {
    user: &'a Person,
    epoch: &'a Epoch,
    ping_period_secs: Number,
    topics: BTreeMap<&'a TopicName, TopicReply>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    refused: &'a BTreeMap<String, Refused>,
}

/// A stretch of a log that a client has not seen.
struct Missed {
    topic: TopicName,
    after: Offset,
    until: Offset,
}

pub(super) async fn recover(
    manager: &Manager,
    client: &Arc<Client>,
    mut listening: Listening,
) -> Result<(), CloseReason> {
    let failed = |error: StoreError| {
        tracing::error!(client.id = %client.id(), %error, "recovery failed");
        CloseReason::Internal
    };
    let mut states = std::mem::take(&mut listening.states);
    listening.leave_only_wanted(&mut states);
    let Some(states) = register(manager, client, &listening, states).await.map_err(failed)? else {
        return Err(CloseReason::SignedOut);
    };
    listening.refuse_unheard(&states);
    let until = last_round_in_the_log(manager);
    let Resume { epoch, positions } = listening.resume.take().unwrap_or_else(|| nothing_seen(manager));
    let (mut topics, missed) = judge(manager, &states, &positions, Some(&epoch));
    for reply in topics.values_mut() {
        reply.reason = reply.reason.or(listening.gap);
    }
    client.egress().replay(hello(manager, client, topics, &listening.refused));
    replay_all(manager, client, &missed).await.map_err(failed)?;
    let replayed = Replayed { heads: heads(states), until };
    client.egress().go_live(Some(Frame::event("caught_up", &serde_json::json!({}))), replayed);
    Ok(())
}

/// A batch that is committed and not yet published is the only one that the log has and that is
/// still to come.
fn last_round_in_the_log(manager: &Manager) -> u64 {
    manager.published.load(Ordering::Acquire) + 1
}

/// Subscribes the client and reads where every log stands, as one snapshot. `None`: its session
/// or key has ended since it was admitted, unseen by whoever ended it.
///
/// The client is in the client list already, so whoever changes its user's rooms from now on
/// changes its subscriptions too; this covers what it was in before. It is repeated until what
/// is subscribed was true of the snapshot: a room joined in between needs its live buffer
/// first, and one that was left must not stay subscribed.
async fn register(
    manager: &Manager,
    client: &Arc<Client>,
    listening: &Listening,
    mut subscribed: Vec<TopicState>,
) -> Result<Option<Vec<TopicState>>, StoreError> {
    loop {
        for state in &subscribed {
            manager.subscribe(client, &state.topic);
        }
        let states = manager.store().topic_states_for(client.credential(), listening.wanted.clone(), now()).await?;
        let Some(mut now) = states else { return Ok(None) };
        listening.leave_only_wanted(&mut now);
        // By name: a client hears thousands of topics.
        let before: HashSet<_> = subscribed.iter().map(|state| &state.topic).collect();
        let after: HashSet<_> = now.iter().map(|state| &state.topic).collect();
        for left in before.difference(&after) {
            manager.unsubscribe(client, left);
        }
        if before == after {
            return Ok(Some(now));
        }
        subscribed = now;
    }
}

/// What every topic is answered, and what has to be replayed before it goes live.
fn judge<'s>(
    manager: &Manager,
    states: &'s [TopicState],
    positions: &Positions,
    epoch: Option<&Epoch>,
) -> (BTreeMap<&'s TopicName, TopicReply>, Vec<Missed>) {
    let other_epoch = epoch.is_some_and(|epoch| epoch != manager.store().epoch());
    let max_publications = manager.settings().recovery.max_publications;
    let (mut replies, mut missed) = (BTreeMap::new(), Vec::new());
    for state in states {
        let gap = match positions.get(&state.topic) {
            None => None,
            Some(_) if other_epoch => Some(Err(Gap::Foreign(ForeignPosition::OtherEpoch))),
            Some(seen) => Some(can_recover(state, *seen, max_publications).map(|()| *seen).map_err(Gap::OutOfReach)),
        };
        if let Some(Ok(after)) = gap {
            missed.push(Missed { topic: state.topic.clone(), after, until: state.head });
        }
        let (recovered, reason) = (matches!(gap, Some(Ok(_))), gap.and_then(Result::err));
        replies.insert(&state.topic, TopicReply { offset: state.head, recovered, reason });
    }
    (replies, missed)
}

fn nothing_seen(manager: &Manager) -> Resume {
    Resume { epoch: manager.store().epoch().clone(), positions: Positions::new() }
}

fn heads(states: Vec<TopicState>) -> HashMap<TopicName, Offset> {
    states.into_iter().map(|state| (state.topic, state.head)).collect()
}

fn hello(
    manager: &Manager,
    client: &Client,
    topics: BTreeMap<&TopicName, TopicReply>,
    refused: &BTreeMap<String, Refused>,
) -> Frame {
    let ping_period_secs = seconds(manager.settings().socket.ping_period);
    let (user, epoch) = (client.person(), manager.store().epoch());
    Frame::event("hello", &Hello { user, epoch, ping_period_secs, topics, refused })
}

/// Whole when it is: not every reader of JSON takes `25.0` for an integer.
fn seconds(duration: Duration) -> Number {
    let fraction = Number::from_f64(duration.as_secs_f64()).filter(|_| duration.subsec_nanos() > 0);
    fraction.unwrap_or_else(|| duration.as_secs().into())
}

async fn replay_all(manager: &Manager, client: &Client, missed: &[Missed]) -> Result<(), StoreError> {
    for one in missed {
        replay(manager, client, one).await?;
    }
    Ok(())
}

/// Queues what was missed of one topic, a page whenever the last one is written.
async fn replay(manager: &Manager, client: &Client, missed: &Missed) -> Result<(), StoreError> {
    let Missed { topic, after, until } = missed;
    let mut after = *after;
    while after < *until && !client.closing().is_cancelled() {
        let range = LogRange::new(topic.clone(), after, *until);
        let page = manager.store().read_log(range, PAGE).await?;
        let whole = page.first().is_some_and(|first| first.offset == after.next());
        let (true, Some(last)) = (whole, page.last().map(|last| last.offset)) else {
            // Trimmed away meanwhile. Recovery is never partial: the client comes back and is told so.
            client.close(CloseReason::SlowConsumer);
            return Ok(());
        };
        client.egress().replay(Frame::publications(&page));
        client.egress().drained().await;
        // It has taken a page; its pongs may wait behind the request that asked for this.
        client.liveness().touch();
        after = last;
    }
    Ok(())
}
