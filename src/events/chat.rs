//! Messages of a room: sending them and reading them back.

use super::page::page_limit;
use crate::{
    journal::Journal,
    manager::{Context, HandlerError, Registry, Reply},
    model::{ClientMessageId, MessageId, MessageText, Offset, RoomName, UnixMillis},
    storage::{Change, Draft, History, HistoryAnchor, HistoryPage, Outcome, Store, now},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The chat family.
pub struct Chat {
    store: Arc<dyn Store>,
    journal: Journal,
}

#[derive(Deserialize)]
struct SendMessage {
    room: RoomName,
    message: MessageText,
    client_id: Option<ClientMessageId>,
}

#[derive(Serialize)]
struct Sent {
    id: MessageId,
    offset: Offset,
    sent: UnixMillis,
    duplicate: bool,
}

#[derive(Deserialize)]
struct GetHistory {
    room: RoomName,
    before: Option<Offset>,
    after: Option<Offset>,
    around: Option<Offset>,
    limit: Option<u64>,
}

#[derive(Serialize)]
struct HistoryReply {
    room: RoomName,
    #[serde(flatten)]
    history: History,
}

impl Chat {
    /// The family, ready to be registered.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, journal: Journal) -> Arc<Self> {
        Arc::new(Self { store, journal })
    }

    /// Routes this family's event types to it.
    pub fn register(self: Arc<Self>, registry: &mut Registry) {
        registry.on("send_message", &self, Self::send_message);
        registry.on("get_history", &self, Self::get_history);
    }

    /// Stores the message, then publishes it: whatever a reader sees can be read back.
    ///
    /// The next event of this client is decided while the disk works.
    async fn send_message(self: Arc<Self>, ctx: Context, request: SendMessage) -> Result<Reply, HandlerError> {
        let SendMessage { room, message: text, client_id } = request;
        let change = Change::SendMessage { author: ctx.member()?.clone(), room, text, client_id };
        let receipt = self.journal.append(Draft { at: now(), change }).await?;
        Ok(Reply::later(async move {
            match receipt.committed().await? {
                Outcome::Message { id, offset, sent, duplicate } => Ok(Sent { id, offset, sent, duplicate }),
                _ => Err(HandlerError::Internal("a message was committed as something else")),
            }
        }))
    }

    /// Reads a page; only members see any of it.
    async fn get_history(self: Arc<Self>, ctx: Context, request: GetHistory) -> Result<Reply, HandlerError> {
        let page = request.page()?;
        let history = self.store.history(ctx.member()?.id, &request.room, page).await?;
        Reply::now(&HistoryReply { room: request.room, history: history.ok_or(HandlerError::NoSuchRoom)? })
    }
}

impl GetHistory {
    fn page(&self) -> Result<HistoryPage, HandlerError> {
        let from = match (self.before, self.after, self.around) {
            (None, None, None) => HistoryAnchor::Newest,
            (Some(offset), None, None) => HistoryAnchor::Before(offset),
            (None, Some(offset), None) => HistoryAnchor::After(offset),
            (None, None, Some(offset)) => HistoryAnchor::Around(offset),
            _ => {
                let problem = "at most one of `before`, `after` and `around`";
                return Err(HandlerError::BadField { field: "before", problem });
            }
        };
        Ok(HistoryPage { from, limit: page_limit(self.limit)? })
    }
}
