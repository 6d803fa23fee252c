//! From a change in a database to whoever watches its table, beside a bare listener.

use crate::{
    Run,
    client::Hub,
    fleet::{Fleet, Plan},
    pace::Pace,
    pin::Cores,
    postgres::Cluster,
    proc::Meter,
    report::{Figures, Latencies, Report},
    seed::Seed,
    server::{Kind, Place, Server},
    topic::{Over, Topic},
    wire::{STAMP_DIGITS, sent_at},
};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, mpsc};
use tokio_postgres::{AsyncMessage, NoTls};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Options {
    /// Changes a second, all writers together.
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Rows that one transaction changes.
    #[arg(long, default_value_t = 1)]
    per_transaction: u64,
    /// Connections that write.
    #[arg(long, default_value_t = 8)]
    writers: usize,
    /// Rows of the table.
    #[arg(long, default_value_t = 1000)]
    keys: u64,
    /// Clients that watch the whole table.
    #[arg(long, default_value_t = 1)]
    clients: usize,
    /// What tells the watchers: Switchboard, or a trigger that notifies and nothing behind it.
    #[arg(long, value_enum, default_value = "switchboard")]
    through: Through,
    /// Where Switchboard keeps its own things.
    #[arg(long, value_enum, default_value = "postgres")]
    store: StoreKind,
    /// Seconds before counting begins.
    #[arg(long, default_value_t = 2.0)]
    warm_secs: f64,
    /// Seconds that count.
    #[arg(long, default_value_t = 10.0)]
    secs: f64,
}

/// Who tells the watchers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Through {
    Switchboard,
    Bare,
}

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum StoreKind {
    Sqlite,
    Postgres,
}

const TABLE: &str = "CREATE TABLE price (id bigint PRIMARY KEY, note text NOT NULL); \
    INSERT INTO price SELECT id, repeat('x', 100) FROM generate_series(0, 99999) AS id;";
/// As much as one would write by hand.
const BARE: &str = "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN PERFORM pg_notify('price', json_build_object('action', TG_OP, 'row', row_to_json(NEW))::text); RETURN NULL; END $$; \
    CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON price FOR EACH ROW EXECUTE FUNCTION tell();";

impl Options {
    pub(crate) fn report(&self) -> Report {
        let through = if self.through == Through::Bare { "bare LISTEN" } else { "switchboard" };
        Report::new(format!("feed, {} changes/s, {through}", self.rate), serde_json::json!(self))
    }

