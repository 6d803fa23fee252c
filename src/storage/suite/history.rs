//! Pages of a room's messages.

use super::*;

async fn page(store: &Fresh, user: &User, from: HistoryAnchor, limit: u32) -> (Vec<u64>, bool, bool) {
    let page = store.history(user.id, &slug("general"), HistoryPage { from, limit }).await.unwrap().unwrap();
    let offsets = page.messages.iter().map(|message| message.offset.0).collect();
    (offsets, page.more_before, page.more_after)
}

/// Messages at the odd offsets 1, 3, 5, 7, 9, something else between them.
async fn five_messages(store: &Fresh) -> User {
    let alice = member(store, "alice").await;
    for number in 0..5 {
        let batch = vec![says(&alice, "general", &number.to_string()), publishes("room.general", number)];
        store.commit(batch).await.unwrap();
    }
    alice
}

pub(crate) async fn history_is_for_members(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    let batch = vec![makes(&alice, "club", true), says_as(&alice, "club", "hello", "c1")];
    store.commit(batch).await.unwrap();
    let newest = HistoryPage { from: HistoryAnchor::Newest, limit: 10 };
    for room in ["club", "nowhere"] {
        assert!(store.history(bob.id, &slug(room), newest).await.unwrap().is_none());
    }
    let page = store.history(alice.id, &slug("club"), newest).await.unwrap().unwrap();
    assert_eq!(page.offset, Offset(2));
    let expected = serde_json::json!([{
        "id": 1, "room": "club", "from": "alice", "message": "hello", "sent": 5_000, "client_id": "c1", "offset": 2
    }]);
    assert_eq!(serde_json::to_value(&page.messages).unwrap(), expected);
}

pub(crate) async fn history_pages_in_every_direction(store: Fresh) {
    use HistoryAnchor::{After, Before, Newest};
    let alice = five_messages(&store).await;
    for (from, limit, expected) in [
        (Newest, 2, (vec![7, 9], true, false)),
        (Newest, 5, (vec![1, 3, 5, 7, 9], false, false)),
        (Before(Offset(7)), 2, (vec![3, 5], true, true)),
        (Before(Offset(8)), 2, (vec![5, 7], true, true)),
        (Before(Offset(5)), 2, (vec![1, 3], false, true)),
        (Before(Offset(100)), 1, (vec![9], true, false)),
        (Before(Offset(1)), 3, (vec![], false, true)),
        (Before(Offset::ZERO), 3, (vec![], false, true)),
        (After(Offset(3)), 2, (vec![5, 7], true, true)),
        (After(Offset::ZERO), 2, (vec![1, 3], false, true)),
        (After(Offset(6)), 2, (vec![7, 9], true, false)),
        (After(Offset(9)), 2, (vec![], true, false)),
        (After(Offset(u64::MAX)), 2, (vec![], true, false)),
        (Newest, 0, (vec![], true, false)),
    ] {
        assert_eq!(page(&store, &alice, from, limit).await, expected, "{from:?}, {limit}");
    }
}

pub(crate) async fn history_around_is_half_and_half(store: Fresh) {
    use HistoryAnchor::Around;
    let alice = five_messages(&store).await;
    for (offset, limit, expected) in [
        (5, 4, (vec![3, 5, 7, 9], true, false)),
        (5, 2, (vec![5, 7], true, true)),
        (6, 2, (vec![5, 7], true, true)),
        (5, 1, (vec![5], true, true)),
        (1, 4, (vec![1, 3, 5], false, true)),
        (9, 4, (vec![7, 9], true, false)),
        (5, 100, (vec![1, 3, 5, 7, 9], false, false)),
    ] {
        assert_eq!(page(&store, &alice, Around(Offset(offset)), limit).await, expected, "{offset}, {limit}");
    }
}

pub(crate) async fn a_page_of_history_is_bounded_in_bytes(store: Fresh) {
    use HistoryAnchor::{After, Around, Before, Newest};
    let alice = member(&store, "alice").await;
    // 8,000 characters of 4 bytes: 8 of them are the most that 256 KiB hold.
    let long = "\u{1f4a1}".repeat(8_000);
    store.commit((0..20).map(|_| says(&alice, "general", &long)).collect()).await.unwrap();
    for (from, limit, expected) in [
        (Newest, 100, (13..=20, true, false)),
        (Newest, 8, (13..=20, true, false)),
        (Newest, 7, (14..=20, true, false)),
        (Before(Offset(9)), 100, (1..=8, false, true)),
        (Before(Offset(10)), 100, (2..=9, true, true)),
        (After(Offset(3)), 100, (4..=11, true, true)),
        (After(Offset(12)), 100, (13..=20, true, false)),
        (Around(Offset(10)), 100, (7..=14, true, true)),
        (Around(Offset(2)), 100, (1..=6, false, true)),
        (Around(Offset(10)), 2, (10..=11, true, true)),
    ] {
        let (offsets, more_before, more_after) = page(&store, &alice, from, limit).await;
        let expected = (expected.0.collect::<Vec<_>>(), expected.1, expected.2);
        assert_eq!((offsets, more_before, more_after), expected, "{from:?}, {limit}");
    }
}
