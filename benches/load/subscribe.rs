//! Subscribing: everybody to one channel, and one client to many.

use crate::{
    Run,
    fleet::{Fleet, Plan},
    pin::Cores,
    proc::{Meter, private_bytes},
    report::{Figures, Latencies, Report},
    seed::{Seed, room_name},
    server::{Kind, Server},
    topic::{Over, Topic},
    wire,
};
use clap::Args;
use serde::Serialize;
use std::time::Instant;

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Options {
    /// Who subscribe to the same channel, one request each, all at once.
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Accounts they belong to.
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// Topics of one request.
    #[arg(long, default_value_t = 1024)]
    topics: usize,
    /// Who subscribe to so many, one after the other.
    #[arg(long, default_value_t = 20)]
    listeners: usize,
}

impl Options {
    pub(crate) fn report(&self) -> Report {
        Report::new("subscribe", serde_json::json!(self))
    }

    pub(crate) fn run(&self, cores: Cores) -> Run<'_> {
        Box::pin(async move {
            let seed = Seed { users: self.users, rooms: 0, members: 0 };
            let server = Server::start(Kind::Switchboard, false, cores, seed).await?;
            let mut fleet = Fleet::new();
            let topic = |_| Topic { over: Over::Channels, name: "everybody".to_owned() };
            fleet.open(&server, &Plan { clients: self.clients, topic: &topic, parses: &|_| false }).await?;
            let mut figures = Figures::default();

            let memory = private_bytes(server.pid)?;
            let meter = Meter::start(server.pid, cores)?;
            fleet.subscribe().await?;
            let cost = meter.stop()?;
            let each = |total: f64, count: usize| total / count.max(1) as f64;
            figures.add("subscribe_all_ms", cost.elapsed.as_secs_f64() * 1e3);
            figures.add("subscribe_cpu_us_each", each(cost.server_cpu.as_secs_f64() * 1e6, self.clients));
            let grown = private_bytes(server.pid)?.saturating_sub(memory);
            figures.add("subscribe_private_bytes_each", each(grown as f64, self.clients));
            cost.add_to(&mut figures);

            let topics: Vec<_> = (0..self.topics).map(|n| format!("channel.{}", room_name(n))).collect();
            let request = wire::subscribe_request(&topics);
            let mut times = Latencies::default();
            let meter = Meter::start(server.pid, cores)?;
            for client in fleet.clients.iter().take(self.listeners) {
                let started = Instant::now();
                client.request(&request).await?;
                times.extend(u32::try_from(started.elapsed().as_micros()));
            }
            let cost = meter.stop()?;
            times.add_to(&mut figures, "many_topics");
            figures.add("many_topics_cpu_ms_each", each(cost.server_cpu.as_secs_f64() * 1e3, self.listeners));
            fleet.hub.fence.check()?;
            Ok(figures)
        })
    }
}
