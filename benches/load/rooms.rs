//! Many small rooms or channels: the highest rate whose slow deliveries are still quick.

use crate::{
    Run,
    fleet::{Fleet, Plan},
    pace::Pace,
    pin::Cores,
    proc::{Cost, Meter, private_bytes},
    report::{Figures, Latencies, Report},
    seed::{Seed, room_name},
    server::{Kind, Server},
    speaker::{self, Speaker},
    topic::Over,
};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::{rc::Rc, time::Duration};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Options {
    #[arg(long, value_enum, default_value = "switchboard")]
    server: Kind,
    #[arg(long, default_value_t = 500)]
    rooms: usize,
    #[arg(long, default_value_t = 10)]
    members: usize,
    #[command(flatten)]
    speech: speaker::Options,
    /// Deliveries a second to begin the search with.
    #[arg(long, default_value_t = 40_000.0)]
    from: f64,
    /// No search: this many deliveries a second.
    #[arg(long)]
    rate: Option<f64>,
    /// The bound on p99, in milliseconds.
    #[arg(long, default_value_t = 50.0)]
    p99_ms: f64,
    /// For each rate that is tried.
    #[arg(long, default_value_t = 5.0)]
    secs: f64,
}

/// The search ends when the best rate and the failed one are so close.
const CLOSE_ENOUGH: f64 = 1.04;
/// Rates grow by so much until one fails.
const GROWTH: f64 = 1.3;
/// A sender so far behind will not make it any more, so the attempt ends early.
const HOPELESS: Duration = Duration::from_secs(1);

/// Everything a rate is tried with.
struct Load<'s> {
    speaker: Speaker,
    fleet: Rc<Fleet>,
    /// To each room.
    sent: Vec<u64>,
    server: &'s Server,
    cores: Cores,
}

/// How one rate went.
struct Attempt {
    latencies: Latencies,
    answers: Latencies,
    deliveries: u64,
    cost: Cost,
}

impl Options {
    pub(crate) fn report(&self) -> Report {
        let name = if self.rate.is_some() { "rooms, steady" } else { "rooms" };
        Report::new(format!("{name}{}", self.speech.suffix()), serde_json::json!(self))
    }

    pub(crate) fn run(&self, cores: Cores) -> Run<'_> {
        Box::pin(async move {
            let rooms = if self.speech.over == Over::Chat { self.rooms } else { 0 };
            let seed = Seed { users: self.rooms * self.members, rooms, members: self.members };
            let server = Server::start(self.server, false, cores, seed).await?;
            let mut fleet = Fleet::new();
            let plan = Plan {
                clients: seed.users,
                topic: &|n| self.speech.topic(&room_name(n / self.members)),
                parses: &|n| n % self.members == self.members - 1,
            };
            fleet.open(&server, &plan).await?;
            fleet.subscribe().await?;
            let fleet = Rc::new(fleet);
            let names: Vec<_> = (0..self.rooms).map(room_name).collect();
            let mut load = Load {
                speaker: self.speech.speaker(&server, &fleet, &names).await?,
                fleet,
                sent: vec![0; self.rooms],
                server: &server,
                cores,
            };
            if let Some(rate) = self.rate {
                let rate = rate / self.members as f64;
                self.attempt(rate, &mut load).await?;
                return self.attempt(rate, &mut load).await?.figures(&server);
            }
            let mut search = Search::new(self.from / self.members as f64);
            let mut best = None;
            // Not counted: every path has been taken once before it is measured.
            self.attempt(search.rate, &mut load).await?;
            while let Some(rate) = search.next() {
                let mut attempt = self.attempt(rate, &mut load).await?;
                let (p99, per_s) = (attempt.latencies.quantile_ms(0.99), attempt.per_s());
                let good = p99 <= self.p99_ms && per_s >= 0.98 * rate * self.members as f64;
                eprintln!("{:.0} deliveries/s asked, {per_s:.0} made, p99 {p99:.1} ms", rate * self.members as f64);
                if good {
                    best = Some(attempt);
                }
                search.learn(rate, good);
            }
            let mut best = best.ok_or_else(|| anyhow::anyhow!("even the first rate was too much"))?;
            best.figures(&server)
        })
    }

    /// Sends at `rate` messages a second, to one room after the other, and waits for the last delivery.
    async fn attempt(&self, rate: f64, load: &mut Load<'_>) -> Result<Attempt> {
        let Load { speaker, fleet, sent, server, cores } = load;
        let before = fleet.heard();
        let meter = Meter::start(server.pid, *cores)?;
        fleet.hub.recording.set(true);
        let mut pace = Pace::new(rate);
        for n in 0..(rate * self.secs) as usize {
            // Members take turns too, so that no sender waits for its own answers.
            let (room, turn) = (n % self.rooms, n / self.rooms % self.members);
            speaker.say(room, room * self.members + turn, 1, pace.next().await).await?;
            sent[room] += 1;
            if n % 64 == 0 {
                // Sending must not keep the generator from receiving.
                tokio::task::yield_now().await;
                fleet.hub.fence.check()?;
                if pace.lateness() > HOPELESS {
                    break;
                }
            }
        }
        fleet.settle(|n| sent[n / self.members]).await?;
        let cost = meter.stop()?;
        fleet.hub.recording.set(false);
        let (latencies, answers) = (fleet.take_latencies(), fleet.take_answers());
        Ok(Attempt { latencies, answers, deliveries: fleet.heard() - before, cost })
    }
}

impl Attempt {
    fn per_s(&self) -> f64 {
        self.deliveries as f64 / self.cost.elapsed.as_secs_f64()
    }

    fn figures(&mut self, server: &Server) -> Result<Figures> {
        let mut figures = Figures::default();
        figures.add("deliveries_per_s", self.per_s());
        figures.add("server_cpu_s_per_million", self.cost.server_cpu.as_secs_f64() / self.deliveries as f64 * 1e6);
        self.latencies.add_to(&mut figures, "delivery");
        self.answers.add_to(&mut figures, "answer");
        self.cost.add_to(&mut figures);
        figures.add("private_mib", private_bytes(server.pid)? as f64 / (1 << 20) as f64);
        Ok(figures)
    }
}

/// Grows until a rate fails, then halves the distance.
struct Search {
    rate: f64,
    best: f64,
    worst: f64,
}

impl Search {
    fn new(from: f64) -> Self {
        Self { rate: from, best: 0.0, worst: f64::INFINITY }
    }

    fn next(&self) -> Option<f64> {
        (self.best == 0.0 || self.worst / self.best > CLOSE_ENOUGH).then_some(self.rate)
    }

    fn learn(&mut self, rate: f64, good: bool) {
        if good {
            self.best = rate;
        } else {
            self.worst = rate;
        }
        self.rate = match (self.best, self.worst) {
            (best, f64::INFINITY) => best * GROWTH,
            (0.0, worst) => worst / 2.0,
            (best, worst) => (best * worst).sqrt(),
        };
    }
}
