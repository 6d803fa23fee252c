//! How often somebody may try: per account, per known device and per address. Pure: the clock is an argument.
//!
//! An attempt is checked before its password is hashed and settled afterwards. In between others may have failed; then
//! the verdict is withheld, even a good one. So guesses sent at once tell no more than guesses sent in a row, while any
//! number of right passwords at once all get in.

use crate::{
    model::{UserName, network},
    settings,
    storage::TokenHash,
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Accounts and devices remembered with failures; the one that failed longest ago makes room.
const MAX_SUBJECTS: usize = 100_000;
/// Addresses remembered with failures.
const MAX_ADDRESSES: usize = 20_000;
/// The span in which an address's failures are counted.
const ADDRESS_WINDOW: Duration = Duration::from_secs(60);
/// What those are told who were stopped for good: waiting does not help, another device or the operator does.
const STOPPED: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose failures in a row are counted. A hash: what was typed as a name may be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject([u8; 32]);

impl Subject {
    /// An account, whether it exists or not: a throttle must not tell.
    #[must_use]
    pub fn account(name: &UserName) -> Self {
        Self(Sha256::new().chain_update("account:").chain_update(name.key()).finalize().into())
    }

    /// A device that signed in to the account before. It has a count of its own, so that strangers who fail cannot lock
    /// it out, and a stolen device token does not allow endless guesses.
    #[must_use]
    pub fn device(name: &UserName, token: &TokenHash) -> Self {
        let hash = Sha256::new().chain_update("device:").chain_update(token).chain_update(name.key());
        Self(hash.finalize().into())
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was right.
    Good,
    /// It was not.
    Bad,
}

/// Failed attempts, and what they cost.
#[derive(Debug)]
pub struct Throttle {
    free_attempts: u32,
    longest_wait: Duration,
    stop_after: u32,
    per_address: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    subjects: Recent<Subject, Failures>,
    /// When the address failed, within the window.
    addresses: Recent<IpAddr, VecDeque<Instant>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    in_a_row: u32,
    last: Instant,
}

impl Throttle {
    /// For logins and links. Nobody has failed yet.
    #[must_use]
    pub fn of_logins(settings: &settings::Auth) -> Self {
        Self::new(settings, settings.throttle_address_per_minute)
    }

    /// For API keys, which have no subject: only addresses count.
    #[must_use]
    pub fn of_keys(settings: &settings::Auth) -> Self {
        Self::new(settings, settings.throttle_keys_per_minute)
    }

    fn new(settings: &settings::Auth, per_address: u32) -> Self {
        Self {
            free_attempts: settings.throttle_free_attempts,
            longest_wait: settings.throttle_max,
            stop_after: settings.throttle_stop_after,
            per_address: per_address as usize,
            state: Mutex::new(State { subjects: Recent::new(MAX_SUBJECTS), addresses: Recent::new(MAX_ADDRESSES) }),
        }
    }

    /// Whether an attempt may be made now.
    ///
    /// # Errors
    /// How long to wait.
    pub fn check(&self, subject: Option<Subject>, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.wait(&self.lock(), subject, network(address), now)
    }

    /// Counts an attempt that was allowed.
    ///
    /// # Errors
    /// How long to wait: others failed in the meantime. Treat the attempt as one that was not allowed.
    pub fn settle(
        &self,
        subject: Option<Subject>,
        address: IpAddr,
        verdict: Verdict,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut state = self.lock();
        let address = network(address);
        self.wait(&state, subject, address, now)?;
        match (verdict, subject) {
            (Verdict::Good, Some(subject)) => state.subjects.remove(&subject),
            (Verdict::Good, None) => {}
            (Verdict::Bad, subject) => {
                if let Some(subject) = subject {
                    let in_a_row = state.subjects.get(&subject).map_or(0, |failures| failures.in_a_row);
                    let failures = Failures { in_a_row: in_a_row.saturating_add(1), last: now };
                    state.subjects.put(subject, failures);
                }
                let mut failed = state.addresses.get(&address).cloned().unwrap_or_default();
                failed.retain(|at| now.saturating_duration_since(*at) < ADDRESS_WINDOW);
                failed.push_back(now);
                state.addresses.put(address, failed);
            }
        }
        Ok(())
    }

    fn wait(&self, state: &State, subject: Option<Subject>, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let failures = subject.and_then(|subject| state.subjects.get(&subject));
        let of_subject = failures.and_then(|failures| {
            if failures.in_a_row >= self.stop_after {
                return Some(STOPPED);
            }
            let until = failures.last + self.price(failures.in_a_row);
            until.checked_duration_since(now).filter(|wait| !wait.is_zero())
        });
        let of_address = state.addresses.get(&address).and_then(|failed| {
            // The attempt is allowed again when fewer than `per_address` failures lie within the window.
            let decisive = failed.len().checked_sub(self.per_address.max(1)).and_then(|place| failed.get(place))?;
            (*decisive + ADDRESS_WINDOW).checked_duration_since(now).filter(|wait| !wait.is_zero())
        });
        of_subject.max(of_address).map_or(Ok(()), Err)
    }

    /// The wait after so many failures in a row: nothing, then 1 s, 2 s, 4 s …
    fn price(&self, in_a_row: u32) -> Duration {
        match in_a_row.checked_sub(self.free_attempts) {
            None => Duration::ZERO,
            Some(doublings) => {
                let secs = 1_u64.checked_shl(doublings).filter(|_| doublings < 63).unwrap_or(u64::MAX);
                Duration::from_secs(secs).min(self.longest_wait)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code between two changes panics, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A map of bounded size in which what was put longest ago makes room.
#[derive(Debug)]
struct Recent<K, V> {
    capacity: usize,
    entries: HashMap<K, (u64, V)>,
    by_age: BTreeMap<u64, K>,
    next: u64,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    fn new(capacity: usize) -> Self {
        Self { capacity, entries: HashMap::new(), by_age: BTreeMap::new(), next: 0 }
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    fn put(&mut self, key: K, value: V) {
        self.remove(&key);
        if self.entries.len() >= self.capacity
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.by_age.insert(self.next, key);
        self.entries.insert(key, (self.next, value));
        self.next += 1;
    }

    fn remove(&mut self, key: &K) {
        if let Some((age, _)) = self.entries.remove(key) {
            self.by_age.remove(&age);
        }
    }
}

#[cfg(test)]
#[path = "throttle_tests.rs"]
mod tests;
