//! People who type in documents: how soon the others see it.

use crate::{
    Run,
    client::Hub,
    dial::Dialer,
    editor::{Editor, Keys},
    fleet::CONCURRENCY,
    pace::Pace,
    pin::Cores,
    proc::{Meter, private_bytes},
    report::{Figures, Latencies, Report},
    seed::Seed,
    server::{Kind, Place, Server},
};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::{rc::Rc, time::Duration};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 1)]
    documents: usize,
    /// In each document.
    #[arg(long, default_value_t = 100)]
    people: usize,
    /// Keys that each of them presses in a second.
    #[arg(long, default_value_t = 5.0)]
    keys: f64,
    /// Seconds before counting begins.
    #[arg(long, default_value_t = 3.0)]
    warm_secs: f64,
    /// Seconds that count.
    #[arg(long, default_value_t = 10.0)]
    secs: f64,
}

/// Members may open every name, and the limits that protect against a single client are out of the way.
pub(crate) const SETTINGS: &str = "[document]\nmessages_per_sec = 1000000\nmessages_burst = 1000000\nidle_secs = 1\n\
    [[document.namespace]]\npattern = \"*\"\nmembers = \"write\"\n";

impl Options {
    pub(crate) fn report(&self) -> Report {
        let name = format!("documents, {} with {} people each", self.documents, self.people);
        Report::new(name, serde_json::json!(self))
    }

    pub(crate) fn run(&self, cores: Cores) -> Run<'_> {
        Box::pin(async move {
            let people = self.documents * self.people;
            let seed = Seed { users: people, rooms: 0, members: 0 };
            let place = Place { storage: None, settings: Some(SETTINGS.to_owned()) };
            let server = Server::start_in(&place, Kind::Switchboard, false, cores, seed).await?;
            let before = private_bytes(server.pid)?;
            let (hub, editors) = self.open(&server, people).await?;
            let stop = self.type_on(&editors);
            tokio::time::sleep(Duration::from_secs_f64(self.warm_secs)).await;
            let (meter, heard, frames) =
                (Meter::start(server.pid, cores)?, total(&editors, heard), total(&editors, frames));
            hub.recording.set(true);
            tokio::time::sleep(Duration::from_secs_f64(self.secs)).await;
            hub.recording.set(false);
            let cost = meter.stop()?;
            let (heard, frames) = (total(&editors, self::heard) - heard, total(&editors, self::frames) - frames);
            hub.fence.check()?;
            stop.abort();

            let mut figures = Figures::default();
            let seconds = cost.elapsed.as_secs_f64();
            figures.add("keys_per_s", heard as f64 / (self.people - 1).max(1) as f64 / seconds);
            figures.add("relays_per_s", heard as f64 / seconds);
            figures.add("frames_per_s", frames as f64 / seconds);
            let mut latencies = Latencies::default();
            editors.iter().for_each(|editor| latencies.extend(editor.latencies.take()));
            latencies.add_to(&mut figures, "relay");
            figures.add("server_cpu_us_per_relay", cost.server_cpu.as_secs_f64() * 1e6 / heard as f64);
            cost.add_to(&mut figures);
            figures.add("private_mib", private_bytes(server.pid)? as f64 / f64::from(1 << 20));
            figures
                .add("private_kib_per_person", (private_bytes(server.pid)? - before) as f64 / 1024.0 / people as f64);
            Ok(figures)
        })
    }

    async fn open(&self, server: &Server, people: usize) -> Result<(Rc<Hub>, Vec<Rc<Editor>>)> {
        let (hub, keys, dialer) = (Hub::new(), Rc::new(Keys::default()), Dialer::new(server.address)?);
        let open_some = async |first: usize| {
            let mut http = dialer.http().await?;
            let mut editors = Vec::new();
            for n in (first..people).step_by(CONCURRENCY) {
                let document = format!("d{:05}", n / self.people);
                let who = (n, server.session(n), &*document);
                editors.push((n, Editor::open((&hub, &keys), (&dialer, &mut http), who, false).await?));
            }
            anyhow::Ok(editors)
        };
        let opened = futures_util::future::try_join_all((0..CONCURRENCY.min(people)).map(open_some)).await?;
        let mut editors: Vec<_> = opened.into_iter().flatten().collect();
        editors.sort_by_key(|(n, _)| *n);
        Ok((hub, editors.into_iter().map(|(_, editor)| editor).collect()))
    }

    /// Everybody presses keys in turn; the pace does not wait for the server.
    fn type_on(&self, editors: &[Rc<Editor>]) -> tokio::task::JoinHandle<Result<()>> {
        let (editors, rate) = (editors.to_vec(), self.keys * editors.len() as f64);
        // Neighbours in time are of different documents.
        let order: Vec<_> =
            (0..self.people).flat_map(|person| (0..self.documents).map(move |document| (document, person))).collect();
        let people = self.people;
        tokio::task::spawn_local(async move {
            let mut pace = Pace::new(rate);
            for (document, person) in order.iter().cycle() {
                let at = pace.next().await;
                editors[document * people + person].press(at).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        })
    }
}

fn total(editors: &[Rc<Editor>], of: impl Fn(&Editor) -> u64) -> u64 {
    editors.iter().map(|editor| of(editor)).sum()
}

fn heard(editor: &Editor) -> u64 {
    editor.heard.get()
}

fn frames(editor: &Editor) -> u64 {
    editor.frames.get()
}
