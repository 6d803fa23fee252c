//! What a writer who means no good can make the server do, and what an honest one who was away for long must be able to.

use super::{
    tests::{LIMITS, changed, edit, editor, stored},
    *,
};
use yrs::{GetString, Text};

/// An update of one client from a clock on: its blocks, and what it deletes of client 1.
fn update(client: u64, clock: u32, blocks: &[Vec<u8>], deleted: &[(u32, u32)]) -> Vec<u8> {
    let mut update = vec![u8::from(!blocks.is_empty())];
    if !blocks.is_empty() {
        put_number(&mut update, blocks.len() as u64);
        put_number(&mut update, client);
        put_number(&mut update, clock.into());
        update.extend(blocks.concat());
    }
    update.push(u8::from(!deleted.is_empty()));
    if !deleted.is_empty() {
        update.push(1);
        put_number(&mut update, deleted.len() as u64);
        for (clock, length) in deleted {
            put_number(&mut update, (*clock).into());
            put_number(&mut update, (*length).into());
        }
    }
    update
}

/// The first text of client 1.
fn text(length: usize) -> Vec<u8> {
    let mut block = vec![4, 1, 4, b't', b'e', b'x', b't'];
    crate::documents::wire::put_bytes(&mut block, &vec![b'a'; length]);
    update(1, 0, &[block], &[])
}

/// Characters of client 2 at the start of the text of client 1, each in front of another character of it.
fn conflicts(many: u32) -> Vec<u8> {
    let block = |n: u32| {
        let mut block = vec![0x44, 1];
        put_number(&mut block, (many - 1 - n * 7919 % many).into());
        block.extend([1, b'x']);
        block
    };
    update(2, 0, &(0..many).map(block).collect::<Vec<_>>(), &[])
}

fn every_other(from: u32, many: u32) -> Vec<(u32, u32)> {
    (0..many).map(|n| (from + 2 * n, 1)).collect()
}

#[test]
fn an_update_that_takes_very_long_is_given_up() {
    let mut copy = ServerCopy::empty();
    changed(&mut copy, &text(20_000));
    let started = Instant::now();
    let applied = copy.apply_within(&conflicts(20_000), &LIMITS);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(applied.is_err(), copy.is_poisoned());
    assert_eq!(applied, Err(BadUpdate("the update takes too long").into()));
}

#[test]
fn a_day_of_work_without_a_connection_is_taken() {
    let alice = editor(1);
    let (mut copy, mut whole) = (ServerCopy::empty(), ServerCopy::empty());
    let first = edit(&alice, |text, t| text.insert(t, 0, &"some text\n".repeat(5_000)));
    changed(&mut copy, &first);
    changed(&mut whole, &first);
    for line in 0..3_000_u32 {
        edit(&alice, |text, t| text.insert(t, 0, &format!("line {line}\n")));
        let at = line * 7919 % (text_of(&alice, |text, t| text.len(t)) - 5);
        edit(&alice, |text, t| text.insert(t, at, "here"));
        edit(&alice, |text, t| text.remove_range(t, at + 2, 3));
    }
    let missing = alice.transact().encode_diff_v1(&StateVector::decode_v1(&copy.state_vector()).unwrap());
    changed(&mut copy, &missing);
    assert_eq!(copy.text("text").unwrap(), text_of(&alice, |text, t| text.get_string(t)));
    // Part by part it is the same as at once.
    assert!(whole.take_stored(&missing).is_ok());
    assert_eq!(whole.text("text"), copy.text("text"));
    assert_eq!(whole.clocks, copy.clocks);
    assert_eq!(whole.missing(&whole.state_vector()), copy.missing(&copy.state_vector()));
}

fn text_of<T>(doc: &Doc, read: impl FnOnce(&yrs::TextRef, &yrs::Transaction) -> T) -> T {
    let text = doc.get_or_insert_text("text");
    read(&text, &doc.transact())
}

#[test]
fn how_much_work_an_update_is_depends_on_the_document() {
    let mut copy = ServerCopy::empty();
    assert_eq!(copy.work_of(&text(10), &LIMITS), Work::Short);
    assert_eq!(copy.work_of(&conflicts(1_000), &LIMITS), Work::Long);
    assert_eq!(copy.work_of(&conflicts(2_000), &LIMITS), Work::VeryLong);
    changed(&mut copy, &text(20_000));
    changed(&mut copy, &update(1, 20_000, &[], &every_other(0, 5_000)));
    let key = update(2, 0, &[vec![0x84, 1, 0, 1, b'x']], &[]);
    assert_eq!(copy.work_of(&key, &LIMITS), Work::Long);
    assert_eq!(copy.size().work_with(0), Work::VeryLong);
    copy.measure().unwrap();
    assert_eq!(copy.size().blocks, 10_000);
}

