//! A bounded map whose entries live for one constant time and can be taken out once.
//!
//! Uses nothing of the crate, so that `tests/loom/` can include this very file and try every interleaving.

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    sync::PoisonError,
    time::{Duration, Instant},
};

/// Entries the reaper removes before it lets others have the lock.
const REAP_BATCH: usize = 1024;

/// How much a [`RetentionMap`] holds, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Every entry's life.
    pub ttl: Duration,
    /// Entries, all together; at least one.
    pub capacity: usize,
    /// Entries of one owner; at least one.
    pub per_owner: usize,
}

/// Keys `K` to values `V`, each belonging to an owner `O`. Over a bound, the oldest entry makes room.
#[derive(Debug)]
pub struct RetentionMap<K, O, V> {
    retention: Retention,
    inner: Mutex<Inner<K, O, V>>,
}

#[derive(Debug)]
struct Inner<K, O, V> {
    entries: HashMap<K, Entry<O, V>>,
    /// Age of every entry; the life is constant, so this is the order of expiry too.
    by_age: BTreeMap<u64, K>,
    by_owner: HashMap<O, BTreeSet<u64>>,
    next_serial: u64,
}

#[derive(Debug)]
struct Entry<O, V> {
    owner: O,
    value: V,
    serial: u64,
    expires: Instant,
}

impl<K: Clone + Eq + Hash, O: Clone + Eq + Hash, V> RetentionMap<K, O, V> {
    /// An empty map.
    pub fn new(retention: Retention) -> Self {
        let inner =
            Inner { entries: HashMap::new(), by_age: BTreeMap::new(), by_owner: HashMap::new(), next_serial: 0 };
        Self { retention, inner: Mutex::new(inner) }
    }

    /// Adds an entry that can be taken until `now` plus the life; one with the same key is replaced.
    pub fn insert(&self, key: K, owner: O, value: V, now: Instant) {
        let mut inner = self.lock();
        inner.remove(&key);
        let oldest_of_owner = match inner.by_owner.get(&owner) {
            Some(serials) if serials.len() >= self.retention.per_owner => serials.first().copied(),
            _ => None,
        };
        if let Some(serial) = oldest_of_owner {
            inner.remove_serial(serial);
        }
        while inner.entries.len() >= self.retention.capacity.max(1) {
            let Some((&serial, _)) = inner.by_age.first_key_value() else { break };
            inner.remove_serial(serial);
        }
        let serial = inner.next_serial;
        inner.next_serial += 1;
        inner.by_age.insert(serial, key.clone());
        inner.by_owner.entry(owner.clone()).or_default().insert(serial);
        inner.entries.insert(key, Entry { owner, value, serial, expires: now + self.retention.ttl });
    }

    /// Takes an entry out of the map: of all callers with the same key, one gets it.
    ///
    /// Expiry is judged here, against `now`: an entry is good up to the instant before its end, and one past it is gone
    /// for good. The reaper only frees memory, so a late reaper never lets an old entry out.
    pub fn take(&self, key: &K, now: Instant) -> Option<V> {
        let entry = self.lock().remove(key)?;
        (now < entry.expires).then_some(entry.value)
    }

    /// Frees the entries that have expired. Answers how many.
    pub fn reap(&self, now: Instant) -> usize {
        let mut reaped = 0;
        loop {
            let batch = self.reap_batch(now);
            reaped += batch;
            if batch < REAP_BATCH {
                return reaped;
            }
        }
    }

