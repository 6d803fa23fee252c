use super::*;
use crate::{documents::wire::put_number, model::Offset, storage::StoredUpdate};
use proptest::prelude::*;
use size::{MAX_CLIENTS_AT_ONCE, MAX_TYPES};
use std::ops::Range;
use yrs::GetString;
use yrs::{Text, types::Attrs};

pub(super) const LIMITS: Limits = Limits { bytes: 16 << 20, deletions: 1 << 19 };

/// Somebody who edits.
pub(super) fn editor(id: u64) -> Doc {
    Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::with_client_id(ClientID::new(id)) })
}

/// What an editor's change is on the wire.
pub(super) fn edit(doc: &Doc, change: impl FnOnce(&yrs::TextRef, &mut TransactionMut)) -> Vec<u8> {
    let text = doc.get_or_insert_text("text");
    let mut transaction = doc.transact_mut();
    change(&text, &mut transaction);
    transaction.encode_update_v1()
}

pub(super) fn stored(snapshot: Vec<u8>, updates: &[Vec<u8>]) -> StoredContent {
    let updates = updates
        .iter()
        .enumerate()
        .map(|(number, update)| StoredUpdate { number: Offset(number as u64 + 1), update: update.clone() });
    StoredContent { snapshot, merged: Offset(0), updates: updates.collect() }
}

pub(super) fn changed(copy: &mut ServerCopy, update: &[u8]) -> Vec<u8> {
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
        stored(copy.state().unwrap(), &[]),
        stored(ServerCopy::merge(&log).unwrap(), &[]),
        stored(copy.state().unwrap(), &log),
    ] {
        let again = ServerCopy::load(&content).unwrap();
        assert_eq!(again.text("text").unwrap(), "wörld 👍");
        assert_eq!(again.state_vector().len(), copy.state_vector().len());
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
        assert_eq!(copy.state().unwrap(), NOTHING);
    }
    changed(&mut copy, &first);
    changed(&mut copy, &second);
    changed(&mut copy, &deletion);
    assert_eq!(copy.text("text").unwrap(), "b");
}

/// So many clients of whom each builds on the one before.
fn chain(clients: u64) -> Vec<u8> {
    let mut update = Vec::new();
    put_number(&mut update, clients);
    for client in (1..=clients).rev() {
        update.push(1);
        put_number(&mut update, client);
        update.push(0);
        if client == 1 {
            update.extend([4, 1, 4, b't', b'e', b'x', b't']);
        } else {
            update.push(0x84);
            put_number(&mut update, client - 1);
            update.push(0);
        }
        update.extend([1, b'x']);
    }
    update.push(0);
    update
}

/// So many maps, each in the one before, of which the first is deleted.
fn nested_maps(levels: u64) -> Vec<u8> {
    let mut update = vec![1];
    put_number(&mut update, levels);
    update.extend([1, 0, 0x27, 1, 1, b't', 1, b'k', 1]);
    for level in 1..levels {
        update.extend([0x27, 0, 1]);
        put_number(&mut update, level - 1);
        update.extend([1, b'k', 1]);
    }
    update.extend([1, 1, 1, 0, 1]);
    update
}

#[test]
fn what_the_library_recurses_over_does_not_overflow_the_stack() {
    let mut copy = ServerCopy::empty();
    assert!(copy.apply(&nested_maps(20_000)).unwrap().change.is_some());
    let mut copy = ServerCopy::empty();
    changed(&mut copy, &chain(3_000));
    assert_eq!(copy.text("text").unwrap().len(), 3_000);
    assert_eq!(ServerCopy::load(&stored(copy.state().unwrap(), &[])).unwrap().text("text"), copy.text("text"));
    assert!(copy.apply_within(&chain(MAX_CLIENTS_AT_ONCE as u64 + 1), &LIMITS).is_err());
    assert!(copy.apply_within(&nested_maps(MAX_TYPES as u64 + 1), &LIMITS).is_err());
    assert!(!copy.is_poisoned());
}

#[test]
fn an_error_in_the_middle_poisons_the_copy() {
    let mut copy = ServerCopy::empty();
    // A text, and something in it as if it were a map.
    assert!(copy.apply(&[1, 2, 1, 0, 4, 1, 1, b't', 1, b'x', 0x28, 0, 1, 0, 1, b'k', 1, 126, 0]).is_err());
    assert!(copy.is_poisoned());
    assert!(copy.apply(NOTHING).is_err() && copy.missing(&[0]).is_err() && copy.text("t").is_none());
}

