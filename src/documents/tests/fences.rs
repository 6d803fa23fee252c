//! What is asked for in the moment in which something else happens to the document.

use super::*;
use crate::{
    documents::Permitted,
    events::Author,
    manager::HandlerError,
    model::{Role, User, UserId, UserName},
    storage::Refusal,
};

/// A document in a house whose journal commits nothing yet, and somebody who has it open.
async fn held() -> (House, Document, Guest) {
    let house = House::holding(|_| {});
    let plan = house.makes("app.plan", 1).await;
    let mut guest = house.guest(&plan, 1).await;
    guest.fence().await;
    (house, plan, guest)
}

impl House {
    /// Hands something in that the journal commits before all that comes later.
    async fn hands_in(&self, edit: DocumentEdit) {
        let draft = Draft { at: 2, change: Change::Document { edit, by: EditedBy::default() } };
        drop(self.documents.journal.append(draft).await.unwrap());
    }
}

fn is_fence(message: &Message) -> bool {
    matches!(message, Message::Fence(_))
}

#[tokio::test]
async fn a_fence_is_answered_when_what_came_before_it_is_stored_and_not_sooner() {
    let (mut house, plan, mut guest) = held().await;
    guest.types("stored");
    guest.says(Message::Fence(7));
    // Its rights are judged meanwhile, as when somebody gives it another title.
    let refreshed = tokio::spawn({
        let (documents, name) = (house.documents.clone(), plan.name.clone());
        async move { documents.refresh(&name).await }
    });
    everybody_rests().await;
    assert_eq!(guest.client.egress().waiting(), (0, 0));
    house.commits();
    assert!(matches!(guest.hears().await, Ok(Message::Update(_))));
    assert_eq!(guest.hears().await, Ok(Message::Fence(7)));
    assert_eq!(house.text(plan.id).await, "stored");
    refreshed.await.unwrap();
}

#[tokio::test]
async fn a_document_that_is_deleted_answers_no_fence_and_closes() {
    let (mut house, plan, mut guest) = held().await;
    house.hands_in(DocumentEdit::Delete { id: plan.id }).await;
    guest.types("lost");
    guest.says(Message::Fence(7));
    everybody_rests().await;
    house.commits();
    assert_eq!(guest.is_closed().await, (vec![], CloseReason::DocumentGone));
}

#[tokio::test]
async fn a_store_that_is_away_answers_no_fence_and_closes() {
    let (mut house, plan, mut guest) = held().await;
    let mut other = house.guest(&plan, 2).await;
    other.fence().await;
    guest.types("lost");
    guest.says(Message::Fence(7));
    other.says(Message::Fence(8));
    everybody_rests().await;
    house.fails();
    let (heard, reason) = guest.is_closed().await;
    assert!(!heard.iter().any(is_fence) && reason == CloseReason::TryAgainLater, "{heard:?} {reason:?}");
    // Nothing of that one's is unsaved, but who cannot be told what comes later is not told half of it.
    assert_eq!(other.is_closed().await.1, CloseReason::TryAgainLater);
    assert_eq!(house.text(plan.id).await, "");
}

#[tokio::test]
async fn a_stop_stores_what_was_handed_in_and_answers_its_fence() {
    let (mut house, plan, mut guest) = held().await;
    guest.types("one ");
    guest.says(Message::Fence(7));
    everybody_rests().await;
    guest.types("and two");
    guest.says(Message::Fence(8));
    let stopped = tokio::spawn({
        let documents = house.documents.clone();
        async move { documents.stop().await }
    });
    everybody_rests().await;
    assert_eq!(guest.client.egress().waiting(), (0, 0));
    house.commits();
    let (heard, reason) = guest.is_closed().await;
    let fences: Vec<_> = heard.into_iter().filter(is_fence).collect();
    assert_eq!((fences, reason), (vec![Message::Fence(7), Message::Fence(8)], CloseReason::TryAgainLater));
    stopped.await.unwrap();
    assert_eq!(house.text(plan.id).await, "one and two");
}

#[tokio::test]
async fn a_stop_whose_store_is_away_answers_no_fence() {
    let (mut house, plan, mut guest) = held().await;
    guest.types("lost");
    guest.says(Message::Fence(7));
    everybody_rests().await;
    let stopped = tokio::spawn({
        let documents = house.documents.clone();
        async move { documents.stop().await }
    });
    everybody_rests().await;
    house.fails();
    assert_eq!(guest.is_closed().await, (vec![], CloseReason::TryAgainLater));
    stopped.await.unwrap();
    assert_eq!(house.text(plan.id).await, "");
}

/// A merge may take long when the store is in trouble: nobody is left waiting for it.
#[tokio::test]
async fn who_is_not_served_any_more_is_closed_before_a_merge_has_ended() {
    let mut house = House::holding(|settings| settings.document.compact_updates = 1);
    let plan = house.makes("app.plan", 1).await;
    let update = Doc::new().transact().encode_diff_v1(&Default::default());
    house.stores(DocumentEdit::Append { id: plan.id, update: update.into() }, 1).await;
    // Another process writes, and the merge that begins with the first guest waits for it.
    let database = rusqlite::Connection::open(house.dir.path().join("switchboard.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut guest = house.guest(&plan, 1).await;
    guest.fence().await;
    guest.types("lost");
    house.fails();
    everybody_rests().await;
    assert_eq!(guest.client.close_reason(), Some(CloseReason::TryAgainLater));
    database.execute_batch("ROLLBACK").unwrap();
    house.documents.stop().await;
    assert_eq!(house.merges(), 1);
}

#[tokio::test]
async fn a_text_for_a_document_that_is_being_deleted_or_cannot_be_stored_is_refused() {
    let put = |house: &House, plan: &Document| {
        let (documents, document) = (house.documents.clone(), plan.clone());
        let permitted = Permitted { document, access: DocumentAccess::Write, manages: true };
        let user = User { id: UserId(1), name: UserName::parse("alice").unwrap(), role: Role::Member };
        let by = Author::Member(user);
        tokio::spawn(async move { documents.put_text(&by, &permitted, TEXT_ROOT, "another", |_| true).await })
    };
    let (mut house, plan, mut guest) = held().await;
    house.hands_in(DocumentEdit::Delete { id: plan.id }).await;
    let refused = put(&house, &plan);
    everybody_rests().await;
    house.commits();
    assert!(matches!(refused.await.unwrap(), Err(HandlerError::Refused(Refusal::NoSuchDocument))));
    assert_eq!(guest.is_closed().await, (vec![], CloseReason::DocumentGone));
    let (mut house, plan, mut guest) = held().await;
    let refused = put(&house, &plan);
    everybody_rests().await;
    house.fails();
    assert!(matches!(refused.await.unwrap(), Err(HandlerError::Stopping)));
    assert_eq!(guest.is_closed().await, (vec![], CloseReason::TryAgainLater));
    assert_eq!(house.text(plan.id).await, "");
}
