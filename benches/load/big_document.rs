//! A large document with a long past: how soon it is open, and what it takes on disk.

use crate::{
    Run,
    client::Hub,
    dial::Dialer,
    documents::SETTINGS,
    editor::{Editor, Keys},
    pin::Cores,
    proc::private_bytes,
    report::{Figures, Report},
    seed::Seed,
    server::{Kind, Place, Server},
};
use anyhow::{Context, Result};
use clap::Args;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use std::{
    rc::Rc,
    time::{Duration, Instant},
};
use yrs::Text;

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Options {
    /// Changes at random places, each in its own time.
    #[arg(long, default_value_t = 200_000)]
    edits: usize,
    /// Characters in the end.
    #[arg(long, default_value_t = 1_000_000)]
    chars: usize,
}

/// Changes that are sent together.
const PER_UPDATE: usize = 200;
/// Changes of one part.
const PART: usize = 4_000;
/// How many of them delete, each as much as two others write.
const DELETIONS: f64 = 0.1;
/// What that leaves.
const KEPT: f64 = 0.78;

impl Options {
    pub(crate) fn report(&self) -> Report {
        Report::new(
            format!("a document of {} characters and {} edits", self.chars, self.edits),
            serde_json::json!(self),
        )
    }

    pub(crate) fn run(&self, cores: Cores) -> Run<'_> {
        Box::pin(async move {
            let place = Place {
                storage: None,
                settings: Some(SETTINGS.replace("idle_secs", "compact_updates = 10\nidle_secs")),
            };
            let seed = Seed { users: 2, rooms: 0, members: 0 };
            let mut server = Server::start_in(&place, Kind::Switchboard, false, cores, seed).await?;
            let length = self.write(&server).await?;
            let mut figures = Figures::default();
            figures.add("text_bytes", length as f64);
            let (log, snapshot) = settled(&server).await?;
            figures.add("stored_log_bytes", log as f64);
            figures.add("stored_snapshot_bytes", snapshot as f64);
            server.restart()?;
            let before = private_bytes(server.pid)?;
            figures.add("open_cold_ms", open(&server, length).await?.as_secs_f64() * 1e3);
            figures.add("open_warm_ms", open(&server, length).await?.as_secs_f64() * 1e3);
            figures.add("memory_mib", (private_bytes(server.pid)? - before) as f64 / f64::from(1 << 20));
            Ok(figures)
        })
    }

    /// Writes the document as one who types, deletes and jumps about; its length in the end.
    async fn write(&self, server: &Server) -> Result<usize> {
        let (hub, keys, dialer) = (Hub::new(), Rc::new(Keys::default()), Dialer::new(server.address)?);
        let mut http = dialer.http().await?;
        let who = (0, server.session(0), "big");
        let editor = Editor::open((&hub, &keys), (&dialer, &mut http), who, true).await?;
        let mut random = StdRng::seed_from_u64(1);
        let per_insert = (self.chars as f64 / KEPT / (self.edits as f64 * (1.0 - DELETIONS))).ceil() as u32;
        // The library walks from the start to each place, so the document grows at its start, part by part: every change
        // is somewhere in the part under way.
        let mut length = 0;
        for sent in 0..self.edits / PER_UPDATE {
            if sent % (PART / PER_UPDATE) == 0 {
                length = 0;
            }
            let edits = |txn: &mut yrs::TransactionMut<'_>, text: &yrs::TextRef| {
                for _ in 0..PER_UPDATE {
                    let deleted = per_insert * 2;
                    if length > 10 * deleted && random.random_bool(DELETIONS) {
                        text.remove_range(txn, random.random_range(0..length - deleted), deleted);
                        length -= deleted;
                    } else {
                        let at = random.random_range(0..=length);
                        text.insert(txn, at, &"lorem ipsum dolor sit amet "[..(per_insert as usize).min(27)]);
                        length += per_insert.min(27);
                    }
                }
            };
            editor.edit(edits).await?;
            editor.saved(sent as u64 + 1).await?;
        }
        editor.leave();
        Ok(editor.length())
    }
}

/// From the request for a one-time password until the whole text has come; what the editor then makes of it is not ours.
async fn open(server: &Server, length: usize) -> Result<Duration> {
    let (hub, keys, dialer) = (Hub::new(), Rc::new(Keys::default()), Dialer::new(server.address)?);
    let mut http = dialer.http().await?;
    let started = Instant::now();
    let editor = Editor::open((&hub, &keys), (&dialer, &mut http), (1, server.session(1), "big"), true).await?;
    let elapsed = editor.synced.get().context("it is open")?.saturating_duration_since(started);
    editor.leave();
    anyhow::ensure!(editor.length() == length, "another text of {} bytes", editor.length());
    Ok(elapsed)
}

/// Bytes of the log and of what it was merged into, once the document has left memory and its log is merged: no more
/// than one update is left behind.
async fn settled(server: &Server) -> Result<(u64, u64)> {
    let file = server.disk().join("data/switchboard.db");
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    for _ in 0..600 {
        let log = "SELECT COUNT(*), COALESCE(SUM(LENGTH(body)), 0) FROM document_update";
        let (updates, log): (i64, i64) = db.query_row(log, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        if updates <= 1 {
            let snapshot: i64 = db.query_row("SELECT LENGTH(state) FROM document_snapshot", (), |row| row.get(0))?;
            return Ok((log as u64, snapshot as u64));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None.context("the document's log was not merged")
}
