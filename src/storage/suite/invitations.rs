//! Invitations.

use super::*;

fn invitation(token: u8, uses: u32, created_by: Option<UserId>) -> NewInvitation {
    NewInvitation { token_hash: [token; 32], role: Role::Admin, uses, expires_at: 9_000, created_by, at: 1_000 }
}

pub(crate) async fn an_invitation_makes_accounts_until_it_is_spent(store: Fresh) {
    let alice = member(&store, "alice").await;
    let id = store.create_invitation(invitation(1, 2, Some(alice.id))).await.unwrap();
    let found = store.invitation([1; 32], 1_000).await.unwrap().unwrap();
    assert_eq!((found.id, found.role, found.uses_left, found.expires_at), (id, Role::Admin, 2, 9_000));
    assert_eq!(found.created_by, Some(alice.name));
    assert!(matches!(store.accept_invitation([2; 32], new_account("x")).await, Err(StoreError::InvitationSpent)));
    let bob = store.accept_invitation([1; 32], new_account("bob")).await.unwrap();
    assert_eq!(bob.role, Role::Admin);
    assert_eq!(store.rooms_for(bob.id).await.unwrap().rooms[0].members, 2);
    assert_eq!(store.invitation([1; 32], 1_000).await.unwrap().unwrap().uses_left, 1);
    store.accept_invitation([1; 32], new_account("carol")).await.unwrap();
    assert!(matches!(store.accept_invitation([1; 32], new_account("dave")).await, Err(StoreError::InvitationSpent)));
    assert!(store.account(&name("dave")).await.unwrap().is_none());
    assert!(store.invitation([1; 32], 1_000).await.unwrap().is_none());
}

pub(crate) async fn an_invitation_expires(store: Fresh) {
    store.create_invitation(invitation(1, 1, None)).await.unwrap();
    assert!(store.invitation([1; 32], 8_999).await.unwrap().is_some());
    assert!(store.invitation([1; 32], 9_000).await.unwrap().is_none());
    let late = NewAccount { at: 9_000, ..new_account("bob") };
    assert!(matches!(store.accept_invitation([1; 32], late).await, Err(StoreError::InvitationSpent)));
}

pub(crate) async fn a_taken_name_spends_no_invitation(store: Fresh) {
    member(&store, "alice").await;
    store.create_invitation(invitation(1, 1, None)).await.unwrap();
    assert!(matches!(store.accept_invitation([1; 32], new_account("ALICE")).await, Err(StoreError::NameTaken)));
    assert_eq!(store.invitation([1; 32], 1_000).await.unwrap().unwrap().uses_left, 1);
}

pub(crate) async fn two_race_for_the_last_use(store: Fresh) {
    store.create_invitation(invitation(1, 1, None)).await.unwrap();
    let (one, two) = tokio::join!(
        store.accept_invitation([1; 32], new_account("bob")),
        store.accept_invitation([1; 32], new_account("carol")),
    );
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(store.accounts().await.unwrap().len(), 1);
}

pub(crate) async fn invitations_are_listed_and_taken_back(store: Fresh) {
    let one = store.create_invitation(invitation(1, 1, None)).await.unwrap();
    let two = store.create_invitation(invitation(2, 5, None)).await.unwrap();
    let ids = async |now| store.invitations(now).await.unwrap().into_iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(ids(1_000).await, [one, two]);
    assert!(ids(9_000).await.is_empty());
    assert!(store.revoke_invitation(one).await.unwrap());
    assert!(!store.revoke_invitation(one).await.unwrap());
    assert_eq!(ids(1_000).await, [two]);
    assert!(store.invitation([1; 32], 1_000).await.unwrap().is_none());
}
