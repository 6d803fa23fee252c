//! Rows as they are, and what was in the outbox at the same moment.

use super::{
    change::{Feed, Feeds},
    error::FeedError,
    link::answer,
    notation,
    outbox::{OpenOutbox, Portion, Waiting},
    rows::Request,
    sql,
    table::Table,
};
use crate::{
    model::{RowTopic, TopicName},
    storage::{Row, RowsError},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};
use tokio_postgres::{IsolationLevel, Transaction, error::SqlState, types::ToSql};

/// Rows that are read in one round trip.
const STRIDE: i32 = 128;
/// A round of answers takes so long and so much memory, and the last one of it; changes are published between rounds.
const ROUND: Duration = Duration::from_millis(500);
const ROUND_BYTES: usize = 16 << 20;
/// Whoever alters a table holds up those who ask for its rows, and nobody else.
const BOUNDS: &str = "SET LOCAL lock_timeout = 250; SET LOCAL statement_timeout = 2000";

/// The watched tables, by the name of their feed.
pub(super) type Tables = HashMap<String, Table>;

/// The rows of one question, in the order of its topics.
pub(super) type Answer = Result<Vec<Vec<Row>>, RowsError>;

/// All that is true at one moment.
pub(super) struct Snapshot {
    /// Questions of this round, each with its answer.
    pub(super) answers: Vec<(Request, Answer)>,
    /// Changes that are in the rows, and not published yet.
    pub(super) pending: Vec<Waiting>,
    /// Feeds whose triggers are gone.
    pub(super) lost: HashSet<String>,
}

/// Answers as many questions as there is time for, in one snapshot, and leaves the others where they are. `None`: more
/// waits in the outbox than `most`, so that catching up comes first.
pub(super) async fn take(
    outbox: &mut OpenOutbox,
    feeds: &Feeds,
    tables: &Tables,
    requests: &mut VecDeque<Request>,
    most: Portion,
) -> Result<Option<Snapshot>, FeedError> {
    let (schema, fetch) = (outbox.schema.clone(), outbox.fetch_statement());
    let begun = outbox.link.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = answer(begun.start()).await?;
    let count = format!(
        "SELECT count(*), coalesce(sum(octet_length(body)), 0)::bigint FROM (SELECT body FROM {}.outbox LIMIT $1) AS few",
        notation::name(&schema)
    );
    let counted = answer(transaction.query_one(&count, &[&(most.rows + 1)])).await?;
    if counted.get::<_, i64>(0) > most.rows || counted.get::<_, i64>(1) > most.bytes {
        answer(transaction.rollback()).await?;
        return Ok(None);
    }
    let all = Portion { bytes: i64::MAX, ..most };
    let pending = OpenOutbox::fetch_on(transaction.client(), &fetch, all).await?;
    answer(transaction.batch_execute(BOUNDS)).await?;
    let mut reader = Reader::new(&transaction, &schema, feeds, tables);
    let answers = reader.round(requests).await?;
    let lost = std::mem::take(&mut reader.lost);
    // What was read is true even if a later read has failed.
    answer(transaction.rollback()).await?;
    Ok(Some(Snapshot { answers, pending, lost }))
}

struct Reader<'r> {
    transaction: &'r Transaction<'r>,
    schema: &'r str,
    feeds: &'r Feeds,
    tables: &'r Tables,
    /// What has been read in this round, for whoever asks for it too.
    known: HashMap<TopicName, Known>,
    /// Tables that are larger than so many bytes.
    larger_than: HashMap<TopicName, usize>,
    /// Feeds whose triggers are there.
    sound: HashSet<String>,
    lost: HashSet<String>,
    /// The feed that is being read.
    reading: String,
    /// About what the answers of this round take.
    bytes: usize,
}

struct Known {
    rows: Vec<Row>,
    bytes: usize,
}

/// Topics of one feed.
#[derive(Default)]
struct Asked {
    table: Option<TopicName>,
    rows: Vec<(TopicName, String)>,
}

/// Why a question has no rows.
enum Refusal {
    /// It alone.
    Question(RowsError),
    /// The transaction is at its end.
    Transaction(FeedError),
}

impl From<RowsError> for Refusal {
    fn from(error: RowsError) -> Self {
        Self::Question(error)
    }
}

impl From<FeedError> for Refusal {
    fn from(error: FeedError) -> Self {
        Self::Transaction(error)
    }
}

