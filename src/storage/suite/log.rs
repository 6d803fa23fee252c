//! Topics and their logs, and the property that they have no holes.

use super::*;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::collections::BTreeMap;

pub(crate) async fn the_log_is_read_in_stretches(store: Fresh) {
    let drafts = (1..=10).map(|number| publishes("channel.news", number)).collect();
    store.commit(drafts).await.unwrap();
    let read = async |after, until, limit| {
        let range = LogRange::new(topic("channel.news"), Offset(after), Offset(until));
        let log = store.read_log(range, limit).await.unwrap();
        log.into_iter().map(|entry| entry.offset.0).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 10, 100).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(read(3, 6, 100).await, [4, 5, 6]);
    assert_eq!(read(3, 10, 2).await, [4, 5]);
    assert_eq!(read(10, 10, 100).await, [0; 0]);
    assert_eq!(read(9, u64::MAX, 100).await, [10]);
    assert!(log_of(&store, "channel.none").await.is_empty());
}

pub(crate) async fn a_stretch_of_the_log_is_bounded_in_bytes(store: Fresh) {
    let publish = |bytes| {
        let payload = to_raw_value(&serde_json::json!({ "n": "x".repeat(bytes) })).unwrap().into();
        draft(Change::publish(topic("channel.news"), "published", payload))
    };
    let sizes = [100_000, 100_000, 100_000, 300_000, 1];
    store.commit(sizes.into_iter().map(publish).collect()).await.unwrap();
    let read = async |after| {
        let range = LogRange::new(topic("channel.news"), Offset(after), Offset(5));
        let log = store.read_log(range, 100).await.unwrap();
        log.into_iter().map(|entry| entry.offset.0).collect::<Vec<_>>()
    };
    assert_eq!(read(0).await, [1, 2]);
    assert_eq!(read(2).await, [3]);
    // One that is longer than a stretch is a stretch of its own: whoever reads on gets past it.
    assert_eq!(read(3).await, [4]);
    assert_eq!(read(4).await, [5]);
}

pub(crate) async fn the_log_is_read_from_its_end(store: Fresh) {
    let publish = |bytes| {
        let payload = to_raw_value(&serde_json::json!({ "n": "x".repeat(bytes) })).unwrap().into();
        draft(Change::publish(topic("channel.news"), "published", payload))
    };
    let sizes = [1, 300_000, 100_000, 100_000, 100_000, 1];
    store.commit(sizes.into_iter().map(publish).collect()).await.unwrap();
    let read = async |after, until, limit| {
        let range = LogRange::new(topic("channel.news"), Offset(after), Offset(until));
        let log = store.read_log_end(range, limit).await.unwrap();
        log.into_iter().map(|entry| entry.offset.0).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 6, 2).await, [5, 6]);
    assert_eq!(read(0, 6, 100).await, [4, 5, 6], "as many bytes as a page holds");
    assert_eq!(read(4, 6, 100).await, [5, 6]);
    assert_eq!(read(0, 2, 100).await, [2], "one that is longer than a page is a page of its own");
    assert_eq!(read(0, 1, 100).await, [1]);
    assert_eq!(read(6, u64::MAX, 100).await, [0; 0]);
}

pub(crate) async fn trimming_keeps_the_newer_end_whole(store: Fresh) {
    // The clock goes back once: what was committed after a young entry stays with it.
    for (at, name) in [(10, "a"), (20, "b"), (30, "a"), (60, "a"), (40, "b"), (70, "a")] {
        let name = format!("channel.{name}");
        commit(&store, Draft { at, ..publishes(&name, 0) }).await.unwrap();
    }
    let left = async |name: &str| log_of(&store, name).await.into_iter().map(|(offset, ..)| offset).collect::<Vec<_>>();
    assert_eq!(store.trim_log(50, 0, 2).await.unwrap(), 2);
    assert_eq!((left("channel.a").await, left("channel.b").await), (vec![2, 3, 4], vec![2]));
    assert_eq!(store.trim_log(50, 0, 10).await.unwrap(), 1);
    assert_eq!(store.trim_log(50, 0, 10).await.unwrap(), 0);
    assert_eq!((left("channel.a").await, left("channel.b").await), (vec![3, 4], vec![2]));
    // Offsets go on where they were, even when nothing is left.
    assert_eq!(store.trim_log(100, 0, 10).await.unwrap(), 3);
    let next = commit(&store, publishes("channel.a", 1)).await.unwrap();
    assert_eq!(next.publications[0].offset, Offset(5));
    assert_eq!(left("channel.a").await, [5]);
}