#[test]
fn only_a_text_is_a_text() {
    for (name, update) in crate::documents::guard::tests::real() {
        let mut copy = ServerCopy::empty();
        copy.apply(&update).unwrap();
        for (of, root) in [("any", "map"), ("xml", "prosemirror"), ("subdocument", "docs")] {
            assert_eq!(copy.text(root).is_none(), of == name, "{root} of {name}");
        }
    }
    let (_, rich) = crate::documents::guard::tests::real().find(|(name, _)| *name == "rich").unwrap();
    let mut copy = ServerCopy::empty();
    copy.apply(&rich).unwrap();
    assert_eq!(copy.text("text").unwrap(), "Gandalf the Grey\n");
    assert_eq!(copy.replace_text("map", "x").map(|change| change.is_some()), Ok(true));
}

#[test]
fn comparing_what_has_nothing_in_common_is_bounded() {
    let text =
        |seed: u32| (0..1 << 19).map(|n: u32| if n.wrapping_mul(seed) >> 30 == 0 { "a " } else { "b\n" }).collect();
    let (old, new): (String, String) = (text(2_654_435_761), text(2_246_822_519));
    let mut copy = ServerCopy::empty();
    copy.replace_text("text", &old).unwrap();
    let started = Instant::now();
    copy.replace_text("text", &new).unwrap();
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(copy.text("text").unwrap(), new);
}

/// One step of one of several editors.
#[derive(Debug, Clone)]
enum Step {
    Insert(usize, u32, String),
    Remove(usize, u32, u32),
    Bold(usize, u32, u32),
    /// It hears this many of the changes that it has not heard.
    Hear(usize, usize),
}

fn steps(editors: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..editors, any::<u32>(), "[a-c👋\n]{1,4}").prop_map(|(who, at, text)| Step::Insert(who, at, text)),
        2 => (0..editors, any::<u32>(), any::<u32>()).prop_map(|(who, from, to)| Step::Remove(who, from, to)),
        1 => (0..editors, any::<u32>(), any::<u32>()).prop_map(|(who, from, to)| Step::Bold(who, from, to)),
        2 => (0..editors, 0..8_usize).prop_map(|(who, many)| Step::Hear(who, many)),
    ];
    prop::collection::vec(step, 1..40)
}

fn bold() -> Attrs {
    Attrs::from([("bold".into(), true.into())])
}

/// A part of a text, as its editor counts it, that takes no character apart.
fn between(text: &yrs::TextRef, transaction: &TransactionMut, from: u32, to: u32) -> Range<u32> {
    let mut places = vec![0];
    for c in text.get_string(transaction).chars() {
        places.push(places[places.len() - 1] + c.len_utf16() as u32);
    }
    let place = |at: u32| places[at as usize % places.len()];
    place(from).min(place(to))..place(from).max(place(to))
}

type Change = Box<dyn FnOnce(&yrs::TextRef, &mut TransactionMut)>;

/// What the editors change by these steps, while they hear some of each other.
fn play(editors: &[Doc], steps: Vec<Step>) -> Vec<Vec<u8>> {
    let (mut changes, mut heard): (Vec<Vec<u8>>, _) = (Vec::new(), vec![0; editors.len()]);
    for step in steps {
        let (who, change): (_, Change) = match step {
            Step::Insert(who, at, string) => {
                (who, Box::new(move |text, t| text.insert(t, between(text, t, at, at).start, &string)))
            }
            Step::Remove(who, from, to) => (
                who,
                Box::new(move |text, t| {
                    let part = between(text, t, from, to);
                    text.remove_range(t, part.start, part.end - part.start);
                }),
            ),
            Step::Bold(who, from, to) => (
                who,
                Box::new(move |text, t| {
                    let part = between(text, t, from, to);
                    text.format(t, part.start, part.end - part.start, bold());
                }),
            ),
            Step::Hear(who, many) => {
                for change in changes.iter().skip(heard[who]).take(many) {
                    editors[who].transact_mut().apply_update(Update::decode_v1(change).unwrap()).unwrap();
                }
                heard[who] = (heard[who] + many).min(changes.len());
                continue;
            }
        };
        changes.push(edit(&editors[who], change));
    }
    changes
}

