//! Under which ids the connections write. The Yjs protocol knows words by the id of a client and a count, and takes what has
//! both for the same: whoever wrote under another's id would take their next words away, and nobody would notice. So nobody
//! brings words under an id that another person uses now.

use super::{
    guard::{self, reader::Reader},
    owner::{LARGE, Owner},
    server_copy::{ServerCopy, Work},
    turn::Kind,
};
use crate::model::{ClientId, PersonId};
use bytes::Bytes;
use std::collections::HashMap;

/// Ids that are remembered of one connection: editors have one.
const MAX_IDS: usize = 16;

/// The ids that are in use, and whose they are.
#[derive(Debug, Default)]
pub(super) struct Authors {
    ids: HashMap<u64, (PersonId, ClientId)>,
    of: HashMap<ClientId, Vec<u64>>,
}

impl Authors {
    /// A connection uses an id. Who came first has it; the same person may come again on another connection.
    pub(super) fn claim(&mut self, id: u64, person: &PersonId, client: ClientId) {
        if self.ids.get(&id).is_some_and(|(whose, on)| whose != person || *on == client) {
            return;
        }
        let ids = self.of.entry(client).or_default();
        if ids.len() < MAX_IDS {
            ids.push(id);
            self.ids.insert(id, (person.clone(), client));
        }
    }

    /// A connection wrote under this id alone.
    pub(super) fn wrote(&mut self, id: Option<u64>, person: &PersonId, client: ClientId) {
        if let Some(id) = id {
            self.claim(id, person, client);
        }
    }

    /// A connection is gone, and uses nothing any more.
    pub(super) fn leave(&mut self, client: ClientId) {
        for id in self.of.remove(&client).unwrap_or_default() {
            if self.ids.get(&id).is_some_and(|(_, on)| *on == client) {
                self.ids.remove(&id);
            }
        }
    }

    /// The connection of another person that uses this id.
    fn other(&self, id: u64, person: &PersonId) -> Option<ClientId> {
        self.ids.get(&id).filter(|(whose, _)| whose != person).map(|(_, on)| *on)
    }
}

/// The id under which everything in this update was written; `None`: there are several, or none.
pub(super) fn only_author(update: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(update);
    let (authors, _blocks, id) = (reader.number().ok()?, reader.number().ok()?, reader.number().ok()?);
    (authors == 1).then_some(id)
}

impl Owner {
    /// Whether something in this update is new here and was written under an id that another person uses.
    ///
    /// Who answers our question may have heard such words from a server that lost them, before their author was back. Once
    /// the author has answered too, there can be none that others have heard and we have not.
    pub(super) async fn has_words_of_another(&self, person: &PersonId, update: &Bytes, kind: Kind) -> bool {
        let may_be_forged = |id: u64| {
            let author = self.authors.other(id, person).and_then(|author| self.audience.get(author));
            author.is_some_and(|author| kind == Kind::Update || author.has_answered)
        };
        // Mostly somebody types.
        if only_author(update).is_some_and(|id| !may_be_forged(id)) {
            return false;
        }
        let walked = update.clone();
        // Whoever applies it says what is wrong with it.
        let work = if update.len() < LARGE { Work::Short } else { Work::Long };
        let Ok(walked) = self.on_copy(work, move |_| guard::walk(&walked)).await else { return false };
        let mut theirs = walked.sections.iter().filter(|section| may_be_forged(section.client)).peekable();
        if theirs.peek().is_none() {
            return false;
        }
        let known = clocks(&self.copy(ServerCopy::state_vector));
        theirs.any(|section| section.end > known.get(&section.client).copied().unwrap_or(0))
    }
}

/// The clocks in a state vector of ours.
fn clocks(state_vector: &[u8]) -> HashMap<u64, u32> {
    let mut reader = Reader::new(state_vector);
    let clients = reader.count(2).unwrap_or(0);
    (0..clients).map_while(|_| reader.id().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;

    #[test]
    fn an_id_is_whose_it_was_first_until_they_leave() {
        let (alice, bob) = (PersonId::Member(UserId(1)), PersonId::Member(UserId(2)));
        let mut authors = Authors::default();
        authors.claim(7, &alice, ClientId(1));
        authors.claim(7, &bob, ClientId(2));
        assert_eq!((authors.other(7, &alice), authors.other(7, &bob)), (None, Some(ClientId(1))));
        // She came back on another connection; that the old one ends, changes nothing.
        authors.claim(7, &alice, ClientId(3));
        authors.leave(ClientId(1));
        assert_eq!(authors.other(7, &bob), Some(ClientId(3)));
        authors.leave(ClientId(3));
        authors.claim(7, &bob, ClientId(2));
        assert_eq!(authors.other(7, &alice), Some(ClientId(2)));
        for id in 0..100 {
            authors.claim(id, &bob, ClientId(4));
        }
        assert_eq!(authors.of[&ClientId(4)].len(), MAX_IDS);
        authors.leave(ClientId(4));
        authors.leave(ClientId(2));
        assert!(authors.ids.is_empty() && authors.of.is_empty());
    }

    #[test]
    fn the_only_author_of_an_update_is_read_from_its_start() {
        assert_eq!(only_author(&[1, 1, 7, 0, 4, 1, 1, b't', 1, b'x', 0]), Some(7));
        assert_eq!((only_author(&[0, 0]), only_author(&[2, 1, 7, 0]), only_author(&[])), (None, None, None));
    }
}
