//! API keys: how a back end comes in, and who makes and revokes them.

#[cfg(test)]
mod tests;

use super::{AuthError, Door, Secret, Throttle, Verdict};
use crate::{
    model::{ApiKey, KeyId, KeyName, Role, Scope, UnixMillis, User},
    settings::Settings,
    storage::{NewKey, Store, StoreError, TokenHash, now},
};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Different scopes of one key.
const SCOPES: RangeInclusive<usize> = 1..=20;
/// Seconds a key that expires may live: a minute to ten years (of 365.25 days, as `10y` on the command line is).
const LIFE_SECS: RangeInclusive<u64> = 60..=315_576_000;
/// How much of a key is kept to recognise it by: its prefix and six characters of 43.
const HINT_CHARS: usize = 10;
/// How stale `last_used` may become, in milliseconds: a note per request would be a write each.
const USED_EVERY_MS: i64 = 60_000;
/// Unknown keys of throttled addresses that are looked up at once; the others wait, and leave the store to everybody else.
const SUSPECTS: usize = 1;
/// Keys that are remembered; with more, all are looked up anew.
const MAX_KNOWN: usize = 1_000;

/// What a key shall be.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    /// Its name for people.
    pub name: KeyName,
    /// What it may do, 1 to 20 scopes; repeated ones count once.
    pub scopes: Vec<Scope>,
    /// How long it lives, a minute to ten years; `None`: until it is revoked.
    pub expires_in: Option<Duration>,
}

/// A key as its maker sees it, once.
#[derive(Debug, Clone)]
pub struct MadeKey {
    /// What is kept of it.
    pub key: ApiKey,
    /// What the back end sends; not kept.
    pub secret: Secret,
}

/// Makes a key for whoever may do so: the command line directly, others through [`Keys::create`].
///
/// # Errors
/// [`AuthError::BadField`] names what is out of range; [`AuthError::NameTaken`], [`AuthError::NoEntropy`], or what the
/// store says.
pub async fn make_key(store: &dyn Store, request: KeyRequest) -> Result<MadeKey, AuthError> {
    let KeyRequest { name, mut scopes, expires_in } = request;
    let mut seen = HashSet::new();
    scopes.retain(|scope| seen.insert(scope.clone()));
    if !SCOPES.contains(&scopes.len()) {
        return Err(AuthError::BadField { field: "scopes", problem: "must be 1 to 20" });
    }
    if expires_in.is_some_and(|life| !LIFE_SECS.contains(&life.as_secs())) {
        return Err(AuthError::BadField { field: "expires_in_secs", problem: "must be 60 to 315576000" });
    }
    let at = now();
    let expires_at = expires_in.map(|life| at.saturating_add_unsigned(life.as_secs() * 1_000));
    let secret = Secret::random_key()?;
    let token_hash = secret.key_hash().ok_or(AuthError::BadKey)?; // a random key always has one
    let hint = secret.expose().chars().take(HINT_CHARS).collect();
    let key = store.create_key(NewKey { name, token_hash, hint, scopes, expires_at, at }).await?;
    Ok(MadeKey { key, secret })
}

/// Somebody who may make, see and revoke keys; [`Keys::manager`] has checked it.
#[derive(Debug, Clone)]
pub enum KeyManager {
    /// An owner, signed in.
    Owner(User),
    /// A key with the scope `admin`.
    Key(ApiKey),
}

impl KeyManager {
    fn name(&self) -> &str {
        match self {
            Self::Owner(user) => user.name.as_str(),
            Self::Key(key) => key.name.as_str(),
        }
    }
}

/// Judges keys, and keeps them.
pub struct Keys {
    store: Arc<dyn Store>,
    door: Arc<Door>,
    throttle: Throttle,
    /// Whose use is being noted.
    noting: Arc<Mutex<HashSet<KeyId>>>,
    /// Keys that were good when they were last looked up.
    known: Mutex<HashMap<TokenHash, ApiKey>>,
    suspects: Semaphore,
}

