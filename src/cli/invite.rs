//! `switchboard invite`

use super::{
    CliError,
    account::{moment, now},
};
use crate::{
    model::Role,
    settings::Settings,
    storage::{NewInvitation, Store},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use rand::TryRng as _;
use sha2::{Digest as _, Sha256};
use std::{io::Write, time::Duration};

const MAX_LIFE: Duration = Duration::from_secs(365 * 86_400);

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
    /// How many accounts it may make
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub uses: u32,
    /// How long it can be used, e.g. 30m, 24h, 7d; at most a year
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
    let life = humantime::parse_duration(text).map_err(|error| format!("{error}; try 24h or 7d"))?;
    if (Duration::from_secs(1)..=MAX_LIFE).contains(&life) { Ok(life) } else { Err("from 1s to 365d".to_owned()) }
}

/// Makes the invitation and writes its link, alone on its line, to `out`.
///
/// # Errors
/// [`CliError`]; nothing was changed then.
pub async fn run(invite: Invite, store: &dyn Store, settings: &Settings, out: &mut impl Write) -> Result<(), CliError> {
    if settings.server.public_url.is_empty() && settings.server.listen.port() == 0 {
        return Err(CliError::NoOrigin);
    }
    let mut secret = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut secret).map_err(|error| std::io::Error::other(error.to_string()))?;
    let token = URL_SAFE_NO_PAD.encode(secret);
    let Invite { role, uses, expires } = invite;
    let at = now();
    let expires_at = at + i64::try_from(expires.as_millis()).unwrap_or(i64::MAX / 2);
    // The text is hashed, not the bytes: that is what comes back in the link.
    let token_hash = Sha256::digest(token.as_bytes()).into();
    store.create_invitation(NewInvitation { token_hash, role, uses, expires_at, created_by: None, at }).await?;
    writeln!(out, "{}/#invite={token}", settings.origin(settings.server.listen))?;
    let ends = humantime::format_rfc3339_seconds(moment(expires_at));
    let accounts = if uses == 1 { "1 account".to_owned() } else { format!("{uses} accounts") };
    eprintln!("note: makes {accounts}, role {role}, until {ends}");
    Ok(())
}
