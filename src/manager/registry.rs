//! Event type → handler.

use super::{AfterAnswer, Context, HandlerError};
use crate::protocol::Event;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Call = dyn Fn(Context, Value) -> BoxFuture<Result<Reply, HandlerError>> + Send + Sync;

/// What a handler has decided.
pub enum Reply {
    /// The payload of `ok`.
    Now(Box<RawValue>),
    /// The payload of `ok`, and what is to begin as soon as it is queued.
    Then(Box<RawValue>, AfterAnswer),
    /// The payload comes when the change is committed. The next event of the client is decided
    /// meanwhile; answers keep the order of the requests.
    Later(Pending),
}

/// An answer that waits for a commit.
pub type Pending = BoxFuture<Result<Box<RawValue>, HandlerError>>;

impl Reply {
    /// An answer at once.
    ///
    /// # Errors
    /// [`HandlerError::Internal`] when `payload` cannot be JSON.
    pub fn now(payload: &impl Serialize) -> Result<Self, HandlerError> {
        to_payload(payload).map(Self::Now)
    }

    /// An answer at once, and what begins after it.
    ///
    /// # Errors
    /// As [`Reply::now`].
    pub fn then(payload: &impl Serialize, after: AfterAnswer) -> Result<Self, HandlerError> {
        to_payload(payload).map(|payload| Self::Then(payload, after))
    }

    /// An answer once `pending` is there.
    pub fn later<P: Serialize>(pending: impl Future<Output = Result<P, HandlerError>> + Send + 'static) -> Self {
        Self::Later(Box::pin(async move { to_payload(&pending.await?) }))
    }
}

/// As text: what it holds of others keeps the order of its keys, and the digits of its numbers.
fn to_payload(payload: &impl Serialize) -> Result<Box<RawValue>, HandlerError> {
    to_raw_value(payload).map_err(|_| HandlerError::Internal("an answer cannot be written as JSON"))
}

/// The handler of one event type.
pub struct Handler {
    event_type: &'static str,
    call: Box<Call>,
}

impl Handler {
    /// The name it is registered under.
    #[must_use]
    pub fn event_type(&self) -> &'static str {
        self.event_type
    }

    /// Decodes the payload and lets the handler decide.
    pub(super) fn call(&self, context: Context, payload: Value) -> BoxFuture<Result<Reply, HandlerError>> {
        (self.call)(context, payload)
    }
}

/// The event types this server knows.
#[derive(Default)]
pub struct Registry {
    handlers: HashMap<&'static str, Handler>,
}

impl Registry {
    /// Routes `event_type` to `handler`, whose third argument is the payload's type.
    ///
    /// # Panics
    /// When the type has a handler already: two families would fight over it.
    pub fn on<F, P, A>(&mut self, event_type: &'static str, family: &Arc<F>, handler: fn(Arc<F>, Context, P) -> A)
    where
        F: Send + Sync + 'static,
        P: DeserializeOwned + 'static,
        A: Future<Output = Result<Reply, HandlerError>> + Send + 'static,
    {
        let family = family.clone();
        let call = move |context, payload| -> BoxFuture<Result<Reply, HandlerError>> {
            match Event::decode_payload::<P>(payload) {
                Ok(request) => Box::pin(handler(family.clone(), context, request)),
                Err(error) => Box::pin(std::future::ready(Err(error.into()))),
            }
        };
        let known = self.handlers.insert(event_type, Handler { event_type, call: Box::new(call) });
        assert!(known.is_none(), "`{event_type}` is registered twice");
    }

    /// All of them, in no order.
    pub fn event_types(&self) -> impl Iterator<Item = &'static str> {
        self.handlers.keys().copied()
    }

    /// The handler of an event type.
    #[must_use]
    pub fn find(&self, event_type: &str) -> Option<&Handler> {
        self.handlers.get(event_type)
    }
}
