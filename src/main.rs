//! Flags, settings, log, signals, exit code.

use anyhow::Context as _;
use clap::Parser as _;
use std::{
    io::{self, Write as _},
    process::ExitCode,
};
use switchboard::{
    app::{self, StartError, Stopped},
    cli::{self, Cli, CliError, Command, account, feed, invite, key, storage},
    settings::{Settings, SettingsError},
    storage::Check,
    telemetry,
    tls::TlsError,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

fn main() -> ExitCode {
    run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("switchboard: {error:#}");
        exit_code(&error).into()
    })
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(Command::Config(command)) = cli.command {
        // Not `print!`, which panics when whoever reads has read enough.
        io::stdout().write_all(cli.config(command)?.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = cli.settings()?;
    match cli.command {
        None | Some(Command::Serve(_)) => {
            telemetry::init(&settings.log)?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            let runtime = runtime.context("the runtime could not start")?;
            let ended = runtime.block_on(serve(settings));
            // After a second signal nothing is waited for, a reader on a disk that hangs neither.
            runtime.shutdown_background();
            ended
        }
        // Its connections have runtimes of their own, and none may stand around them.
        Some(Command::Storage(command)) => {
            storage::run(&command, &settings, &mut io::stdout(), &mut io::stderr())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(command) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.context("the runtime could not start")?.block_on(operate(command, &settings))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Commands on the store, which may be open in a running server too.
async fn operate(command: Command, settings: &Settings) -> anyhow::Result<()> {
    let store = app::open_store(settings, Check::Skip)?;
    let hash = |name: &_, password: &str| app::hash_password(settings, name, password);
    let out = &mut io::stdout();
    match command {
        Command::Account(command) => account::run(command, &*store, &hash, out).await?,
        Command::Invite(command) => invite::run(command, &*store, settings, out).await?,
        Command::Key(command) => key::run(command, &*store, out).await?,
        Command::Feed(command) => feed::run(command, &*store, settings, out).await?,
        Command::Serve(_) | Command::Config(_) | Command::Storage(_) => unreachable!("handled in run"),
    }
    store.close().await;
    Ok(())
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    // Before anything else: a signal while starting must not kill half-way.
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let mut signals = [signal(kinds[0])?, signal(kinds[1])?, signal(kinds[2])?];
    let server = app::start(settings).await?;
    if let Some(link) = server.setup_link() {
        writeln!(io::stdout(), "make the owner account: {link}")?;
    }
    writeln!(io::stdout(), "listening on {}", server.url())?;
    tokio::select! {
        () = told_to_stop(&mut signals) => {}
        () = server.broke() => anyhow::bail!("the task that commits is gone; the log says why"),
    }
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        stopped = server.stop() => Ok(match stopped {
            Stopped::Cleanly => ExitCode::SUCCESS,
            Stopped::WithSocketsLeft => ExitCode::SUCCESS,
        }),
        () = told_to_stop(&mut signals) => {
            tracing::warn!("stopped at once");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn told_to_stop([terminate, interrupt, hangup]: &mut [Signal; 3]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<SettingsError>() {
        return cli::EXIT_SETTINGS;
    }
    match error.downcast_ref::<StartError>() {
        Some(StartError::Store(error)) => return cli::store_exit_code(error),
        // A missing file may be there next time, but only if somebody puts it there.
        Some(StartError::Tls(TlsError::Generate { .. })) => return cli::EXIT_UNAVAILABLE,
        Some(StartError::Tls(_)) => return cli::EXIT_SETTINGS,
        Some(StartError::Listen(_) | StartError::Auth(_)) | None => {}
    }
    match (error.downcast_ref(), error.downcast_ref::<CliError>()) {
        (Some(error), _) | (_, Some(CliError::Store(error))) => cli::store_exit_code(error),
        (_, Some(CliError::CopyFailed(error))) => cli::copy_exit_code(error),
        (_, Some(CliError::Feed(error))) => cli::feed_exit_code(error),
        (_, Some(CliError::FeedSettings(_))) => cli::EXIT_SETTINGS,
        _ => cli::EXIT_FAILURE,
    }
}