impl<'r> Reader<'r> {
    fn new(transaction: &'r Transaction<'r>, schema: &'r str, feeds: &'r Feeds, tables: &'r Tables) -> Self {
        let (known, larger_than, sound, lost) = Default::default();
        let reading = String::new();
        Self { transaction, schema, feeds, tables, known, larger_than, sound, lost, reading, bytes: 0 }
    }

    /// Answers one question after the other, until time or memory is up or the database refuses one.
    async fn round(&mut self, requests: &mut VecDeque<Request>) -> Result<Vec<(Request, Answer)>, FeedError> {
        let until = Instant::now() + ROUND;
        let mut answers = Vec::new();
        while answers.is_empty() || (Instant::now() < until && self.bytes < ROUND_BYTES) {
            let Some(request) = requests.pop_front() else { break };
            if !request.is_wanted() {
                continue;
            }
            match self.answer(&request).await {
                Ok(rows) => answers.push((request, Ok(rows))),
                Err(Refusal::Question(error)) => answers.push((request, Err(error))),
                Err(Refusal::Transaction(FeedError::Database { why, code: Some(code) })) => {
                    let refused = || Err(RowsError::Unavailable(why.clone()));
                    answers.push((request, refused()));
                    // Others would wait as long for the same table, and in vain.
                    if [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED].contains(&code) {
                        let (same, others): (VecDeque<_>, _) =
                            requests.drain(..).partition(|request| self.concerns(request, &self.reading));
                        *requests = others;
                        answers.extend(same.into_iter().map(|request| (request, refused())));
                    }
                    break;
                }
                Err(Refusal::Transaction(error)) => return Err(error),
            }
        }
        Ok(answers)
    }

    fn concerns(&self, request: &Request, feed: &str) -> bool {
        request.topics.iter().any(|topic| self.about(topic).is_some_and(|(of, _)| of.name.as_str() == feed))
    }

    async fn answer(&mut self, request: &Request) -> Result<Vec<Vec<Row>>, Refusal> {
        let (mut asked, mut left) = (HashMap::<String, Asked>::new(), request.max_bytes);
        for topic in request.topics.iter().collect::<HashSet<_>>() {
            let unwatched = || RowsError::Unavailable(format!("the table of {topic} is not watched"));
            let (feed, about) = self.about(topic).ok_or_else(unwatched)?;
            let name = feed.name.to_string();
            if !self.is_sound(&name).await? {
                return Err(unwatched().into());
            }
            if let Some(known) = self.known.get(topic) {
                left = left.checked_sub(known.bytes).ok_or(RowsError::TooLarge)?;
                continue;
            }
            let asked = asked.entry(name).or_default();
            match about {
                RowTopic::Table => asked.table = Some(topic.clone()),
                RowTopic::Row(key) => asked.rows.push((topic.clone(), key)),
            }
        }
        for (name, asked) in asked {
            let (Some(feed), Some(table)) = (self.feeds.get(&name), self.tables.get(&name)) else { continue };
            self.reading = name;
            if let Some(topic) = asked.table {
                self.whole_table(feed, table, topic, &mut left).await?;
            }
            self.single_rows(feed, table, &asked.rows, &mut left).await?;
        }
        let rows_of = |topic| self.known.get(topic).map_or_else(Vec::new, |known| known.rows.clone());
        let found: Vec<_> = request.topics.iter().map(rows_of).collect();
        self.bytes += found.iter().flatten().map(|row| size_of::<Row>() + row.key.len()).sum::<usize>();
        Ok(found)
    }

    /// Whether the triggers of a feed's table are still there: somebody may have made the table anew. Asked once a round.
    async fn is_sound(&mut self, name: &str) -> Result<bool, FeedError> {
        if self.sound.contains(name) {
            return Ok(true);
        }
        let Some(table) = self.tables.get(name).filter(|_| !self.lost.contains(name)) else { return Ok(false) };
        self.reading = name.to_owned();
        let functions = vec![format!("row_{name}"), format!("truncate_{name}")];
        let look = "SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid \
            JOIN pg_namespace n ON n.oid = p.pronamespace \
            WHERE t.tgrelid = to_regclass($1) AND t.tgrelid = $2 AND n.nspname::text = $3 \
                AND p.proname::text = ANY ($4) AND t.tgparentid = 0 AND t.tgenabled IN ('O', 'A')";
        let params: [&(dyn ToSql + Sync); 4] = [&table.quoted(), &table.oid, &self.schema, &functions];
        let is_sound = answer(self.transaction.query_one(look, &params)).await?.get::<_, i64>(0) == 2;
        let to = if is_sound { &mut self.sound } else { &mut self.lost };
        to.insert(name.to_owned());
        Ok(is_sound)
    }

