//! Rooms: list, create, join, leave.

use crate::{
    journal::Journal,
    manager::{Context, HandlerError, Registry, Reply},
    model::{GENERAL, Offset, Room, RoomName, RoomTitle, TopicName, User, UserName},
    storage::{Change, Draft, Outcome, Store, now},
};
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;
use std::sync::Arc;

/// The rooms family.
pub struct Rooms {
    store: Arc<dyn Store>,
    journal: Journal,
}

#[derive(Deserialize)]
struct ListRooms {}

#[derive(Deserialize)]
struct CreateRoom {
    room: RoomName,
    title: Option<RoomTitle>,
    public: Option<bool>,
}

#[derive(Deserialize)]
struct NamedRoom {
    room: RoomName,
}

#[derive(Serialize)]
struct Joined {
    room: Room,
    offset: Offset,
}

#[derive(Serialize)]
struct Left {}

#[derive(Serialize)]
struct MemberJoined<'a> {
    room: &'a str,
    user: &'a UserName,
}

impl Rooms {
    /// The family, ready to be registered.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, journal: Journal) -> Arc<Self> {
        Arc::new(Self { store, journal })
    }

    /// Routes this family's event types to it.
    pub fn register(self: Arc<Self>, registry: &mut Registry) {
        registry.on("list_rooms", &self, Self::list_rooms);
        registry.on("create_room", &self, Self::create_room);
        registry.on("join_room", &self, Self::join_room);
        registry.on("leave_room", &self, Self::leave_room);
    }

    /// Tells everyone that somebody new is in `general`, where a new account is from the start.
    ///
    /// Beside the door's answer: whoever just came in need not wait for the others to know.
    pub fn welcome(journal: &Journal, newcomer: &User) {
        let announcement = MemberJoined { room: GENERAL, user: &newcomer.name };
        let Ok(payload) = to_raw_value(&announcement) else { return };
        let topic = TopicName::room_named(GENERAL);
        let draft = Draft { at: now(), change: Change::publish(topic, "member_joined", payload.into()) };
        let journal = journal.clone();
        tokio::spawn(async move {
            if journal.append(draft).await.is_err() {
                tracing::debug!("a newcomer was not announced: the journal has stopped");
            }
        });
    }

    async fn list_rooms(self: Arc<Self>, ctx: Context, _: ListRooms) -> Result<Reply, HandlerError> {
        Reply::now(&self.store.rooms_for(ctx.member()?.id).await?)
    }

    async fn create_room(self: Arc<Self>, ctx: Context, request: CreateRoom) -> Result<Reply, HandlerError> {
        let title = match request.title {
            Some(title) => title,
            None => RoomTitle::parse(request.room.as_str())
                .map_err(|_| HandlerError::Internal("a room name is no title"))?,
        };
        let (public, max_joined) = (request.public.unwrap_or(true), max_joined(&ctx));
        let author = ctx.member()?.clone();
        let change = Change::CreateRoom { author, room: request.room, title, public, max_joined };
        self.change_membership(change).await
    }

    async fn join_room(self: Arc<Self>, ctx: Context, request: NamedRoom) -> Result<Reply, HandlerError> {
        let author = ctx.member()?.clone();
        let change = Change::JoinRoom { author, room: request.room, max_joined: max_joined(&ctx) };
        self.change_membership(change).await
    }

    async fn leave_room(self: Arc<Self>, ctx: Context, request: NamedRoom) -> Result<Reply, HandlerError> {
        let author = ctx.member()?.clone();
        if request.room.as_str() == GENERAL {
            return Err(HandlerError::BadField { field: "room", problem: "everyone stays in `general`" });
        }
        self.change_membership(Change::LeaveRoom { author, room: request.room }).await
    }

    /// Waits for the commit before the client's next event is decided, which may already
    /// concern the room it joins.
    async fn change_membership(&self, change: Change) -> Result<Reply, HandlerError> {
        match self.journal.append(Draft { at: now(), change }).await?.committed().await? {
            Outcome::Joined { room, offset } => Reply::now(&Joined { room, offset }),
            Outcome::Left => Reply::now(&Left {}),
            _ => Err(HandlerError::Internal("a change of rooms was committed as something else")),
        }
    }
}

fn max_joined(ctx: &Context) -> u32 {
    ctx.manager().settings().rooms.max_joined
}
