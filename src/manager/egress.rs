//! What waits for one client's socket: bounded in events and in bytes, and never waited for by
//! whoever puts something in.

use super::crowd::{Crowd, Round};
use crate::{
    model::{Offset, TopicName},
    protocol::{CloseReason, Frame},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};
use tokio::sync::Notify;

/// How much may wait for one client.
#[derive(Debug, Clone, Copy)]
pub struct EgressLimits {
    /// Events.
    pub events: usize,
    /// Bytes on the socket.
    pub bytes: usize,
}

/// What the write pump is to do next.
#[derive(Debug)]
pub enum Outgoing {
    /// Write all of these; one write carries as many as it can.
    Frames(VecDeque<Frame>),
    /// Nothing comes any more.
    End,
}

/// Whether a frame found a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enqueued {
    /// It waits to be written.
    Waiting,
    /// The connection is closing; it was dropped.
    Closing,
    /// It did not fit: the client is too slow.
    Overflow,
}

/// One client's queue. An own queue and not a channel, because it is bounded by bytes too, holds
/// back live events during recovery, hands over everything that waits at once, and costs an
/// idle client no memory.
#[derive(Debug)]
pub struct Egress {
    limits: EgressLimits,
    crowd: Arc<Crowd>,
    state: Mutex<State>,
    /// Wakes whoever waits until nothing is queued: a replay, and the read pump beside it.
    taken: Notify,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Frame>,
    /// Live publications that came while the client was being brought up to date.
    held: Option<Box<Holding>>,
    /// How far the replay went: a batch that it has read from the store may be delivered after it.
    replayed: Option<Box<Replayed>>,
    events: usize,
    bytes: usize,
    /// What of `bytes` and `events` are publications.
    live_events: usize,
    live_bytes: usize,
    /// Since when it counts in the crowd.
    behind: Option<Round>,
    closing: Closing,
    close_reason: Option<CloseReason>,
    /// The write pump, when it waits for frames.
    pump: Option<Waker>,
}

/// What is held back, and of which topics: `None`: of all.
#[derive(Debug, Default)]
struct Holding {
    topics: Option<HashSet<TopicName>>,
    publications: Vec<Held>,
    events: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    topic: TopicName,
    last: Offset,
    round: PublishRound,
    frame: Frame,
}

/// What a replay has sent already, and until when that matters.
#[derive(Debug)]
pub(super) struct Replayed {
    /// The last offset that was replayed, or not wanted, per topic.
    pub(super) heads: HashMap<TopicName, Offset>,
    /// The last publication round that may hold any of it.
    pub(super) until: PublishRound,
}

impl Replayed {
    /// An earlier replay may still matter for other topics. That it does so longer is no harm: what is published
    /// later is above what was replayed.
    fn extend(&mut self, later: Self) {
        self.heads.extend(later.heads);
        self.until = self.until.max(later.until);
    }
}

/// Counts the batches that the journal has published.
pub(super) type PublishRound = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    Open,
    /// A close frame stands at the end of the queue; nothing may follow it.
    CloseQueued,
    /// The close frame was handed out.
    Ended,
}

impl Egress {
    /// A queue that holds live publications back until [`Egress::go_live`].
    pub(super) fn new(limits: EgressLimits, crowd: Arc<Crowd>) -> Self {
        let state = State {
            queue: VecDeque::new(),
            held: Some(Box::default()),
            replayed: None,
            events: 0,
            bytes: 0,
            live_events: 0,
            live_bytes: 0,
            behind: None,
            closing: Closing::Open,
            close_reason: None,
            pump: None,
        };
        Self { limits, crowd, state: Mutex::new(state), taken: Notify::new() }
    }

    /// Queues a frame, or says that there is no room.
    pub(super) fn enqueue(&self, frame: Frame) -> Enqueued {
        let mut state = self.lock();
        if state.closing != Closing::Open {
            return Enqueued::Closing;
        }
        if !state.take_room(&frame, self.limits) {
            return Enqueued::Overflow;
        }
        state.queue.push_back(frame);
        wake_pump(state);
        Enqueued::Waiting
    }

    /// As [`Egress::enqueue`] for a publication; held back while the client recovers.
    pub(super) fn enqueue_live(&self, topic: &TopicName, last: Offset, round: PublishRound, frame: &Frame) -> Enqueued {
        let mut state = self.lock();
        if state.closing != Closing::Open {
            return Enqueued::Closing;
        }
        if state.was_replayed(topic, last, round) {
            return Enqueued::Waiting;
        }
        if !state.take_room(frame, self.limits) {
            return Enqueued::Overflow;
        }
        state.live_events += frame.events();
        state.live_bytes += frame.bytes().len();
        let much = state.live_events > self.limits.events / 4 || state.live_bytes > self.limits.bytes / 4;
        if much && state.behind.is_none() {
            state.behind = Some(self.crowd.one_more());
        }
        if let Some(holding) = &mut state.held
            && holding.topics.as_ref().is_none_or(|topics| topics.contains(topic))
        {
            holding.events += frame.events();
            holding.bytes += frame.bytes().len();
            holding.publications.push(Held { topic: topic.clone(), last, round, frame: frame.clone() });
            return Enqueued::Waiting;
        }
        state.queue.push_back(frame.clone());
        wake_pump(state);
        Enqueued::Waiting
    }

