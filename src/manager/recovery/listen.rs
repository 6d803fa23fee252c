//! A client that is up to date hears more: what it missed or the rows as they are now, then live.

use super::{
    super::{Client, Manager, holding::Replayed},
    Missed, Refused, TopicReply, heads, judge, last_round_in_the_log, replay_all,
    snapshot::{self, Snapshots},
};
use crate::{
    model::{Epoch, Offset, TopicName},
    protocol::CloseReason,
    storage::{Row, RowSource, StoreError, TopicState, Wanted, now},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use tokio::sync::OwnedMutexGuard;

/// How a client wishes to hear a topic.
pub struct Wish {
    /// What it has seen already.
    pub position: Option<Offset>,
    /// Where the rows are read that the topic is about, when it wants them: they are what it gets unless everything
    /// after its position can be replayed.
    pub rows: Option<Arc<dyn RowSource>>,
}

/// What became of a wish to hear more.
pub struct Listened {
    /// The topics it hears from now on.
    pub topics: BTreeMap<TopicName, TopicReply>,
    /// Of these, the rows they are about, as they were at the topic's offset.
    pub rows: HashMap<TopicName, Vec<Row>>,
    /// Those it heard already and gave a position for: what it asks for would come twice.
    pub already: Vec<TopicName>,
    /// Those whose rows cannot be had, and why: what it did not hear before it does not hear now.
    pub refused: BTreeMap<TopicName, Refused>,
    /// To begin once the client has its answer: what it missed, then live.
    pub after: AfterAnswer,
}

/// Work that begins when an answer is queued.
pub struct AfterAnswer(Box<dyn FnOnce() + Send>);

impl AfterAnswer {
    /// Begins it.
    pub fn begin(self) {
        (self.0)();
    }
}

type Wishes = BTreeMap<TopicName, Wish>;

/// Lets a client hear more; it is up to date with what it hears already.
pub(in crate::manager) async fn listen(
    manager: &Arc<Manager>,
    client: &Arc<Client>,
    wishes: Wishes,
    epoch: Option<Epoch>,
) -> Result<Listened, StoreError> {
    let Some(guard) = client.listening().await else { return Ok(Listened::nothing()) };
    let (heard, new): (Wishes, Wishes) = wishes.into_iter().partition(|(topic, _)| client.hears(topic));
    // Of what it hears, too, where it looks anew: what came before its answer is then in the rows, and nothing after it.
    let anew = heard.iter().filter(|(_, wish)| wish.rows.is_some() && wish.position.is_none());
    client.egress().hold(&new.keys().cloned().collect(), anew.map(|(topic, _)| topic.clone()));
    for topic in new.keys() {
        manager.subscribe(client, topic);
    }
    let looked = tokio::select! {
        biased;
        // Nobody waits for the rows any more.
        () = client.closing().cancelled() => return Ok(Listened::nothing()),
        looked = look(manager, client, &heard, &new, epoch.as_ref()) => looked,
    };
    let Look { mut states, snapshots, already } = match looked {
        Ok(Some(look)) => look,
        Ok(None) => {
            client.close(CloseReason::SignedOut);
            return Ok(Listened::nothing());
        }
        Err(error) => {
            give_up(manager, client, new.keys());
            return Err(error);
        }
    };
    let until = last_round_in_the_log(manager);
    let Snapshots { rows, refused } = snapshots;
    states.retain(|state| !refused.contains_key(&state.topic) && !already.contains(&state.topic));
    let positions = new.iter().filter_map(|(topic, wish)| Some((topic.clone(), wish.position?))).collect();
    let (replies, missed) = judge(manager, &states, &positions, epoch.as_ref());
    let topics = replies.into_iter().map(|(topic, reply)| (topic.clone(), reply)).collect();
    states.retain(|state| new.contains_key(&state.topic) || rows.contains_key(&state.topic));
    let mut heads = heads(states);
    heads.extend(take_back(manager, client, refused.keys().filter(|topic| new.contains_key(topic))));
    let after = catch_up(manager.clone(), client.clone(), missed, Replayed { heads, until }, guard);
    // A task of its own: the client's next request may have to wait for it.
    let after = AfterAnswer(Box::new(move || drop(tokio::spawn(after))));
    Ok(Listened { topics, rows, already, refused, after })
}

impl Listened {
    /// For a client that is closing.
    fn nothing() -> Self {
        let after = AfterAnswer(Box::new(|| {}));
        Self { topics: [].into(), rows: [].into(), already: Vec::new(), refused: [].into(), after }
    }
}

/// What a client is answered from.
struct Look {
    /// Where the topics stand: those with rows in the snapshot that these are from.
    states: Vec<TopicState>,
    snapshots: Snapshots,
    /// Those it hears already and gave a position for.
    already: Vec<TopicName>,
}

/// Looks where the topics stand, and at the rows where they are wanted and cannot be made from what was missed. `None`:
/// the client's session or key has ended.
async fn look(
    manager: &Manager,
    client: &Client,
    heard: &Wishes,
    new: &Wishes,
    epoch: Option<&Epoch>,
) -> Result<Option<Look>, StoreError> {
    let wanted = Wanted { heard_by: None, named: new.keys().chain(heard.keys()).cloned().collect() };
    let Some(mut states) = manager.store().topic_states_for(client.credential(), wanted, now()).await? else {
        return Ok(None);
    };
    let positions = new.iter().filter_map(|(topic, wish)| Some((topic.clone(), wish.position?))).collect();
    let (replies, _) = judge(manager, &states, &positions, epoch);
    let is_fresh = |topic: &TopicName| heard.get(topic).is_none_or(|wish| wish.position.is_none());
    let rows_of = |(topic, wish): (&TopicName, &Wish)| {
        let recovered = replies.get(topic).is_some_and(|reply| reply.recovered);
        let source = wish.rows.clone().filter(|_| !recovered && is_fresh(topic))?;
        Some((topic.clone(), source))
    };
    let asked = new.iter().chain(heard).filter_map(rows_of).collect();
    let (snapshots, at) = snapshot::take(asked, manager.settings().socket.egress_bytes / 2).await?;
    for state in &mut states {
        if let Some(at) = at.get(&state.topic) {
            state.clone_from(at);
        }
    }
    let already = heard.iter().filter(|(_, wish)| wish.position.is_some()).map(|(topic, _)| topic.clone()).collect();
    Ok(Some(Look { states, snapshots, already }))
}

/// Takes subscriptions back that could not be answered.
fn give_up<'t>(manager: &Manager, client: &Client, topics: impl Iterator<Item = &'t TopicName>) {
    let heads = take_back(manager, client, topics).collect();
    client.egress().go_live(None, Replayed { heads, until: last_round_in_the_log(manager) });
}

/// Ends subscriptions whose live publications are held back; answers what is to be done with those.
fn take_back<'t>(
    manager: &Manager,
    client: &Client,
    topics: impl Iterator<Item = &'t TopicName>,
) -> impl Iterator<Item = (TopicName, Offset)> {
    topics.map(|topic| {
        manager.unsubscribe(client, topic);
        // Above every log: what was held is of topics it does not hear.
        (topic.clone(), Offset(u64::MAX))
    })
}

/// What a client missed of the topics that it hears from now on, then what was held back meanwhile.
async fn catch_up(
    manager: Arc<Manager>,
    client: Arc<Client>,
    missed: Vec<Missed>,
    replayed: Replayed,
    guard: OwnedMutexGuard<()>,
) {
    let abandoned = CloseOnPanic(client.clone());
    if let Err(error) = replay_all(&manager, &client, &missed).await {
        tracing::error!(client.id = %client.id(), %error, "recovery failed");
        client.close(CloseReason::Internal);
    }
    client.egress().go_live(None, replayed);
    drop(abandoned);
    drop(guard);
}

/// What is held back would otherwise stay so, and nobody would know.
struct CloseOnPanic(Arc<Client>);

impl Drop for CloseOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close(CloseReason::Internal);
        }
    }
}
