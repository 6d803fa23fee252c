//! API keys.

use super::*;
use crate::model::{ApiKey, KeyId, KeyName};

/// A key made at 1,000 whose token hash is `token` throughout.
fn key(name: &str, token: u8, expires_at: Option<i64>) -> NewKey {
    NewKey {
        name: KeyName::parse(name).unwrap(),
        token_hash: [token; 32],
        hint: format!("sbk_hint{token}"),
        scopes: vec!["publish:news.*".parse().unwrap(), "otp".parse().unwrap()],
        expires_at,
        at: 1_000,
    }
}

fn names(keys: &[ApiKey]) -> Vec<&str> {
    keys.iter().map(|key| key.name.as_str()).collect()
}

pub(crate) async fn a_key_is_found_by_its_hash_until_it_expires(store: Fresh) {
    let made = store.create_key(key("Shop", 1, Some(9_000))).await.unwrap();
    assert_eq!((made.name.as_str(), made.hint.as_str(), made.created_at), ("Shop", "sbk_hint1", 1_000));
    assert_eq!((made.last_used, made.expires_at), (None, Some(9_000)));
    assert_eq!(made.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["publish:news.*", "otp"]);
    assert_eq!(store.key([1; 32], 8_999).await.unwrap(), Some(made.clone()));
    assert_eq!(store.key([1; 32], 9_000).await.unwrap(), None);
    assert_eq!(store.key([2; 32], 1_000).await.unwrap(), None);
    let lasting = store.create_key(key("lasting", 2, None)).await.unwrap();
    assert_eq!(store.key([2; 32], i64::MAX).await.unwrap(), Some(lasting.clone()));
    let asked = vec![lasting.id, KeyId(99), made.id];
    assert_eq!(store.live_keys(asked.clone(), 8_999).await.unwrap(), [lasting.id, made.id]);
    assert_eq!(store.live_keys(asked, 9_000).await.unwrap(), [lasting.id]);
}

pub(crate) async fn a_keys_name_is_taken_without_regard_to_case(store: Fresh) {
    let made = store.create_key(key("Shop", 1, Some(2_000))).await.unwrap();
    assert!(matches!(store.create_key(key("SHOP", 2, None)).await, Err(StoreError::NameTaken)));
    assert_eq!(store.key([2; 32], 1_000).await.unwrap(), None);
    assert!(store.revoke_key(made.id).await.unwrap());
    let again = store.create_key(key("shop", 3, None)).await.unwrap();
    assert!(again.id > made.id, "the id of a revoked key is never given to another");
}

pub(crate) async fn keys_are_listed_by_name_and_survive_a_sweep(store: Fresh) {
    assert!(store.keys().await.unwrap().is_empty());
    for (n, name) in [(1, "web"), (2, "Billing"), (3, "app")] {
        store.create_key(key(name, n, Some(2_000))).await.unwrap();
    }
    let limits = SweepLimits { sessions: LIMITS, device_ms: 1, receipt_ms: 1 };
    store.sweep(Vec::new(), 9_000_000, limits).await.unwrap();
    assert_eq!(names(&store.keys().await.unwrap()), ["app", "Billing", "web"]);
}

pub(crate) async fn a_keys_last_use_only_moves_forward(store: Fresh) {
    let made = store.create_key(key("shop", 1, None)).await.unwrap();
    for (now, last_used) in [(5_000, 5_000), (4_000, 5_000), (6_000, 6_000)] {
        store.touch_key(made.id, now).await.unwrap();
        assert_eq!(store.key([1; 32], now).await.unwrap().unwrap().last_used, Some(last_used));
    }
    store.touch_key(KeyId(99), 7_000).await.unwrap();
}

pub(crate) async fn a_revoked_key_is_gone_and_counted(store: Fresh) {
    let made = store.create_key(key("shop", 1, None)).await.unwrap();
    let before = store.revocations().await.unwrap();
    assert!(store.revoke_key(made.id).await.unwrap());
    assert_eq!(store.revocations().await.unwrap(), before + 1);
    assert_eq!(store.key([1; 32], 1_000).await.unwrap(), None);
    assert!(store.keys().await.unwrap().is_empty());
    assert!(store.live_keys(vec![made.id], 1_000).await.unwrap().is_empty());
    assert!(!store.revoke_key(made.id).await.unwrap());
    assert_eq!(store.revocations().await.unwrap(), before + 1);
}
