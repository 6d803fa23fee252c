//! The command line: what people type, and what it answers.
//!
//! Commands that touch accounts open the store themselves, so they work while the server runs
//! and while it does not. They are handed the store and the way to hash, and know no engine.

pub mod account;
pub mod feed;
pub mod invite;
pub mod key;
mod password;
pub mod storage;

use crate::{
    feed::FeedError,
    model::KeyName,
    settings::{Fault, Overrides, Settings, SettingsError, TlsMode, environment},
    storage::{StoreError, copy::CopyError},
    tls,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{io, net::SocketAddr, path::PathBuf};

/// Settings that cannot be used, or a store that is damaged or newer than the program
/// (`EX_CONFIG`): starting again does not help.
pub const EXIT_SETTINGS: u8 = 78;
/// The store cannot be opened or written (`EX_UNAVAILABLE`): starting again may help.
pub const EXIT_UNAVAILABLE: u8 = 69;
/// Anything else that failed. (clap answers wrong usage with 2.)
pub const EXIT_FAILURE: u8 = 1;

/// A chat server: one program, one directory, one port.
#[derive(Debug, Parser)]
#[command(version, about, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// Read settings from this TOML file; `switchboard config show` prints all there are
    #[arg(long, global = true, display_order = 100, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Keep everything below this directory [default: data]
    #[arg(long, global = true, display_order = 100, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What to do; `serve` when left out
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Every setting can also be given as a variable, e.g. SWITCHBOARD__SERVER__NAME=\"Our chat\".

Examples:
  switchboard                            serve on https://localhost:8080; the first start prints a setup link
  switchboard serve --listen 0.0.0.0:443 --config /etc/switchboard.toml
  switchboard invite                     print a link with which one person makes an account
  switchboard account add alice          make an account; the password is asked for
  switchboard key create shop --scope 'publish:*'    make a key with which a back end publishes
  switchboard storage copy --to postgres://chat@db/chat    move everything into a database
  switchboard feed status                say whether changed rows reach those who watch them
  switchboard config check --config new.toml";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server (the default)
    Serve(Serve),
    /// Check or print the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make and manage accounts; works while the server runs
    #[command(subcommand)]
    Account(account::AccountCommand),
    /// Print a link with which people make their own account; works while the server runs
    Invite(invite::Invite),
    /// Make, list and revoke the API keys of back ends; works while the server runs
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Move everything that is stored into another store: SQLite or PostgreSQL
    #[command(subcommand)]
    Storage(storage::StorageCommand),
    /// Install, remove and look at what the feed of changed rows needs in PostgreSQL
    #[command(subcommand)]
    Feed(feed::FeedCommand),
}

/// Flags of `serve`; each overrides its setting.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
The line `listening on https://…` on standard output says when and where it serves; the log goes to standard error.
SIGTERM or SIGINT stops it: clients are told to come back, what is under way is finished. A second one stops it at once.

Examples:
  switchboard serve --listen 127.0.0.1:0 --data-dir /tmp/try     a free port, and nothing of yours touched
  switchboard serve --tls off                                    behind a proxy on this machine that does TLS
  switchboard serve --frontend frontend                          while working on the page")]
pub struct Serve {
    /// Listen on this address and port; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Serve HTTPS, or plain HTTP on a loopback address [default: on]
    #[arg(long, value_name = "on|off", hide_possible_values = true)]
    pub tls: Option<Switch>,
    /// Serve the page from this directory instead of the copy inside the program
    #[arg(long, value_name = "DIR")]
    pub frontend: Option<PathBuf>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// What to do with the settings.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Say whether the settings can be used, and the certificate they name; if not, everything that is wrong
    ///
    /// Neither the port nor the store is tried: a server that runs has both.
    Check,
    /// Print the settings in force as TOML, those that are not defaults with where they come from
    Show,
}

impl Cli {
    /// The settings that the command is to use.
    ///
    /// # Errors
    /// [`SettingsError`], with every fault.
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        Settings::load(self.config.as_deref(), environment(), self.overrides())
    }

    /// `config check` and `config show`: what to print.
    ///
    /// # Errors
    /// [`SettingsError`], with every fault.
    pub fn config(&self, command: ConfigCommand) -> Result<String, SettingsError> {
        match command {
            ConfigCommand::Check => {
                tls::check(&self.settings()?).map_err(|error| SettingsError {
                    faults: vec![Fault { place: "tls.certificate, tls.key".to_owned(), message: error.to_string() }],
                })?;
                Ok("the settings are good\n".to_owned())
            }
            ConfigCommand::Show => Settings::show(self.config.as_deref(), environment(), self.overrides()),
        }
    }

    fn overrides(&self) -> Overrides {
        let mut overrides = Overrides { data_dir: self.data_dir.clone(), ..Overrides::default() };
        if let Some(Command::Serve(serve)) = &self.command {
            overrides.listen = serve.listen;
            overrides.frontend_dir.clone_from(&serve.frontend);
            overrides.tls = serve.tls.map(|switch| match switch {
                Switch::On => TlsMode::On,
                Switch::Off => TlsMode::Off,
            });
        }
        overrides
    }
}

