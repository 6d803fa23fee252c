//! Who is where in a document, as their clients tell it. Volatile, and never stored.
//!
//! A client says this of itself under an id that it rolled, with a clock that it counts up. Whose id it is, we know from
//! the connection, and so is the name in it: nobody moves another's cursor or writes under another's name.

use super::{
    echoes::Shown,
    guard::{BadUpdate, reader::Reader},
    wire::{put_bytes, put_number},
};
use crate::model::{ClientId, Person, PersonId};
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

/// Ids that one connection may have: editors have one.
const MAX_IDS: usize = 16;
/// So long the clock of an id is remembered whose connection is gone, so that its late echo does not revive it,
const REMEMBERED: Duration = Duration::from_secs(60);
/// and so many of them at most.
const MAX_REMEMBERED: usize = 4_096;

/// The ids of which something changed.
pub(super) type Changed = BTreeSet<u64>;

/// Why what a client says of who is where is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AwarenessError {
    /// It is none of the protocol.
    #[error(transparent)]
    Bad(#[from] BadUpdate),
    /// A state is larger than allowed.
    #[error("a state is too large")]
    TooLarge,
    /// One connection has too many ids.
    #[error("a connection has too many ids")]
    TooMany,
}

/// Who is where in one document.
#[derive(Debug)]
pub(super) struct Awareness {
    max_state_bytes: usize,
    shown: Shown,
    entries: HashMap<u64, Entry>,
    ids: HashMap<ClientId, BTreeSet<u64>>,
    /// Whose connections are gone, and since when, in order.
    gone: VecDeque<(Instant, u64)>,
}

#[derive(Debug)]
struct Entry {
    clock: u64,
    person: PersonId,
    /// The connection it comes from; `None`: it is gone, since then.
    owner: Result<ClientId, Instant>,
    /// `None`: it was taken back.
    state: Option<String>,
}

impl Awareness {
    /// Nobody is there yet.
    pub(super) fn new(max_state_bytes: usize, shown: Shown) -> Self {
        Self { max_state_bytes, shown, entries: HashMap::new(), ids: HashMap::new(), gone: VecDeque::new() }
    }

    /// Takes in what a client says: what is new of it and theirs to say. `None`: nothing.
    ///
    /// # Errors
    /// [`AwarenessError`], with what came before the fault taken in.
    pub(super) fn receive(
        &mut self,
        from: ClientId,
        person: &Person,
        update: &[u8],
        now: Instant,
    ) -> Result<Option<Changed>, AwarenessError> {
        self.forget(now);
        let mut reader = Reader::new(update);
        let mut changed = Changed::new();
        for _ in 0..reader.count(3)? {
            let (id, clock, state) = (reader.number()?, reader.number()?, reader.bytes()?);
            if self.is_theirs_and_new(from, person, id, clock, state) {
                self.take_in(from, person, id, clock, state)?;
                changed.insert(id);
            } else if self.is_back_with_its_old_clock(person, id, clock, state) {
                changed.insert(id);
            }
        }
        reader.finished()?;
        Ok(Some(changed).filter(|changed| !changed.is_empty()))
    }

    /// A connection is gone, and with it whom it spoke for.
    pub(super) fn leave(&mut self, client: ClientId, now: Instant) -> Option<Changed> {
        self.forget(now);
        let mut changed = Changed::new();
        for id in self.ids.remove(&client)? {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            entry.owner = Err(now);
            self.shown.hides(id);
            if entry.state.take().is_some() {
                changed.insert(id);
            }
            self.gone.push_back((now, id));
        }
        Some(changed).filter(|changed| !changed.is_empty())
    }

    /// All who are there, for somebody new; `None`: nobody.
    pub(super) fn all(&self) -> Option<Vec<u8>> {
        let there: Changed =
            self.entries.iter().filter(|(_, entry)| entry.state.is_some()).map(|(id, _)| *id).collect();
        (!there.is_empty()).then(|| self.encode(&there))
    }

