//! `switchboard feed …`

use super::CliError;
use crate::{
    feed::{self, Adopt, Installed, Made, Source, Status, Uninstalled},
    settings::Settings,
    storage::Store,
};
use clap::{Args, Subcommand};
use std::{io::Write, time::Duration};

/// What to do with what the feed needs in the watched databases.
#[derive(Debug, Subcommand)]
pub enum FeedCommand {
    /// Make the outbox, and the triggers of the tables that the settings name
    #[command(after_help = "\
What is there already stays; tables that the settings do not name any more lose their triggers. Each table is locked
for a moment, and waited for for 4 seconds, or a quarter of one to take triggers away. A superuser may install only on
tables that belong to superusers, with the types of their columns. With feed.install = true the server does the same at its start, if its
database user may: it needs CREATE on the database, and SELECT and TRIGGER on the tables.

Examples:
  switchboard feed install
  SWITCHBOARD__FEED__URL=postgres://admin@db/shop switchboard feed install     as somebody who may")]
    Install(Install),
    /// Remove everything that `feed install` and the server have made in the watched databases
    #[command(after_help = "\
Triggers, functions, the outbox and its schema go, of tables too that the settings do not name any more. Stop the server
first, or set feed.install = false: it would install them again. What was published stays in the topics' logs.

Example:
  switchboard feed uninstall")]
    Uninstall,
    /// Say which tables are watched, what is missing, what waits, and who publishes it
    #[command(after_help = "\
Exit code 1 when something is missing.

Example:
  switchboard feed status")]
    Status,
}

/// `feed install`
#[derive(Debug, Args)]
pub struct Install {
    /// Take over an outbox that another installation made, or this one before its store was restored
    #[arg(long)]
    pub adopt: bool,
}

/// Carries out `command` and writes its answer to `out`.
///
/// # Errors
/// [`CliError`]; [`CliError::FeedIncomplete`] when all that could be done was done.
pub async fn run(
    command: FeedCommand,
    store: &dyn Store,
    settings: &Settings,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let sources = feed::sources(settings).map_err(CliError::FeedSettings)?;
    if sources.iter().all(|source| source.tables.is_empty()) && !matches!(command, FeedCommand::Uninstall) {
        eprintln!("note: the settings name no table in PostgreSQL; on SQLite, products are watched without all this");
    }
    let mut missing = 0;
    for source in &sources {
        match &command {
            FeedCommand::Install(install) => {
                let adopt = if install.adopt { Adopt::Any } else { Adopt::OwnOnly };
                missing += installed(source, &feed::install(source, store.epoch(), adopt).await?, out)?;
            }
            FeedCommand::Uninstall => uninstall(source, store, out).await?,
            FeedCommand::Status => missing += status(source, &feed::status(source).await?, store, out)?,
        }
    }
    if missing > 0 { Err(CliError::FeedIncomplete(missing)) } else { Ok(()) }
}

/// How many tables are not watched.
fn installed(source: &Source, installed: &Installed, out: &mut impl Write) -> Result<usize, CliError> {
    let place = place(source);
    for table in &installed.tables {
        let topic = format!("{0}.* and {0}.<key>", table.topic);
        match &table.made {
            Ok(Made::Now) => writeln!(out, "{}: watched from now on, as {topic} ({place})", table.table)?,
            Ok(Made::Before) => writeln!(out, "{}: is watched, as {topic} ({place})", table.table)?,
            Err(fault) => writeln!(out, "{}: is NOT watched: {fault} ({place})", table.table)?,
        }
    }
    for topic in &installed.removed {
        writeln!(out, "{topic}.*: watched no more, since the settings do not name its table ({place})")?;
    }
    for fault in &installed.left {
        writeln!(out, "{fault} ({place})")?;
    }
    Ok(installed.faults().count())
}

async fn uninstall(source: &Source, store: &dyn Store, out: &mut impl Write) -> Result<(), CliError> {
    let place = place(source);
    let Some(Uninstalled { outbox, topics, lost, schema_stays }) = feed::uninstall(source).await? else {
        return Ok(writeln!(out, "nothing is installed ({place})")?);
    };
    store.forget_feed(&outbox).await?;
    for topic in topics {
        writeln!(out, "{topic}.*: watched no more ({place})")?;
    }
    writeln!(out, "the outbox is removed ({place})")?;
    let lost = match lost {
        Some(0) => None,
        Some(lost) if lost > feed::MOST_COUNTED => Some(format!("more than {} changes", feed::MOST_COUNTED)),
        Some(lost) => Some(format!("{lost} changes")),
        None => Some("perhaps some changes (they could not be counted)".to_owned()),
    };
    if let Some(lost) = lost {
        eprintln!("note: {lost} had not been published, and are lost to those who watch");
    }
    if schema_stays {
        eprintln!("note: the schema `{}` stays: it has other things in it, or another owner", source.schema);
    }
    Ok(())
}

/// How many things are missing.
fn status(source: &Source, status: &Status, store: &dyn Store, out: &mut impl Write) -> Result<usize, CliError> {
    writeln!(out, "{}", place(source))?;
    let mut missing = 0;
    for table in &status.tables {
        let says = table.fault.as_ref().map_or("watched".to_owned(), |fault| format!("NOT watched: {fault}"));
        missing += usize::from(table.fault.is_some());
        writeln!(out, "  {} as {}.*: {says}", table.table, table.topic)?;
    }
    for topic in &status.surplus {
        writeln!(out, "  {topic}.*: watched, though the settings do not name its table; `feed install` ends that")?;
    }
    if !status.is_installed {
        writeln!(out, "  nothing is installed; `switchboard feed install` does it")?;
        return Ok(missing);
    }
    if status.epoch.as_deref().is_some_and(|epoch| epoch != store.epoch().as_str()) {
        writeln!(out, "  the outbox belongs to another installation, or to this one before its store was restored")?;
        missing += 1;
    }
    let oldest = status.oldest.map_or(String::new(), |age| {
        format!(", the oldest for {}", humantime::format_duration(Duration::from_secs(age.as_secs())))
    });
    writeln!(out, "  waiting: {} changes{oldest}", status.waiting)?;
    match &status.drainer {
        Some(drainer) => writeln!(out, "  drained by: {}, process {} of the database", drainer.who, drainer.pid)?,
        None => writeln!(out, "  drained by: nobody; a server that runs does it")?,
    }
    Ok(missing)
}

fn place(source: &Source) -> String {
    format!("{}, schema {}", source.database.shown, source.schema)
}
