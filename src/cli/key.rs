//! `switchboard key …`

use super::{CliError, account::moment};
use crate::{
    auth::{self, AuthError, KeyRequest, MadeKey},
    model::{ApiKey, KeyName, Scope, UnixMillis},
    storage::Store,
};
use clap::{Args, Subcommand};
use std::{
    io::Write,
    time::{Duration, SystemTime},
};

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it, this once
    #[command(after_help = "\
The key stands alone on standard output and is shown nowhere else: give it to the back end at once, e.g. as a secret of
its environment. It is sent as `Authorization: Bearer KEY`.

Scopes:
  publish:PATTERN    publish to the channels of a pattern: publish:* (all), publish:news.*, publish:bunno
  otp                mint one-time passwords for users of your own
  products           read, make, change and delete products
  documents:PATTERN  read, make, change and delete documents: documents:* (all), documents:app.*, documents:plan
  admin              make, list and revoke keys over HTTP

Examples:
  switchboard key create shop --scope 'publish:*'
  switchboard key create shop --scope 'publish:orders.*' --scope otp --expires 90d
  switchboard key create deploy --scope admin --expires 1h | pass insert -e switchboard/deploy")]
    Create(Create),
    /// List all keys, without their secrets
    List,
    /// Revoke a key: it opens nothing from now on
    #[command(after_help = "\
Examples:
  switchboard key revoke shop
  switchboard key revoke 3           by its id, if no key has that name")]
    Revoke {
        /// Its name, or its id
        #[arg(value_name = "NAME-OR-ID")]
        which: String,
    },
}

/// `key create`
#[derive(Debug, Args)]
pub struct Create {
    /// What the key is called: 1 to 64 letters, digits, `_`, `.` or `-`
    #[arg(value_parser = name)]
    pub name: KeyName,
    /// What it may do: publish:PATTERN, otp, products, documents:PATTERN or admin; may be given up to 20 times
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub scopes: Vec<Scope>,
    /// How long it can be used, e.g. 24h, 90d, 1y; a minute to ten years [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = life)]
    pub expires: Option<Duration>,
}

fn name(text: &str) -> Result<KeyName, String> {
    KeyName::parse(text).map_err(|error| format!("a key's name {error}"))
}

fn life(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; try 24h or 90d"))
}

/// Carries out `command` and writes its answer to `out`.
///
/// # Errors
/// [`CliError`]; nothing was changed then, but for [`CliError::KeyNotShown`].
pub async fn run(command: KeyCommand, store: &dyn Store, out: &mut impl Write) -> Result<(), CliError> {
    match command {
        KeyCommand::Create(wanted) => create(wanted, store, out).await,
        KeyCommand::List => list(&store.keys().await?, out),
        KeyCommand::Revoke { which } => revoke(&which, store, out).await,
    }
}

async fn create(wanted: Create, store: &dyn Store, out: &mut impl Write) -> Result<(), CliError> {
    let Create { name, scopes, expires } = wanted;
    let request = KeyRequest { name: name.clone(), scopes, expires_in: expires };
    let made = auth::make_key(store, request).await.map_err(|error| match error {
        AuthError::Store(error) => CliError::Store(error),
        AuthError::NameTaken => CliError::KeyNameTaken(name),
        AuthError::BadField { field: "expires_in_secs", .. } => {
            CliError::Key("--expires must be a minute to ten years".to_owned())
        }
        AuthError::BadField { problem, .. } => CliError::Key(format!("--scope {problem}")),
        error => CliError::Key(error.to_string()),
    })?;
    let MadeKey { key, secret } = made;
    writeln!(out, "{}", secret.expose()).and_then(|()| out.flush()).map_err(|source| {
        // Nobody has it now, or somebody has a part of it.
        CliError::KeyNotShown { name: key.name.clone(), source }
    })?;
    let until = key.expires_at.map_or("until it is revoked".to_owned(), |at| format!("until {}", moment_text(at)));
    eprintln!("note: key {}, allowed {}, {until}; it is not shown again", key.name, scopes_text(&key));
    Ok(())
}

async fn revoke(which: &str, store: &dyn Store, out: &mut impl Write) -> Result<(), CliError> {
    let keys = store.keys().await?;
    let named = KeyName::parse(which).ok().and_then(|name| keys.iter().find(|key| key.name.key() == name.key()));
    let key = named.or_else(|| keys.iter().find(|key| key.id.to_string() == which));
    match key {
        Some(key) if store.revoke_key(key.id).await? => Ok(writeln!(out, "key {} is revoked", key.name)?),
        _ => Err(CliError::NoSuchKey(which.to_owned())),
    }
}

const HEAD: [&str; 7] = ["ID", "NAME", "BEGINS WITH", "SCOPES", "MADE", "LAST USED", "EXPIRES"];

fn list(keys: &[ApiKey], out: &mut impl Write) -> Result<(), CliError> {
    if keys.is_empty() {
        eprintln!("note: there are no keys yet; `switchboard key create NAME --scope SCOPE` makes one");
        return Ok(());
    }
    let now = SystemTime::now();
    let rows: Vec<_> = std::iter::once(HEAD.map(str::to_owned)).chain(keys.iter().map(|key| row(key, now))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; HEAD.len()] = std::array::from_fn(width);
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn row(key: &ApiKey, now: SystemTime) -> [String; HEAD.len()] {
    let expires = match key.expires_at {
        Some(at) if moment(at) <= now => format!("{} (expired)", moment_text(at)),
        Some(at) => moment_text(at),
        None => "never".to_owned(),
    };
    let last_used = key.last_used.map_or("never".to_owned(), moment_text);
    let made = moment_text(key.created_at);
    [key.id.to_string(), key.name.to_string(), format!("{}…", key.hint), scopes_text(key), made, last_used, expires]
}

fn scopes_text(key: &ApiKey) -> String {
    key.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn moment_text(at: UnixMillis) -> String {
    humantime::format_rfc3339_seconds(moment(at)).to_string()
}
