//! Sessions and devices.

use super::*;

pub(super) const LIMITS: SessionLimits = SessionLimits { idle_ms: 200_000, absolute_ms: 1_000_000 };

/// Opens a session at 1,000 whose token hash is `token` throughout.
pub(super) async fn open(store: &Fresh, user: &User, token: u8) -> SessionId {
    store.create_session(NewSession { user: user.id, token_hash: [token; 32], at: 1_000 }).await.unwrap()
}

pub(crate) async fn a_session_lives_within_its_limits(store: Fresh) {
    let alice = member(&store, "alice").await;
    let id = open(&store, &alice, 1).await;
    let good_at = async |now| store.use_session([1; 32], now, LIMITS).await.unwrap().is_some();
    let session = store.use_session([1; 32], 1_000, LIMITS).await.unwrap().unwrap();
    assert_eq!((session.id, session.user), (id, alice));
    assert!(store.use_session([2; 32], 1_000, LIMITS).await.unwrap().is_none());
    // Idle counts from the last use, noted once a minute at most.
    assert!(good_at(150_000).await);
    assert!(good_at(300_000).await);
    assert!(!good_at(500_001).await);
    // A clock that goes back hurts nobody.
    assert!(good_at(500).await);
    for now in [450_000, 600_000, 750_000, 900_000] {
        assert!(good_at(now).await);
    }
    assert!(good_at(1_000_999).await);
    assert!(!good_at(1_001_000).await);
}

pub(crate) async fn a_session_ends_when_it_is_told_to(store: Fresh) {
    let alice = member(&store, "alice").await;
    let (one, two) = (open(&store, &alice, 1).await, open(&store, &alice, 2).await);
    assert_eq!(store.live_sessions(vec![two, SessionId(99), one]).await.unwrap(), [two, one]);
    store.end_session(two).await.unwrap();
    assert!(store.use_session([2; 32], 1_000, LIMITS).await.unwrap().is_none());
    assert!(store.use_session([1; 32], 1_000, LIMITS).await.unwrap().is_some());
    assert_eq!(store.live_sessions(vec![one, two]).await.unwrap(), [one]);
    // The id of an ended session is never given to another.
    assert!(open(&store, &alice, 3).await > two);
}

pub(crate) async fn revocations_grow_when_sessions_end(store: Fresh) {
    let alice = member(&store, "alice").await;
    let session = open(&store, &alice, 1).await;
    let mut last = store.revocations().await.unwrap();
    let mut grew = async || {
        let now = store.revocations().await.unwrap();
        std::mem::replace(&mut last, now) < now
    };
    assert!(!grew().await);
    store.end_session(session).await.unwrap();
    assert!(grew().await);
    store.end_session(session).await.unwrap();
    assert!(!grew().await);
    store.reset_password(&alice.name, "x").await.unwrap();
    assert!(grew().await);
    store.disable_account(&alice.name).await.unwrap();
    assert!(grew().await);
}

pub(crate) async fn devices_are_known_per_account(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    assert!(!store.knows_device(alice.id, [7; 32]).await.unwrap());
    store.remember_device(alice.id, [7; 32], 1_000).await.unwrap();
    store.remember_device(alice.id, [7; 32], 2_000).await.unwrap();
    assert!(store.knows_device(alice.id, [7; 32]).await.unwrap());
    assert!(!store.knows_device(bob.id, [7; 32]).await.unwrap());
    assert!(!store.knows_device(alice.id, [8; 32]).await.unwrap());
}

pub(crate) async fn a_sweep_keeps_what_is_in_use_and_ends_what_has_expired(store: Fresh) {
    let alice = member(&store, "alice").await;
    let (used, idle) = (open(&store, &alice, 1).await, open(&store, &alice, 2).await);
    store.remember_device(alice.id, [3; 32], 1_000).await.unwrap();
    let limits = SweepLimits { sessions: LIMITS, device_ms: 500_000, receipt_ms: 500_000 };
    let before = store.revocations().await.unwrap();
    store.sweep(vec![used], 150_000, limits).await.unwrap();
    assert_eq!(store.revocations().await.unwrap(), before);
    store.sweep(vec![used], 300_000, limits).await.unwrap();
    assert_eq!(store.live_sessions(vec![used, idle]).await.unwrap(), [used]);
    assert!(store.revocations().await.unwrap() > before);
    assert!(store.knows_device(alice.id, [3; 32]).await.unwrap());
    // Its absolute limit ends even what is connected.
    store.sweep(vec![used], 1_001_000, limits).await.unwrap();
    assert!(store.live_sessions(vec![used]).await.unwrap().is_empty());
    assert!(!store.knows_device(alice.id, [3; 32]).await.unwrap());
}
