use super::*;
use crate::{model::Offset, storage::StoredUpdate};
use proptest::prelude::*;
use yrs::GetString;

/// Something that is written in a text.
type Write = Box<dyn FnOnce(&yrs::TextRef, &mut TransactionMut)>;

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

/// What the editors change by these steps, while they hear some of each other.
fn play(editors: &[Doc], steps: Vec<Step>) -> Vec<Vec<u8>> {
    let (mut changes, mut heard): (Vec<Vec<u8>>, _) = (Vec::new(), vec![0; editors.len()]);
    for step in steps {
        let (who, change): (usize, Write) = match step {
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
        prop_assert_eq!(&whole_text(&editor(9), &[ServerCopy::merge(&log)]), &text);
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
        let embeds = copy.read(|t| Content::of(t, "text").unwrap().embeds.len()).unwrap();
        prop_assert_eq!(embeds, usize::from(embed.is_some()));
    }
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
        let before = copy.state();
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
        prop_assert!(started.elapsed() < Duration::from_millis(500));
        if applied.as_ref().is_ok_and(|applied| applied.change.is_some()) {
            // Whatever is relayed and stored, others must be able to read.
            let again = ServerCopy::load(&stored(copy.state(), &[]));
            prop_assert_eq!(again.map(|again| again.text("text")), Ok(copy.text("text")));
        } else if !copy.is_poisoned() {
            prop_assert_eq!(copy.state(), before);
        }
    }
}
