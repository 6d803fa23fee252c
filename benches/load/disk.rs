//! What the disk itself asks for durability.

use crate::report::{Figures, Latencies};
use anyhow::Result;
use std::{fs::File, os::unix::fs::FileExt, path::Path, time::Instant};

const PAGE: [u8; 4096] = [7; 4096];
const WRITES: u64 = 500;

/// A page and an `fdatasync`, again and again: into a file that is there already, as SQLite's write-ahead log mostly
/// is, and at the end of a growing one, where the file's size has to reach the disk too.
pub(crate) fn sync_cost(dir: &Path, figures: &mut Figures) -> Result<()> {
    let file = File::create(dir.join("sync-cost"))?;
    for name in ["fdatasync_growing", "fdatasync_in_place"] {
        let mut latencies = Latencies::default();
        for page in 0..WRITES {
            let started = Instant::now();
            file.write_all_at(&PAGE, page * PAGE.len() as u64)?;
            file.sync_data()?;
            latencies.extend([u32::try_from(started.elapsed().as_micros())?]);
        }
        latencies.add_to(figures, name);
    }
    Ok(())
}
