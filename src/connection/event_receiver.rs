//! Makes events of text messages and answers of what the handlers decide.

use super::{
    read_pump::{Inbound, Receiver},
    token_bucket::{TokenBucket, cost},
};
use crate::{
    manager::{AfterAnswer, Client, HandlerError, Manager, Pending, Reply},
    protocol::{CloseReason, Event, Frame, RequestId},
};
use futures_util::FutureExt;
use serde_json::value::RawValue;
use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

/// One client's way from text to handler: rate limit, decode, route, answer in order.
pub struct EventReceiver {
    manager: Arc<Manager>,
    client: Arc<Client>,
    events: TokenBucket,
    controls: TokenBucket,
    bad_events: BadEvents,
    /// Answers that wait for their commit, and what was answered behind them.
    answers: VecDeque<Answer>,
    max_in_flight: usize,
}

struct Answer {
    id: Option<RequestId>,
    outcome: Outcome,
}

enum Outcome {
    Later(Pending),
    Known(Result<Box<RawValue>, HandlerError>),
    /// An answer and what begins after it.
    Then(Box<RawValue>, AfterAnswer),
}

impl EventReceiver {
    /// A receiver for `client`, with the limits of the settings.
    #[must_use]
    pub fn new(manager: Arc<Manager>, client: Arc<Client>) -> Self {
        let settings = &manager.settings().socket;
        let now = Instant::now();
        let events = TokenBucket::of_settings(settings.events_per_sec, settings.events_burst, now);
        let controls = TokenBucket::of_controls(settings, now);
        let bad_events = BadEvents::new(settings.bad_events_per_minute);
        let max_in_flight = settings.max_in_flight;
        Self { events, controls, bad_events, answers: VecDeque::new(), max_in_flight, manager, client }
    }

    async fn receive_text(&mut self, text: &str) -> Result<(), CloseReason> {
        let event = match Event::decode(text) {
            Ok(event) => event,
            Err(error) => {
                let id = match &error {
                    crate::protocol::DecodeError::Envelope { id, .. } => id.clone(),
                    _ => None,
                };
                return self.settle(id, Err(error.into()));
            }
        };
        let id = event.id.clone();
        // A handler's panic costs one connection, not the server.
        let (manager, client) = (self.manager.clone(), self.client.clone());
        let routing = AssertUnwindSafe(manager.route_event(&client, event)).catch_unwind();
        let routed = match self.answers.is_empty() {
            true => routing.await,
            // Boxed: few events have to, and every idle connection would pay for its size.
            false => Box::pin(self.answering_meanwhile(routing)).await,
        };
        match routed.map_err(|_| CloseReason::Internal)? {
            Ok(Reply::Later(pending)) => {
                self.answers.push_back(Answer { id, outcome: Outcome::Later(pending) });
                Ok(())
            }
            Ok(Reply::Now(payload)) => self.settle(id, Ok(payload)),
            Ok(Reply::Then(payload, after)) => {
                self.answers.push_back(Answer { id, outcome: Outcome::Then(payload, after) });
                self.answer_what_is_known();
                Ok(())
            }
            Err(error) => self.settle(id, Err(error)),
        }
    }

    /// Waits for a decision that may itself have to wait for what begins after an earlier answer.
    async fn answering_meanwhile<T>(&mut self, routing: impl Future<Output = T>) -> T {
        let mut routing = pin!(routing);
        loop {
            tokio::select! {
                biased;
                routed = &mut routing => return routed,
                () = self.progress(), if !self.answers.is_empty() => {}
            }
        }
    }

    /// Answers, at once or behind the answers that still wait.
    fn settle(
        &mut self,
        id: Option<RequestId>,
        result: Result<Box<RawValue>, HandlerError>,
    ) -> Result<(), CloseReason> {
        let bad = result.as_ref().is_err_and(HandlerError::is_bad_event);
        if self.answers.is_empty() {
            self.answer(id.as_ref(), result);
        } else {
            self.answers.push_back(Answer { id, outcome: Outcome::Known(result) });
        }
        if bad && self.bad_events.is_one_too_many(Instant::now()) {
            return Err(CloseReason::Policy);
        }
        Ok(())
    }

