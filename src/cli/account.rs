//! `switchboard account …`

use super::{CliError, password};
use crate::{
    model::{Account, Role, UnixMillis, UserName},
    storage::{NewAccount, Store, now},
};
use clap::{Args, Subcommand};
use std::{
    io::Write,
    time::{Duration, SystemTime},
};

/// Judges a password by the policy and hashes it; the error says what is wrong with it.
///
/// May block: a command has nothing else to do meanwhile.
pub type Hash<'a> = dyn Fn(&UserName, &str) -> Result<String, String> + 'a;

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make an account; the password is asked for
    #[command(after_help = "\
The first account becomes the owner unless --role says otherwise.

Examples:
  switchboard account add alice
  pass show chat/bob | switchboard account add bob --role admin --password-stdin")]
    Add(Add),
    /// List all accounts
    List,
    /// Disable an account: it cannot sign in, and its sockets are closed
    Disable {
        /// Whose
        #[arg(value_parser = name)]
        name: UserName,
    },
    /// Enable a disabled account: it can sign in again, with the password it had
    Enable {
        /// Whose
        #[arg(value_parser = name)]
        name: UserName,
    },
    /// Set a new password, which ends all sessions of the account
    ResetPassword {
        /// Whose
        #[arg(value_parser = name)]
        name: UserName,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordSource,
    },
}

/// `account add`
#[derive(Debug, Args)]
pub struct Add {
    /// The user name: 1 to 32 letters, digits, `_`, `.` or `-`
    #[arg(value_parser = name)]
    pub name: UserName,
    /// owner, admin or member [default: member; the first account: owner]
    #[arg(long)]
    pub role: Option<Role>,
    /// Where the password comes from.
    #[command(flatten)]
    pub password: PasswordSource,
}

/// Where a password comes from.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct PasswordSource {
    /// Take the password from the first line of standard input instead of asking for it
    #[arg(long)]
    pub password_stdin: bool,
}

fn name(text: &str) -> Result<UserName, String> {
    UserName::parse(text).map_err(|error| format!("a user name {error}"))
}

/// Carries out `command` and writes its answer to `out`.
///
/// # Errors
/// [`CliError`]; nothing was changed then.
pub async fn run(
    command: AccountCommand,
    store: &dyn Store,
    hash: &Hash<'_>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    match command {
        AccountCommand::Add(add) => {
            let new = |password: &str| hash(&add.name, password).map_err(CliError::WeakPassword);
            // Before asking: nobody should think up a password in vain.
            if store.account(&add.name).await?.is_some() {
                return Err(crate::storage::StoreError::NameTaken.into());
            }
            let password = password::read(add.password.password_stdin, &format!("Password for {}", add.name))?;
            make(store, add.name.clone(), add.role, new(&password)?, out).await
        }
        AccountCommand::List => list(&store.accounts().await?, out),
        AccountCommand::Disable { name } => {
            if !store.disable_account(&name).await? {
                return Err(CliError::NoSuchAccount(name.to_string()));
            }
            writeln!(out, "account {name} is disabled, its sessions have ended")?;
            warn_without_owner(store).await
        }
        AccountCommand::Enable { name } => {
            if !store.enable_account(&name).await? {
                return Err(CliError::NoSuchAccount(name.to_string()));
            }
            Ok(writeln!(out, "account {name} can sign in again")?)
        }
        AccountCommand::ResetPassword { name, password } => {
            let Some(account) = store.account(&name).await? else {
                return Err(CliError::NoSuchAccount(name.to_string()));
            };
            let name = account.user.name;
            let password = password::read(password.password_stdin, &format!("New password for {name}"))?;
            let hashed = hash(&name, &password).map_err(CliError::WeakPassword)?;
            if !store.reset_password(&name, &hashed).await? {
                return Err(CliError::NoSuchAccount(name.to_string()));
            }
            Ok(writeln!(out, "account {name} has a new password, its sessions have ended")?)
        }
    }
}

pub(super) async fn make(
    store: &dyn Store,
    name: UserName,
    role: Option<Role>,
    password_hash: String,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let first = store.accounts().await?.is_empty();
    let role = role.unwrap_or(if first { Role::Owner } else { Role::Member });
    let account = NewAccount { name, role, password_hash, at: now() };
    // With the setup link open in a browser, only one of the two may become the first.
    let user = match (first, role) {
        (true, Role::Owner) => store.create_first_account(account).await?,
        _ => store.create_account(account).await?,
    };
    writeln!(out, "account {} is there, role {}", user.name, user.role)?;
    warn_without_owner(store).await
}

/// The setup link is gone with the first account, whoever that is.
async fn warn_without_owner(store: &dyn Store) -> Result<(), CliError> {
    let owner = |account: &Account| account.user.role == Role::Owner && !account.disabled;
    if !store.accounts().await?.iter().any(owner) {
        eprintln!("note: there is no owner now; `switchboard account add NAME --role owner` makes one");
    }
    Ok(())
}

fn list(accounts: &[Account], out: &mut impl Write) -> Result<(), CliError> {
    if accounts.is_empty() {
        eprintln!("note: there are no accounts yet; `switchboard account add NAME` makes the owner's");
        return Ok(());
    }
    let width = accounts.iter().map(|account| account.user.name.as_str().chars().count()).max().unwrap_or(0).max(4);
    writeln!(out, "{:width$}  {:6}  {:8}  MADE", "NAME", "ROLE", "STATE")?;
    for Account { user, disabled, created_at, .. } in accounts {
        let state = if *disabled { "disabled" } else { "active" };
        let made = humantime::format_rfc3339_seconds(moment(*created_at));
        writeln!(out, "{:width$}  {:6}  {state:8}  {made}", user.name.as_str(), user.role.as_str())?;
    }
    Ok(())
}

pub(super) fn moment(at: UnixMillis) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.try_into().unwrap_or(0))
}
