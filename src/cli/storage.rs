//! `switchboard storage …`

use super::CliError;
use crate::{
    settings::{Settings, StoreAddress, StoreUrl},
    storage::copy::{self, Compared, Digest, Place, Progress, Step},
};
use clap::{Args, Subcommand};
use std::{
    io::{self, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

/// How often it is said how far a copy is.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// What to do with stores.
#[derive(Debug, Subcommand)]
pub enum StorageCommand {
    /// Copy a whole installation into another store; stop the server first
    #[command(after_help = "\
A store is `sqlite` (switchboard.db in the data directory), `sqlite:DIR` (in another directory) or postgres://…, as
storage.url of the settings. The one of the two that is not given is the one that the settings name. A URL with a password
is best given as a variable: other users of the machine see command lines.

Everything that is stored goes over, ids, positions and the store's identity included: clients go on where they were.
The source is only read. The destination must be empty. Both are locked, so stop the server before.
If it ends early, give the same command again: it goes on where it was. At the end all rows of both stores are read and
compared; until then no server starts on the copy.

Exit codes: 0 copied and compared; 1 refused, or the stores differ; 69 a store is in use or away; 78 damaged or of a
newer program.

Examples:
  switchboard storage copy --to postgres://chat@db.example.org/chat           from the settings' store
  switchboard storage copy --from sqlite                                      into the settings' store, after a change
  switchboard storage copy --from postgres://chat@db/chat --to sqlite:/srv/chat
  SWITCHBOARD_COPY_TO=$(cat url.secret) switchboard storage copy --data-dir /var/lib/switchboard")]
    Copy(Copy),
}

/// `storage copy`
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Copy {
    /// The store to copy [default: storage.url of the settings]
    #[arg(long, value_name = "URL", env = "SWITCHBOARD_COPY_FROM", hide_env_values = true)]
    pub from: Option<String>,
    /// The store to fill, which must be empty [default: storage.url of the settings]
    #[arg(long, value_name = "URL", env = "SWITCHBOARD_COPY_TO", hide_env_values = true)]
    pub to: Option<String>,
}

/// Carries out `command`, writes its answer to `out` and how far it is to `err`. It blocks, for hours perhaps.
///
/// # Errors
/// [`CliError`]
pub fn run(
    command: &StorageCommand,
    settings: &Settings,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<(), CliError> {
    let StorageCommand::Copy(Copy { from, to }) = command;
    let place = |flag: &str, url: &Option<String>| match url {
        Some(url) => place(url, settings).map_err(|problem| CliError::Copy(format!("{flag} {problem}"))),
        None => place_of(&settings.storage.url, settings).map_err(CliError::Copy),
    };
    let (from, to) = (place("--from", from)?, place("--to", to)?);
    if from.is_same(&to) {
        return Err(CliError::Copy(format!("--from and --to are both {from}")));
    }
    let mut last_told = Instant::now();
    let mut tell = |progress: Progress| {
        if last_told.elapsed() >= TOLD_EVERY {
            last_told = Instant::now();
            let _ = writeln!(err, "{}", told(progress)); // nobody listens, perhaps
        }
    };
    let compared = copy::copy(&from, &to, &mut tell)?;
    list(&compared, out)?;
    if !compared.iter().all(Compared::is_same) {
        return Err(CliError::CopyDiffers { from: from.to_string(), to: to.to_string() });
    }
    let rows: u64 = compared.iter().map(|table| table.to.rows).sum();
    Ok(writeln!(out, "{to} holds what {from} holds: {rows} rows")?)
}

fn place(url: &str, settings: &Settings) -> Result<Place, String> {
    match url.strip_prefix("sqlite:") {
        Some("") => Err("names no directory: sqlite:DIR".to_owned()),
        Some(dir) => Ok(Place::Sqlite(PathBuf::from(dir))),
        None => place_of(&StoreUrl::from(url), settings)
            .map_err(|problem| problem.replace("must be \"sqlite\"", "must be \"sqlite\", sqlite:DIR")),
    }
}

fn place_of(url: &StoreUrl, settings: &Settings) -> Result<Place, String> {
    Ok(match url.address()? {
        StoreAddress::Sqlite => Place::Sqlite(settings.server.data_dir.clone()),
        StoreAddress::Postgres(database) => Place::Postgres(database),
    })
}

fn told(Progress { step, table, done, of }: Progress) -> String {
    let doing = match step {
        Step::Copying => "copying",
        Step::Comparing => "comparing",
    };
    format!("{doing} {table}: {done} of {of}")
}

/// A table has one line, or two when its sides differ.
fn list(compared: &[Compared], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{:<16} {:>12}  SHA-256", "TABLE", "ROWS")?;
    for one in compared {
        let mut line = |Digest { rows, checksum }: &Digest, remark: &str| {
            writeln!(out, "{:<16} {rows:>12}  {checksum}{remark}", one.table)
        };
        match (one.from == one.to, one.ids_go_on) {
            (true, true) => line(&one.to, "")?,
            (true, false) => line(&one.to, "  its next id was given out before")?,
            (false, _) => {
                line(&one.from, "  in the source")?;
                line(&one.to, "  in the copy: DIFFERENT")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_differs_has_two_lines() {
        let digest = |rows, checksum: &str| Digest { rows, checksum: checksum.to_owned() };
        let compared = [
            Compared { table: "account", from: digest(2, "aa"), to: digest(2, "aa"), ids_go_on: true },
            Compared { table: "message", from: digest(7, "bb"), to: digest(6, "cc"), ids_go_on: true },
            Compared { table: "session", from: digest(0, "dd"), to: digest(0, "dd"), ids_go_on: false },
        ];
        let mut out = Vec::new();
        list(&compared, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "TABLE                    ROWS  SHA-256\n\
             account                     2  aa\n\
             message                     7  bb  in the source\n\
             message                     6  cc  in the copy: DIFFERENT\n\
             session                     0  dd  its next id was given out before\n"
        );
    }
}
