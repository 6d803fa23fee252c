//! Follows the certificate files. Polling, because it sees every way in which files are
//! replaced (renames, symbolic links, mounts) and costs two `stat` calls a second.

use super::{Certificate, Files};
use std::{os::unix::fs::MetadataExt as _, path::Path, time::Duration};

const PERIOD: Duration = Duration::from_secs(1);

/// What tells one version of a file from the next: device, inode, length, modification and
/// change time (a `chmod` may be the cure for an unreadable key). `None`: not there.
type FileStamp = Option<(u64, u64, u64, (i64, i64), (i64, i64))>;

/// Which versions of both files are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(FileStamp, FileStamp);

impl Stamp {
    pub(super) fn of(files: &Files) -> Self {
        let of = |path: &Path| {
            let file = std::fs::metadata(path).ok()?;
            let times = ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
            Some((file.dev(), file.ino(), file.size(), times.0, times.1))
        };
        Self(of(&files.certificate), of(&files.key))
    }
}

impl Certificate {
    /// Serves new connections with the files' new content soon after they change; open ones go
    /// on undisturbed. Files that cannot be used change nothing and are logged once, until they
    /// change again. Never ends; stopping it anywhere loses nothing.
    pub async fn watch(self) {
        self.watch_every(PERIOD).await;
    }

    async fn watch_every(self, period: Duration) {
        let mut tried = self.stamp;
        let mut last = self.stamp;
        loop {
            tokio::time::sleep(period).await;
            let files = self.files.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || Stamp::of(&files)).await else { continue };
            // Two files are never replaced at one moment: wait until both have been still for a period.
            if now != tried && now == last {
                tried = now;
                self.reload().await;
            }
            last = now;
        }
    }

    async fn reload(&self) {
        let files = self.files.clone();
        match tokio::task::spawn_blocking(move || files.load()).await {
            Ok(Ok(config)) => {
                self.config.reload_from_config(config);
                tracing::info!(tls.certificate = ?self.files.certificate, "the certificate was reloaded");
            }
            Ok(Err(error)) => {
                tracing::error!(error = ?error.to_string(), "the changed certificate cannot be used: the old one stays")
            }
            Err(error) => tracing::error!(error = ?error.to_string(), "the changed certificate could not be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{settings::Settings, tls::load};
    use std::{fs, sync::Arc};

    const TICK: Duration = Duration::from_millis(10);

    /// Waits until the served configuration is another one than `old`.
    async fn changes(tls: &Certificate, old: &Arc<rustls::ServerConfig>) -> bool {
        for _ in 0..6_000 {
            if !Arc::ptr_eq(&tls.config.get_inner(), old) {
                return true;
            }
            tokio::time::sleep(TICK).await;
        }
        false
    }

    #[tokio::test]
    async fn garbage_keeps_the_old_certificate_and_a_good_pair_replaces_it() {
        let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut settings = Settings::defaults();
        settings.server.data_dir = other.path().to_owned();
        load(&settings).unwrap();
        let (new_certificate, new_key) = settings.tls_files();
        settings.server.data_dir = directory.path().to_owned();
        let tls = load(&settings).unwrap();
        let (certificate, key) = settings.tls_files();

        let watcher = tokio::spawn(tls.clone().watch_every(TICK));
        let old = tls.config.get_inner();
        fs::write(&certificate, "garbage").unwrap();
        tokio::time::sleep(TICK * 10).await;
        assert!(Arc::ptr_eq(&tls.config.get_inner(), &old));
        // A certificate without its key is no pair yet.
        fs::copy(&new_certificate, &certificate).unwrap();
        tokio::time::sleep(TICK * 10).await;
        assert!(Arc::ptr_eq(&tls.config.get_inner(), &old));
        fs::rename(&new_key, &key).unwrap();
        assert!(changes(&tls, &old).await, "the new pair was not taken");
        watcher.abort();
    }
}
