//! Rooms: making, joining, leaving, listing.

use super::*;
use serde_json::json as value;

pub(crate) async fn a_room_is_made_announced_and_heard(store: Fresh) {
    let alice = member(&store, "alice").await;
    let committed = commit(&store, makes(&alice, "club", true)).await.unwrap();
    let (room, offset) = joined(&committed);
    let expected = Room {
        name: slug("club"),
        title: RoomTitle::parse("The club").unwrap(),
        public: true,
        joined: true,
        members: 1,
    };
    assert_eq!((room, offset), (&expected, 1));
    let [created, added] = &committed.publications[..] else { panic!("{committed:?}") };
    assert_eq!((created.topic.as_str(), created.offset.0, &*created.event_type), ("room.club", 1, "room_created"));
    assert_eq!(created.payload.get(), r#"{"room":"club","title":"The club","public":true,"by":"alice"}"#);
    assert_eq!((&added.topic, added.offset.0, &*added.event_type), (&TopicName::user(alice.id), 1, "room_added"));
    let payload = r#"{"room":{"name":"club","title":"The club","public":true,"joined":true,"members":1},"offset":1}"#;
    assert_eq!(added.payload.get(), payload);
    let heard = store.topics_of(alice.id).await.unwrap();
    let club = TopicState { topic: topic("room.club"), head: Offset(1), trimmed: Offset::ZERO };
    assert!(heard.contains(&club), "{heard:?}");
}

pub(crate) async fn a_taken_room_name_is_refused_even_in_one_batch(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    let answers = store.commit(vec![makes(&alice, "den", false), makes(&bob, "den", true)]).await.unwrap();
    assert!(answers[0].is_ok());
    assert_eq!(answers[1].as_ref().unwrap_err(), &Refusal::RoomExists);
    assert_eq!(commit(&store, makes(&alice, "general", true)).await.unwrap_err(), Refusal::RoomExists);
    assert_eq!(log_of(&store, "room.den").await.len(), 1);
}

pub(crate) async fn joining_is_announced_once(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    commit(&store, makes(&alice, "club", true)).await.unwrap();
    let first = commit(&store, joins(&bob, "club")).await.unwrap();
    let [member_joined, added] = &first.publications[..] else { panic!("{first:?}") };
    assert_eq!((member_joined.topic.as_str(), &*member_joined.event_type), ("room.club", "member_joined"));
    assert_eq!(member_joined.payload.get(), r#"{"room":"club","user":"bob"}"#);
    assert_eq!((&added.topic, &*added.event_type), (&TopicName::user(bob.id), "room_added"));
    assert_eq!(json(added)["offset"], 2);
    assert_eq!((joined(&first).0.members, joined(&first).1), (2, 2));
    let again = commit(&store, joins(&bob, "club")).await.unwrap();
    assert!(again.publications.is_empty());
    assert_eq!(joined(&again), joined(&first));
    let general = commit(&store, joins(&bob, "general")).await.unwrap();
    assert!(general.publications.is_empty());
    assert_eq!((joined(&general).0.members, joined(&general).1), (2, 0));
}

pub(crate) async fn private_rooms_look_like_none(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    commit(&store, makes(&alice, "den", false)).await.unwrap();
    for room in ["den", "nowhere"] {
        assert_eq!(commit(&store, joins(&bob, room)).await.unwrap_err(), Refusal::NoSuchRoom);
        assert_eq!(commit(&store, leaves(&bob, room)).await.unwrap_err(), Refusal::NoSuchRoom);
    }
    // Whoever is in it may say so again.
    assert_eq!(joined(&commit(&store, joins(&alice, "den")).await.unwrap()).0.name, slug("den"));
    let seen: Vec<_> = store.rooms_for(bob.id).await.unwrap().into_iter().map(|room| room.name).collect();
    assert_eq!(seen, [slug("general")]);
}

pub(crate) async fn leaving_is_announced_once(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    store.commit(vec![makes(&alice, "club", true), joins(&bob, "club")]).await.unwrap();
    let first = commit(&store, leaves(&bob, "club")).await.unwrap();
    assert!(matches!(first.outcome, Outcome::Left));
    let [member_left, removed] = &first.publications[..] else { panic!("{first:?}") };
    assert_eq!((member_left.topic.as_str(), member_left.offset.0), ("room.club", 3));
    assert_eq!(member_left.payload.get(), r#"{"room":"club","user":"bob"}"#);
    assert_eq!((&removed.topic, &*removed.event_type), (&TopicName::user(bob.id), "room_removed"));
    assert_eq!(json(removed), value!({ "room": "club" }));
    assert!(commit(&store, leaves(&bob, "club")).await.unwrap().publications.is_empty());
    assert_eq!(commit(&store, says(&bob, "club", "x")).await.unwrap_err(), Refusal::NoSuchRoom);
    let heard = store.topics_of(bob.id).await.unwrap();
    assert!(heard.iter().all(|state| state.topic != topic("room.club")));
    let club = store.rooms_for(alice.id).await.unwrap().into_iter().find(|room| room.name == slug("club")).unwrap();
    assert_eq!(club.members, 1);
}

pub(crate) async fn nobody_leaves_general(store: Fresh) {
    let alice = member(&store, "alice").await;
    assert_eq!(commit(&store, leaves(&alice, "general")).await.unwrap_err(), Refusal::NoSuchRoom);
    assert!(commit(&store, says(&alice, "general", "still here")).await.is_ok());
}

pub(crate) async fn rooms_are_listed_by_name(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    let rooms = vec![makes(&alice, "zoo", true), makes(&alice, "attic", false), makes(&bob, "club", true)];
    store.commit(rooms).await.unwrap();
    let seen = store.rooms_for(alice.id).await.unwrap();
    let seen: Vec<_> = seen.iter().map(|room| (room.name.as_str(), room.joined, room.public, room.members)).collect();
    let expected =
        [("attic", true, false, 1), ("club", false, true, 1), ("general", true, true, 2), ("zoo", true, true, 1)];
    assert_eq!(seen, expected);
}

pub(crate) async fn a_batch_sees_its_own_changes(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    let batch = vec![
        says(&bob, "club", "too early"),
        makes(&alice, "club", true),
        says(&bob, "club", "not in"),
        joins(&bob, "club"),
        says(&bob, "club", "in"),
        leaves(&bob, "club"),
        says(&bob, "club", "out"),
        joins(&bob, "club"),
    ];
    let answers = store.commit(batch).await.unwrap();
    let went: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(went, [false, true, false, true, true, true, false, true]);
    let log: Vec<_> = log_of(&store, "room.club").await.into_iter().map(|(_, event_type, _)| event_type).collect();
    assert_eq!(log, ["room_created", "member_joined", "new_message", "member_left", "member_joined"]);
    assert_eq!(joined(answers[7].as_ref().unwrap()).0.members, 2);
}
