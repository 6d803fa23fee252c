//! `switchboard invite`

use super::{CliError, account::moment};
use crate::{
    auth::{self, AuthError, NewLink},
    model::Role,
    settings::Settings,
    storage::Store,
};
use clap::Args;
use std::{io::Write, time::Duration};

/// `switchboard invite`
#[derive(Debug, Args)]
#[command(after_help = "\
The link stands alone on standard output. Whoever has it can make an account: send it to the right people.

Examples:
  switchboard invite                                   one person, within seven days
  switchboard invite --uses 20 --expires 24h           a whole team, today
  switchboard invite --role admin | xclip")]
pub struct Invite {
    /// What the new accounts may do: member or admin
    #[arg(long, default_value = "member", value_parser = role)]
    pub role: Role,
    /// How many accounts it may make, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub uses: u32,
    /// How long it can be used, e.g. 30m, 24h, 7d; a minute to a year
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = life)]
    pub expires: Duration,
}

fn role(text: &str) -> Result<Role, String> {
    match text.parse()? {
        Role::Owner => Err("an owner is made with `switchboard account add NAME --role owner`".to_owned()),
        role => Ok(role),
    }
}

fn life(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; try 24h or 7d"))
}

/// Makes the invitation and writes its link, alone on its line, to `out`.
///
/// # Errors
/// [`CliError`]; nothing was changed then.
pub async fn run(invite: Invite, store: &dyn Store, settings: &Settings, out: &mut impl Write) -> Result<(), CliError> {
    let origin = settings.found_origin()?.ok_or(CliError::NoOrigin)?;
    // The first account would be a member's, and the setup link is gone with the first account.
    if store.accounts().await?.is_empty() {
        return Err(CliError::NoOwner);
    }
    let Invite { role, uses, expires } = invite;
    let link = NewLink { role: Some(role), uses: Some(uses), expires_in_secs: Some(expires.as_secs()) };
    let made = auth::invite(store, link, None).await.map_err(|error| match error {
        AuthError::Store(error) => CliError::Store(error),
        AuthError::BadField { field: "expires_in_secs", .. } => {
            CliError::Invitation("--expires must be a minute to a year".to_owned())
        }
        AuthError::BadField { field, problem } => CliError::Invitation(format!("--{field} {problem}")),
        error => CliError::Invitation(error.to_string()),
    })?;
    writeln!(out, "{origin}/#invite={}", made.token.expose())?;
    let ends = humantime::format_rfc3339_seconds(moment(made.expires_at));
    let accounts = if uses == 1 { "1 account".to_owned() } else { format!("{uses} accounts") };
    eprintln!("note: makes {accounts}, role {role}, until {ends}");
    Ok(())
}
