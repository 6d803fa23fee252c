//! HTTPS: certificate and key from PEM files, checked at start and re-read when they change.

mod generate;
mod validity;
mod watch;

use crate::settings::{Settings, TlsMode};
use axum_server::tls_rustls::RustlsConfig;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
    version::{TLS12, TLS13},
};
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Less than this before the end of a certificate, every start and reload warns.
const EXPIRY_WARNING: Duration = Duration::from_secs(14 * 86_400);

/// Why there can be no HTTPS. The texts tell the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate is made by itself for a network.
    #[error(
        "no certificate for {listen}: {} and {} do not exist. Make them with `./gencert.sh --host NAME --out {}`, get \
         them from your certificate authority, or listen on 127.0.0.1, where one is made at the first start",
        certificate.display(), key.display(), certificate.parent().unwrap_or(Path::new(".")).display()
    )]
    NoneOnNetwork {
        /// Where it was to listen.
        listen: SocketAddr,
        /// Not there.
        certificate: PathBuf,
        /// Not there.
        key: PathBuf,
    },
    /// One of the two is not there, or cannot be read.
    #[error("the {what} {} cannot be read: {source}", path.display())]
    Unreadable {
        /// `certificate` or `key`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file without what belongs into it.
    #[error("there is no {what} in {}: it must be PEM, with a `-----BEGIN` line", path.display())]
    Nothing {
        /// `certificate` or `private key`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// They do not belong together, or are of a kind that cannot be used.
    #[error("the certificate {} cannot be used with the key {}: {source}", certificate.display(), key.display())]
    Unusable {
        /// The certificate chain.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The first start could not make a certificate.
    #[error("no certificate could be made in {}: {reason}", path.display())]
    Generate {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Where the certificate chain and its key are.
#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// A certificate with its key, ready to serve.
#[derive(Debug, Clone)]
pub struct Certificate {
    config: RustlsConfig,
    files: Files,
    stamp: watch::Stamp,
}

/// Reads certificate and key, and makes them when neither is there and only this machine can
/// connect.
///
/// # Errors
/// [`TlsError`] says what is missing or wrong.
pub fn load(settings: &Settings) -> Result<Certificate, TlsError> {
    let files = Files::of(settings);
    if files.are_to_be_made(settings)? {
        generate::generate(&files)?;
        tracing::info!(tls.certificate = ?files.certificate, "made a certificate for localhost");
    }
    // Taken before reading: a change while reading is then seen as one.
    let stamp = watch::Stamp::of(&files);
    let config = RustlsConfig::from_config(files.load()?);
    Ok(Certificate { config, files, stamp })
}

/// Whether [`load`] would work, as far as can be told without making anything.
///
/// # Errors
/// [`TlsError`] says what is missing or wrong.
pub fn check(settings: &Settings) -> Result<(), TlsError> {
    let files = Files::of(settings);
    if settings.tls.mode == TlsMode::Off || files.are_to_be_made(settings)? {
        return Ok(());
    }
    files.load().map(|_| ())
}

impl Certificate {
    /// What the listener serves with; follows the files while [`Certificate::watch`] runs.
    #[must_use]
    pub fn config(&self) -> RustlsConfig {
        self.config.clone()
    }
}

impl Files {
    fn of(settings: &Settings) -> Self {
        let (certificate, key) = settings.tls_files();
        Self { certificate, key }
    }

    /// Whether neither is there and only this machine can connect.
    fn are_to_be_made(&self, settings: &Settings) -> Result<bool, TlsError> {
        let listen = settings.server.listen;
        let neither = !self.certificate.exists() && !self.key.exists();
        if neither && !listen.ip().is_loopback() {
            let Self { certificate, key } = self.clone();
            return Err(TlsError::NoneOnNetwork { listen, certificate, key });
        }
        Ok(neither)
    }

    /// Reads both files and checks that they can be used together.
    fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = self.chain()?;
        let key = self.private_key()?;
        self.warn_of_expiry(&chain[0]);
        self.warn_of_open_key();
        server_config(chain, key).map(Arc::new).map_err(|source| TlsError::Unusable {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            source,
        })
    }

    /// Never empty.
    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let unreadable = |source| TlsError::Unreadable { what: "certificate", path: self.certificate.clone(), source };
        let pem = std::fs::read(&self.certificate).map_err(unreadable)?;
        let chain: Vec<_> = rustls_pemfile::certs(&mut pem.as_slice()).collect::<Result<_, _>>().map_err(unreadable)?;
        if chain.is_empty() {
            return Err(TlsError::Nothing { what: "certificate", path: self.certificate.clone() });
        }
        Ok(chain)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let unreadable = |source| TlsError::Unreadable { what: "key", path: self.key.clone(), source };
        let pem = std::fs::read(&self.key).map_err(unreadable)?;
        let key = rustls_pemfile::private_key(&mut pem.as_slice()).map_err(unreadable)?;
        key.ok_or_else(|| TlsError::Nothing { what: "private key", path: self.key.clone() })
    }

    /// A warning only: an expired certificate still serves those who accept it.
    fn warn_of_expiry(&self, leaf: &CertificateDer<'_>) {
        let Some(end) = validity::not_after(leaf) else { return };
        let ends = humantime::format_rfc3339_seconds(end).to_string();
        match end.duration_since(SystemTime::now()) {
            Err(_) => tracing::warn!(tls.certificate = ?self.certificate, ends, "the certificate has expired"),
            Ok(left) if left < EXPIRY_WARNING => {
                tracing::warn!(tls.certificate = ?self.certificate, ends, "the certificate expires soon");
            }
            Ok(_) => {}
        }
    }

    fn warn_of_open_key(&self) {
        use std::os::unix::fs::MetadataExt as _;
        if std::fs::metadata(&self.key).is_ok_and(|file| file.mode() & 0o004 != 0) {
            tracing::warn!(tls.key = ?self.key, "everybody on this machine can read the TLS key: chmod 600 it");
        }
    }
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Stateless: the default cache of 256 sessions is no help when thousands return at once.
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn settings(directory: &Path) -> Settings {
        let mut settings = Settings::defaults();
        settings.server.data_dir = directory.to_owned();
        settings
    }

    fn message(settings: &Settings) -> String {
        load(settings).unwrap_err().to_string()
    }

    #[test]
    fn a_certificate_is_made_once_and_only_for_this_machine() {
        use std::os::unix::fs::MetadataExt as _;
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(&directory.path().join("data"));
        settings.server.listen = "0.0.0.0:8080".parse().unwrap();
        assert!(message(&settings).contains("gencert.sh"), "{}", message(&settings));
        settings.server.listen = "[::1]:8080".parse().unwrap();
        assert!(load(&settings).is_ok());
        let (certificate, key) = settings.tls_files();
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        let made = fs::read(&certificate).unwrap();
        load(&settings).unwrap();
        assert_eq!(fs::read(&certificate).unwrap(), made, "it was made again");
        assert_eq!(fs::read_dir(certificate.parent().unwrap()).unwrap().count(), 2, "something was left behind");
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        load(&settings).unwrap();
        let (certificate, key) = settings.tls_files();
        let (good_certificate, good_key) = (fs::read(&certificate).unwrap(), fs::read(&key).unwrap());

        fs::remove_file(&key).unwrap();
        assert!(message(&settings).contains("the key") && message(&settings).contains("server.key"));
        fs::write(&key, &good_certificate).unwrap();
        assert!(message(&settings).contains("there is no private key in"), "{}", message(&settings));
        fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(message(&settings).contains("cannot be used with the key"), "{}", message(&settings));
        fs::write(&key, &good_key).unwrap();
        fs::write(&certificate, b"garbage").unwrap();
        assert!(message(&settings).contains("there is no certificate in"), "{}", message(&settings));
        fs::write(&certificate, &good_certificate).unwrap();
        load(&settings).unwrap();
    }
}
