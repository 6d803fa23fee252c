//! From send to `ok`, each a durable commit, beside what the disk asks for one.

use crate::{
    Run,
    client::Client,
    disk,
    fleet::{Fleet, Plan},
    pin::Cores,
    proc::Meter,
    report::{Figures, Latencies, Report},
    seed::{Seed, room_name},
    server::{Kind, Server},
    topic::Topic,
    wire::Messages,
};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Options {
    /// Clients that send at once, each one message at a time, each in a room of its own.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    senders: Vec<usize>,
    #[arg(long, default_value_t = 180)]
    frame_bytes: usize,
    #[arg(long, default_value_t = 1.0)]
    warm_secs: f64,
    /// For each number of senders.
    #[arg(long, default_value_t = 5.0)]
    secs: f64,
}

impl Options {
    pub(crate) fn report(&self) -> Report {
        Report::new("ack", serde_json::json!(self))
    }

    pub(crate) fn run(&self, cores: Cores) -> Run<'_> {
        Box::pin(async move {
            let most = self.senders.iter().copied().max().unwrap_or(1);
            // A room each: what is measured is the commit, not the fan-out.
            let seed = Seed { users: most, rooms: most, members: 1 };
            let server = Server::start(Kind::Switchboard, false, cores, seed).await?;
            let mut figures = Figures::default();
            disk::sync_cost(server.disk(), &mut figures)?;
            let mut fleet = Fleet::new();
            let topic = |n| Topic::room(room_name(n));
            fleet.open(&server, &Plan { clients: most, topic: &topic, parses: &|_| false }).await?;
            for &count in &self.senders {
                self.measure(&fleet, count, &server, cores, &mut figures).await?;
            }
            fleet.hub.fence.check()?;
            Ok(figures)
        })
    }

    async fn measure(
        &self,
        fleet: &Fleet,
        count: usize,
        server: &Server,
        cores: Cores,
        figures: &mut Figures,
    ) -> Result<()> {
        let phase = Rc::new(Cell::new(Phase::Warming));
        let senders: Vec<_> = fleet.clients[..count]
            .iter()
            .enumerate()
            .map(|(n, client)| {
                let messages = Messages::new(fleet.hub.zero, &Topic::room(room_name(n)), self.frame_bytes);
                tokio::task::spawn_local(send(client.clone(), messages, phase.clone()))
            })
            .collect();
        tokio::time::sleep(Duration::from_secs_f64(self.warm_secs)).await;
        let meter = Meter::start(server.pid, cores)?;
        phase.set(Phase::Measuring);
        tokio::time::sleep(Duration::from_secs_f64(self.secs)).await;
        phase.set(Phase::Over);
        let cost = meter.stop()?;
        let mut latencies = Latencies::default();
        let mut acks = 0;
        for sender in senders {
            let measured = sender.await??;
            acks += measured.len();
            latencies.extend(measured);
        }
        latencies.add_to(figures, &format!("ack_{count}"));
        figures.add(format!("ack_{count}_per_s"), acks as f64 / cost.elapsed.as_secs_f64());
        figures.add(format!("ack_{count}_cpu_us"), cost.server_cpu.as_secs_f64() * 1e6 / acks.max(1) as f64);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Warming,
    Measuring,
    Over,
}

/// One message after the other, each when the one before is on disk; microseconds of those that were measured.
async fn send(client: Rc<Client>, mut messages: Messages, phase: Rc<Cell<Phase>>) -> Result<Vec<u32>> {
    let mut measured = Vec::new();
    let mut frames = Vec::new();
    while phase.get() != Phase::Over {
        let wanted = client.granted.get() + 1;
        let at_start = phase.get();
        let started = Instant::now();
        frames.clear();
        messages.append(&mut frames, started);
        client.write(&frames).await?;
        while client.granted.get() < wanted {
            client.news().await?;
        }
        if at_start == Phase::Measuring && phase.get() == Phase::Measuring {
            measured.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
    Ok(measured)
}