impl Keys {
    /// The keys of this store; `door` knows its sessions.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, door: Arc<Door>, settings: &Settings) -> Self {
        Self {
            store,
            door,
            throttle: Throttle::of_keys(&settings.auth),
            noting: Arc::default(),
            known: Mutex::default(),
            suspects: Semaphore::new(SUSPECTS),
        }
    }

    /// The key that was presented, which is thereby used.
    ///
    /// A good one is never throttled: a stranger behind the same proxy must not stop a back end that does nothing wrong.
    /// One that is not known to be good waits behind others of throttled addresses, for a look-up each.
    ///
    /// # Errors
    /// [`AuthError::BadKey`] if there is none, or a malformed, wrong, revoked or expired one; instead of it
    /// [`AuthError::TooManyAttempts`] when the address has failed too often; or what the store says.
    pub async fn authenticate(&self, bearer: Option<&Secret>, address: IpAddr) -> Result<ApiKey, AuthError> {
        let now = now();
        let hash = bearer.and_then(Secret::key_hash);
        let key = match hash {
            Some(hash) => {
                let _turn = self.turn(&hash, address).await;
                self.store.key(hash, now).await?
            }
            None => None,
        };
        let (Some(hash), Some(mut key)) = (hash, key) else {
            if let Some(hash) = hash {
                lock(&self.known).remove(&hash);
            }
            let refused = self.failed(AuthError::BadKey, address);
            // Those of a throttled address would fill the log.
            if matches!(refused, AuthError::BadKey) {
                tracing::info!(client.address = %address, "an API key that is not good was presented");
            }
            return Err(refused);
        };
        let found = key.clone();
        self.note_use(&mut key, now);
        let mut known = lock(&self.known);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(hash, key);
        Ok(found)
    }

    /// As [`Keys::authenticate`], from memory if it can be: a look-up per publication would cost as much as the rest of
    /// it. The key may have been revoked meanwhile, so this is only for what the store refuses then.
    ///
    /// # Errors
    /// As [`Keys::authenticate`].
    pub async fn recognise(&self, bearer: Option<&Secret>, address: IpAddr) -> Result<ApiKey, AuthError> {
        let now = now();
        if let Some(hash) = bearer.and_then(Secret::key_hash)
            && let Some(key) = lock(&self.known).get_mut(&hash)
            && key.expires_at.is_none_or(|end| end > now)
        {
            self.note_use(key, now);
            return Ok(key.clone());
        }
        self.authenticate(bearer, address).await
    }

    /// What somebody from this address is answered whose key does not allow what they ask for. It counts as a failure:
    /// who has found a key shall not learn at leisure what it opens.
    #[must_use]
    pub fn forbidden(&self, address: IpAddr) -> AuthError {
        self.failed(AuthError::Forbidden, address)
    }

    /// Who wants to deal with keys: the one that is presented counts before the session.
    ///
    /// # Errors
    /// Of a session [`AuthError::Unauthorized`] and [`AuthError::Forbidden`]; of a key, or when there is neither, those
    /// of [`Keys::authenticate`] and [`Keys::forbidden`]; or what the store says.
    pub async fn manager(
        &self,
        bearer: Option<&Secret>,
        session: Option<&Secret>,
        address: IpAddr,
    ) -> Result<KeyManager, AuthError> {
        if let (None, Some(_)) = (bearer, session) {
            let user = self.door.session(session).await?.user;
            return if user.role == Role::Owner { Ok(KeyManager::Owner(user)) } else { Err(AuthError::Forbidden) };
        }
        let key = self.authenticate(bearer, address).await?;
        if key.has(&Scope::Admin) { Ok(KeyManager::Key(key)) } else { Err(self.forbidden(address)) }
    }

    /// Makes a key.
    ///
    /// # Errors
    /// Those of [`make_key`].
    pub async fn create(&self, by: &KeyManager, request: KeyRequest) -> Result<MadeKey, AuthError> {
        let made = make_key(&*self.store, request).await?;
        let ApiKey { id, name, .. } = &made.key;
        tracing::info!(key.id = id.0, key.name = %name, by = by.name(), "API key made");
        Ok(made)
    }

    /// All keys, expired ones too, by name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn list(&self, _: &KeyManager) -> Result<Vec<ApiKey>, AuthError> {
        Ok(self.store.keys().await?)
    }

    /// Revokes a key; what was admitted with it is for the caller to close.
    ///
    /// # Errors
    /// [`AuthError::NoSuchKey`], or what the store says.
    pub async fn revoke(&self, by: &KeyManager, id: KeyId) -> Result<(), AuthError> {
        if !self.store.revoke_key(id).await? {
            return Err(AuthError::NoSuchKey);
        }
        tracing::info!(key.id = id.0, by = by.name(), "API key revoked");
        Ok(())
    }

    /// The turn of a key that may be one of a flood; `None`: it need not wait for any.
    async fn turn(&self, hash: &TokenHash, address: IpAddr) -> Option<SemaphorePermit<'_>> {
        let is_known = lock(&self.known).contains_key(hash);
        if is_known || self.throttle.check(None, address, Instant::now()).is_ok() {
            return None;
        }
        self.suspects.acquire().await.ok() // never closed
    }

    fn failed(&self, why: AuthError, address: IpAddr) -> AuthError {
        match self.throttle.settle(None, address, Verdict::Bad, Instant::now()) {
            Ok(()) => why,
            Err(retry_after) => AuthError::TooManyAttempts { retry_after },
        }
    }

    /// Notes the use, at most once a minute, while the caller goes on.
    fn note_use(&self, key: &mut ApiKey, now: UnixMillis) {
        let is_fresh = key.last_used.is_some_and(|last| now.saturating_sub(last) < USED_EVERY_MS);
        if is_fresh || !lock(&self.noting).insert(key.id) {
            return;
        }
        key.last_used = Some(now);
        let (store, noting, id) = (self.store.clone(), self.noting.clone(), key.id);
        tokio::spawn(async move {
            match store.touch_key(id, now).await {
                Ok(()) | Err(StoreError::Closed) => {}
                Err(error) => tracing::warn!(key.id = id.0, %error, "the use of an API key was not noted"),
            }
            lock(&noting).remove(&id);
        });
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    // One insert or remove each, so what a panic left behind is still whole.
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