    /// Answers in the order of the requests, up to the first answer that still waits.
    fn answer_what_is_known(&mut self) {
        while let Some(Answer { id, outcome }) = self.answers.pop_front() {
            match outcome {
                Outcome::Known(result) => self.answer(id.as_ref(), result),
                Outcome::Then(payload, after) => {
                    self.answer(id.as_ref(), Ok(payload));
                    after.begin();
                }
                waiting @ Outcome::Later(_) => return self.answers.push_front(Answer { id, outcome: waiting }),
            }
        }
    }

    fn answer(&self, id: Option<&RequestId>, result: Result<Box<RawValue>, HandlerError>) {
        match (result, id) {
            (Ok(payload), Some(id)) => self.client.enqueue(Frame::ok(id, &payload)),
            (Ok(_), None) => {}
            (Err(error), id) => {
                if error.is_ours() {
                    tracing::error!(client.id = %self.client.id(), error = ?error, "an event failed");
                }
                self.client.enqueue(Frame::error(id, error.code(), &error.public_message()));
            }
        }
    }
}

impl Receiver for EventReceiver {
    async fn receive(&mut self, message: Inbound) -> Result<(), CloseReason> {
        match message {
            Inbound::Control if self.controls.take(1, Instant::now()) => Ok(()),
            Inbound::Control => Err(CloseReason::Policy),
            Inbound::Binary(_) => Err(CloseReason::BinaryNotAccepted),
            Inbound::Text(text) if !self.events.take(cost(text.len()), Instant::now()) => {
                Err(CloseReason::TooManyEvents)
            }
            Inbound::Text(text) => self.receive_text(&text).await,
        }
    }

    fn is_ready(&self) -> bool {
        self.answers.len() < self.max_in_flight && !self.client.egress().is_half_full()
    }

    fn is_waiting(&self) -> bool {
        !self.answers.is_empty() || self.client.egress().is_half_full()
    }

    /// Waits for the first answer; without one, for the client to take what it asked for.
    ///
    /// Cancel safe: an answer leaves the queue only when it is known.
    async fn progress(&mut self) {
        let Some(first) = self.answers.front_mut() else { return self.client.egress().drained().await };
        if let Outcome::Later(pending) = &mut first.outcome {
            match AssertUnwindSafe(pending).catch_unwind().await {
                Ok(result) => first.outcome = Outcome::Known(result),
                Err(_) => {
                    self.answers.clear();
                    return self.client.close(CloseReason::Internal);
                }
            }
        }
        self.answer_what_is_known();
    }

    fn farewell(&self) -> impl Future<Output = CloseReason> + Send + 'static {
        let (draining, restart) = (self.manager.draining().clone(), self.manager.restart());
        async move {
            draining.cancelled().await;
            restart
        }
    }
}

/// When a client's last bad events came; costs nothing until there is one.
struct BadEvents {
    per_minute: usize,
    recent: VecDeque<Instant>,
}

impl BadEvents {
    fn new(per_minute: u32) -> Self {
        Self { per_minute: per_minute as usize, recent: VecDeque::new() }
    }

    /// Counts one more; whether it is the last that is put up with.
    fn is_one_too_many(&mut self, now: Instant) -> bool {
        const MINUTE: Duration = Duration::from_secs(60);
        while self.recent.front().is_some_and(|first| now.saturating_duration_since(*first) >= MINUTE) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.recent.len() >= self.per_minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenth_bad_event_within_a_minute_is_one_too_many() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut bad = BadEvents::new(10);
        assert!((0..9).all(|second| !bad.is_one_too_many(at(second))));
        assert!(bad.is_one_too_many(at(59)));
        let mut slow = BadEvents::new(10);
        assert!((0..100).all(|n| !slow.is_one_too_many(at(n * 7))));
    }
}