fn whole_text(doc: &Doc, changes: &[Vec<u8>]) -> String {
    let text = doc.get_or_insert_text("text");
    let mut transaction = doc.transact_mut();
    for change in changes {
        transaction.apply_update(Update::decode_v1(change).unwrap()).unwrap();
    }
    text.get_string(&transaction)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn in_whatever_order_changes_come_everybody_has_the_same(
        steps in steps(4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 200),
    ) {
        let editors: Vec<_> = (1..=4).map(editor).collect();
        let changes = play(&editors, steps);
        let (mut copy, mut log) = (ServerCopy::empty(), Vec::new());
        // In any order, some twice; then in theirs, as a client does that is asked what it has.
        let shuffled = order.iter().filter(|_| !changes.is_empty()).map(|index| index.get(&changes));
        for change in shuffled.chain(&changes) {
            log.extend(copy.apply(change).unwrap().change);
        }
        let text = copy.text("text").unwrap();
        for editor in &editors {
            prop_assert_eq!(&whole_text(editor, &changes), &text);
        }
        prop_assert_eq!(&whole_text(&editor(9), &log), &text);
        prop_assert_eq!(&whole_text(&editor(9), &[ServerCopy::merge(&log).unwrap()]), &text);
        let again = ServerCopy::load(&stored(vec![], &log)).unwrap();
        prop_assert_eq!(again.text("text").unwrap(), text);
        prop_assert_eq!(again.missing(&copy.state_vector()).unwrap(), copy.missing(&again.state_vector()).unwrap());
    }

    #[test]
    fn a_text_that_is_put_is_there_and_what_others_write_meanwhile_too(
        before in "[a-c \r\n👋ü]{0,60}",
        put in "[a-c \r\n👋ü]{0,60}",
        format in any::<(u32, u32)>(),
        embed in any::<Option<u32>>(),
    ) {
        let (alice, mut copy) = (editor(1), ServerCopy::empty());
        changed_or_nothing(&mut copy, &edit(&alice, |text, t| text.insert(t, 0, &before)));
        changed_or_nothing(&mut copy, &edit(&alice, |text, t| {
            let part = between(text, t, format.0, format.1);
            text.format(t, part.start, part.end - part.start, bold());
            if let Some(at) = embed {
                text.insert_embed(t, between(text, t, at, at).start, yrs::Any::from(true));
            }
        }));
        let change = copy.replace_text("text", &put).unwrap();
        prop_assert_eq!(copy.text("text").unwrap(), put);
        let late = edit(&alice, |text, t| text.insert(t, text.len(t), "Z"));
        changed_or_nothing(&mut copy, &late);
        let merged = copy.text("text").unwrap();
        prop_assert!(merged.contains('Z'));
        let change = change.into_iter().collect::<Vec<_>>();
        prop_assert_eq!(whole_text(&alice, &change), merged);
        let embeds = copy.read(|t| Content::of(t, "text", copy.size()).unwrap().embeds.unwrap().len()).unwrap();
        prop_assert_eq!(embeds, usize::from(embed.is_some()));
    }
}

fn letters(copy: &ServerCopy) -> Option<Vec<char>> {
    let mut letters: Vec<_> = copy.text("text")?.chars().collect();
    letters.sort_unstable();
    Some(letters)
}

fn changed_or_nothing(copy: &mut ServerCopy, update: &[u8]) {
    assert!(!copy.apply(update).unwrap().lacks);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn a_broken_update_never_ends_the_process_nor_changes_the_copy_unless_it_is_taken(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let real: Vec<_> = crate::documents::guard::tests::real().collect();
        let mut copy = ServerCopy::empty();
        copy.apply(&real[0].1).unwrap();
        let before = copy.state().unwrap();
        let mut update = which.get(&real).1.clone();
        for (at, byte) in damage {
            let at = at.index(update.len());
            update[at] = byte;
        }
        if let Some(cut) = cut {
            update.truncate(cut.index(update.len()));
        }
        let started = Instant::now();
        let applied = copy.apply(&update);
        // Hundreds of times as long as it takes, for a machine that pauses; what is not bounded takes longer.
        prop_assert!(started.elapsed() < Duration::from_secs(2));
        if let Ok(Applied { change: Some(change), .. }) = applied {
            // Whatever is relayed and stored, others must be able to read, from the log and merged: the same letters. In
            // which order, is up to who comes first when a forger says that something stands behind what stands behind it.
            let log = ServerCopy::load(&stored(before, &[change]));
            prop_assert_eq!(log.map(|again| letters(&again)), Ok(letters(&copy)));
            let merged = ServerCopy::load(&stored(copy.state().unwrap(), &[]));
            prop_assert_eq!(merged.map(|again| letters(&again)), Ok(letters(&copy)));
        } else if !copy.is_poisoned() {
            prop_assert_eq!(copy.state().unwrap(), before);
        }
    }
}
