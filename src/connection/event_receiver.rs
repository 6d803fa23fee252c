//! Makes events of text messages and answers of what the handlers decide.

use super::{
    read_pump::{Inbound, Receiver},
    token_bucket::TokenBucket,
};
use crate::{
    manager::{Client, HandlerError, Manager, Pending, Reply},
    protocol::{CloseReason, Event, Frame, RequestId},
};
use futures_util::FutureExt;
use serde_json::Value;
use std::{collections::VecDeque, panic::AssertUnwindSafe, sync::Arc, time::Instant};

/// One client's way from text to handler: rate limit, decode, route, answer in order.
pub struct EventReceiver {
    manager: Arc<Manager>,
    client: Arc<Client>,
    events: TokenBucket,
    pings: TokenBucket,
    bad_events: TokenBucket,
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
    Known(Result<Value, HandlerError>),
}

impl EventReceiver {
    /// A receiver for `client`, with the limits of the settings.
    #[must_use]
    pub fn new(manager: Arc<Manager>, client: Arc<Client>) -> Self {
        let settings = &manager.settings().socket;
        let now = Instant::now();
        // "0: no limit, for both": a bucket that holds nothing would let nothing through.
        let events_per_sec = if settings.events_burst == 0 { 0 } else { settings.events_per_sec };
        let events = TokenBucket::new(events_per_sec.into(), settings.events_burst, now);
        let pings = TokenBucket::new(settings.pings_per_sec.into(), settings.pings_per_sec, now);
        let bad = settings.bad_events_per_minute;
        // The last one that is answered closes, so one less passes.
        let bad_events = TokenBucket::new(f64::from(bad) / 60.0, bad.saturating_sub(1), now);
        let max_in_flight = settings.max_in_flight;
        Self { events, pings, bad_events, answers: VecDeque::new(), max_in_flight, manager, client }
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
        let routed = AssertUnwindSafe(self.manager.route_event(&self.client, event)).catch_unwind().await;
        match routed.map_err(|_| CloseReason::Internal)? {
            Ok(Reply::Later(pending)) => {
                self.answers.push_back(Answer { id, outcome: Outcome::Later(pending) });
                Ok(())
            }
            Ok(Reply::Now(payload)) => self.settle(id, Ok(payload)),
            Err(error) => self.settle(id, Err(error)),
        }
    }

    /// Answers, at once or behind the answers that still wait.
    fn settle(&mut self, id: Option<RequestId>, result: Result<Value, HandlerError>) -> Result<(), CloseReason> {
        let bad = result.as_ref().is_err_and(HandlerError::is_bad_event);
        if self.answers.is_empty() {
            self.answer(id.as_ref(), result);
        } else {
            self.answers.push_back(Answer { id, outcome: Outcome::Known(result) });
        }
        if bad && !self.bad_events.take(Instant::now()) {
            return Err(CloseReason::Policy);
        }
        Ok(())
    }

    fn answer(&self, id: Option<&RequestId>, result: Result<Value, HandlerError>) {
        match (result, id) {
            (Ok(payload), Some(id)) => self.client.enqueue(Frame::ok(id, &payload)),
            (Ok(_), None) => {}
            (Err(error), id) => {
                if error.code().http_status() >= 500 {
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
            Inbound::Ping if self.pings.take(Instant::now()) => Ok(()),
            Inbound::Ping => Err(CloseReason::Policy),
            Inbound::Binary(_) => Err(CloseReason::BinaryNotAccepted),
            Inbound::Text(_) if !self.events.take(Instant::now()) => Err(CloseReason::TooManyEvents),
            Inbound::Text(text) => self.receive_text(&text).await,
        }
    }

    fn is_ready(&self) -> bool {
        self.answers.len() < self.max_in_flight
    }

    fn is_waiting(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Cancel safe: an answer leaves the queue only when it is known.
    async fn progress(&mut self) {
        let Some(first) = self.answers.front_mut() else { return };
        if let Outcome::Later(pending) = &mut first.outcome {
            let result = pending.await;
            first.outcome = Outcome::Known(result);
        }
        while let Some(Answer { outcome: Outcome::Known(_), .. }) = self.answers.front() {
            if let Some(Answer { id, outcome: Outcome::Known(result) }) = self.answers.pop_front() {
                self.answer(id.as_ref(), result);
            }
        }
    }
}
