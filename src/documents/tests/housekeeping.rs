//! Documents that nobody has open, page by page.

use super::*;
use crate::model::UnixMillis;

/// A house with documents of two updates each, all of the same moment: where pages end, only their ids differ.
async fn with_documents(count: usize) -> (House, Vec<Document>) {
    let (house, mut made) = (House::open(|_| {}), Vec::new());
    for number in 0..count {
        let document = house.makes(&format!("app.{number}"), 1).await;
        for word in ["one ", "two"] {
            house.stores(appends(&document, word), 1).await;
        }
        made.push(document);
    }
    (house, made)
}

fn appends(document: &Document, word: &str) -> DocumentEdit {
    let doc = Doc::new();
    let text = doc.get_or_insert_text(TEXT_ROOT);
    let mut transaction = doc.transact_mut();
    text.push(&mut transaction, word);
    DocumentEdit::Append { id: document.id, update: transaction.encode_update_v1().into() }
}

const NOW: UnixMillis = 1_000;
const MERGED: (u64, Vec<u64>) = (2, Vec::new());

#[tokio::test]
async fn each_is_merged_once_whatever_happens_to_others_between_two_pages() {
    let (house, documents) = with_documents(8).await;
    let [first, .., deleted, opened, _, last] = &documents[..] else { unreachable!() };
    let recent = house.makes("app.recent", NOW).await;
    house.stores(appends(&recent, "new"), NOW).await;
    let page = async |after| house.documents.merge_page(NOW, after, 3).await.unwrap();
    let behind = page(None).await;
    assert_eq!((house.merges(), behind), (3, Some((1, documents[2].id))));
    // Somebody writes in one that was merged, deletes one of the next page and opens another.
    house.stores(appends(first, "three"), 1).await;
    house.stores(DocumentEdit::Delete { id: deleted.id }, 2).await;
    let guest = house.guest(opened, 1).await;
    let behind = page(behind).await;
    assert_eq!((house.merges(), behind), (5, Some((1, documents[6].id))));
    let behind = page(behind).await;
    assert_eq!((house.merges(), behind), (6, Some((1, last.id))));
    assert_eq!((page(behind).await, house.merges()), (None, 6));
    for document in documents.iter().filter(|document| ![first.id, deleted.id, opened.id].contains(&document.id)) {
        assert_eq!(house.log(document.id).await, MERGED, "{}", document.name);
        let text = house.text(document.id).await;
        assert!(text.len() == 7 && text.contains("one ") && text.contains("two"), "{text}");
    }
    assert_eq!(house.log(first.id).await, (2, vec![3]));
    assert_eq!((house.log(opened.id).await, house.log(recent.id).await), ((0, vec![1, 2]), (0, vec![1])));
    // Once it is closed it is merged like the others, and so is what was written late.
    guest.leaves();
    house.documents.stop().await;
    assert_eq!((page(None).await, house.merges()), (Some((1, opened.id)), 8));
    assert_eq!((house.log(first.id).await, house.log(opened.id).await), ((3, vec![]), MERGED));
}

#[tokio::test]
async fn one_that_cannot_be_read_keeps_no_other_waiting() {
    let (house, documents) = with_documents(4).await;
    house.meddles(&format!("UPDATE document SET merged = -1 WHERE id = {}", documents[0].id));
    house.meddles(&format!("UPDATE document_update SET body = x'ff' WHERE document_id = {}", documents[1].id));
    for _ in 0..2 {
        let behind = house.documents.merge_page(NOW, None, 10).await.unwrap();
        assert_eq!((behind.is_some(), house.merges()), (true, 2));
    }
    for document in &documents[2..] {
        assert_eq!(house.log(document.id).await, MERGED);
    }
    assert_eq!(house.log(documents[1].id).await, (0, vec![1, 2]), "its log is kept");
}