#[test]
fn a_document_is_full_of_deletions_before_they_cannot_be_told_any_more() {
    let limits = Limits { deletions: 5_000, ..LIMITS };
    let mut copy = ServerCopy::empty();
    changed(&mut copy, &text(20_000));
    let (first, second) = (update(1, 0, &[], &every_other(0, 1_500)), update(1, 0, &[], &every_other(3_000, 1_500)));
    assert!(copy.apply_within(&first, &limits).unwrap().change.is_some());
    assert_eq!(copy.apply_within(&second, &limits), Err(Refused::Full));
    // What was deleted may be told again, and more may be written.
    assert_eq!(copy.apply_within(&first, &limits), Ok(Applied { change: None, lacks: false }));
    let key = update(2, 0, &[vec![0x84, 1, 0, 1, b'x']], &[]);
    assert!(copy.apply_within(&key, &limits).unwrap().change.is_some());
    // All in one needs no room.
    let limits = Limits { deletions: 8_000, ..LIMITS };
    assert!(copy.apply_within(&update(1, 0, &[], &[(0, 20_000)]), &limits).is_ok());
    assert!(copy.measure().unwrap().deletions < 20);
}

#[test]
fn a_document_is_full_of_blocks_before_the_memory_is() {
    let limits = Limits { bytes: 16_000, deletions: 1 << 20 };
    let mut copy = ServerCopy::empty();
    changed(&mut copy, &text(10_000));
    assert_eq!(copy.apply_within(&update(1, 0, &[], &every_other(0, 2_000)), &limits), Err(Refused::Full));
    assert!(copy.apply_within(&update(1, 0, &[], &every_other(0, 300)), &limits).is_ok());
}

#[test]
fn very_many_formats_cost_no_more_than_they_are() {
    let format = |n: u32| {
        let mut block = if n == 0 { vec![6, 1, 4, b't', b'e', b'x', b't'] } else { vec![0x86, 1] };
        if n > 0 {
            put_number(&mut block, u64::from(2 * n - 1));
        }
        crate::documents::wire::put_bytes(&mut block, format!("k{n}").as_bytes());
        block.extend([1, b'1', 0x84, 1]);
        put_number(&mut block, u64::from(2 * n));
        block.extend([1, b'x']);
        block
    };
    let formats: Vec<_> = (0..5_000).map(format).collect();
    let mut all = update(1, 0, &formats, &[]);
    // Each of them is two blocks.
    all.splice(1..3, {
        let mut blocks = Vec::new();
        put_number(&mut blocks, 10_000);
        blocks
    });
    let mut copy = ServerCopy::empty();
    changed(&mut copy, &all);
    let started = Instant::now();
    assert_eq!(copy.text("text").unwrap().len(), 5_000);
    let change = copy.replace_text("text", &"xyx".repeat(2_000)).unwrap().unwrap();
    assert!(change.len() < 50_000, "{}", change.len());
    assert_eq!(copy.text("text").unwrap(), "xyx".repeat(2_000));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_is_merged_is_read_back_before_it_is_stored() {
    let mut copy = ServerCopy::empty();
    changed(&mut copy, &text(1_000));
    changed(&mut copy, &update(1, 0, &[], &every_other(0, 100)));
    let state = copy.merged().unwrap().verified().unwrap();
    assert_eq!(ServerCopy::load(&stored(state, &[])).unwrap().text("text"), copy.text("text"));
    copy.clocks.insert(7, 1);
    assert!(copy.merged().unwrap().verified().is_err());
    copy.is_poisoned = true;
    assert!(copy.merged().is_err() && copy.measure().is_err() && copy.state().is_err());
}

#[test]
fn clients_of_a_document_are_not_without_number() {
    let mut copy = ServerCopy::empty();
    changed(&mut copy, &text(1));
    copy.clocks.extend((10..).take(size::MAX_CLIENTS - 1).map(|client| (client, 1)));
    let key = |client| update(client, 0, &[vec![0x84, 1, 0, 1, b'x']], &[]);
    assert_eq!(copy.apply_within(&key(2), &LIMITS), Err(Refused::Full));
}
