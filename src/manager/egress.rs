//! What waits for one client's socket: bounded in events and in bytes, and never waited for by
//! whoever puts something in.

#[cfg(test)]
mod tests;

use super::{
    crowd::{Crowd, Round},
    holding::{Held, Holding, PublishRound, Replayed},
};
use crate::{
    model::{Offset, TopicName},
    protocol::{CloseReason, Frame},
};
use std::{
    collections::{HashSet, VecDeque},
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
            && holding.covers(topic)
        {
            holding.push(Held { topic: topic.clone(), last, round, frame: frame.clone() });
            return Enqueued::Waiting;
        }
        state.queue.push_back(frame.clone());
        wake_pump(state);
        Enqueued::Waiting
    }

    /// Queues what is read back from the log, or a large answer. Not bounded here: one page or answer is queued at a time,
    /// and [`Egress::drained`] waited for in between.
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

    /// Holds back what these topics publish until [`Egress::go_live`], while the rest goes on: `new` ones, and some that
    /// the client hears already.
    pub(super) fn hold(&self, new: &HashSet<TopicName>, heard: impl Iterator<Item = TopicName>) {
        let mut state = self.lock();
        if state.closing == Closing::Open {
            // What an earlier replay of theirs knew, this one will know better.
            if let Some(replayed) = &mut state.replayed {
                replayed.forget(new);
            }
            state.held = Some(Box::new(Holding::of(new.iter().cloned().chain(heard).collect())));
        }
    }

    /// Ends recovery: `first`, then what was held back and is above `replayed`.
    pub(super) fn go_live(&self, first: Option<Frame>, replayed: Replayed) {
        let mut state = self.lock();
        let held = state.held.take().unwrap_or_default().into_publications();
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

    /// Whether half of what may wait for the socket does: then answers should wait where they are made, until it is
    /// [`Egress::drained`]. What is held back does not count: it waits for something else.
    #[must_use]
    pub fn is_half_full(&self) -> bool {
        let state = self.lock();
        let (events, bytes) = state.held_back();
        // A connection that is closing takes no answers, and nobody need wait for it.
        state.closing == Closing::Open
            && (state.bytes - bytes > self.limits.bytes / 2 || state.events - events > self.limits.events / 2)
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
        self.held.as_deref().map_or((0, 0), Holding::size)
    }

    /// Whether the client has this from the log already.
    fn was_replayed(&mut self, topic: &TopicName, last: Offset, round: PublishRound) -> bool {
        let Some(replayed) = &self.replayed else { return false };
        if round > replayed.until {
            self.replayed = None;
            return false;
        }
        replayed.reaches(topic, last)
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
