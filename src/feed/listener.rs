//! The task that drains one outbox: reads, has the journal commit, deletes.

use super::{
    backoff::Backoff,
    catalog,
    change::Feeds,
    error::FeedError,
    install::{self, Adopt, Installed, check_on, install_on},
    link::Link,
    outbox::{OpenOutbox, Portion, Waiting, micros},
    rows::{Counter, ListenedRows, Request},
    snapshot::{self, Snapshot, Tables},
    source::Source,
    trouble::Trouble,
};
use crate::{
    journal::{Journal, JournalError},
    metrics::FeedMeter,
    settings::Settings,
    storage::{Change, Draft, FeedProgress, Refusal, RowsAt, RowsError, Store, Wanted, now},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Changes in one batch, unless fewer would take a quarter of a client's egress.
const MAX_BATCH: usize = 500;
/// How often the outbox is looked at when nobody rings: a pooler between us may have swallowed the bell.
const POLL_PERIOD: Duration = Duration::from_secs(5);
/// How often a server that waits for another one's end looks.
const TURN_PERIOD: Duration = Duration::from_secs(1);
/// How often it is looked whether the tables are still watched.
const LOOK_PERIOD: Duration = Duration::from_secs(60);
/// How often what waits is counted while there is more than a batch of it, and how far.
const COUNT_PERIOD: Duration = Duration::from_secs(10);
const MOST_COUNTED: i64 = 10_000;
/// How long a server that stops goes on publishing what waits.
const LAST_WAIT: Duration = Duration::from_secs(2);
/// Questions for rows that are taken out of the queue, which holds as many again.
const MAX_REQUESTS: usize = 256;
/// What the listener works with.
pub struct Tools {
    /// Where it is noted what was published.
    pub store: Arc<dyn Store>,
    /// What commits and publishes.
    pub journal: Journal,
    /// What it counts in.
    pub meter: FeedMeter,
}

/// Drains the outbox of one database.
pub struct Listener {
    source: Source,
    tools: Tools,
    feeds: Feeds,
    counter: Counter,
    portion: Portion,
    /// What may wait in the outbox when rows are read for whoever begins to watch them: all of it is published before
    /// they are answered, and held back for them meanwhile, which must not be more than may wait for a client.
    pending: Portion,
    may_install: bool,
    poll_period: Duration,
    trouble: Trouble,
    /// The faults of tables that were told last.
    told: Vec<String>,
}

/// Ours, while the connection lasts.
struct Drained {
    outbox: OpenOutbox,
    id: String,
    /// How many batches are published.
    batch: u64,
    tables: Tables,
    /// Something was published, or there was nothing to publish.
    has_worked: bool,
    counted_at: Option<Instant>,
    /// When to look whether the tables are still watched.
    look_at: Instant,
}

impl Listener {
    /// A listener that has to be run, and where its rows are asked for.
    #[must_use]
    pub fn new(source: Source, settings: &Settings, tools: Tools) -> (Self, ListenedRows) {
        let (rows, counter) = ListenedRows::new();
        let egress = &settings.socket;
        let integer = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let portion = Portion {
            rows: integer(MAX_BATCH.min(egress.egress_events / 4)),
            bytes: integer(egress.egress_bytes / 8),
            row_bytes: i32::try_from(egress.egress_bytes / 4).unwrap_or(i32::MAX),
        };
        let listener = Self {
            feeds: Feeds::new(&source.tables),
            trouble: Trouble::new(source.database.shown.clone()),
            source,
            tools,
            counter,
            pending: Portion {
                rows: integer(egress.egress_events / 2),
                bytes: integer(egress.egress_bytes / 2),
                ..portion
            },
            portion,
            may_install: settings.feed.install,
            poll_period: POLL_PERIOD.min(settings.feed.probe_period),
            told: Vec::new(),
        };
        (listener, rows)
    }

    /// Drains until `stop` is cancelled, whatever happens to the database and the store.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::default();
        loop {
            let ended = match stop.run_until_cancelled(self.take_over()).await {
                None => return,
                Some(Ok(None)) => return, // there is nothing to watch
                Some(Ok(Some(mut drained))) => {
                    self.tools.meter.connected();
                    self.trouble.is_over();
                    self.counter.open();
                    let ended = self.drain(&mut drained, &stop).await;
                    self.tools.meter.disconnected();
                    if drained.has_worked {
                        backoff.reset();
                    }
                    ended
                }
                Some(Err(error)) => Err(error),
            };
            self.counter.close(&ended.as_ref().map_or_else(ToString::to_string, |()| "the server stops".to_owned()));
            match ended {
                Ok(()) | Err(FeedError::Journal(JournalError::Stopped)) => return,
                Err(error) => self.trouble.is(&error),
            }
            if stop.run_until_cancelled(sleep(backoff.pause())).await.is_none() {
                return;
            }
        }
    }

    /// Connects, waits until no other server drains the outbox, sees to it that the feed is installed as the settings of
    /// this one say, and deletes what was published before. `None`: the settings name no table.
    async fn take_over(&mut self) -> Result<Option<Drained>, FeedError> {
        if self.source.tables.is_empty() && !self.may_install {
            return Ok(None);
        }
        let link = Link::connect(&self.source.database).await?;
        // Who waits for its turn changes nothing, and yet says what will keep it from working.
        match check_on(&link, &self.source, self.tools.store.epoch()).await {
            Err(FeedError::NotInstalled { .. }) if self.may_install => {}
            checked => drop(checked?),
        }
        let mut told = false;
        while !OpenOutbox::take(&link, &self.source.schema).await? {
            if !std::mem::replace(&mut told, true) {
                self.counter.close("another server drains the outbox");
                tracing::info!(feed.database = self.source.database.shown, "another server drains the outbox; waiting");
            }
            sleep(TURN_PERIOD).await;
        }
        let id = loop {
            match self.install(&link).await? {
                None => return Ok(None),
                Some((_, false)) if self.source.tables.is_empty() => return Ok(None),
                // What is to be removed could not be.
                Some(_) if self.source.tables.is_empty() => sleep(LOOK_PERIOD).await,
                Some((id, _)) => break id,
            }
        };
        let outbox = OpenOutbox::open(link, &self.source.schema).await?;
        // Before the outbox is read for the first time: whatever comes later rings.
        outbox.listen().await?;
        let FeedProgress { batch, changes } = self.tools.store.feed_progress(&id).await?;
        outbox.delete(&changes).await?;
        let tables = self.tables(&outbox.link).await?;
        let look_at = Instant::now() + LOOK_PERIOD;
        Ok(Some(Drained { outbox, id, batch, tables, has_worked: false, counted_at: None, look_at }))
    }

    /// The id of the outbox, after all that can be watched is; and whether anything is not as the settings say.
    async fn install(&mut self, link: &Link) -> Result<Option<(String, bool)>, FeedError> {
        let epoch = self.tools.store.epoch();
        let installed = if self.may_install {
            match install_on(link, &self.source, epoch, Adopt::OwnOnly).await {
                // Somebody else has installed it; we may do no more than drain.
                Err(error) if error.is_forbidden() => check_on(link, &self.source, epoch).await?,
                installed => installed?,
            }
        } else {
            check_on(link, &self.source, epoch).await?
        };
        self.tell(&installed);
        let has_faults = installed.faults().next().is_some();
        Ok(installed.outbox.map(|outbox| (outbox, has_faults)))
    }

    /// Says what an operator wants to know, once.
    fn tell(&mut self, installed: &Installed) {
        let database = &self.source.database.shown;
        for table in installed.tables.iter().filter(|table| table.is_new()) {
            tracing::info!(feed.database = database, table = table.table, "the table is watched from now on");
        }
        for topic in &installed.removed {
            tracing::info!(feed.database = database, topic, "the table of this topic is watched no more");
        }
        let faults: Vec<_> = installed.faults().map(ToString::to_string).collect();
        if faults != self.told {
            for fault in &faults {
                tracing::warn!(feed.database = database, "a table is not watched as the settings say: {fault}");
            }
            self.told = faults;
        }
    }

    async fn tables(&self, link: &Link) -> Result<Tables, FeedError> {
        let standing = catalog::inspect(link, &self.source).await?.tables.into_iter();
        let watched = standing.filter(|standing| standing.is_watched);
        Ok(watched.filter_map(|one| Some((one.wanted.topic.to_string(), one.table.ok()?))).collect())
    }

    /// Drains until the server stops, or something goes wrong.
    async fn drain(&mut self, drained: &mut Drained, stop: &CancellationToken) -> Result<(), FeedError> {
        let mut requests = VecDeque::new();
        let mut waiting = drained.outbox.fetch(self.portion).await?;
        loop {
            if stop.is_cancelled() {
                return self.finish(drained, waiting).await;
            }
            if !waiting.is_empty() {
                let changes = self.publish(drained, &waiting).await?;
                waiting = drained.outbox.delete_and_fetch(&changes, self.portion).await?;
                drained.has_worked = true;
            }
            self.count(drained, &waiting).await;
            self.look(drained).await?;
            while requests.len() < MAX_REQUESTS
                && let Ok(request) = self.counter.requests.try_recv()
            {
                requests.push_back(request);
            }
            requests.retain(Request::is_wanted);
            if !requests.is_empty() && self.answer(drained, &mut requests).await? {
                waiting = drained.outbox.fetch(self.portion).await?;
                continue;
            }
            if waiting.is_empty() {
                drained.has_worked = true;
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = drained.outbox.link.rung() => {}
                    Some(request) = self.counter.requests.recv() => requests.push_back(request),
                    () = sleep(self.poll_period) => {}
                }
                waiting = drained.outbox.fetch(self.portion).await?;
            }
        }
    }

    /// Publishes what waits when the server stops, as far as it can be done soon.
    async fn finish(&self, drained: &mut Drained, mut waiting: Vec<Waiting>) -> Result<(), FeedError> {
        let until = Instant::now() + LAST_WAIT;
        while !waiting.is_empty() && Instant::now() < until {
            let changes = self.publish(drained, &waiting).await?;
            waiting = drained.outbox.delete_and_fetch(&changes, self.portion).await?;
        }
        Ok(())
    }

    /// Counts what waits, exactly while it is little. That it cannot be counted keeps nothing from being published.
    async fn count(&self, drained: &mut Drained, batch: &[Waiting]) {
        let fetched = i64::try_from(batch.len()).unwrap_or(i64::MAX);
        let weight: usize = batch.iter().map(Waiting::weight).sum();
        let may_be_all =
            fetched < self.portion.rows && i64::try_from(weight * 2).is_ok_and(|it| it < self.portion.bytes);
        if may_be_all {
            self.tools.meter.waiting(fetched);
        } else if drained.counted_at.is_none_or(|at| at.elapsed() >= COUNT_PERIOD) {
            let (link, schema) = (&drained.outbox.link, &drained.outbox.schema);
            let counted = install::waiting(link, schema, MOST_COUNTED).await;
            self.tools.meter.waiting(counted.unwrap_or(fetched));
            drained.counted_at = Some(Instant::now());
        }
    }

    /// Has the journal commit and publish a batch; which changes it was.
    async fn publish(&self, drained: &mut Drained, waiting: &[Waiting]) -> Result<Vec<(i64, i64)>, FeedError> {
        let publications = waiting.iter().flat_map(|change| self.feeds.publications(change)).collect();
        let changes: Vec<_> = waiting.iter().map(|change| (change.id, micros(change.at))).collect();
        let progress = FeedProgress { batch: drained.batch + 1, changes: changes.clone() };
        let change = Change::Feed { outbox: drained.id.clone(), progress, publications };
        let receipt = self.tools.journal.append(Draft { at: now(), change }).await?;
        match receipt.committed().await {
            Ok(_) => {}
            Err(JournalError::Refused(Refusal::NotTheNextBatch)) => return Err(FeedError::Overtaken),
            Err(error) => return Err(error.into()),
        }
        drained.batch += 1;
        self.tools.meter.published(waiting.iter().map(|change| change.at));
        Ok(changes)
    }

    /// Answers whoever wants to know rows as they are, as many as there is time for: reads them with what is in the
    /// outbox at that moment, and publishes all of that and nothing else. `false`: there is too much of it to begin with.
    async fn answer(&self, drained: &mut Drained, requests: &mut VecDeque<Request>) -> Result<bool, FeedError> {
        let (feeds, tables) = (&self.feeds, &drained.tables);
        let taken = snapshot::take(&mut drained.outbox, feeds, tables, requests, self.pending).await?;
        let Some(Snapshot { answers, pending, lost }) = taken else {
            let catching_up = || RowsError::Unavailable("the feed is catching up".to_owned());
            requests.drain(..).for_each(|request| request.answer(Err(catching_up())));
            return Ok(false);
        };
        for batch in self.batches(&pending) {
            let changes = self.publish(drained, batch).await?;
            drained.outbox.delete(&changes).await?;
        }
        let asked: HashSet<_> = answers.iter().flat_map(|(request, _)| request.topics.iter().cloned()).collect();
        let wanted = Wanted { heard_by: None, named: asked.into_iter().collect() };
        let states = self.tools.store.topic_states(wanted).await?;
        let states: HashMap<_, _> = states.into_iter().map(|state| (state.topic.clone(), state)).collect();
        // Had the lock been lost, another server might have published more than is in the rows.
        if self.tools.store.feed_progress(&drained.id).await?.batch != drained.batch {
            return Err(FeedError::Overtaken);
        }
        for (request, answer) in answers {
            let states = request.topics.iter().filter_map(|topic| states.get(topic).cloned());
            let at = |(state, rows)| RowsAt { state, rows };
            let answer = answer.map(|rows| states.zip(rows).map(at).collect());
            request.answer(answer);
        }
        for feed in lost {
            drained.tables.remove(&feed);
            drained.look_at = Instant::now();
        }
        Ok(true)
    }

    /// Cuts what was read at once into batches as [`OpenOutbox::fetch`] would.
    fn batches<'w>(&self, mut waiting: &'w [Waiting]) -> impl Iterator<Item = &'w [Waiting]> {
        let (rows, bytes) = (usize::try_from(self.portion.rows), usize::try_from(self.portion.bytes));
        let (rows, bytes) = (rows.unwrap_or(MAX_BATCH), bytes.unwrap_or(usize::MAX));
        std::iter::from_fn(move || {
            let mut total = 0;
            let fits = waiting.iter().take(rows).take_while(|change| {
                total += change.weight();
                total <= bytes
            });
            let count = fits.count().max(1).min(waiting.len());
            let (batch, rest) = waiting.split_at(count);
            waiting = rest;
            (!batch.is_empty()).then_some(batch)
        })
    }

    /// Looks now and then whether the tables are still watched, and tries again to watch those that are not: tools that
    /// change a database's schema make tables anew, without our triggers.
    async fn look(&mut self, drained: &mut Drained) -> Result<(), FeedError> {
        if drained.look_at > Instant::now() {
            return Ok(());
        }
        drained.look_at = Instant::now() + LOOK_PERIOD;
        match self.mend(drained).await {
            // A table that cannot be looked at keeps nobody from the others.
            Err(FeedError::Database { why, code: Some(_) }) => {
                let database = &self.source.database.shown;
                tracing::warn!(feed.database = database, "the watched tables cannot be looked at: {why}");
                Ok(())
            }
            looked => looked,
        }
    }

    async fn mend(&mut self, drained: &mut Drained) -> Result<(), FeedError> {
        drained.tables = self.tables(&drained.outbox.link).await?;
        if drained.tables.len() < self.source.tables.len() {
            self.install(&drained.outbox.link).await?;
            drained.tables = self.tables(&drained.outbox.link).await?;
        }
        Ok(())
    }
}
