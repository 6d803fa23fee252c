//! Cursors in crowds, and for those who read slowly.

use super::*;
use tokio::time::{Instant, pause};

/// A house with a document that so many have open, whose ids are 1 and so on; what they were told at first is read.
async fn crowd(count: u64) -> (House, Document, Vec<Guest>) {
    let house = House::open(|_| {});
    let plan = house.makes("app.plan", 1).await;
    let mut guests = Vec::new();
    for id in 1..=count {
        let mut guest = house.guest(&plan, id).await;
        guest.fence().await;
        guests.push(guest);
    }
    (house, plan, guests)
}

#[tokio::test]
async fn a_large_audience_sees_cursors_at_a_slower_pace() {
    let (_house, _plan, mut guests) = crowd(30).await;
    // Nothing that follows needs the store: it only passes while all wait for it.
    pause();
    let shows = |guest: &Guest, clock, at: &str| guest.shows(&[(1, clock, &format!(r#"{{"at":"{at}"}}"#))]);
    let started = Instant::now();
    shows(&guests[0], 1, "first");
    assert!(is_shown(&mut guests[29], "first").await);
    assert_eq!(started.elapsed(), Duration::ZERO);
    // What moves twice meanwhile is shown once, as it is then.
    shows(&guests[0], 2, "before");
    assert_eq!(guests[29].fence().await, []);
    shows(&guests[0], 3, "then");
    assert!(is_shown(&mut guests[29], "then").await);
    // A millisecond for each above the first ten; the clock's steps are as long.
    let pace = started.elapsed().as_millis();
    assert!((20..=21).contains(&pace), "{pace} ms");
    // So is who leaves.
    guests.remove(0).leaves();
    let gone = guests[28].hears().await.unwrap();
    assert_eq!(shown(&[gone]), [(1, false)]);
    assert!((40..=42).contains(&started.elapsed().as_millis()));
}

/// Whether the next thing that somebody hears is such a state.
async fn is_shown(guest: &mut Guest, at: &str) -> bool {
    match guest.hears().await {
        Ok(Message::Awareness(update)) => String::from_utf8_lossy(&update).contains(at),
        other => panic!("not a cursor: {other:?}"),
    }
}

#[tokio::test]
async fn who_reads_slowly_is_told_who_is_gone_though_not_who_moves() {
    let (house, plan, mut guests) = crowd(2).await;
    let mut slow = house.guest_with(&plan, 9, EgressLimits { events: 8, bytes: usize::MAX }).await;
    guests[0].shows(&[(1, 1, "{}")]);
    assert_eq!(shown(&guests[1].fence().await), [(1, true)]);
    assert_eq!(shown(&slow.fence().await), [(1, true)]);
    // From here on it does not read.
    for _ in 0..5 {
        guests[0].types("x");
        guests[0].fence().await;
    }
    assert!(slow.client.egress().is_half_full());
    guests[0].shows(&[(1, 2, "{}")]);
    guests[1].shows(&[(2, 1, "{}")]);
    guests[0].fence().await;
    let mut other = guests.remove(1);
    assert_eq!(shown(&other.fence().await), [(1, true), (2, true)]);
    guests.remove(0).leaves();
    assert_eq!(shown(&other.fence().await), [(1, false)]);
    assert_eq!(slow.client.close_reason(), None);
    // It takes what waits: of the living nothing, and what comes from now on.
    let mut waited = Vec::new();
    for _ in 0..6 {
        waited.push(slow.hears().await.unwrap());
    }
    assert_eq!((shown(&waited), slow.text().as_str()), (vec![(1, false)], "xxxxx"));
    other.shows(&[(2, 2, "{}")]);
    assert_eq!(shown(&[slow.hears().await.unwrap()]), [(2, true)]);
}

/// So many that their clocks are forgotten before their time to be shown comes.
#[tokio::test]
async fn of_a_crowd_that_leaves_at_once_everybody_is_missed() {
    let (_house, _plan, mut guests) = crowd(300).await;
    let mut witness = guests.pop().unwrap();
    let mut all = std::collections::BTreeSet::new();
    for guest in &guests {
        let ids: Vec<_> = (0..16).map(|n| guest.id() * 100 + n).collect();
        guest.shows(&ids.iter().map(|id| (*id, 1, "{}")).collect::<Vec<_>>());
        all.extend(ids);
    }
    pause();
    let mut there = std::collections::BTreeSet::new();
    while there != all {
        there.extend(shown(&[witness.hears().await.unwrap()]).into_iter().map(|(id, _)| id));
    }
    guests.into_iter().for_each(Guest::leaves);
    while !there.is_empty() {
        for (id, is_there) in shown(&[witness.hears().await.unwrap()]) {
            assert!(!is_there && there.remove(&id), "{id}");
        }
    }
}
