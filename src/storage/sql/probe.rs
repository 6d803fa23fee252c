//! Whether the store can do its work, asked of the disk once a second at most: `/health/ready`
//! is open to everyone, and each answer of its own would be an fsync.

use super::{
    db::{Db, corrupt},
    writer::Writer,
};
use crate::storage::StoreError;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// How long an answer is good.
const GOOD_FOR: Duration = Duration::from_secs(1);

type Answer = Result<(), StoreError>;

/// The last answer; locked while another one is being found, so that those who ask meanwhile get it.
#[derive(Debug, Default)]
pub(super) struct Probe(Arc<Mutex<Option<(Instant, Answer)>>>);

impl Probe {
    pub(super) async fn ask(&self, writer: &Arc<Writer>) -> Answer {
        let mut last = self.0.clone().lock_owned().await;
        if writer.is_closed() {
            return Err(StoreError::Closed);
        }
        if let Some((_, answer)) = last.as_ref().filter(|(at, _)| at.elapsed() < GOOD_FOR) {
            return answer.clone();
        }
        let writer = writer.clone();
        // On its own: whoever asks and hangs up would otherwise leave a write behind and no answer.
        let asked = tokio::spawn(async move {
            let mark = format!("{:016x}", rand::random::<u64>());
            let answer = writer.run(move |db| probe(db, &mark)).await;
            *last = Some((Instant::now(), answer.clone()));
            answer
        });
        asked.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }
}

/// Writes `mark` and reads it back, in one transaction because another process may probe too.
fn probe(db: Db<'_>, mark: &str) -> Result<(), StoreError> {
    db.run(
        "INSERT INTO meta (name, value) VALUES ('probe', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [mark],
    )?;
    let found = db.one("SELECT value FROM meta WHERE name = 'probe'", (), |row| row.get::<String>(0))?;
    if found.as_deref() == Some(mark) { Ok(()) } else { Err(corrupt("what was written cannot be read")) }
}
