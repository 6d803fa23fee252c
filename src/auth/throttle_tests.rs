//! The throttle's rules, at chosen moments.

use super::*;
use crate::auth::testing;
use proptest::prelude::*;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn throttle() -> Throttle {
    Throttle::of_logins(&testing::settings().auth)
}

fn alice() -> Option<Subject> {
    Some(Subject::account(&UserName::parse("alice").unwrap()))
}

/// Addresses of which each is used once, so that only the account counts.
fn elsewhere(n: u32) -> IpAddr {
    std::net::Ipv4Addr::from(0x0a00_0000 + n).into()
}

fn fail(throttle: &Throttle, subject: Option<Subject>, address: IpAddr, now: Instant) -> Result<(), Duration> {
    throttle.check(subject, address, now)?;
    throttle.settle(subject, address, Verdict::Bad, now)
}

#[test]
fn five_failures_are_free_then_the_wait_doubles_up_to_a_quarter_of_an_hour() {
    let (throttle, mut now) = (throttle(), Instant::now());
    for n in 0..5 {
        fail(&throttle, alice(), elsewhere(n), now).unwrap();
    }
    for (n, secs) in (5..).zip([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
        let wait = Duration::from_secs(secs);
        assert_eq!(fail(&throttle, alice(), elsewhere(n), now), Err(wait), "after {n} failures");
        assert_eq!(
            fail(&throttle, alice(), elsewhere(n), now + wait / 2),
            Err(wait / 2),
            "a refused try costs nothing"
        );
        now += wait;
        fail(&throttle, alice(), elsewhere(n), now).unwrap();
    }
}

#[test]
fn a_hundred_in_a_row_stop_all_but_known_devices() {
    let (throttle, mut now) = (throttle(), Instant::now());
    let name = UserName::parse("alice").unwrap();
    let device = Some(Subject::device(&name, &[7; 32]));
    for n in 0..100 {
        now += Duration::from_secs(900);
        fail(&throttle, alice(), elsewhere(n), now).unwrap();
    }
    now += Duration::from_secs(10 * 365 * 86_400);
    assert_eq!(throttle.check(alice(), HOME, now), Err(STOPPED));
    assert_eq!(throttle.check(device, HOME, now), Ok(()));
    assert_eq!(throttle.settle(device, HOME, Verdict::Good, now), Ok(()));
    assert_eq!(throttle.check(alice(), HOME, now), Err(STOPPED), "her success does not help the others");
}

#[test]
fn success_forgets_the_failures_before_it() {
    let (throttle, now) = (throttle(), Instant::now());
    (0..4).for_each(|n| fail(&throttle, alice(), elsewhere(n), now).unwrap());
    throttle.settle(alice(), HOME, Verdict::Good, now).unwrap();
    (4..9).for_each(|n| fail(&throttle, alice(), elsewhere(n), now).unwrap());
    assert!(throttle.check(alice(), HOME, now).is_err());
}

#[test]
fn guesses_at_once_tell_no_more_than_guesses_in_a_row() {
    let (throttle, now) = (throttle(), Instant::now());
    // Fifty were allowed to start; five fail, and then not even the right one is told so.
    (0..50).for_each(|n| throttle.check(alice(), elsewhere(n), now).unwrap());
    (0..5).for_each(|n| throttle.settle(alice(), elsewhere(n), Verdict::Bad, now).unwrap());
    assert!(throttle.settle(alice(), elsewhere(6), Verdict::Good, now).is_err());
    assert!(throttle.settle(alice(), elsewhere(7), Verdict::Bad, now).is_err());
    assert_eq!(throttle.check(alice(), HOME, now), Err(Duration::from_secs(1)), "what was withheld is not counted");
}

#[test]
fn right_passwords_at_once_all_get_in() {
    let (throttle, now) = (throttle(), Instant::now());
    (0..500).for_each(|_| throttle.check(alice(), HOME, now).unwrap());
    (0..500).for_each(|_| throttle.settle(alice(), HOME, Verdict::Good, now).unwrap());
}

#[test]
fn an_address_has_thirty_failures_a_minute_whatever_the_names() {
    let (throttle, start) = (throttle(), Instant::now());
    let name = |n: u32| Some(Subject::account(&UserName::parse(&format!("user{n}")).unwrap()));
    let at = |n: u32| start + Duration::from_secs(n.into());
    (0..30).for_each(|n| fail(&throttle, name(n), HOME, at(n)).unwrap());
    assert_eq!(throttle.check(name(99), HOME, at(30)), Err(Duration::from_secs(30)));
    assert_eq!(throttle.check(name(99), elsewhere(1), at(30)), Ok(()), "others are not concerned");
    assert_eq!(fail(&throttle, name(99), HOME, at(60)), Ok(()), "the first failure is a minute ago");
    assert_eq!(fail(&throttle, name(98), HOME, at(60)), Err(Duration::from_secs(1)));
}

#[test]
fn memory_is_bounded_and_the_oldest_makes_room() {
    let mut recent = Recent::new(3);
    for (key, value) in [(1, 'a'), (2, 'b'), (3, 'c'), (1, 'd'), (4, 'e')] {
        recent.put(key, value);
    }
    assert_eq!([1, 2, 3, 4].map(|key| recent.get(&key).copied()), [Some('d'), None, Some('c'), Some('e')]);
    assert_eq!((recent.entries.len(), recent.by_age.len()), (3, 3));
}

proptest! {
    /// Whatever the rhythm: between two successes of an account no more failures than the rules allow.
    #[test]
    fn no_rhythm_gets_more_tries(pauses in prop::collection::vec(0..2_000u64, 1..300)) {
        let (throttle, start) = (throttle(), Instant::now());
        let (mut now, mut failed) = (start, 0u32);
        for (n, pause) in (0..).zip(pauses) {
            now += Duration::from_millis(pause);
            if fail(&throttle, alice(), elsewhere(n), now).is_ok() {
                failed += 1;
            }
        }
        // The sum of the waits before failure n is 2^(n-5) - 1 seconds, until it reaches the longest.
        let least = failed.checked_sub(6).map_or(0, |waits| (1u64 << (waits + 1).min(10)) - 1);
        prop_assert!((now - start).as_secs() >= least, "{} failures in {:?}", failed, now - start);
        prop_assert!(failed <= 100);
    }
}