/// Why a command failed. The texts are for the person who typed it.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// No account has this name.
    #[error("there is no account `{0}`; `switchboard account list` shows all")]
    NoSuchAccount(String),
    /// The password is refused; the text says why.
    #[error("{0}")]
    WeakPassword(String),
    /// Typed differently the second time.
    #[error("the two passwords differ; nothing was changed")]
    PasswordsDiffer,
    /// There is nobody to ask.
    #[error("there is no terminal to ask for a password; use --password-stdin")]
    NoTerminal(#[source] io::Error),
    /// `--password-stdin` without a password.
    #[error("there is no password on standard input: {0}")]
    NoPassword(&'static str),
    /// A link needs to know where it leads.
    #[error(
        "the link would not say where the server is: its settings say port 0. Start it first, or set server.public_url"
    )]
    NoOrigin,
    /// Whoever accepts an invitation must not be the first.
    #[error(
        "there is no account yet: make the owner's first, with the setup link that the server prints at its start or \
         with `switchboard account add NAME`"
    )]
    NoOwner,
    /// The invitation is not made; the text says why.
    #[error("{0}")]
    Invitation(String),
    /// A key has this name, perhaps one that has expired.
    #[error("there is a key `{0}` already; `switchboard key revoke {0}` makes room for another")]
    KeyNameTaken(KeyName),
    /// The key is made, and its maker has not seen it.
    #[error(
        "the key `{name}` was made but could not be printed ({source}), and is never shown again: revoke it with \
         `switchboard key revoke {name}` and make another"
    )]
    KeyNotShown {
        /// What it is called.
        name: KeyName,
        /// Why.
        source: io::Error,
    },
    /// No key has this name or id.
    #[error("there is no key `{0}`; `switchboard key list` shows all")]
    NoSuchKey(String),
    /// The key is not made; the text says why.
    #[error("{0}")]
    Key(String),
    /// What was given names no two stores; the text says why.
    #[error("{0}")]
    Copy(String),
    /// The copy is not what was copied.
    #[error("{to} does not hold what {from} holds, so no server starts on it: empty it and copy again")]
    CopyDiffers {
        /// The source.
        from: String,
        /// The destination.
        to: String,
    },
    /// The copy was refused, or a store failed.
    #[error(transparent)]
    CopyFailed(#[from] CopyError),
    /// A URL of the settings.
    #[error("{0}")]
    FeedSettings(String),
    /// Some tables are not watched; which, the answer says.
    #[error("{0} missing: see above")]
    FeedIncomplete(usize),
    /// The watched database.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer could not be written, or the password not read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The exit code for a copy that was refused or failed.
#[must_use]
pub fn copy_exit_code(error: &CopyError) -> u8 {
    match error {
        CopyError::Store { error, .. } => store_exit_code(error),
        CopyError::Nothing(_)
        | CopyError::OldSchema { .. }
        | CopyError::Occupied(_)
        | CopyError::SameInstallation(_)
        | CopyError::OtherCopy(_)
        | CopyError::SourceChanged { .. } => EXIT_FAILURE,
    }
}

/// The exit code for a store that failed.
#[must_use]
pub fn store_exit_code(error: &StoreError) -> u8 {
    match error {
        StoreError::Unavailable(_) | StoreError::InDoubt(_) | StoreError::InUse | StoreError::Closed => {
            EXIT_UNAVAILABLE
        }
        StoreError::Corrupt(_) | StoreError::NewerSchema { .. } | StoreError::UnfinishedCopy => EXIT_SETTINGS,
        StoreError::NameTaken | StoreError::AlreadySetUp | StoreError::InvitationSpent => EXIT_FAILURE,
    }
}

/// The exit code for a feed that does not work.
#[must_use]
pub fn feed_exit_code(error: &FeedError) -> u8 {
    match error {
        FeedError::Store(error) => store_exit_code(error),
        FeedError::Settings(_) => EXIT_SETTINGS,
        error if error.is_passing() => EXIT_UNAVAILABLE,
        _ => EXIT_FAILURE,
    }
}

#[cfg(test)]
mod tests;