    pub(crate) fn run(&self, cores: Cores) -> Run<'_> {
        Box::pin(async move {
            let cluster = Cluster::start_durable().context("PostgreSQL is needed")?;
            let url = cluster.database();
            let database = url.rsplit('/').next().context("a URL ends with the database")?;
            cluster.sql(database, TABLE);
            match self.through {
                Through::Switchboard => self.through_switchboard(cores, &cluster, &url).await,
                Through::Bare => {
                    cluster.sql(database, BARE);
                    self.through_bare(&url).await
                }
            }
        })
    }

    async fn through_switchboard(&self, cores: Cores, cluster: &Cluster, url: &str) -> Result<Figures> {
        let storage = (self.store == StoreKind::Postgres).then(|| cluster.database());
        let settings =
            format!("[feed]\nurl = \"{url}\"\n[[feed.table]]\ntable = \"price\"\nkey = \"id\"\ntopic = \"price\"\n");
        let place = Place { storage, settings: Some(settings) };
        let seed = Seed { users: self.clients, rooms: 0, members: 0 };
        let server = Server::start_in(&place, Kind::Switchboard, false, cores, seed).await?;
        let mut fleet = Fleet::new();
        let topic = |_| Topic { over: Over::Rows, name: "price".to_owned() };
        fleet.open(&server, &Plan { clients: self.clients, topic: &topic, parses: &|_| true }).await?;
        fleet.subscribe().await?;
        let hub = fleet.hub.clone();
        let writing = Writing::start(self, url, &hub).await?;
        tokio::time::sleep(Duration::from_secs_f64(self.warm_secs)).await;
        let (meter, heard) = (Meter::start(server.pid, cores)?, fleet.heard());
        hub.recording.set(true);
        tokio::time::sleep(Duration::from_secs_f64(self.secs)).await;
        hub.recording.set(false);
        let (cost, heard) = (meter.stop()?, fleet.heard() - heard);
        let written = writing.stop().await?;
        fleet.settle(|_| written).await?;

        let mut figures = Figures::default();
        figures.add("changes_per_s", heard as f64 / self.clients as f64 / cost.elapsed.as_secs_f64());
        fleet.take_latencies().add_to(&mut figures, "delivery");
        fleet.take_answers().add_to(&mut figures, "commit");
        figures
            .add("server_cpu_us_per_change", cost.server_cpu.as_secs_f64() * 1e6 * self.clients as f64 / heard as f64);
        cost.add_to(&mut figures);
        Ok(figures)
    }

    async fn through_bare(&self, url: &str) -> Result<Figures> {
        let hub = Hub::new();
        let (heard, latencies) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Latencies::default())));
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
        let listener = {
            let (hub, heard, latencies) = (hub.clone(), heard.clone(), latencies.clone());
            tokio::task::spawn_local(async move {
                while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                    let AsyncMessage::Notification(notification) = message? else { continue };
                    heard.set(heard.get() + 1);
                    if hub.recording.get() {
                        let change: serde_json::Value = serde_json::from_str(notification.payload())?;
                        let note = change["row"]["note"].as_str().context("a row without a note")?;
                        let sent = sent_at(hub.zero, note).context("a note without a time")?;
                        latencies.borrow_mut().extend(u32::try_from(sent.elapsed().as_micros()));
                    }
                }
                anyhow::Ok(())
            })
        };
        client.batch_execute("LISTEN price").await?;
        let writing = Writing::start(self, url, &hub).await?;
        tokio::time::sleep(Duration::from_secs_f64(self.warm_secs)).await;
        let (started, before) = (Instant::now(), heard.get());
        hub.recording.set(true);
        tokio::time::sleep(Duration::from_secs_f64(self.secs)).await;
        hub.recording.set(false);
        let per_second = (heard.get() - before) as f64 / started.elapsed().as_secs_f64();
        let written = writing.stop().await?;
        while heard.get() < written {
            anyhow::ensure!(!listener.is_finished(), "the listener ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut figures = Figures::default();
        figures.add("changes_per_s", per_second);
        latencies.borrow_mut().add_to(&mut figures, "delivery");
        let mut commits = Latencies::default();
        commits.extend(hub.answers.take());
        commits.add_to(&mut figures, "commit");
        Ok(figures)
    }
}

/// Connections that change rows, at a pace that does not wait for them.
struct Writing {
    stop: Rc<Cell<bool>>,
    pacer: tokio::task::JoinHandle<u64>,
    writers: Vec<tokio::task::JoinHandle<Result<()>>>,
}

impl Writing {
    async fn start(options: &Options, url: &str, hub: &Rc<Hub>) -> Result<Self> {
        let (sender, receiver) = mpsc::channel::<(Instant, u64)>(1 << 16);
        let due = Rc::new(Mutex::new(receiver));
        let mut writers = Vec::new();
        for _ in 0..options.writers {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::task::spawn_local(connection);
            // In the order of the keys: writers that lock rows of each other would else be deadlocked.
            let update = "UPDATE price SET note = $1 WHERE id = ANY ($2)";
            let update = client.prepare(update).await?;
            let (due, hub, options) = (due.clone(), hub.clone(), options.clone());
            writers.push(tokio::task::spawn_local(async move {
                loop {
                    let Some((at, first)) = due.lock().await.recv().await else { return Ok(()) };
                    let micros = at.saturating_duration_since(hub.zero).as_micros();
                    let note = format!("{micros:0STAMP_DIGITS$}{}", "x".repeat(85));
                    let ids: Vec<_> = (first..first + options.per_transaction).map(|id| id as i64).collect();
                    client.execute(&update, &[&note, &ids]).await?;
                    hub.answered(at);
                }
            }));
        }
        let stop = Rc::new(Cell::new(false));
        let pacer = tokio::task::spawn_local(pace(options.clone(), sender, stop.clone()));
        Ok(Self { stop, pacer, writers })
    }

    /// Stops, and waits until all is written; how many changes that were.
    async fn stop(self) -> Result<u64> {
        self.stop.set(true);
        let written = self.pacer.await?;
        for writer in self.writers {
            writer.await??;
        }
        Ok(written)
    }
}

/// Hands out what is due; each transaction has keys of its own for a while, so that none waits for another's.
async fn pace(options: Options, due: mpsc::Sender<(Instant, u64)>, stop: Rc<Cell<bool>>) -> u64 {
    let each = options.per_transaction.max(1);
    let mut pace = Pace::new(options.rate / each as f64);
    let groups = (options.keys / each).max(1);
    let mut sent = 0;
    while !stop.get() && due.send((pace.next().await, sent % groups * each)).await.is_ok() {
        sent += 1;
    }
    sent * each
}