    /// Queues what is read back from the log. Not bounded here: recovery queues one page at a
    /// time and waits for [`Egress::drained`] in between.
    pub(super) fn replay(&self, frame: Frame) {
        let mut state = self.lock();
        if state.closing == Closing::Open {
            state.queue.push_back(frame);
            wake_pump(state);
        }
    }

    /// Waits until nothing is queued, so that a replay of any length needs little memory.
    pub async fn drained(&self) {
        loop {
            // Made before the look, so that nothing is missed between it and the wait.
            let taken = self.taken.notified();
            if self.is_drained() {
                return;
            }
            taken.await;
        }
    }

    fn is_drained(&self) -> bool {
        let state = self.lock();
        state.queue.is_empty() || state.closing != Closing::Open
    }

    /// Holds back what these topics publish until [`Egress::go_live`], while the rest goes on.
    pub(super) fn hold(&self, topics: HashSet<TopicName>) {
        let mut state = self.lock();
        if state.closing == Closing::Open {
            // What an earlier replay of theirs knew, this one will know better.
            if let Some(replayed) = &mut state.replayed {
                replayed.heads.retain(|topic, _| !topics.contains(topic));
            }
            state.held = Some(Box::new(Holding { topics: Some(topics), ..Holding::default() }));
        }
    }

    /// Ends recovery: `first`, then what was held back and is above `replayed`.
    pub(super) fn go_live(&self, first: Option<Frame>, replayed: Replayed) {
        let mut state = self.lock();
        let held = state.held.take().unwrap_or_default().publications;
        if state.closing != Closing::Open {
            return;
        }
        if let Some(first) = first {
            state.take_room(&first, EgressLimits { events: usize::MAX, bytes: usize::MAX });
            state.queue.push_back(first);
        }
        match &mut state.replayed {
            Some(before) => before.extend(replayed),
            none => *none = Some(Box::new(replayed)),
        }
        for Held { topic, last, round, frame } in held {
            if state.was_replayed(&topic, last, round) {
                state.release_room(&frame);
            } else {
                state.queue.push_back(frame);
            }
        }
        wake_pump(state);
    }

    /// Queues the close frame; what already waits goes out before it, unless the client is too
    /// slow for that. `false` when the connection was closing already.
    pub(super) fn close(&self, reason: CloseReason) -> bool {
        let too_slow = matches!(reason, CloseReason::SlowConsumer | CloseReason::PongTimeout);
        self.close_with(Frame::close(reason), Some(reason), too_slow)
    }

    /// Queues the library's answer to the client's own close frame.
    pub(super) fn answer_close(&self, frame: Frame) {
        self.close_with(frame, None, true);
    }

