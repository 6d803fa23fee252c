use super::*;
use crate::{model::Offset, storage::StoredUpdate};

/// Somebody who edits.
fn editor(id: u64) -> Doc {
    Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::with_client_id(ClientID::new(id)) })
}

/// What an editor's change is on the wire.
fn edit(doc: &Doc, change: impl FnOnce(&yrs::TextRef, &mut TransactionMut)) -> Vec<u8> {
    let text = doc.get_or_insert_text("text");
    let mut transaction = doc.transact_mut();
    change(&text, &mut transaction);
    transaction.encode_update_v1()
}

fn stored(snapshot: Vec<u8>, updates: &[Vec<u8>]) -> StoredContent {
    let updates = updates
        .iter()
        .enumerate()
        .map(|(number, update)| StoredUpdate { number: Offset(number as u64 + 1), update: update.clone() });
    StoredContent { snapshot, merged: Offset(0), updates: updates.collect() }
}

fn changed(copy: &mut ServerCopy, update: &[u8]) -> Vec<u8> {
    let applied = copy.apply(update).unwrap();
    assert!(!applied.lacks);
    applied.change.unwrap()
}

#[test]
fn what_was_written_is_read_back_from_the_store() {
    let (alice, mut copy) = (editor(1), ServerCopy::empty());
    let mut log = vec![
        changed(&mut copy, &edit(&alice, |text, t| text.insert(t, 0, "hello wörld 👋"))),
        changed(&mut copy, &edit(&alice, |text, t| text.remove_range(t, 0, 6))),
    ];
    assert_eq!(copy.text("text").unwrap(), "wörld 👋");
    log.push(copy.replace_text("text", "wörld 👍").unwrap().unwrap());
    assert_eq!(copy.replace_text("text", "wörld 👍"), Ok(None));
    for content in [
        stored(vec![], &log),
        stored(copy.state(), &[]),
        stored(ServerCopy::merge(&log), &[]),
        stored(copy.state(), &log),
    ] {
        let again = ServerCopy::load(&content).unwrap();
        assert_eq!(again.text("text").unwrap(), "wörld 👍");
        assert_eq!(again.state_vector().len(), copy.state_vector().len());
        assert_eq!(again.bytes(), again.state().len());
    }
    assert_eq!(copy.apply(&log[0]), Ok(Applied { change: None, lacks: false }));
    assert_eq!(copy.text("other").as_deref(), Some(""));
}

#[test]
fn what_refers_to_something_that_is_missing_is_left_out_and_told() {
    let (alice, mut copy) = (editor(1), ServerCopy::empty());
    let first = edit(&alice, |text, t| text.insert(t, 0, "a"));
    let second = edit(&alice, |text, t| text.insert(t, 1, "b"));
    let deletion = edit(&alice, |text, t| text.remove_range(t, 0, 1));
    for late in [&second, &deletion] {
        assert_eq!(copy.apply(late), Ok(Applied { change: None, lacks: true }));
        assert_eq!(copy.state(), NOTHING);
    }
    changed(&mut copy, &first);
    changed(&mut copy, &second);
    changed(&mut copy, &deletion);
    assert_eq!(copy.text("text").unwrap(), "b");
}
