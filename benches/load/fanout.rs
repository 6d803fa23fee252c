//! One room or channel full of clients.

use crate::{
    Run,
    fleet::{Fleet, Plan},
    pace::Pace,
    pin::Cores,
    proc::{Cost, Meter, private_bytes},
    report::{Figures, Report},
    seed::Seed,
    server::{Kind, Server},
    speaker::{self, Speaker},
};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};
use switchboard::model::GENERAL;

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Options {
    #[arg(long, value_enum, default_value = "switchboard")]
    server: Kind,
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// Messages a second; without it, as many as the server takes.
    #[arg(long)]
    rate: Option<f64>,
    /// At saturation: messages that the slowest client may lack. Below `socket.egress_events`, so nobody is cut. It
    /// decides how many frames a write can carry, and with that nearly everything: compare only equal windows.
    #[arg(long, default_value_t = 256)]
    window: u64,
    #[command(flatten)]
    speech: speaker::Options,
    /// Members that send.
    #[arg(long, default_value_t = 16)]
    senders: usize,
    /// Clients that parse what they get and measure latencies.
    #[arg(long, default_value_t = 20)]
    samples: usize,
    #[arg(long, default_value_t = 2.0)]
    warm_secs: f64,
    #[arg(long, default_value_t = 10.0)]
    secs: f64,
    #[arg(long)]
    tls: bool,
}

impl Options {
    pub(crate) fn report(&self) -> Report {
        let name = if self.rate.is_some() { "fanout, steady" } else { "fanout, saturation" };
        Report::new(format!("{name}{}", self.speech.suffix()), serde_json::json!(self))
    }

    pub(crate) fn run(&self, cores: Cores) -> Run<'_> {
        Box::pin(async move {
            let seed = Seed { users: self.clients, rooms: 0, members: 0 };
            let server = Server::start(self.server, self.tls, cores, seed).await?;
            let mut fleet = Fleet::new();
            let every = self.clients.div_ceil(self.samples.max(1));
            let topic = |_| self.speech.topic(GENERAL);
            let plan = Plan { clients: self.clients, topic: &topic, parses: &|n| n % every == every - 1 };
            fleet.open(&server, &plan).await?;
            fleet.subscribe().await?;
            let fleet = Rc::new(fleet);
            let speaker = self.speech.speaker(&server, &fleet, &[GENERAL.to_owned()]).await?;
            let stop = Rc::new(Cell::new(false));
            let sender = tokio::task::spawn_local(self.clone().send(speaker, fleet.clone(), stop.clone()));

            tokio::time::sleep(Duration::from_secs_f64(self.warm_secs)).await;
            let before = Counts::of(&fleet);
            let meter = Meter::start(server.pid, cores)?;
            fleet.hub.recording.set(true);
            tokio::time::sleep(Duration::from_secs_f64(self.secs)).await;
            fleet.hub.recording.set(false);
            let cost = meter.stop()?;
            let after = Counts::of(&fleet);
            stop.set(true);
            let sent = sender.await??;
            fleet.settle(|_| sent).await?;
            let mut figures = self.figures(&fleet, &cost, &after.since(&before));
            figures.add("private_mib", private_bytes(server.pid)? as f64 / (1 << 20) as f64);
            Ok(figures)
        })
    }

    fn figures(&self, fleet: &Fleet, cost: &Cost, counts: &Counts) -> Figures {
        let secs = cost.elapsed.as_secs_f64();
        let deliveries = counts.heard as f64;
        let mut figures = Figures::default();
        figures.add("deliveries_per_s", deliveries / secs);
        figures.add("messages_per_s", deliveries / secs / self.clients as f64);
        figures.add("server_cpu_s_per_million", cost.server_cpu.as_secs_f64() / deliveries * 1e6);
        fleet.take_latencies().add_to(&mut figures, "delivery");
        fleet.take_answers().add_to(&mut figures, "answer");
        figures.add("frame_bytes", counts.bytes as f64 / deliveries);
        figures.add("deliveries_per_read", deliveries / counts.reads as f64);
        cost.add_to(&mut figures);
        figures
    }

    /// Sends until told to stop; how many messages that were.
    async fn send(self, speaker: Speaker, fleet: Rc<Fleet>, stop: Rc<Cell<bool>>) -> Result<u64> {
        match self.rate {
            Some(rate) => send_at(rate, speaker, fleet.clients.len(), &stop).await,
            None => self.saturate(speaker, &fleet, &stop).await,
        }
    }

    /// Keeps as many messages under way as the window allows: the next quarter goes out when the slowest client has
    /// the oldest one. So the server is what limits, and it never has reason to cut anybody.
    async fn saturate(&self, mut speaker: Speaker, fleet: &Fleet, stop: &Cell<bool>) -> Result<u64> {
        let step = (self.window / 4).max(1);
        let senders = self.senders.clamp(1, fleet.clients.len());
        let share = step.div_ceil(senders as u64).max(1);
        let mut sent = 0;
        let mut reached = 0;
        while !stop.get() {
            while sent + step <= reached + self.window {
                let until = sent + step;
                for sender in 0..senders {
                    let count = share.min(until - sent);
                    speaker.say(0, sender, count, Instant::now()).await?;
                    sent += count;
                }
            }
            reached += step;
            fleet.hub.fence.set(reached, fleet.clients.iter().map(|client| client.heard.get()));
            fleet.hub.fence.reached().await?;
        }
        Ok(sent)
    }
}

/// Clients take turns.
async fn send_at(rate: f64, mut speaker: Speaker, clients: usize, stop: &Cell<bool>) -> Result<u64> {
    let mut pace = Pace::new(rate);
    let mut sent = 0;
    while !stop.get() {
        speaker.say(0, sent as usize % clients, 1, pace.next().await).await?;
        sent += 1;
    }
    Ok(sent)
}

/// What all clients have got so far.
struct Counts {
    heard: u64,
    bytes: u64,
    reads: u64,
}

impl Counts {
    fn of(fleet: &Fleet) -> Self {
        Self { heard: fleet.heard(), bytes: fleet.bytes(), reads: fleet.reads() }
    }

    fn since(&self, before: &Self) -> Self {
        Self { heard: self.heard - before.heard, bytes: self.bytes - before.bytes, reads: self.reads - before.reads }
    }
}
