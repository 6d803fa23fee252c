//! A one-time password is spent once, whatever the threads do: every interleaving is tried.
#![cfg(loom)]

#[path = "../../src/auth/retention_map.rs"]
pub mod retention_map;

#[cfg(test)]
mod tests {
    use crate::retention_map::{Retention, RetentionMap};
    use loom::{sync::Arc, thread};
    use std::time::{Duration, Instant};

    type Map = Arc<RetentionMap<u8, u8, &'static str>>;
    const TTL: Duration = Duration::from_secs(5);

    fn map(capacity: usize, per_owner: usize) -> Map {
        Arc::new(RetentionMap::new(Retention { ttl: TTL, capacity, per_owner }))
    }

    fn take(map: &Map, key: u8, now: Instant) -> thread::JoinHandle<Option<&'static str>> {
        let map = map.clone();
        thread::spawn(move || map.take(&key, now))
    }

    #[test]
    fn of_three_that_race_for_one_key_one_gets_it() {
        loom::model(|| {
            let (map, now) = (map(8, 8), Instant::now());
            map.insert(1, 1, "admission", now);
            let others = [take(&map, 1, now), take(&map, 1, now)];
            let mine = map.take(&1, now);
            let winners = others.map(|other| other.join().unwrap()).iter().chain([&mine]).flatten().count();
            assert_eq!(winners, 1);
            assert!(map.is_empty());
        });
    }

    #[test]
    fn the_reaper_neither_takes_a_good_entry_nor_lets_an_old_one_out() {
        loom::model(|| {
            let (map, now) = (map(8, 8), Instant::now());
            map.insert(1, 1, "old", now);
            map.insert(2, 1, "good", now + TTL);
            let reaper = {
                let map = map.clone();
                thread::spawn(move || map.reap(now + TTL))
            };
            let takers = [take(&map, 1, now + TTL), take(&map, 2, now + TTL)];
            assert_eq!(takers.map(|taker| taker.join().unwrap()), [None, Some("good")]);
            assert!(reaper.join().unwrap() <= 1);
            assert!(map.is_empty());
        });
    }

    #[test]
    fn an_entry_that_makes_room_is_either_taken_or_gone() {
        loom::model(|| {
            let (map, now) = (map(1, 1), Instant::now());
            map.insert(1, 1, "first", now);
            let inserter = {
                let map = map.clone();
                thread::spawn(move || map.insert(2, 1, "second", now))
            };
            let racing = [take(&map, 1, now), take(&map, 1, now)];
            let taken = racing.map(|taker| taker.join().unwrap()).iter().flatten().count();
            inserter.join().unwrap();
            assert!(taken <= 1);
            assert_eq!(map.take(&2, now), Some("second"));
            assert!(map.is_empty());
        });
    }
}
