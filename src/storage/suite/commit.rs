//! Messages and plain publications.

use super::*;

pub(crate) async fn a_message_is_stored_and_announced(store: Fresh) {
    let alice = member(&store, "alice").await;
    let committed = commit(&store, says_as(&alice, "general", "hello", "a-1")).await.unwrap();
    assert_eq!(sent(&committed), (1, 1, 5_000, false));
    let [publication] = &committed.publications[..] else { panic!("{committed:?}") };
    assert_eq!((publication.topic.as_str(), publication.offset.0), ("room.general", 1));
    assert_eq!(publication.event_type, "new_message");
    // The order of keys is the protocol's.
    let expected = r#"{"id":1,"room":"general","from":"alice","message":"hello","sent":5000,"client_id":"a-1"}"#;
    assert_eq!(publication.payload.get(), expected);
    let stored = store.read_log(LogRange::new(topic("room.general"), Offset::ZERO, Offset(1)), 10).await.unwrap();
    assert_eq!(stored[0].payload.get(), expected);
}

pub(crate) async fn offsets_have_no_holes_after_a_refused_draft(store: Fresh) {
    let alice = member(&store, "alice").await;
    let batch = vec![
        says(&alice, "general", "1"),
        says(&alice, "nowhere", "x"),
        says_as(&alice, "general", "2", "c"),
        says_as(&alice, "general", "other", "c"),
        makes(&alice, "general", true),
        says(&alice, "general", "3"),
    ];
    let answers = store.commit(batch).await.unwrap();
    assert_eq!(answers[1].as_ref().unwrap_err(), &Refusal::NoSuchRoom);
    assert_eq!(answers[3].as_ref().unwrap_err(), &Refusal::Conflict);
    assert_eq!(answers[4].as_ref().unwrap_err(), &Refusal::RoomExists);
    let offsets: Vec<_> = log_of(&store, "room.general").await.into_iter().map(|(offset, ..)| offset).collect();
    assert_eq!(offsets, [1, 2, 3]);
    assert!(log_of(&store, "room.nowhere").await.is_empty());
}

pub(crate) async fn strangers_and_the_lost_get_one_answer(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    commit(&store, makes(&alice, "club", true)).await.unwrap();
    commit(&store, makes(&alice, "den", false)).await.unwrap();
    for room in ["club", "den", "nowhere"] {
        assert_eq!(commit(&store, says(&bob, room, "x")).await.unwrap_err(), Refusal::NoSuchRoom, "{room}");
    }
}

pub(crate) async fn a_known_client_id_gets_the_first_answer(store: Fresh) {
    let alice = member(&store, "alice").await;
    let first = commit(&store, says_as(&alice, "general", "hello", "a-1")).await.unwrap();
    commit(&store, says(&alice, "general", "between")).await.unwrap();
    let later = Draft { at: 9_000, ..says_as(&alice, "general", "hello", "a-1") };
    let again = commit(&store, later).await.unwrap();
    assert!(again.publications.is_empty());
    let (id, offset, at, _) = sent(&first);
    assert_eq!(sent(&again), (id, offset, at, true));
    assert_eq!(log_of(&store, "room.general").await.len(), 2);
}

pub(crate) async fn a_known_client_id_in_one_batch_is_one_message(store: Fresh) {
    let alice = member(&store, "alice").await;
    let batch = (0..3).map(|_| says_as(&alice, "general", "hello", "a-1")).collect();
    let answers = store.commit(batch).await.unwrap();
    let answers: Vec<_> = answers.iter().map(|answer| sent(answer.as_ref().unwrap())).collect();
    assert_eq!(answers, [(1, 1, 5_000, false), (1, 1, 5_000, true), (1, 1, 5_000, true)]);
    assert_eq!(log_of(&store, "room.general").await.len(), 1);
}

pub(crate) async fn a_known_client_id_with_another_body_is_a_conflict(store: Fresh) {
    let alice = member(&store, "alice").await;
    commit(&store, makes(&alice, "club", true)).await.unwrap();
    commit(&store, says_as(&alice, "general", "hello", "a-1")).await.unwrap();
    for (room, text) in [("general", "other"), ("club", "hello"), ("nowhere", "hello")] {
        let answer = commit(&store, says_as(&alice, room, text, "a-1")).await;
        assert_eq!(answer.unwrap_err(), Refusal::Conflict, "{room} {text}");
    }
    assert_eq!(log_of(&store, "room.general").await.len(), 1);
}

pub(crate) async fn a_client_id_is_its_authors_own(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    commit(&store, says_as(&alice, "general", "hello", "1")).await.unwrap();
    let other = commit(&store, says_as(&bob, "general", "hi", "1")).await.unwrap();
    assert_eq!(sent(&other), (2, 2, 5_000, false));
}

pub(crate) async fn a_retry_after_leaving_gets_the_first_answer(store: Fresh) {
    let alice = member(&store, "alice").await;
    let room = vec![makes(&alice, "club", true), says_as(&alice, "club", "bye", "1"), leaves(&alice, "club")];
    store.commit(room).await.unwrap();
    let again = commit(&store, says_as(&alice, "club", "bye", "1")).await.unwrap();
    assert_eq!(sent(&again), (1, 2, 5_000, true));
}

pub(crate) async fn a_plain_publication_makes_its_topic(store: Fresh) {
    for number in 1..=2 {
        let committed = commit(&store, publishes("channel.news", number)).await.unwrap();
        let Outcome::Published { places, .. } = &committed.outcome else { panic!("{committed:?}") };
        let offset = places[0].offset;
        assert_eq!((offset.0, committed.publications[0].offset.0), (u64::from(number), u64::from(number)));
    }
    assert_eq!(log_of(&store, "channel.news").await[1], (2, "published".into(), serde_json::json!({ "n": 2 })));
}

pub(crate) async fn an_empty_batch_is_no_error(store: Fresh) {
    assert!(store.commit(Vec::new()).await.unwrap().is_empty());
}
