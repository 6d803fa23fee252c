//! The load generator: starts the real server as a child process, loads it and reports what that cost.
//!
//! `cargo bench --bench load -- fanout --runs 3`; `docs/performance.md` has every command and its figures. Nothing
//! here asserts a time. What it does assert is that every message came once and in order: figures of a server that
//! loses messages are worth nothing, so such a run fails.

mod ack;
mod big_document;
mod client;
mod connect;
mod dial;
mod disk;
mod documents;
mod editor;
mod fanout;
mod feed;
mod fence;
mod fleet;
mod idle;

mod pace;
mod peer_floor;
mod peer_usual;
mod peers;
mod pin;
#[path = "../../tests/it/support/postgres.rs"]
#[allow(dead_code, unreachable_pub)] // the tests have it as a module of their own, and use more of it
mod postgres;
mod proc;
mod report;
mod rooms;
mod seed;
mod server;
mod speaker;
mod subscribe;
mod topic;
mod wire;

use anyhow::Result;
use clap::{Parser, Subcommand};
use report::Report;
use std::{future::Future, pin::Pin};

#[derive(Parser)]
#[command(name = "load", about = "Loads a server and reports what it cost")]
struct Arguments {
    #[command(subcommand)]
    scenario: Option<Scenario>,
    /// How often to repeat; medians are reported.
    #[arg(long, global = true, default_value_t = 1)]
    runs: usize,
    /// `cargo bench` says so to every bench.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Scenario {
    /// One room or channel full of clients: at saturation, or with --rate at a steady rate.
    Fanout(fanout::Options),
    /// Many small rooms or channels: the highest rate whose p99 stays within a bound.
    Rooms(rooms::Options),
    /// Everybody to one channel, one client to many.
    Subscribe(subscribe::Options),
    /// From a change in a database to the clients that watch its table, beside a bare LISTEN.
    Feed(feed::Options),
    /// People who type in documents, and how soon the others see it.
    Documents(documents::Options),
    /// A large document with a long past: how soon it is open, and what it takes on disk.
    BigDocument(big_document::Options),
    /// From send to `ok`, with durable commits, beside the price of the disk's own sync.
    Ack(ack::Options),
    /// One-time password and upgrade: rate and CPU.
    Connect(connect::Options),
    /// Memory of an idle connection.
    Idle(idle::Options),
    /// The servers to compare with; started by the other scenarios.
    #[command(hide = true)]
    Peer(peers::Options),
}

fn main() -> Result<()> {
    let Arguments { scenario, runs, .. } = Arguments::parse();
    match scenario {
        // `cargo test --benches` starts benches without arguments.
        None => println!("nothing to do: say which scenario, or --help"),
        Some(Scenario::Peer(options)) => peers::run(options)?,
        Some(Scenario::Fanout(options)) => repeat(runs, options.report(), |cores| options.run(cores))?,
        Some(Scenario::Rooms(options)) => repeat(runs, options.report(), |cores| options.run(cores))?,
        Some(Scenario::Subscribe(options)) => repeat(runs, options.report(), |cores| options.run(cores))?,
        Some(Scenario::Feed(options)) => repeat(runs, options.report(), |cores| options.run(cores))?,
        Some(Scenario::Documents(options)) => repeat(runs, options.report(), |cores| options.run(cores))?,
        Some(Scenario::BigDocument(options)) => repeat(runs, options.report(), |cores| options.run(cores))?,
        Some(Scenario::Ack(options)) => repeat(runs, options.report(), |cores| options.run(cores))?,
        Some(Scenario::Connect(options)) => repeat(runs, options.report(), |cores| options.run(cores))?,
        Some(Scenario::Idle(options)) => repeat(runs, options.report(), |cores| options.run(cores))?,
    }
    Ok(())
}

type Run<'a> = Pin<Box<dyn Future<Output = Result<report::Figures>> + 'a>>;

/// Runs a scenario on one thread: the generator has one core.
fn repeat<'a>(runs: usize, mut report: Report, run: impl Fn(pin::Cores) -> Run<'a>) -> Result<()> {
    proc::raise_descriptor_limit();
    let cores = pin::Cores::granted();
    cores.pin_generator();
    for number in 1..=runs.max(1) {
        // A runtime each, so that the tasks and sockets of one run are gone before the next.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
        let figures = runtime.block_on(run(cores))?;
        eprintln!("run {number} of {runs}: {figures}");
        report.add(figures);
    }
    println!("{}", report.json(cores));
    print!("{}", report.table());
    Ok(())
}