    /// Whether somebody shows a state under this id.
    pub(super) fn is_there(&self, id: u64) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.state.is_some())
    }

    /// Those of these ids, as the protocol has it.
    pub(super) fn encode(&self, ids: &Changed) -> Vec<u8> {
        let known: Vec<_> = ids.iter().filter_map(|id| Some((*id, self.entries.get(id)?))).collect();
        let mut update = Vec::new();
        put_number(&mut update, known.len() as u64);
        for (id, entry) in known {
            put_number(&mut update, id);
            put_number(&mut update, entry.clock);
            put_bytes(&mut update, entry.state.as_deref().unwrap_or("null").as_bytes());
        }
        update
    }

    /// Clients echo what they hear of others, so that most is neither.
    fn is_theirs_and_new(&self, from: ClientId, person: &Person, id: u64, clock: u64, state: &[u8]) -> bool {
        let Some(entry) = self.entries.get(&id) else {
            return state != b"null";
        };
        let takes_back = clock == entry.clock && state == b"null" && entry.state.is_some() && entry.owner == Ok(from);
        entry.person == person.id() && (clock > entry.clock || takes_back)
    }

    /// A provider that comes back says what it said last, which nobody takes for new. When it hears that this was taken
    /// back, it counts on and says it anew; left alone, it would do so when it renews itself, after 15 seconds.
    fn is_back_with_its_old_clock(&self, person: &Person, id: u64, clock: u64, state: &[u8]) -> bool {
        self.entries.get(&id).is_some_and(|entry| {
            entry.person == person.id()
                && entry.owner.is_err()
                && entry.state.is_none()
                && clock == entry.clock
                && state != b"null"
        })
    }

    fn take_in(
        &mut self,
        from: ClientId,
        person: &Person,
        id: u64,
        clock: u64,
        state: &[u8],
    ) -> Result<(), AwarenessError> {
        if state.len() > self.max_state_bytes {
            return Err(AwarenessError::TooLarge);
        }
        let state = stamped(state, person)?;
        let theirs = self.ids.entry(from).or_default();
        if theirs.len() >= MAX_IDS && !theirs.contains(&id) {
            return Err(AwarenessError::TooMany);
        }
        theirs.insert(id);
        match &state {
            Some(_) => self.shown.shows(id, clock),
            None => self.shown.hides(id),
        }
        let entry = Entry { clock, person: person.id(), owner: Ok(from), state };
        // The same person came back on another connection before the old one was found dead.
        if let Some(Entry { owner: Ok(before), .. }) = self.entries.insert(id, entry)
            && before != from
            && let Some(ids) = self.ids.get_mut(&before)
        {
            ids.remove(&id);
        }
        Ok(())
    }

    fn forget(&mut self, now: Instant) {
        while let Some((since, id)) = self.gone.front().copied() {
            if self.gone.len() <= MAX_REMEMBERED && now.duration_since(since) < REMEMBERED {
                break;
            }
            self.gone.pop_front();
            // Unless it came back meanwhile.
            if self.entries.get(&id).is_some_and(|entry| entry.owner == Err(since)) {
                self.entries.remove(&id);
            }
        }
    }
}

