//! `storage.url`: which engine keeps what survives a restart, and where it is.

use serde::Deserialize;
use std::{fmt, path::PathBuf, time::Duration};
use tokio_postgres::config::{Config, SslMode};

/// How long a database may take to answer a call, and how long a wire may be silent before it is given up.
const CONNECT_WAIT: Duration = Duration::from_secs(3);
const SILENCE: Duration = Duration::from_secs(10);

/// `storage.url` as it was given. Its password is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct StoreUrl(String);

/// Which engine.
#[derive(Debug, Clone)]
pub enum StoreAddress {
    /// Embedded, in the data directory.
    Sqlite,
    /// A database.
    Postgres(Box<Database>),
}

/// A PostgreSQL database.
#[derive(Debug, Clone)]
pub struct Database {
    /// How to reach it; whether with TLS is in it.
    pub config: Config,
    /// Whose certificates are good.
    pub trust: Trust,
    /// The URL without its password.
    pub shown: String,
}

/// Whose certificates are good, as libpq's `sslmode` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Anybody's: `prefer` and `require`, against listeners only.
    Anyone,
    /// Those of the authorities in this file: `verify-ca`.
    Authority(PathBuf),
    /// And only for the host that was asked for: `verify-full`.
    Host(PathBuf),
}

impl Database {
    /// Whether both are the same, whoever asks and however: two outboxes in one schema would be one.
    #[must_use]
    pub fn is_where(&self, other: &Self) -> bool {
        let place = |config: &Config| {
            let name = config.get_dbname().or(config.get_user()).map(str::to_owned);
            let ports = match config.get_ports() {
                [] => vec![5432],
                ports => ports.to_vec(),
            };
            (config.get_hosts().to_vec(), config.get_hostaddrs().to_vec(), ports, name)
        };
        place(&self.config) == place(&other.config)
    }
}

impl StoreUrl {
    /// Whether it is the embedded store.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.0 == "sqlite"
    }

    /// Whether none is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it says.
    ///
    /// # Errors
    /// What is wrong with it, for people, without the password.
    pub fn address(&self) -> Result<StoreAddress, String> {
        if self.is_sqlite() {
            return Ok(StoreAddress::Sqlite);
        }
        if !self.0.starts_with("postgres://") && !self.0.starts_with("postgresql://") {
            return Err("must be \"sqlite\" or a URL such as postgres://user:password@host:5432/database".to_owned());
        }
        self.database().map(|database| StoreAddress::Postgres(Box::new(database)))
    }

    fn database(&self) -> Result<Database, String> {
        let (base, query) = self.0.split_once('?').unwrap_or((&self.0, ""));
        let (mut mode, mut authority, mut rest) = ("prefer", None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = value,
                Some(("sslrootcert", value)) => authority = Some(PathBuf::from(value)),
                _ => rest.push(pair),
            }
        }
        let mut config: Config = format!("{base}?{}", rest.join("&")).parse().map_err(bad)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("names no host: postgres://user:password@host:5432/database".to_owned());
        }
        let (ssl_mode, trust) = match (mode, authority) {
            ("disable", _) => (SslMode::Disable, Trust::Anyone),
            ("prefer", None) => (SslMode::Prefer, Trust::Anyone),
            ("require", None) => (SslMode::Require, Trust::Anyone),
            // As libpq does it: who names an authority wants it to be asked.
            ("require" | "verify-ca", Some(authority)) => (SslMode::Require, Trust::Authority(authority)),
            ("verify-full", Some(authority)) => (SslMode::Require, Trust::Host(authority)),
            ("verify-ca" | "verify-full", None) => {
                return Err(format!("sslmode={mode} needs sslrootcert=FILE, the authorities' certificates in PEM"));
            }
            ("prefer", Some(_)) => return Err("sslrootcert needs sslmode=verify-full".to_owned()),
            _ => return Err("sslmode must be disable, prefer, require, verify-ca or verify-full".to_owned()),
        };
        config.ssl_mode(ssl_mode);
        if config.get_application_name().is_none() {
            config.application_name("switchboard");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WAIT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        config.keepalives_idle(SILENCE).keepalives_interval(SILENCE / 3).keepalives_retries(3);
        Ok(Database { config, trust, shown: self.to_string() })
    }
}

fn bad(error: tokio_postgres::Error) -> String {
    match error.into_source() {
        Some(source) => format!("is no URL of a database: {source}"),
        None => "is no URL of a database".to_owned(),
    }
}

impl From<&str> for StoreUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Without the password, whatever else is wrong with it.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", without_password(&self.0))
    }
}

/// `postgres://user:***@host/…`; rather too much is hidden than too little.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = match rest.rsplit_once('@') {
        Some((who, place)) => match who.split_once(':') {
            Some((user, _)) => format!("{user}:***@{place}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let mut shown = format!("{scheme}://");
    for (number, part) in rest.split_inclusive(['?', '&']).enumerate() {
        match part.strip_prefix("password=") {
            Some(secret) if number > 0 => shown += if secret.ends_with('&') { "password=***&" } else { "password=***" },
            _ => shown += part,
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(url: &str) -> Result<Database, String> {
        match StoreUrl::from(url).address()? {
            StoreAddress::Postgres(database) => Ok(*database),
            StoreAddress::Sqlite => Err("sqlite".to_owned()),
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://u:secret@h/d", "postgres://u:***@h/d"),
            ("postgres://u:s:e@c/r?et@h/d?sslmode=require", "postgres://u:***@h/d?sslmode=require"),
            ("postgres://u@h/d?password=secret", "postgres://u@h/d?password=***"),
            (
                "postgres://h/d?user=u&password=secret&sslmode=disable",
                "postgres://h/d?user=u&password=***&sslmode=disable",
            ),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("sqlite", "sqlite"),
        ] {
            assert_eq!(StoreUrl::from(url).to_string(), shown);
            assert_eq!(format!("{:?}", StoreUrl::from(url)), format!("{shown:?}"));
        }
        assert!(!format!("{:?}", database("postgres://u:secret@h/d").unwrap()).contains("secret"));
        assert!(!database("postgres://u:secret@h:port/d").unwrap_err().contains("secret"));
    }

    #[test]
    fn sslmode_is_respected() {
        let of =
            |query: &str| database(&format!("postgres://u@h/d?{query}")).map(|d| (d.config.get_ssl_mode(), d.trust));
        assert_eq!(of("").unwrap(), (SslMode::Prefer, Trust::Anyone));
        assert_eq!(of("sslmode=disable").unwrap(), (SslMode::Disable, Trust::Anyone));
        assert_eq!(of("sslmode=require").unwrap(), (SslMode::Require, Trust::Anyone));
        let authority = || PathBuf::from("/ca.pem");
        assert_eq!(of("sslmode=require&sslrootcert=/ca.pem").unwrap().1, Trust::Authority(authority()));
        assert_eq!(of("sslmode=verify-full&sslrootcert=/ca.pem").unwrap().1, Trust::Host(authority()));
        for bad in ["sslmode=verify-full", "sslmode=maybe", "sslrootcert=/ca.pem", "colour=red"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_names_no_database_is_refused() {
        for bad in ["", "mysql://h/d", "postgres://", "postgres:///d", "postgres://h:port/d", "SQLite"] {
            assert!(StoreUrl::from(bad).address().is_err(), "{bad}");
        }
    }
}
