//! What the server does by itself, again and again, until it stops.

use crate::{
    manager::Manager,
    model::{Credential, SessionId},
    settings::Settings,
    storage::{SessionLimits, Store, StoreError, SweepLimits, now},
};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How soon a session that another process ended loses its sockets.
const REVOCATION_CHECK_PERIOD: Duration = Duration::from_millis(500);
/// How soon an external user is closed whose back end's key has expired.
const EXPIRY_CHECK_PERIOD: Duration = Duration::from_secs(60);
/// How often what is old is thrown away; nothing depends on it but disk.
const TRIM_PERIOD: Duration = Duration::from_secs(600);
const SWEEP_PERIOD: Duration = Duration::from_secs(600);
/// How long a browser is known that signed in once: as long as browsers keep a cookie.
const DEVICE_MEMORY: Duration = Duration::from_secs(400 * 86_400);
/// How long a repeat of a request with an idempotency key gets the first answer.
const RECEIPT_MEMORY: Duration = Duration::from_secs(24 * 3_600);
/// Publications forgotten per transaction, so that no commit waits long behind it.
const TRIM_BATCH: u32 = 1_000;

/// Closes what was admitted by sessions and keys that have ended meanwhile.
async fn close_ended(store: &dyn Store, manager: &Manager) -> Result<(), StoreError> {
    let admitted: HashSet<_> = manager.clients().all().iter().map(|client| client.credential()).collect();
    let (mut sessions, mut keys) = (Vec::new(), Vec::new());
    for credential in &admitted {
        match credential {
            Credential::Session(session) => sessions.push(*session),
            Credential::Key(key) => keys.push(*key),
        }
    }
    let sessions = store.live_sessions(sessions).await?.into_iter().map(Credential::Session);
    let live: HashSet<_> =
        sessions.chain(store.live_keys(keys, now()).await?.into_iter().map(Credential::Key)).collect();
    for ended in admitted.difference(&live) {
        manager.close_admitted_by(*ended);
    }
    Ok(())
}

/// Closes the sockets of sessions and keys that ended elsewhere: on the command line, say.
pub(super) async fn watch_revocations(store: Arc<dyn Store>, manager: Arc<Manager>) {
    let mut known = store.revocations().await.ok();
    let mut looked_at = Instant::now();
    loop {
        tokio::time::sleep(REVOCATION_CHECK_PERIOD).await;
        let now = store.revocations().await.ok();
        // That a key expires, nobody counts.
        let is_due = now != known || looked_at.elapsed() >= EXPIRY_CHECK_PERIOD;
        if now.is_some() && is_due && close_ended(&*store, &manager).await.is_ok() {
            (known, looked_at) = (now, Instant::now());
        }
    }
}

/// Keeps the sessions of connected clients from growing idle, and throws away what has expired.
pub(super) async fn sweep(store: Arc<dyn Store>, manager: Arc<Manager>, settings: Arc<Settings>) {
    let limits = SweepLimits {
        sessions: SessionLimits {
            idle_ms: millis(settings.auth.session_idle),
            absolute_ms: millis(settings.auth.session_max),
        },
        device_ms: millis(DEVICE_MEMORY),
        receipt_ms: millis(RECEIPT_MEMORY),
    };
    loop {
        if let Err(error) = store.sweep(sessions(&manager).into_iter().collect(), now(), limits).await {
            tracing::warn!(%error, "expired sessions were not thrown away");
        }
        tokio::time::sleep(SWEEP_PERIOD).await;
    }
}

/// The sessions that connected clients were admitted by.
fn sessions(manager: &Manager) -> HashSet<SessionId> {
    let session = |credential| match credential {
        Credential::Session(session) => Some(session),
        Credential::Key(_) => None,
    };
    manager.clients().all().iter().filter_map(|client| session(client.credential())).collect()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Forgets publications that are older than `journal.retention_days`.
pub(super) async fn trim_log(store: Arc<dyn Store>, settings: Arc<Settings>) {
    let retention = millis(settings.journal.retention);
    loop {
        loop {
            match store.trim_log(now(), retention, TRIM_BATCH).await {
                Ok(TRIM_BATCH..) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "old publications were not forgotten");
                    break;
                }
            }
        }
        tokio::time::sleep(TRIM_PERIOD).await;
    }
}
