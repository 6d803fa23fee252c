//! One client's way from frame to owner: rate limit, decode, hand over in order.

use super::{
    Documents, Permitted,
    hub::close_reason_of,
    inbox::{Inbox, Request},
    wire::{self, Message},
};
use crate::{
    connection::{Inbound, Receiver, TokenBucket, cost},
    manager::{Client, Manager},
    model::ClientId,
    protocol::CloseReason,
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
    time::Instant,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// How many times as much it may repeat of others as it may say: that is only looked at.
const ECHOES_PER_MESSAGE: u32 = 20;

/// What a socket to a document sends, on its way to the document's owner.
pub struct DocumentReceiver {
    documents: Arc<Documents>,
    manager: Arc<Manager>,
    client: Arc<Client>,
    permitted: Permitted,
    place: Arc<OnceLock<Place>>,
    messages: TokenBucket,
    /// What it may repeat of what it hears, which grows with the audience.
    echoes: TokenBucket,
    controls: TokenBucket,
    /// Decoded and not yet handed over.
    waiting: VecDeque<Message>,
    answer: Answer,
}

/// The answer that a client waits for: one at a time, since it may be as large as the document.
enum Answer {
    None,
    /// The owner makes it.
    Coming(oneshot::Receiver<()>),
    /// It is queued and the write pump has not taken it.
    Queued,
}

/// A client's place among those who have the document open; leaves it however the connection ends.
struct Place {
    client: ClientId,
    inbox: Inbox,
}

impl Drop for Place {
    fn drop(&mut self) {
        // An owner that has ended has forgotten it.
        self.inbox.send(Request::Leave(self.client));
    }
}

impl DocumentReceiver {
    /// For a client that may do what `permitted` says; it hears nothing before it has arrived.
    #[must_use]
    pub fn new(documents: &Arc<Documents>, manager: &Arc<Manager>, client: Arc<Client>, permitted: Permitted) -> Self {
        let (settings, now) = (manager.settings(), Instant::now());
        let document = &settings.document;
        Self {
            messages: TokenBucket::of_settings(document.messages_per_sec, document.messages_burst, now),
            echoes: TokenBucket::of_settings(
                document.messages_per_sec.saturating_mul(ECHOES_PER_MESSAGE),
                document.messages_burst.saturating_mul(ECHOES_PER_MESSAGE),
                now,
            ),
            controls: TokenBucket::of_controls(&settings.socket, now),
            documents: documents.clone(),
            manager: manager.clone(),
            client,
            permitted,
            place: Arc::default(),
            waiting: VecDeque::new(),
            answer: Answer::None,
        }
    }

    /// Opens the document, loading it if nobody has it open, and takes the client's place there.
    pub fn arrive(&self) -> impl Future<Output = Result<(), CloseReason>> + Send + use<> {
        let (documents, client) = (self.documents.clone(), self.client.clone());
        let (permitted, place) = (self.permitted.clone(), self.place.clone());
        async move { documents.take_place(&permitted, &client, &place).await }
    }

    /// Hands over what waits, as far as it can be without waiting.
    fn hand_over(&mut self) {
        while matches!(self.answer, Answer::None)
            && let (Some(place), Some(first)) = (self.place.get(), self.waiting.front())
            && let Some(room) = place.inbox.room_now(first.bytes())
        {
            self.hand_over_first(room);
        }
    }

    fn hand_over_first(&mut self, room: OwnedSemaphorePermit) {
        let (Some(place), Some(message)) = (self.place.get(), self.waiting.pop_front()) else { return };
        let answered = message.wants_answer().then(|| {
            let (answered, coming) = oneshot::channel();
            self.answer = Answer::Coming(coming);
            answered
        });
        let message = Request::Message { from: self.client.id(), message, answered, _room: room };
        if !place.inbox.send(message) {
            self.client.close(CloseReason::TryAgainLater);
        }
    }

    /// Whether it says of others what all know already.
    fn is_echo(&self, message: &Message) -> bool {
        match (message, self.place.get()) {
            (Message::Awareness(update), Some(place)) => place.inbox.shown.has_all_of(update),
            _ => false,
        }
    }

    fn receive_frame(&mut self, frame: Bytes) -> Result<(), CloseReason> {
        let bytes = frame.len();
        let messages = wire::messages(&frame).map_err(|error| {
            tracing::debug!(client.id = %self.client.id(), %error, "a frame is no message of the Yjs protocol");
            CloseReason::BadUpdate
        })?;
        // Many small messages are as much work in one frame as in many.
        let price = cost(bytes).max(u32::try_from(messages.len()).unwrap_or(u32::MAX));
        let is_echo = messages.iter().all(|message| self.is_echo(message));
        let purse = if is_echo { &mut self.echoes } else { &mut self.messages };
        if !purse.take(price, Instant::now()) {
            return Err(CloseReason::TooManyEvents);
        }
        if is_echo {
            return Ok(());
        }
        self.waiting.extend(messages);
        self.hand_over();
        Ok(())
    }
}

impl Documents {
    async fn take_place(
        self: &Arc<Self>,
        permitted: &Permitted,
        client: &Arc<Client>,
        place: &OnceLock<Place>,
    ) -> Result<(), CloseReason> {
        let Permitted { document, access, .. } = permitted;
        let arrive = |answer| Request::Arrive { client: client.clone(), access: *access, answer };
        let inbox = match self.ask(document, arrive).await {
            Ok(((), inbox)) => inbox,
            Err(error) => {
                client.enqueue(wire::denied(error.code()));
                return Err(close_reason_of(&error));
            }
        };
        let place = place.get_or_init(|| Place { client: client.id(), inbox });
        // What was judged before it had its place may have changed before anybody could tell it.
        match self.access_now(client.person(), *access, document).await {
            Ok(now) if now == Some(*access) => {}
            Ok(now) => drop(place.inbox.send(Request::Allow(client.id(), now))),
            Err(error) => {
                tracing::error!(client.id = %client.id(), %error, "it cannot be judged who may open a document");
                return Err(CloseReason::TryAgainLater);
            }
        }
        Ok(())
    }
}

impl Receiver for DocumentReceiver {
    async fn receive(&mut self, message: Inbound) -> Result<(), CloseReason> {
        let result = match message {
            Inbound::Control if self.controls.take(1, Instant::now()) => Ok(()),
            Inbound::Control => Err(CloseReason::Policy),
            Inbound::Text(_) => Err(CloseReason::BadUpdate),
            Inbound::Binary(frame) => self.receive_frame(frame),
        };
        result.inspect_err(|reason| self.documents.meter.refused(reason.name()))
    }

    fn is_ready(&self) -> bool {
        !self.is_waiting()
    }

    fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || !matches!(self.answer, Answer::None) || self.client.egress().is_half_full()
    }

    /// Waits for what keeps the next message waiting.
    ///
    /// Cancel safe: a message leaves the queue only with a place in the inbox.
    async fn progress(&mut self) {
        match &mut self.answer {
            Answer::Coming(coming) => {
                let _ = coming.await;
                self.answer = Answer::Queued;
            }
            Answer::Queued => {
                self.client.egress().drained().await;
                // It has taken the answer; its pongs may wait behind the request for it.
                self.client.liveness().touch();
                self.answer = Answer::None;
                self.hand_over();
            }
            Answer::None => match (self.waiting.front(), self.place.get()) {
                (Some(first), Some(place)) => match place.inbox.room_for(first.bytes()).await {
                    Some(room) => {
                        self.hand_over_first(room);
                        self.hand_over();
                    }
                    None => self.client.close(CloseReason::TryAgainLater),
                },
                // It has no place and is closing.
                (Some(_), None) => self.waiting.clear(),
                (None, _) => self.client.egress().drained().await,
            },
        }
    }

    fn farewell(&self) -> impl Future<Output = CloseReason> + Send + 'static {
        let (draining, restart) = (self.manager.draining().clone(), self.manager.restart());
        async move {
            draining.cancelled().await;
            restart
        }
    }
}
