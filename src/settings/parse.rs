//! How single values are read.

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{net::IpAddr, path::PathBuf, time::Duration};

/// Longest duration that is accepted: adding more to a clock could overflow it.
const MAX_SECS: f64 = 100.0 * 365.0 * 86_400.0;

fn duration<E: serde::de::Error>(number: f64, unit_secs: f64) -> Result<Duration, E> {
    let secs = number * unit_secs;
    if !(0.0..=MAX_SECS).contains(&secs) {
        return Err(E::custom("must be zero or more, and at most 100 years"));
    }
    Duration::try_from_secs_f64(secs).map_err(E::custom)
}

pub(super) fn secs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration(f64::deserialize(deserializer)?, 1.0)
}

pub(super) fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration(f64::deserialize(deserializer)?, 86_400.0)
}

pub(super) fn hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration(f64::deserialize(deserializer)?, 3_600.0)
}

/// Empty means none.
pub(super) fn directory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let parse = |text: String| {
        let address = text.parse().map(|address: IpAddr| IpNet::from(address));
        address.or_else(|_| text.parse()).map_err(|_| D::Error::custom(format!("`{text}` is no address or network")))
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(parse).collect()
}