/// The state with the name of whoever the connection belongs to, if it has a user; `None`: it is taken back.
fn stamped(state: &[u8], person: &Person) -> Result<Option<String>, BadUpdate> {
    match serde_json::from_slice(state) {
        Ok(Value::Null) => Ok(None),
        Ok(Value::Object(mut fields)) => {
            if let Some(Value::Object(user)) = fields.get_mut("user") {
                user.insert("name".to_owned(), person.name().into());
            }
            Ok(Some(Value::Object(fields).to_string()))
        }
        _ => Err(BadUpdate("a state of who is where is no JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExternalUser, KeyId};

    fn person(id: &str) -> Person {
        Person::External(ExternalUser::new(KeyId(1), id, None).unwrap())
    }

    fn says(id: u64, clock: u64, state: &str) -> Vec<u8> {
        let mut update = vec![1];
        put_number(&mut update, id);
        put_number(&mut update, clock);
        put_bytes(&mut update, state.as_bytes());
        update
    }

    const CURSOR: &str = r#"{"cursor":1,"user":{"color":"red","name":"mallory"}}"#;

    #[test]
    fn the_name_is_that_of_the_connection() {
        let (mut there, now) = (Awareness::new(1_000, Shown::default()), Instant::now());
        let changed = there.receive(ClientId(1), &person("alice"), &says(7, 3, CURSOR), now).unwrap().unwrap();
        let stamped = r#"{"cursor":1,"user":{"color":"red","name":"alice"}}"#;
        assert_eq!(there.encode(&changed), says(7, 3, stamped));
        assert_eq!(there.all(), Some(says(7, 3, stamped)));
        assert_eq!(there.leave(ClientId(1), now), Some(changed.clone()));
        assert_eq!(there.encode(&changed), says(7, 3, "null"));
        assert_eq!((there.all(), there.leave(ClientId(1), now)), (None, None));
    }

    #[test]
    fn nobody_speaks_for_another_and_echoes_are_nothing_new() {
        let (mut there, now) = (Awareness::new(1_000, Shown::default()), Instant::now());
        let (alice, bob) = (person("alice"), person("bob"));
        there.receive(ClientId(1), &alice, &says(7, 3, CURSOR), now).unwrap().unwrap();
        for (from, who, update) in [
            (2, &bob, says(7, 3, CURSOR)),
            (2, &bob, says(7, 9, "{}")),
            (2, &bob, says(7, 9, "null")),
            (2, &bob, says(7, 3, "not even JSON")),
            (2, &bob, says(8, 1, "null")),
            (3, &alice, says(7, 3, "null")),
            (1, &alice, says(7, 2, "{}")),
            (1, &alice, vec![0]),
        ] {
            assert_eq!(there.receive(ClientId(from), who, &update, now), Ok(None));
        }
        // She came back on another connection; that the old one ends, changes nothing.
        assert!(there.receive(ClientId(3), &alice, &says(7, 4, "{}"), now).unwrap().is_some());
        assert_eq!(there.leave(ClientId(1), now), None);
        // Of one's own, null with the clock as it was takes it back.
        assert!(there.receive(ClientId(3), &alice, &says(7, 4, "null"), now).unwrap().is_some());
        assert_eq!(there.all(), None);
    }

    #[test]
    fn clocks_of_those_who_left_are_remembered_a_minute() {
        let (mut there, now) = (Awareness::new(1_000, Shown::default()), Instant::now());
        there.receive(ClientId(1), &person("alice"), &says(7, 3, CURSOR), now).unwrap();
        there.leave(ClientId(1), now);
        let mut hears = |after| there.receive(ClientId(2), &person("bob"), &says(7, 3, "{}"), now + after).unwrap();
        assert_eq!(hears(Duration::from_secs(59)), None);
        assert!(hears(REMEMBERED).is_some());
        // Nor are there ever too many of them.
        for client in 10..10_000 {
            there.receive(ClientId(client), &person("carol"), &says(client, 1, "{}"), now).unwrap();
            there.leave(ClientId(client), now);
        }
        assert!(there.entries.len() <= MAX_REMEMBERED + 2 && there.ids.len() == 1);
    }

    #[test]
    fn limits_are_kept() {
        let (mut there, now, alice) = (Awareness::new(20, Shown::default()), Instant::now(), person("alice"));
        let mut receive = |update: &[u8]| there.receive(ClientId(1), &alice, update, now);
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(20));
        assert_eq!(receive(&says(1, 1, &large)), Err(AwarenessError::TooLarge));
        for bad in [&says(1, 1, "[]")[..], &says(1, 1, "{"), &[9], &[1, 1, 1, 200], &[0xff; 9]] {
            assert!(matches!(receive(bad), Err(AwarenessError::Bad(_))), "{bad:?}");
        }
        for id in 0..MAX_IDS as u64 {
            assert!(receive(&says(id, 1, "{}")).unwrap().is_some());
        }
        assert_eq!(receive(&says(99, 1, "{}")), Err(AwarenessError::TooMany));
    }
}
