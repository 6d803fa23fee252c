//! Argon2id, off the async threads, a bounded number at a time.

use super::{AuthError, Secret, password};
use crate::settings;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// What those are told who find the queue full; it empties within a few seconds.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Hashes and verifies passwords; about 19 MiB and 50 ms of one core each, by default.
#[derive(Debug)]
pub struct Hasher {
    params: Params,
    /// One per hash computed at once.
    cores: Arc<Semaphore>,
    /// One per hash computed or waiting.
    places: Arc<Semaphore>,
    /// Verified against for users that do not exist, so that they cost the same.
    dummy: Arc<str>,
    hashes: Arc<AtomicU64>,
}

impl Hasher {
    /// Computes one hash, the dummy's, on this thread.
    ///
    /// # Errors
    /// [`AuthError::Hash`] if Argon2 does not accept the settings; [`AuthError::NoEntropy`].
    pub fn new(settings: &settings::Auth) -> Result<Self, AuthError> {
        let params = Params::new(settings.argon2_memory_kib, settings.argon2_passes, settings.argon2_lanes, None)
            .map_err(|error| AuthError::Hash(error.to_string()))?;
        let cores = match settings.hash_concurrency {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            some => some,
        };
        let dummy = hash(&params, Secret::random()?.expose())?.into();
        Ok(Self {
            params,
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores.saturating_add(settings.hash_queue).min(Semaphore::MAX_PERMITS))),
            dummy,
            hashes: Arc::default(),
        })
    }

    /// Hashes a password into a PHC string on this thread: for the command line, which has no other work.
    ///
    /// # Errors
    /// [`AuthError::Hash`] when the memory for it is not to be had.
    pub fn hash_here(&self, password: &Secret) -> Result<String, AuthError> {
        hash(&self.params, &password::normalise(password.expose()))
    }

    /// Hashes a password into a PHC string.
    ///
    /// # Errors
    /// [`AuthError::Busy`] when the queue is full, [`AuthError::Hash`].
    pub async fn hash(&self, password: Secret) -> Result<String, AuthError> {
        let params = self.params.clone();
        self.run(move || hash(&params, &password::normalise(password.expose()))).await?
    }

    /// Whether this is the password of `stored`, a PHC string. Without one the answer is `false` after the same work.
    ///
    /// # Errors
    /// [`AuthError::Busy`] when the queue is full, [`AuthError::Hash`].
    pub async fn verify(&self, password: Secret, stored: Option<&str>) -> Result<bool, AuthError> {
        let known = stored.is_some();
        let stored: Arc<str> = stored.map_or_else(|| self.dummy.clone(), Into::into);
        let dummy = self.dummy.clone();
        self.run(move || {
            let password = password::normalise(password.expose());
            let (parsed, known) = match PasswordHash::new(&stored) {
                Ok(parsed) => (parsed, known),
                Err(error) => {
                    // To whoever signs in, an account whose hash is damaged is one with another password.
                    tracing::error!(%error, "a stored password hash cannot be read");
                    (PasswordHash::new(&dummy).map_err(|error| AuthError::Hash(error.to_string()))?, false)
                }
            };
            let matches = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(matches && known)
        })
        .await?
    }

    /// Whether a hash was made with less than today's settings ask for.
    #[must_use]
    pub fn needs_rehash(&self, stored: &str) -> bool {
        let Ok(parsed) = PasswordHash::new(stored) else { return true };
        let Ok(params) = Params::try_from(&parsed) else { return true };
        parsed.algorithm != Algorithm::Argon2id.ident()
            || parsed.version != Some(Version::V0x13.into())
            || params.m_cost() < self.params.m_cost()
            || params.t_cost() < self.params.t_cost()
            || params.p_cost() < self.params.p_cost()
    }

    /// Hashes computed for callers so far, verifications included.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    /// Runs one hash's worth of work on a blocking thread.
    ///
    /// # Cancel safety
    /// A caller that goes away gives up its place only when the work it began has ended: cancelled requests cannot
    /// start more work than the bound.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AuthError> {
        let busy = || AuthError::Busy { retry_after: RETRY_AFTER };
        let place = self.places.clone().try_acquire_owned().map_err(|_| busy())?;
        let core = self.cores.clone().acquire_owned().await.map_err(|_| busy())?;
        let hashes = self.hashes.clone();
        let task = tokio::task::spawn_blocking(move || {
            let done = work();
            hashes.fetch_add(1, Ordering::Relaxed);
            drop((core, place));
            done
        });
        task.await.map_err(|error| AuthError::Hash(error.to_string()))
    }
}

fn hash(params: &Params, password: &str) -> Result<String, AuthError> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash = argon2.hash_password(password.as_bytes()).map_err(|error| AuthError::Hash(error.to_string()))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing;

    fn hasher(change: impl FnOnce(&mut settings::Auth)) -> Hasher {
        let mut settings = testing::settings().auth;
        change(&mut settings);
        Hasher::new(&settings).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_its_own_in_every_normal_form() {
        let hasher = hasher(|_| {});
        let stored = hasher.hash(Secret::new("ca\u{301}fe\u{301} ﬁne")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
        assert!(hasher.verify(Secret::new("c\u{e1}f\u{e9} fine"), Some(&stored)).await.unwrap());
        assert!(
            !hasher.verify(Secret::new("c\u{e1}f\u{e9} fine "), Some(&stored)).await.unwrap(),
            "nothing is trimmed"
        );
    }

    #[tokio::test]
    async fn an_unknown_user_costs_the_same_work() {
        let hasher = hasher(|_| {});
        let stored = hasher.hash(Secret::new("right")).await.unwrap();
        for (stored, password, expected) in [
            (Some(stored.as_str()), "right", true),
            (Some(stored.as_str()), "wrong", false),
            (None, "right", false),
            (Some("damaged"), "right", false),
        ] {
            let before = hasher.hashes();
            assert_eq!(hasher.verify(Secret::new(password), stored).await.unwrap(), expected);
            assert_eq!(hasher.hashes() - before, 1);
        }
        // One hash each, and of the same cost.
        let params = |phc: &str| Params::try_from(&PasswordHash::new(phc).unwrap()).unwrap();
        assert_eq!(params(&hasher.dummy), params(&stored));
    }

    #[tokio::test]
    async fn weaker_hashes_are_made_anew() {
        let old = hasher(|_| {});
        let stored = old.hash(Secret::new("right")).await.unwrap();
        assert!(!old.needs_rehash(&stored));
        assert!(hasher(|auth| auth.argon2_memory_kib = 65).needs_rehash(&stored));
        assert!(hasher(|auth| auth.argon2_passes = 2).needs_rehash(&stored));
        assert!(!hasher(|auth| auth.argon2_memory_kib = 32).needs_rehash(&stored), "stronger is fine");
        assert!(old.needs_rehash(&stored.replace("argon2id", "argon2i")));
        assert!(old.needs_rehash("damaged"));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let hasher = Arc::new(hasher(|auth| (auth.hash_concurrency, auth.hash_queue) = (1, 2)));
        let held = hasher.cores.clone().acquire_owned().await.unwrap();
        let attempt = || {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.verify(Secret::new("x"), None).await })
        };
        let waiting = [attempt(), attempt(), attempt()];
        while hasher.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(attempt().await.unwrap(), Err(AuthError::Busy { .. })));
        drop(held);
        for attempt in waiting {
            assert!(!attempt.await.unwrap().unwrap());
        }
        assert_eq!(hasher.places.available_permits(), 3);
    }
}
