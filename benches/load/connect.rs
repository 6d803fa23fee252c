//! One-time passwords and upgrades.

use crate::{
    Run,
    dial::Dialer,
    fleet::{CONCURRENCY, Fleet, Plan},
    pin::Cores,
    proc::Meter,
    report::{Figures, Report},
    seed::Seed,
    server::{Kind, Server},
    topic::Topic,
};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use switchboard::model::GENERAL;

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Options {
    #[arg(long, value_enum, default_value = "switchboard")]
    server: Kind,
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    /// Accounts they belong to.
    #[arg(long, default_value_t = 1000)]
    users: usize,
    #[arg(long)]
    tls: bool,
}

/// Opened beforehand, so that threads and caches are there.
const WARM: usize = 200;

impl Options {
    pub(crate) fn report(&self) -> Report {
        Report::new(if self.tls { "connect, TLS" } else { "connect" }, serde_json::json!(self))
    }

    pub(crate) fn run(&self, cores: Cores) -> Run<'_> {
        Box::pin(async move {
            let seed = Seed { users: self.users, rooms: 0, members: 0 };
            let server = Server::start(self.server, self.tls, cores, seed).await?;
            let mut fleet = Fleet::new();
            let plan = |clients| Plan { clients, topic: &|_| Topic::room(GENERAL), parses: &|_| false };
            fleet.open(&server, &plan(WARM)).await?;
            let mut figures = Figures::default();
            let thousands = self.connections as f64 / 1000.0;
            if self.server == Kind::Switchboard {
                let meter = Meter::start(server.pid, cores)?;
                self.only_otps(&server).await?;
                let cost = meter.stop()?;
                figures.add("otps_per_s", self.connections as f64 / cost.elapsed.as_secs_f64());
                figures.add("otp_cpu_ms_per_1000", cost.server_cpu.as_secs_f64() * 1e3 / thousands);
            }
            let meter = Meter::start(server.pid, cores)?;
            fleet.open(&server, &plan(self.connections)).await?;
            let cost = meter.stop()?;
            fleet.hub.fence.check()?;
            figures.add("connections_per_s", self.connections as f64 / cost.elapsed.as_secs_f64());
            figures.add("cpu_ms_per_1000", cost.server_cpu.as_secs_f64() * 1e3 / thousands);
            cost.add_to(&mut figures);
            Ok(figures)
        })
    }

    /// The share of `/otp` in all that follows: as many, and none is spent.
    async fn only_otps(&self, server: &Server) -> Result<()> {
        let dialer = Dialer::new(server.address)?;
        let workers = (0..CONCURRENCY).map(|worker| {
            let dialer = &dialer;
            async move {
                let mut http = dialer.http().await?;
                for n in (worker..self.connections).step_by(CONCURRENCY) {
                    http.otp(server.session(n)).await?;
                }
                anyhow::Ok(())
            }
        });
        futures_util::future::try_join_all(workers).await?;
        Ok(())
    }
}