pub(crate) async fn trimming_moves_positions_out_of_reach(store: Fresh) {
    let alice = member(&store, "alice").await;
    for at in [10, 20, 30] {
        commit(&store, Draft { at, ..says(&alice, "general", "x") }).await.unwrap();
    }
    store.trim_log(15, 0, 10).await.unwrap();
    let heard = store.topic_states(Wanted::heard_by(alice.id)).await.unwrap();
    let general = heard.iter().find(|state| state.topic == topic("room.general")).unwrap();
    assert_eq!((general.head, general.trimmed), (Offset(3), Offset(1)));
    let reach: Vec<_> = (0..=4).map(|offset| can_recover(general, Offset(offset), 1_000).is_ok()).collect();
    assert_eq!(reach, [false, true, true, true, false]);
    // Messages are for ever.
    let page = HistoryPage { from: HistoryAnchor::Newest, limit: 10 };
    assert_eq!(store.history(alice.id, &slug("general"), page).await.unwrap().unwrap().messages.len(), 3);
}

pub(crate) async fn an_inbox_is_heard_before_anything_is_in_it(store: Fresh) {
    let alice = member(&store, "alice").await;
    let heard = store.topic_states(Wanted::heard_by(alice.id)).await.unwrap();
    let empty = |topic| TopicState { topic, head: Offset::ZERO, trimmed: Offset::ZERO };
    assert_eq!(heard, [empty(topic("room.general")), empty(TopicName::user(alice.id))]);
}

/// One step of somebody in a few rooms, with a few `client_id`s, so that steps collide.
fn step(users: [User; 3]) -> impl Strategy<Value = Draft> {
    let room = prop_oneof![Just("general"), Just("club"), Just("den")];
    (0..3_usize, room, 0..8_u32, 0..4_u32).prop_map(move |(who, room, kind, number)| {
        let user = &users[who];
        match kind {
            0 => makes(user, room, number % 2 == 0),
            1 => joins(user, room),
            2 => leaves(user, room),
            3 => publishes("channel.news", number),
            4 | 5 => says(user, room, "hello"),
            _ => says_as(user, room, "hello", &format!("c{number}")),
        }
    })
}

/// Whatever is committed in whatever batches, every log is 1, 2, 3 … and holds exactly what
/// the answers said.
pub(crate) async fn any_drafts_leave_whole_logs(store: Fresh) {
    let users = [member(&store, "alice").await, member(&store, "bob").await, member(&store, "carol").await];
    let batches = prop::collection::vec(prop::collection::vec(step(users), 1..20), 1..6);
    let runtime = tokio::runtime::Handle::current();
    // Cases share one store, so that later ones meet what earlier ones left.
    let told = Arc::new(std::sync::Mutex::new(BTreeMap::<TopicName, Vec<(u64, String, String)>>::new()));
    let property = move |batches: Vec<Vec<Draft>>| {
        let mut told = told.lock().unwrap();
        for batch in batches {
            for answer in runtime.block_on(store.commit(batch)).unwrap().into_iter().flatten() {
                for entry in answer.publications {
                    let text = (entry.offset.0, entry.event_type.to_string(), entry.payload.get().to_owned());
                    told.entry(entry.topic).or_default().push(text);
                }
            }
        }
        for (topic, told) in &*told {
            let log = runtime.block_on(whole_log(&store, topic.clone()));
            let log = log.iter().map(|e| (e.offset.0, e.event_type.to_string(), e.payload.get().to_owned()));
            prop_assert_eq!(&log.collect::<Vec<_>>(), told);
            let offsets = told.iter().map(|(offset, ..)| *offset);
            prop_assert!(offsets.eq(1..=told.len() as u64), "{} has a hole", topic);
        }
        Ok(())
    };
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let run = move || TestRunner::new(config).run(&batches, property).unwrap();
    tokio::task::spawn_blocking(run).await.unwrap();
}

pub(crate) async fn named_topics_are_told_whether_anything_was_published_or_not(store: Fresh) {
    commit(&store, publishes("channel.a", 1)).await.unwrap();
    let named = vec![topic("channel.a"), topic("channel.b")];
    let states = store.topic_states(Wanted { heard_by: None, named }).await.unwrap();
    let told: Vec<_> = states.iter().map(|state| (state.topic.as_str(), state.head.0, state.trimmed.0)).collect();
    assert_eq!(told, [("channel.a", 1, 0), ("channel.b", 0, 0)]);
}

pub(crate) async fn topics_are_told_while_the_credential_is_good(store: Fresh) {
    let alice = member(&store, "alice").await;
    let session = open(&store, &alice, 1).await;
    let told = async |credential| {
        let wanted = Wanted { heard_by: Some(alice.id), named: vec![topic("channel.a")] };
        store.topic_states_for(credential, wanted, 1_000).await.unwrap().map(|states| states.len())
    };
    assert_eq!(told(Credential::Session(session)).await, Some(3));
    assert_eq!(told(Credential::Key(crate::model::KeyId(9))).await, None);
    store.end_session(session).await.unwrap();
    assert_eq!(told(Credential::Session(session)).await, None);
}