    fn keep(&mut self, topic: TopicName, rows: Vec<Row>) {
        let bytes = rows.iter().map(|row| row.row.get().len()).sum();
        self.bytes += bytes;
        self.known.insert(topic, Known { rows, bytes });
    }

    fn about(&self, topic: &TopicName) -> Option<(&'r Feed, RowTopic)> {
        let (name, _) = topic.as_str().split_once('.')?;
        let feed = self.feeds.get(name).filter(|_| self.tables.contains_key(name))?;
        Some((feed, feed.name.topic(topic)?))
    }

    async fn whole_table(
        &mut self,
        feed: &Feed,
        table: &Table,
        topic: TopicName,
        left: &mut usize,
    ) -> Result<(), Refusal> {
        if self.larger_than.get(&topic).is_some_and(|bytes| bytes >= left) {
            return Err(RowsError::TooLarge.into());
        }
        let key = notation::name(&table.key);
        let read = format!(
            "SELECT t.{key}::text, row_to_json(t.*)::text, 0::bigint FROM {} ORDER BY t.{key}",
            table.named_in_from()
        );
        let (mut rows, most) = (Vec::new(), *left);
        match self.read(feed, &read, &[], left, |_, row| rows.push(row)).await {
            Ok(()) => self.keep(topic, rows),
            Err(error) => {
                if matches!(error, Refusal::Question(RowsError::TooLarge)) {
                    self.larger_than.insert(topic, most);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// A key that is no value of the column's type has no row, and no more has one that is another text of a value.
    async fn single_rows(
        &mut self,
        feed: &Feed,
        table: &Table,
        asked: &[(TopicName, String)],
        left: &mut usize,
    ) -> Result<(), Refusal> {
        if asked.is_empty() {
            return Ok(());
        }
        let (key, keys): (_, Vec<_>) = (notation::name(&table.key), asked.iter().map(|(_, key)| key).collect());
        let read = format!(
            "SELECT t.{key}::text, row_to_json(t.*)::text, asked.place \
             FROM unnest($1::text[]) WITH ORDINALITY AS asked (key, place) \
             JOIN {} ON t.{key} = {}(asked.key) AND t.{key}::text = asked.key COLLATE \"C\"",
            table.named_in_from(),
            sql::key_function(self.schema, feed.name.as_str())
        );
        let mut found = vec![Vec::new(); asked.len()];
        let put = |place: i64, row| {
            if let Some(rows) = usize::try_from(place - 1).ok().and_then(|place| found.get_mut(place)) {
                rows.push(row);
            }
        };
        self.read(feed, &read, &[&keys], left, put).await?;
        for ((topic, _), rows) in asked.iter().zip(found) {
            self.keep(topic.clone(), rows);
        }
        Ok(())
    }

    /// Reads stride by stride, so that no more is sent than fits.
    async fn read(
        &self,
        feed: &Feed,
        query: &str,
        params: &[&(dyn ToSql + Sync)],
        left: &mut usize,
        mut put: impl FnMut(i64, Row),
    ) -> Result<(), Refusal> {
        let statement = answer(self.transaction.prepare(query)).await?;
        let portal = answer(self.transaction.bind(&statement, params)).await?;
        loop {
            let rows = answer(self.transaction.query_portal(&portal, STRIDE)).await?;
            for row in &rows {
                let column = FeedError::from;
                let key: String = row.try_get(0).map_err(column)?;
                let text: &str = row.try_get(1).map_err(column)?;
                let unreadable = || RowsError::Unavailable(format!("row {key} is no JSON"));
                let shown = feed.row(text).ok_or_else(unreadable)?;
                *left = left.checked_sub(shown.get().len()).ok_or(RowsError::TooLarge)?;
                put(row.try_get(2).map_err(column)?, Row { key, row: shown });
            }
            if rows.len() < STRIDE as usize {
                return Ok(());
            }
        }
    }
}
