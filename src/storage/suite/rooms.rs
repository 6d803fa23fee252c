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
    let heard = store.topic_states(Wanted::heard_by(alice.id)).await.unwrap();
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
    let seen: Vec<_> = store.rooms_for(bob.id).await.unwrap().rooms.into_iter().map(|room| room.name).collect();
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
    let heard = store.topic_states(Wanted::heard_by(bob.id)).await.unwrap();
    assert!(heard.iter().all(|state| state.topic != topic("room.club")));
    let rooms = store.rooms_for(alice.id).await.unwrap().rooms;
    let club = rooms.into_iter().find(|room| room.name == slug("club")).unwrap();
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
    assert!(!seen.more);
    let seen: Vec<_> =
        seen.rooms.iter().map(|room| (room.name.as_str(), room.joined, room.public, room.members)).collect();
    let expected =
        [("attic", true, false, 1), ("club", false, true, 1), ("general", true, true, 2), ("zoo", true, true, 1)];
    assert_eq!(seen, expected);
}

pub(crate) async fn the_largest_open_rooms_are_listed(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    let make = |number: u32| {
        let title = RoomTitle::parse("x").unwrap();
        let room = slug(&format!("room-{number:04}"));
        draft(Change::CreateRoom { author: alice.clone(), room, title, public: true, max_joined: 10_000 })
    };
    store.commit((1..=MAX_OPEN_ROOMS + 1).map(make).collect()).await.unwrap();
    let listed = async |user: &User| {
        let list = store.rooms_for(user.id).await.unwrap();
        let names: Vec<_> = list.rooms.iter().map(|room| room.name.as_str().to_owned()).collect();
        assert!(names.is_sorted());
        (names, list.more)
    };
    // Hers whole, however many; for bob one more than there is place for, the last by name left out.
    let (hers, more) = listed(&alice).await;
    assert_eq!((hers.len(), more), (502, false));
    let (his, more) = listed(&bob).await;
    assert_eq!((his.len(), his.last().unwrap().as_str(), more), (501, "room-0500", true));
    // A larger one comes before it, and one he is in takes no place.
    let carol = member(&store, "carol").await;
    commit(&store, joins(&carol, "room-0501")).await.unwrap();
    let (his, more) = listed(&bob).await;
    assert_eq!((his.len(), his[500].as_str(), his[499].as_str(), more), (501, "room-0501", "room-0499", true));
    commit(&store, joins(&bob, "room-0500")).await.unwrap();
    let (his, more) = listed(&bob).await;
    assert_eq!((his.len(), more), (502, false));
}

pub(crate) async fn rooms_of_one_account_are_bounded(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    // `general` is one of the five.
    let batch = (1..=5).map(|number| makes(&alice, &format!("a{number}"), true)).collect();
    let answers = store.commit(batch).await.unwrap();
    assert!(answers[..4].iter().all(Result::is_ok));
    assert_eq!(answers[4].as_ref().unwrap_err(), &Refusal::TooManyRooms);
    assert!(log_of(&store, "room.a5").await.is_empty());
    commit(&store, makes(&bob, "b1", true)).await.unwrap();
    assert_eq!(commit(&store, joins(&alice, "b1")).await.unwrap_err(), Refusal::TooManyRooms);
    // What is answered in any case is still answered so.
    assert_eq!(commit(&store, joins(&alice, "nowhere")).await.unwrap_err(), Refusal::NoSuchRoom);
    assert_eq!(commit(&store, makes(&alice, "b1", true)).await.unwrap_err(), Refusal::RoomExists);
    assert!(commit(&store, joins(&alice, "a1")).await.unwrap().publications.is_empty());
    // A place is free again, for joining; of making, the fifth is the last.
    commit(&store, leaves(&alice, "a1")).await.unwrap();
    commit(&store, makes(&alice, "a5", true)).await.unwrap();
    commit(&store, leaves(&alice, "a2")).await.unwrap();
    assert_eq!(commit(&store, makes(&alice, "a6", true)).await.unwrap_err(), Refusal::TooManyRooms);
    commit(&store, joins(&alice, "b1")).await.unwrap();
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
