//! Accounts.

use super::*;

pub(crate) async fn names_are_taken_without_regard_to_case(store: Fresh) {
    let alice = member(&store, "Alice").await;
    assert!(matches!(store.create_account(new_account("aLICE")).await, Err(StoreError::NameTaken)));
    let found = store.account(&name("ALICE")).await.unwrap().unwrap();
    assert_eq!(found.user, alice);
    assert_eq!(found.user.name.as_str(), "Alice");
    assert_eq!((found.password_hash.as_str(), found.disabled, found.created_at), ("$argon2id$1", false, 1_000));
    assert!(store.account(&name("bob")).await.unwrap().is_none());
    member(&store, "Bob").await;
    member(&store, "aaron").await;
    let names: Vec<_> = store.accounts().await.unwrap().into_iter().map(|account| account.user.name).collect();
    assert_eq!(names, [name("aaron"), name("Alice"), name("Bob")]);
}

pub(crate) async fn only_the_first_account_is_the_first(store: Fresh) {
    let owner = |user: &str| NewAccount { role: Role::Owner, ..new_account(user) };
    let (one, two) = tokio::join!(store.create_first_account(owner("alice")), store.create_first_account(owner("bob")));
    let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
    assert_eq!(won.unwrap().role, Role::Owner);
    assert!(matches!(lost, Err(StoreError::AlreadySetUp)));
    assert!(matches!(store.create_first_account(owner("carol")).await, Err(StoreError::AlreadySetUp)));
    assert_eq!(store.accounts().await.unwrap().len(), 1);
}

pub(crate) async fn accounts_are_in_general_at_once(store: Fresh) {
    let alice = member(&store, "alice").await;
    let rooms = store.rooms_for(alice.id).await.unwrap().rooms;
    let [general] = &rooms[..] else { panic!("{rooms:?}") };
    assert_eq!((general.name.as_str(), general.title.as_str()), ("general", "General"));
    assert_eq!((general.public, general.joined, general.members), (true, true, 1));
    assert!(log_of(&store, "room.general").await.is_empty());
}

pub(crate) async fn disabling_ends_sessions(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    let (hers, his) = (open(&store, &alice, 1).await, open(&store, &bob, 2).await);
    assert!(store.disable_account(&name("ALICE")).await.unwrap());
    assert!(store.disable_account(&name("alice")).await.unwrap());
    assert!(!store.disable_account(&name("nobody")).await.unwrap());
    assert!(store.account(&name("alice")).await.unwrap().unwrap().disabled);
    assert!(store.use_session([1; 32], 2_000, LIMITS).await.unwrap().is_none());
    assert_eq!(store.live_sessions(vec![hers, his]).await.unwrap(), [his]);
    // One that was opened while the account was being disabled is no good either.
    let late = open(&store, &alice, 3).await;
    assert!(store.use_session([3; 32], 2_000, LIMITS).await.unwrap().is_none());
    assert!(store.live_sessions(vec![late]).await.unwrap().is_empty());
}

pub(crate) async fn enabling_brings_no_session_back(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    let (hers, his) = (open(&store, &alice, 1).await, open(&store, &bob, 2).await);
    assert!(store.disable_account(&alice.name).await.unwrap());
    let late = open(&store, &alice, 3).await;
    assert!(store.enable_account(&name("ALICE")).await.unwrap());
    assert!(!store.account(&alice.name).await.unwrap().unwrap().disabled);
    assert!(store.live_sessions(vec![hers, late]).await.unwrap().is_empty());
    assert!(store.use_session([3; 32], 2_000, LIMITS).await.unwrap().is_none());
    let new = open(&store, &alice, 4).await;
    assert!(store.enable_account(&alice.name).await.unwrap());
    assert!(store.enable_account(&bob.name).await.unwrap());
    assert_eq!(store.live_sessions(vec![new, his]).await.unwrap().len(), 2, "those who were not disabled lose nothing");
    assert!(!store.enable_account(&name("nobody")).await.unwrap());
}

pub(crate) async fn a_new_password_ends_sessions_and_a_rehash_does_not(store: Fresh) {
    let alice = member(&store, "alice").await;
    let session = open(&store, &alice, 1).await;
    let weak = store.account(&alice.name).await.unwrap().unwrap().password_hash;
    store.rehash_password(alice.id, &weak, "$argon2id$2").await.unwrap();
    store.rehash_password(alice.id, &weak, "$argon2id$late").await.unwrap();
    assert_eq!(store.account(&alice.name).await.unwrap().unwrap().password_hash, "$argon2id$2");
    assert_eq!(store.live_sessions(vec![session]).await.unwrap(), [session]);
    assert!(store.reset_password(&name("Alice"), "$argon2id$3").await.unwrap());
    assert_eq!(store.account(&alice.name).await.unwrap().unwrap().password_hash, "$argon2id$3");
    assert!(store.live_sessions(vec![session]).await.unwrap().is_empty());
    assert!(!store.reset_password(&name("nobody"), "x").await.unwrap());
}
