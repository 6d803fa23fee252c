//! What an idle connection keeps in the server's memory.

use crate::{
    Run,
    fleet::{Fleet, Plan},
    pin::Cores,
    proc::{Meter, private_bytes},
    report::{Figures, Report},
    seed::Seed,
    server::{Kind, Server},
    topic::Topic,
};
use clap::Args;
use serde::Serialize;
use std::time::Duration;
use switchboard::model::GENERAL;

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Options {
    #[arg(long, value_enum, default_value = "switchboard")]
    server: Kind,
    /// Each is two descriptors on this machine, one in each process.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Accounts they belong to.
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// How long they are idle before memory is read; 30 and more include a heartbeat for each.
    #[arg(long, default_value_t = 30.0)]
    secs: f64,
    #[arg(long)]
    tls: bool,
}

/// Opened beforehand: what the first connections bring along is not theirs.
const WARM: usize = 200;

impl Options {
    pub(crate) fn report(&self) -> Report {
        Report::new(if self.tls { "idle, TLS" } else { "idle" }, serde_json::json!(self))
    }

    pub(crate) fn run(&self, cores: Cores) -> Run<'_> {
        Box::pin(async move {
            let seed = Seed { users: self.users, rooms: 0, members: 0 };
            let server = Server::start(self.server, self.tls, cores, seed).await?;
            let mut fleet = Fleet::new();
            let plan = |clients| Plan { clients, topic: &|_| Topic::room(GENERAL), parses: &|_| false };
            fleet.open(&server, &plan(WARM)).await?;
            let before = private_bytes(server.pid)?;
            fleet.open(&server, &plan(self.connections)).await?;
            let opened = private_bytes(server.pid)?;
            let meter = Meter::start(server.pid, cores)?;
            tokio::time::sleep(Duration::from_secs_f64(self.secs)).await;
            let cost = meter.stop()?;
            let idle = private_bytes(server.pid)?;
            fleet.hub.fence.check()?;
            let each = |now: u64| now.saturating_sub(before) as f64 / self.connections as f64;
            let mut figures = Figures::default();
            figures.add("private_bytes_each", each(idle));
            figures.add("private_bytes_each_just_opened", each(opened));
            figures.add("private_mib_before", before as f64 / (1 << 20) as f64);
            figures.add("private_mib_after", idle as f64 / (1 << 20) as f64);
            cost.add_to(&mut figures);
            Ok(figures)
        })
    }
}
