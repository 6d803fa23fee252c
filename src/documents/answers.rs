//! What an owner owes those who asked for something, once what came before is stored.

use super::{
    owner::{Ended, Owner},
    server_copy::ServerCopy,
    turn::Turn,
    wire,
};
use crate::{
    manager::HandlerError,
    model::{ClientId, DocumentAccess, UserId},
    protocol::Frame,
};
use bytes::Bytes;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::oneshot;

/// An answer to be given.
pub(super) enum Owed {
    /// What everybody hears first.
    Welcome(ClientId),
    /// "What have you that we lack?"
    Question(ClientId),
    Missing {
        to: ClientId,
        state_vector: Bytes,
        _answered: Option<oneshot::Sender<()>>,
    },
    Cursors {
        to: ClientId,
        _answered: Option<oneshot::Sender<()>>,
    },
    Fence {
        to: ClientId,
        number: u64,
    },
    Text {
        root: Arc<str>,
        answer: oneshot::Sender<Result<String, HandlerError>>,
    },
    Judgement(oneshot::Sender<()>),
}

impl Owner {
    pub(super) async fn answer(&mut self, owed: Vec<Owed>) -> Result<(), Ended> {
        // Many come back at once after a restart, and most of them lack the same.
        let mut made: HashMap<Bytes, Frame> = HashMap::new();
        for owed in owed {
            match owed {
                Owed::Welcome(to) => {
                    self.audience.answer(to, self.question());
                    self.audience.answer_some(to, self.awareness.all().map(|all| wire::awareness(&all)));
                }
                Owed::Question(to) => self.audience.tell(to, self.question()),
                Owed::Cursors { to, _answered } => {
                    self.audience.answer_some(to, self.awareness.all().map(|all| wire::awareness(&all)));
                }
                Owed::Fence { to, number } => self.audience.tell(to, wire::fence(number)),
                Owed::Missing { to, state_vector, _answered } => {
                    if let Some(frame) = made.get(&state_vector) {
                        self.audience.answer(to, frame.clone());
                        continue;
                    }
                    let known = state_vector.clone();
                    match self.on_all(move |copy| copy.missing(&known).map(|all| wire::sync_step_2(&all))).await {
                        Ok(frame) => {
                            self.audience.answer(to, frame.clone());
                            made.insert(state_vector, frame);
                        }
                        Err(error) => self.is_bad(to, error),
                    }
                }
                Owed::Text { root, answer } => drop(answer.send(self.text_of(root).await)),
                Owed::Judgement(answer) => {
                    self.judge().await?;
                    // Nobody may wait any more.
                    let _ = answer.send(());
                }
            }
        }
        Ok(())
    }

    fn question(&self) -> Frame {
        wire::sync_step_1(&self.copy(ServerCopy::state_vector))
    }

    /// Judges again what everybody may do.
    async fn judge(&mut self) -> Result<(), Ended> {
        let listeners: Vec<_> =
            self.audience.all().map(|listener| (listener.client.clone(), listener.granted)).collect();
        let mut known: HashMap<UserId, Option<DocumentAccess>> = HashMap::new();
        let mut turn = Turn::default();
        for (client, granted) in listeners {
            let user = client.person().member().map(|user| user.id);
            let access = match user.and_then(|user| known.get(&user)) {
                Some(access) => *access,
                None => {
                    let access = self.documents.access_now(client.person(), granted, &self.document).await;
                    let access = access.map_err(|error| {
                        tracing::error!(document.name = %self.document.name, %error, "rights cannot be judged");
                        Ended::Failed
                    })?;
                    known.extend(user.map(|user| (user, access)));
                    access
                }
            };
            self.allow(&mut turn, client.id(), access);
        }
        for owed in turn.owed {
            if let Owed::Question(to) = owed {
                self.audience.answer(to, self.question());
            }
        }
        Ok(())
    }
}