    /// How many entries there are, expired ones that nobody has reaped included.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether there is no entry at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn reap_batch(&self, now: Instant) -> usize {
        let mut inner = self.lock();
        for reaped in 0..REAP_BATCH {
            let Some((&serial, key)) = inner.by_age.first_key_value() else { return reaped };
            if inner.entries.get(key).is_some_and(|entry| now < entry.expires) {
                return reaped;
            }
            inner.remove_serial(serial);
        }
        REAP_BATCH
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K, O, V>> {
        // Nothing below panics between two changes, so a poisoned map is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, O: Clone + Eq + Hash, V> Inner<K, O, V> {
    fn remove(&mut self, key: &K) -> Option<Entry<O, V>> {
        let entry = self.entries.remove(key)?;
        self.by_age.remove(&entry.serial);
        if let Some(serials) = self.by_owner.get_mut(&entry.owner) {
            serials.remove(&entry.serial);
            if serials.is_empty() {
                self.by_owner.remove(&entry.owner);
            }
        }
        Some(entry)
    }

    fn remove_serial(&mut self, serial: u64) {
        if let Some(key) = self.by_age.get(&serial).cloned() {
            self.remove(&key);
        }
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RETENTION: Retention = Retention { ttl: Duration::from_secs(5), capacity: 6, per_owner: 3 };

    #[derive(Debug, Clone)]
    enum Step {
        Insert { key: u8, owner: u8 },
        Take { key: u8 },
        Reap,
        Wait { ms: u16 },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..12u8, 0..4u8).prop_map(|(key, owner)| Step::Insert { key, owner }),
            3 => (0..12u8).prop_map(|key| Step::Take { key }),
            1 => Just(Step::Reap),
            2 => (0..4000u16).prop_map(|ms| Step::Wait { ms }),
        ]
    }

    /// The same rules, told with a list in order of age.
    #[derive(Default)]
    struct Reference(Vec<(u8, u8, u32, Instant)>);

    impl Reference {
        fn insert(&mut self, key: u8, owner: u8, value: u32, now: Instant) {
            self.0.retain(|entry| entry.0 != key);
            if self.0.iter().filter(|entry| entry.1 == owner).count() >= RETENTION.per_owner {
                let oldest = self.0.iter().position(|entry| entry.1 == owner).unwrap();
                self.0.remove(oldest);
            }
            if self.0.len() >= RETENTION.capacity {
                self.0.remove(0);
            }
            self.0.push((key, owner, value, now + RETENTION.ttl));
        }

        fn take(&mut self, key: u8, now: Instant) -> Option<u32> {
            let entry = self.0.iter().position(|entry| entry.0 == key).map(|place| self.0.remove(place))?;
            (now < entry.3).then_some(entry.2)
        }
    }

    proptest! {
        #[test]
        fn the_map_does_what_the_list_does(steps in prop::collection::vec(step(), 0..200)) {
            let (map, mut list, mut now) = (RetentionMap::new(RETENTION), Reference::default(), Instant::now());
            for (value, step) in (0u32..).zip(steps) {
                match step {
                    Step::Insert { key, owner } => {
                        map.insert(key, owner, value, now);
                        list.insert(key, owner, value, now);
                    }
                    Step::Take { key } => prop_assert_eq!(map.take(&key, now), list.take(key, now)),
                    Step::Reap => {
                        let before = list.0.len();
                        list.0.retain(|entry| now < entry.3);
                        prop_assert_eq!(map.reap(now), before - list.0.len());
                    }
                    Step::Wait { ms } => now += Duration::from_millis(ms.into()),
                }
                prop_assert_eq!(map.len(), list.0.len());
                let inner = map.lock();
                prop_assert_eq!(inner.by_age.len(), inner.entries.len());
                prop_assert_eq!(inner.by_owner.values().map(BTreeSet::len).sum::<usize>(), inner.entries.len());
            }
        }
    }

    #[test]
    fn an_entry_is_good_until_the_instant_of_its_end() {
        let (map, now) = (RetentionMap::new(RETENTION), Instant::now());
        map.insert("early", 1, (), now);
        map.insert("late", 1, (), now);
        assert_eq!(map.take(&"early", now + RETENTION.ttl - Duration::from_nanos(1)), Some(()));
        assert_eq!(map.take(&"late", now + RETENTION.ttl), None, "the reaper has not run, and still it is too old");
        assert_eq!(map.take(&"late", now), None, "an expired entry does not come back");
    }

    #[test]
    fn a_reaper_of_many_frees_all() {
        let map = RetentionMap::new(Retention { capacity: 5_000, per_owner: 5_000, ..RETENTION });
        let now = Instant::now();
        (0..3_000).for_each(|key| map.insert(key, 0, (), now));
        assert_eq!(map.reap(now), 0);
        assert_eq!(map.reap(now + RETENTION.ttl), 3_000);
        assert!(map.is_empty());
    }
}
