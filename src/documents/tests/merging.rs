//! The log of a document that somebody has open is merged for its number, its bytes and its age.

use super::*;
use tokio::time::{advance, pause, resume};

/// One that nothing but what a test sets merges.
fn house(change: impl FnOnce(&mut crate::settings::Documents)) -> House {
    House::open(|settings| {
        let document = &mut settings.document;
        (document.compact_updates, document.compact_bytes) = (1_000_000, usize::MAX);
        document.compact_age = Duration::from_secs(1_000_000);
        change(document);
    })
}

#[tokio::test]
async fn a_log_of_many_bytes_that_are_half_of_the_document_is_merged() {
    let house = house(|document| document.compact_bytes = 1_024);
    let plan = house.makes("app.plan", 1).await;
    let mut guest = house.guest(&plan, 1).await;
    let mut types = async |bytes: usize| {
        guest.types(&"x".repeat(bytes));
        guest.fence().await;
    };
    types(500).await;
    types(9_000).await;
    house.until(|house| house.merges() == 1).await;
    assert_eq!(house.log(plan.id).await, (2, vec![]));
    // More than a thousand bytes, but not half of the document.
    types(2_000).await;
    types(5_000).await;
    assert_eq!(house.log(plan.id).await, (2, vec![3, 4]));
    types(5_000).await;
    house.until(|house| house.merges() == 2).await;
    assert_eq!(house.log(plan.id).await, (5, vec![]));
    types(10).await;
    assert_eq!(house.log(plan.id).await, (5, vec![6]));
    assert_eq!((house.text(plan.id).await, guest.text()), ("x".repeat(21_510), "x".repeat(21_510)));
    house.documents.stop().await;
    assert_eq!(house.merges(), 2);
}

/// What was merged makes it shorter: the next word must not have it merged again.
#[tokio::test]
async fn a_log_that_was_merged_begins_anew() {
    let house = house(|document| document.compact_updates = 4);
    let plan = house.makes("app.plan", 1).await;
    let mut guest = house.guest(&plan, 1).await;
    for update in 1..=7 {
        guest.types("x");
        guest.fence().await;
        house.until(|house| house.merges() == u64::from(update >= 4)).await;
    }
    // Who was away comes back.
    let mut other = house.guest(&plan, 2).await;
    other.syncs().await;
    assert_eq!(other.text(), "x".repeat(7));
    house.documents.stop().await;
    assert_eq!((house.merges(), house.log(plan.id).await), (1, (4, vec![5, 6, 7])));
    assert_eq!(house.text(plan.id).await, "x".repeat(7));
}

#[tokio::test]
async fn a_log_is_merged_when_it_is_old_though_nobody_writes_any_more() {
    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let house = house(|document| document.compact_age = DAY);
    let plan = house.makes("app.plan", 1).await;
    let mut guest = house.guest(&plan, 1).await;
    for day in 1..=2 {
        guest.types("one ");
        guest.types("and more ");
        guest.fence().await;
        pause();
        advance(DAY - HOUR).await;
        everybody_rests().await;
        assert_eq!(house.merges(), day - 1);
        advance(HOUR).await;
        resume();
        house.until(|house| house.merges() == day).await;
        assert_eq!(house.log(plan.id).await.1, [0; 0]);
        assert_eq!(house.text(plan.id).await, guest.text());
        let mut late = house.guest(&plan, 10 + day).await;
        late.syncs().await;
        assert_eq!(late.text(), guest.text());
    }
    // There is nothing to merge.
    pause();
    advance(DAY * 9).await;
    everybody_rests().await;
    house.documents.stop().await;
    assert_eq!(house.merges(), 2);
}

/// One transaction puts the merged state in and takes the log out.
#[tokio::test]
async fn a_merge_that_fails_leaves_the_log_whole_and_nobody_notices() {
    let house = house(|document| document.compact_updates = 3);
    let plan = house.makes("app.plan", 1).await;
    let mut guest = house.guest(&plan, 1).await;
    // The last of its statements fails, behind those that it has to undo.
    house.meddles("CREATE TRIGGER keeps BEFORE DELETE ON document_update BEGIN SELECT RAISE(ABORT, 'not now'); END;");
    for _ in 0..5 {
        guest.types("x");
        guest.fence().await;
    }
    // Waits for the merge under way.
    house.documents.stop().await;
    let StoredContent { snapshot, .. } = house.content(plan.id).await;
    assert_eq!((house.merges(), snapshot.len()), (0, 0));
    assert_eq!(house.log(plan.id).await, (0, vec![1, 2, 3, 4, 5]));
    assert_eq!(house.text(plan.id).await, "xxxxx");
}
