//! What keys open, on a real store.

use super::*;
use crate::auth::{
    LoginRequest, Visitor,
    testing::{PASSWORD, World, settings},
};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));

fn wanted(name: &str, scopes: &[&str]) -> KeyRequest {
    let scopes = scopes.iter().map(|scope| scope.parse().unwrap()).collect();
    KeyRequest { name: KeyName::parse(name).unwrap(), scopes, expires_in: None }
}

async fn make(world: &World, name: &str, scopes: &[&str]) -> MadeKey {
    make_key(&*world.store, wanted(name, scopes)).await.unwrap()
}

fn keys(world: &World) -> Keys {
    Keys::new(world.store.clone(), world.door.clone(), &world.settings)
}

/// Three failures a minute.
async fn strict() -> (World, Keys) {
    let mut strict = settings();
    strict.auth.throttle_keys_per_minute = 3;
    let world = World::with(strict).await;
    let keys = keys(&world);
    (world, keys)
}

async fn session(world: &World, name: &str) -> Secret {
    let visitor = Visitor { address: HOME, device: None, origin: None };
    let (username, password) = (Secret::new(name), Secret::new(PASSWORD));
    world.door.login(LoginRequest { username, password, resume: None, visitor }).await.unwrap().session_token
}

/// Until the store knows of a use.
async fn last_used(world: &World, id: KeyId) -> Option<UnixMillis> {
    world.store.keys().await.unwrap().into_iter().find(|key| key.id == id).unwrap().last_used
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_until_it_is_revoked() {
    let world = World::peopled().await;
    let keys = keys(&world);
    let made = make(&world, "shop", &["publish:news.*", "otp", "publish:news.*"]).await;
    let text = made.secret.expose();
    assert!(text.starts_with("sbk_") && text.len() == 47, "{text}");
    assert_eq!(made.key.hint, text[..10]);
    assert_eq!(made.key.scopes.len(), 2, "a repeated scope counts once");
    let key = keys.authenticate(Some(&made.secret), HOME).await.unwrap();
    assert_eq!(key, made.key);
    assert!(!format!("{made:?}").contains(text));
    assert!(world.store.revoke_key(key.id).await.unwrap());
    assert!(matches!(keys.authenticate(Some(&made.secret), HOME).await, Err(AuthError::BadKey)));
}

#[tokio::test]
async fn a_key_that_is_recognised_is_forgotten_once_it_is_known_to_be_revoked() {
    let world = World::peopled().await;
    let keys = keys(&world);
    let made = make(&world, "shop", &["publish:*"]).await;
    assert_eq!(keys.recognise(Some(&made.secret), HOME).await.unwrap().id, made.key.id);
    assert!(world.store.revoke_key(made.key.id).await.unwrap());
    // From memory: whoever acts on it is refused by the store.
    assert_eq!(keys.recognise(Some(&made.secret), HOME).await.unwrap().id, made.key.id);
    assert!(matches!(keys.authenticate(Some(&made.secret), HOME).await, Err(AuthError::BadKey)));
    assert!(matches!(keys.recognise(Some(&made.secret), HOME).await, Err(AuthError::BadKey)));
}

#[tokio::test]
async fn whatever_is_no_good_key_gets_one_answer() {
    let world = World::peopled().await;
    let keys = keys(&world);
    let good = make(&world, "good", &["otp"]).await.secret;
    let expired = Secret::random_key().unwrap();
    let new = NewKey {
        name: KeyName::parse("old").unwrap(),
        token_hash: expired.key_hash().unwrap(),
        hint: String::new(),
        scopes: vec![Scope::Otp],
        expires_at: Some(2),
        at: 1,
    };
    world.store.create_key(new).await.unwrap();
    let without_prefix = Secret::new(good.expose().strip_prefix("sbk_").unwrap());
    let wrong = [expired, without_prefix, Secret::random_key().unwrap(), Secret::random().unwrap(), Secret::new("")];
    for secret in wrong.iter().map(Some).chain([None]) {
        let refused = keys.authenticate(secret, HOME).await.unwrap_err();
        assert_eq!(refused.to_string(), AuthError::BadKey.to_string());
    }
    assert!(keys.authenticate(Some(&good), HOME).await.is_ok());
}

#[tokio::test]
async fn a_good_key_passes_however_often_its_address_has_failed() {
    let (world, keys) = strict().await;
    let good = make(&world, "good", &["otp"]).await.secret;
    assert!(matches!(keys.authenticate(None, HOME).await, Err(AuthError::BadKey)));
    assert!(matches!(keys.forbidden(HOME), AuthError::Forbidden));
    assert!(matches!(keys.authenticate(Some(&Secret::random_key().unwrap()), HOME).await, Err(AuthError::BadKey)));
    for _ in 0..3 {
        let throttled = keys.authenticate(None, HOME).await;
        assert!(matches!(throttled, Err(AuthError::TooManyAttempts { retry_after }) if retry_after.as_secs() > 50));
        assert!(matches!(keys.forbidden(HOME), AuthError::TooManyAttempts { .. }));
        assert!(keys.authenticate(Some(&good), HOME).await.is_ok());
    }
    assert!(matches!(keys.authenticate(None, ELSEWHERE).await, Err(AuthError::BadKey)), "others are not concerned");
}

#[tokio::test]
async fn failed_keys_and_failed_logins_do_not_count_together() {
    let (world, keys) = strict().await;
    world.add("alice", Role::Owner).await;
    for _ in 0..10 {
        assert!(keys.authenticate(None, HOME).await.is_err());
    }
    session(&world, "alice").await;
}

#[tokio::test]
async fn a_use_is_noted_and_nobody_waits_for_it() {
    let world = World::peopled().await;
    let keys = keys(&world);
    let made = make(&world, "shop", &["otp"]).await;
    let before = now();
    for _ in 0..20 {
        keys.authenticate(Some(&made.secret), HOME).await.unwrap();
    }
    let noted = async {
        loop {
            match last_used(&world, made.key.id).await {
                Some(at) => return at,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let noted = tokio::time::timeout(Duration::from_secs(20), noted).await.unwrap();
    assert!((before..=now()).contains(&noted));
    // Less than a minute ago: nothing is written.
    keys.authenticate(Some(&made.secret), HOME).await.unwrap();
    assert_eq!(last_used(&world, made.key.id).await, Some(noted));
}

#[tokio::test]
async fn a_key_has_bounds() {
    let world = World::peopled().await;
    let many: Vec<_> = (0..21).map(|n| format!("publish:n{n}.*")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let expiring = |secs| KeyRequest { expires_in: Some(Duration::from_secs(secs)), ..wanted("shop", &["otp"]) };
    for (request, wrong) in [
        (wanted("shop", &[]), "scopes"),
        (wanted("shop", &many), "scopes"),
        (expiring(59), "expires_in_secs"),
        (expiring(315_576_001), "expires_in_secs"),
        (expiring(u64::MAX), "expires_in_secs"),
    ] {
        let refused = make_key(&*world.store, request.clone()).await;
        assert!(matches!(refused, Err(AuthError::BadField { field, .. }) if field == wrong), "{request:?}");
    }
    make_key(&*world.store, wanted("shop", &many[..20])).await.unwrap();
    assert!(matches!(make_key(&*world.store, wanted("SHOP", &["otp"])).await, Err(AuthError::NameTaken)));
    let brief = make_key(&*world.store, KeyRequest { name: KeyName::parse("brief").unwrap(), ..expiring(60) }).await;
    let key = brief.unwrap().key;
    assert_eq!(key.expires_at, Some(key.created_at + 60_000));
}

#[tokio::test]
async fn owners_and_admin_keys_deal_with_keys_and_nobody_else() {
    let world = World::peopled().await;
    let keys = keys(&world);
    world.add("ada", Role::Admin).await;
    let owner = session(&world, "alice").await;
    let admin = make(&world, "admin", &["admin", "otp"]).await.secret;
    let other = make(&world, "other", &["publish:*", "otp"]).await.secret;
    assert!(matches!(keys.manager(None, Some(&owner), HOME).await, Ok(KeyManager::Owner(_))));
    assert!(matches!(keys.manager(Some(&admin), None, HOME).await, Ok(KeyManager::Key(_))));
    for name in ["ada", "bob"] {
        let refused = keys.manager(None, Some(&session(&world, name).await), HOME).await;
        assert!(matches!(refused, Err(AuthError::Forbidden)), "{name}");
    }
    assert!(
        matches!(keys.manager(Some(&other), Some(&owner), HOME).await, Err(AuthError::Forbidden)),
        "the key counts"
    );
    assert!(matches!(keys.manager(None, None, HOME).await, Err(AuthError::BadKey)));
    let ended = Secret::random().unwrap();
    assert!(matches!(keys.manager(None, Some(&ended), HOME).await, Err(AuthError::Unauthorized)));

    let by = keys.manager(Some(&admin), None, HOME).await.unwrap();
    let made = keys.create(&by, wanted("shop", &["otp"])).await.unwrap();
    assert_eq!(keys.list(&by).await.unwrap().len(), 3);
    keys.revoke(&by, made.key.id).await.unwrap();
    assert!(matches!(keys.revoke(&by, made.key.id).await, Err(AuthError::NoSuchKey)));
}

#[tokio::test]
async fn unknown_keys_of_a_throttled_address_are_looked_up_one_by_one() {
    let (world, keys) = strict().await;
    let (known, new) = (make(&world, "known", &["otp"]).await.secret, make(&world, "new", &["otp"]).await.secret);
    assert!(keys.authenticate(Some(&known), HOME).await.is_ok());
    for _ in 0..3 {
        assert!(keys.authenticate(None, HOME).await.is_err());
    }
    // The look-up of another one is under way.
    let another = keys.suspects.acquire().await.unwrap();
    assert!(keys.authenticate(Some(&known), HOME).await.is_ok(), "it was good before");
    assert!(keys.authenticate(Some(&new), ELSEWHERE).await.is_ok(), "nobody fails there");
    let third = make(&world, "third", &["otp"]).await.secret;
    let mut waiting = std::pin::pin!(keys.authenticate(Some(&third), HOME));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(another);
    assert!(waiting.await.is_ok(), "a good key passes when it is its turn");
}