    /// Ends without a close frame: the peer is gone.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        if state.closing != Closing::Open {
            return;
        }
        state.closing = Closing::Ended;
        state.held = None;
        state.queue = VecDeque::new();
        self.leave_crowd(&mut state);
        wake_pump(state);
        self.taken.notify_waiters();
    }

    /// Why we closed, if we did.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        self.lock().close_reason
    }

    /// Whether half of what may wait for the socket does: then answers should wait where they are made. What is held
    /// back does not count: it waits for something else.
    #[must_use]
    pub fn is_half_full(&self) -> bool {
        let state = self.lock();
        let (events, bytes) = state.held_back();
        state.bytes - bytes > self.limits.bytes / 2 || state.events - events > self.limits.events / 2
    }

    fn close_with(&self, frame: Frame, reason: Option<CloseReason>, drop_queued: bool) -> bool {
        let mut state = self.lock();
        if state.closing != Closing::Open {
            return false;
        }
        state.closing = Closing::CloseQueued;
        state.close_reason = reason;
        state.held = None;
        self.leave_crowd(&mut state);
        if drop_queued {
            state.queue = VecDeque::new();
        }
        state.queue.push_back(frame);
        wake_pump(state);
        self.taken.notify_waiters();
        true
    }

    /// Everything that waits, as soon as there is something.
    ///
    /// # Cancel safety
    /// Nothing is taken unless it is returned.
    pub async fn next(&self) -> Outgoing {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.queue.is_empty() {
                if state.closing == Closing::Ended {
                    return Poll::Ready(Outgoing::End);
                }
                state.pump = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let frames = std::mem::take(&mut state.queue);
            if state.closing == Closing::CloseQueued {
                state.closing = Closing::Ended;
            }
            let (events, bytes) = state.held_back();
            (state.events, state.bytes) = (events, bytes);
            (state.live_events, state.live_bytes) = (events, bytes);
            self.leave_crowd(&mut state);
            drop(state);
            self.taken.notify_waiters();
            Poll::Ready(Outgoing::Frames(frames))
        })
        .await
    }

    /// What waits now, in events and in bytes. What the write pump has taken is its own.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        let state = self.lock();
        (state.events, state.bytes)
    }

    fn leave_crowd(&self, state: &mut State) {
        if let Some(since) = state.behind.take() {
            self.crowd.one_less(since);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every statement, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_room(&mut self, frame: &Frame, limits: EgressLimits) -> bool {
        let events = self.events + frame.events();
        let bytes = self.bytes + frame.bytes().len();
        // A single frame larger than the limits still goes to an idle client.
        if (events > limits.events || bytes > limits.bytes) && self.events > 0 {
            return false;
        }
        (self.events, self.bytes) = (events, bytes);
        true
    }

    /// What of `events` and `bytes` is held back.
    fn held_back(&self) -> (usize, usize) {
        self.held.as_ref().map_or((0, 0), |holding| (holding.events, holding.bytes))
    }

    /// Whether the client has this from the log already. One commit's events travel in one
    /// frame and a replay ends between two commits, so a frame is replayed whole or not at all.
    fn was_replayed(&mut self, topic: &TopicName, last: Offset, round: PublishRound) -> bool {
        let Some(replayed) = &self.replayed else { return false };
        if round > replayed.until {
            self.replayed = None;
            return false;
        }
        replayed.heads.get(topic).is_some_and(|head| last <= *head)
    }

    fn release_room(&mut self, frame: &Frame) {
        self.events -= frame.events();
        self.bytes -= frame.bytes().len();
    }
}

/// Wakes the write pump, after the lock is gone.
fn wake_pump(mut state: MutexGuard<'_, State>) {
    let waker = state.pump.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        Frame::text(text.as_bytes())
    }

    fn replayed(heads: &[(&TopicName, u64)]) -> Replayed {
        let heads = heads.iter().map(|(topic, head)| ((*topic).clone(), Offset(*head))).collect();
        Replayed { heads, until: 1 }
    }

    fn egress(events: usize, bytes: usize) -> Egress {
        let egress = Egress::new(EgressLimits { events, bytes }, Arc::default());
        egress.go_live(Some(frame("caught_up")), replayed(&[]));
        egress
    }

    async fn texts(egress: &Egress) -> Vec<String> {
        let Outgoing::Frames(frames) = egress.next().await else { return Vec::new() };
        frames.iter().map(|frame| String::from_utf8_lossy(&frame.bytes()[2..]).into_owned()).collect()
    }

    #[tokio::test]
    async fn all_that_waits_comes_at_once_and_in_order() {
        let egress = egress(10, 1000);
        egress.enqueue(frame("a"));
        egress.enqueue(frame("b"));
        assert_eq!(texts(&egress).await, ["caught_up", "a", "b"]);
    }

    #[tokio::test]
    async fn either_bound_overflows_and_taking_makes_room() {
        let by_events = egress(2, 1000);
        assert_eq!(by_events.enqueue(frame("a")), Enqueued::Waiting);
        assert_eq!(by_events.enqueue(frame("b")), Enqueued::Overflow);
        by_events.next().await;
        assert_eq!(by_events.enqueue(frame("b")), Enqueued::Waiting);

        let by_bytes = egress(100, 20);
        assert_eq!(by_bytes.enqueue(frame("0123456789")), Enqueued::Overflow);
    }

    #[tokio::test]
    async fn held_back_events_that_were_replayed_are_dropped() {
        let egress = Egress::new(EgressLimits { events: 10, bytes: 1000 }, Arc::default());
        let topic = TopicName::parse("room.a").unwrap();
        egress.enqueue_live(&topic, Offset(4), 1, &frame("four"));
        egress.enqueue_live(&topic, Offset(5), 2, &frame("five"));
        egress.enqueue(frame("replayed"));
        egress.go_live(Some(frame("caught_up")), replayed(&[(&topic, 4)]));
        assert_eq!(texts(&egress).await, ["replayed", "caught_up", "five"]);
    }

    /// The journal publishes after it has committed, and a replay may read in between.
    #[tokio::test]
    async fn a_batch_that_was_replayed_does_not_come_again_when_it_is_delivered_late() {
        let egress = Egress::new(EgressLimits { events: 10, bytes: 1000 }, Arc::default());
        let topic = TopicName::parse("room.a").unwrap();
        egress.go_live(Some(frame("caught_up")), replayed(&[(&topic, 4)]));
        egress.enqueue_live(&topic, Offset(4), 1, &frame("four"));
        egress.enqueue_live(&topic, Offset(5), 2, &frame("five"));
        assert_eq!(texts(&egress).await, ["caught_up", "five"]);
    }

    #[tokio::test]
    async fn one_topic_is_held_back_while_the_others_go_on() {
        let egress = egress(10, 1000);
        let (old, new) = (TopicName::parse("room.a").unwrap(), TopicName::parse("channel.b").unwrap());
        egress.hold([new.clone()].into());
        egress.enqueue_live(&new, Offset(7), 2, &frame("seven"));
        egress.enqueue_live(&old, Offset(1), 2, &frame("one"));
        egress.enqueue_live(&new, Offset(8), 3, &frame("eight"));
        egress.replay(frame("replayed"));
        egress.go_live(None, Replayed { heads: [(new, Offset(7))].into(), until: 3 });
        assert_eq!(texts(&egress).await, ["caught_up", "one", "replayed", "eight"]);
    }

    /// What was read from the log before, at another subscription, stays known.
    #[tokio::test]
    async fn a_second_replay_does_not_forget_the_first() {
        let egress = Egress::new(EgressLimits { events: 10, bytes: 1000 }, Arc::default());
        let (first, second) = (TopicName::parse("room.a").unwrap(), TopicName::parse("channel.b").unwrap());
        egress.go_live(None, replayed(&[(&first, 4)]));
        egress.hold([second.clone()].into());
        egress.go_live(None, replayed(&[(&second, 2)]));
        egress.enqueue_live(&first, Offset(4), 1, &frame("four"));
        egress.enqueue_live(&second, Offset(2), 1, &frame("two"));
        egress.enqueue_live(&first, Offset(5), 2, &frame("five"));
        assert_eq!(texts(&egress).await, ["five"]);
    }

    /// A subscription that failed lets nothing of its topic through; the next one must not lose anything by that.
    #[tokio::test]
    async fn what_was_unwanted_is_held_back_once_it_is_wanted_again() {
        let egress = egress(10, 1000);
        let topic = TopicName::parse("channel.b").unwrap();
        egress.hold([topic.clone()].into());
        egress.go_live(None, replayed(&[(&topic, u64::MAX)]));
        egress.hold([topic.clone()].into());
        egress.enqueue_live(&topic, Offset(5), 1, &frame("five"));
        egress.go_live(None, replayed(&[(&topic, 4)]));
        assert_eq!(texts(&egress).await, ["caught_up", "five"]);
    }

    /// A replay waits for the socket, and so does the read pump of the same client.
    #[tokio::test]
    async fn everyone_who_waits_is_woken() {
        let egress = Arc::new(egress(10, 1000));
        egress.replay(frame("page"));
        let waits = || {
            let egress = egress.clone();
            tokio::spawn(async move { egress.drained().await })
        };
        let both = (waits(), waits());
        tokio::task::yield_now().await;
        egress.next().await;
        both.0.await.unwrap();
        both.1.await.unwrap();
    }

    /// Otherwise the read pump would wait for a queue that is empty, for ever and without a pause.
    #[tokio::test]
    async fn what_is_held_back_does_not_stop_the_answers() {
        let egress = egress(4, 1000);
        let topic = TopicName::parse("channel.a").unwrap();
        egress.hold([topic.clone()].into());
        for offset in 1..=3 {
            egress.enqueue_live(&topic, Offset(offset), offset + 1, &frame("held"));
        }
        assert!(!egress.is_half_full());
        egress.next().await;
        assert_eq!(egress.waiting().0, 3);
        egress.go_live(None, Replayed { heads: HashMap::new(), until: 0 });
        assert!(egress.is_half_full());
    }

    #[tokio::test]
    async fn nothing_follows_a_close_frame() {
        let egress = egress(10, 1000);
        assert!(egress.close(CloseReason::GoingAway));
        assert!(!egress.close(CloseReason::Internal));
        assert_eq!(egress.enqueue(frame("late")), Enqueued::Closing);
        let Outgoing::Frames(frames) = egress.next().await else { panic!("frames") };
        assert_eq!(frames.back().unwrap().bytes(), Frame::close(CloseReason::GoingAway).bytes());
        assert!(matches!(egress.next().await, Outgoing::End));
    }

    #[tokio::test]
    async fn a_slow_client_is_closed_without_what_waited() {
        let egress = egress(10, 1000);
        egress.enqueue(frame("a"));
        egress.close(CloseReason::SlowConsumer);
        let Outgoing::Frames(frames) = egress.next().await else { panic!("frames") };
        assert_eq!(frames.len(), 1);
    }
}
