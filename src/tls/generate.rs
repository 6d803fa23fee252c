//! A certificate for localhost, so that the first start needs nothing.

use super::{Files, TlsError};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};
use time::{Duration, OffsetDateTime};

/// A year, and less than the 398 days that browsers put up with.
const VALID: Duration = Duration::days(365);

/// Writes both files; the key first, so that a certificate without key never stands there.
pub(super) fn generate(files: &Files) -> Result<(), TlsError> {
    let failed = |path: &Path, reason: String| TlsError::Generate { path: path.to_owned(), reason };
    let (certificate, key) = make().map_err(|error| failed(&files.certificate, error.to_string()))?;
    for (path, pem, mode) in [(&files.key, key, 0o600), (&files.certificate, certificate, 0o644)] {
        write(path, pem.as_bytes(), mode).map_err(|error| failed(path, error.to_string()))?;
    }
    Ok(())
}

fn make() -> Result<(String, String), rcgen::Error> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Switchboard on this machine");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // An hour back: clocks of machines that share a disk differ.
    params.not_before = OffsetDateTime::now_utc() - Duration::HOUR;
    params.not_after = OffsetDateTime::now_utc() + VALID;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// Whole or not at all, and never readable by more than `mode` allows, not even for a moment.
fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    // As the store would make it: what is in there is nobody else's business.
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let half_written = path.with_extension("new");
    let _ = fs::remove_file(&half_written); // from a start that was cut off
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&half_written)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&half_written, path)?;
    File::open(directory)?.sync_all()
}
