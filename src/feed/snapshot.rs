//! Rows as they are, and what was in the outbox at the same moment.

use super::{
    change::{Feed, Feeds},
    error::FeedError,
    link::answer,
    outbox::{OpenOutbox, Portion, Waiting},
    rows::Request,
    sql,
    table::Table,
};
use crate::{
    model::{RowTopic, TopicName},
    storage::{Row, RowsError},
};
use std::collections::HashMap;
use tokio_postgres::{IsolationLevel, Transaction, types::ToSql};

/// Rows that are read in one round trip.
const STRIDE: i32 = 128;

/// The watched tables, by the name of their feed.
pub(super) type Tables = HashMap<String, Table>;

/// The rows of one question, in the order of its topics.
pub(super) type Answer = Result<Vec<Vec<Row>>, RowsError>;

/// All that is true at one moment.
pub(super) struct Snapshot {
    /// The answer to each question.
    pub(super) answers: Vec<Answer>,
    /// Changes that are in the rows, and not published yet.
    pub(super) pending: Vec<Waiting>,
}

/// Answers questions in one snapshot. `None`: more waits in the outbox than `most`, so that catching up comes first.
pub(super) async fn take(
    outbox: &mut OpenOutbox,
    feeds: &Feeds,
    tables: &Tables,
    requests: &[Request],
    most: Portion,
) -> Result<Option<Snapshot>, FeedError> {
    let (schema, fetch) = (outbox.schema.clone(), outbox.fetch_statement());
    let begun = outbox.link.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = answer(begun.start()).await?;
    let count = format!(
        "SELECT count(*), coalesce(sum(octet_length(body)), 0)::bigint FROM (SELECT body FROM {}.outbox LIMIT $1) AS few",
        sql::name(&schema)
    );
    let counted = answer(transaction.query_one(&count, &[&(most.rows + 1)])).await?;
    if counted.get::<_, i64>(0) > most.rows || counted.get::<_, i64>(1) > most.bytes {
        answer(transaction.rollback()).await?;
        return Ok(None);
    }
    let all = Portion { bytes: i64::MAX, ..most };
    let pending = OpenOutbox::fetch_on(transaction.client(), &fetch, all).await?;
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        let reader = Reader { transaction: &transaction, schema: &schema, feeds, tables };
        answers.push(reader.answer(request).await?);
    }
    answer(transaction.commit()).await?;
    Ok(Some(Snapshot { answers, pending }))
}

struct Reader<'r> {
    transaction: &'r Transaction<'r>,
    schema: &'r str,
    feeds: &'r Feeds,
    tables: &'r Tables,
}

/// Topics of one feed, each with its place in the question.
#[derive(Default)]
struct Asked {
    table: Vec<usize>,
    rows: Vec<(usize, String)>,
}

impl Reader<'_> {
    async fn answer(&self, request: &Request) -> Result<Answer, FeedError> {
        let mut asked = HashMap::<&str, Asked>::new();
        for (place, topic) in request.topics.iter().enumerate() {
            let Some((feed, about)) = self.about(topic) else {
                return Ok(Err(RowsError::Unavailable(format!("the table of {topic} is not watched"))));
            };
            let asked = asked.entry(feed.name.as_str()).or_default();
            match about {
                RowTopic::Table => asked.table.push(place),
                RowTopic::Row(key) => asked.rows.push((place, key)),
            }
        }
        let mut found = vec![Vec::new(); request.topics.len()];
        let mut left = request.max_bytes;
        for (name, asked) in asked {
            let (Some(feed), Some(table)) = (self.feeds.get(name), self.tables.get(name)) else { continue };
            for place in asked.table {
                match self.whole_table(feed, table, &mut left).await? {
                    Ok(rows) => found[place] = rows,
                    Err(error) => return Ok(Err(error)),
                }
            }
            if let Err(error) = self.single_rows(feed, table, &asked.rows, &mut left, &mut found).await? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(found))
    }

    fn about(&self, topic: &TopicName) -> Option<(&Feed, RowTopic)> {
        let (name, _) = topic.as_str().split_once('.')?;
        let feed = self.feeds.get(name).filter(|_| self.tables.contains_key(name))?;
        Some((feed, feed.name.topic(topic)?))
    }

    async fn whole_table(
        &self,
        feed: &Feed,
        table: &Table,
        left: &mut usize,
    ) -> Result<Result<Vec<Row>, RowsError>, FeedError> {
        let key = sql::name(&table.key);
        let read = format!(
            "SELECT t.{key}::text, row_to_json(t.*)::text, 0::bigint FROM {} ORDER BY t.{key}",
            table.named_in_from()
        );
        let mut rows = Vec::new();
        let read = self.read(feed, &read, &[], left, |_, row| rows.push(row)).await?;
        Ok(read.map(|()| rows))
    }

    /// A key that is no value of the column's type has no row, and no more has one that is another text of a value.
    async fn single_rows(
        &self,
        feed: &Feed,
        table: &Table,
        asked: &[(usize, String)],
        left: &mut usize,
        found: &mut [Vec<Row>],
    ) -> Result<Result<(), RowsError>, FeedError> {
        if asked.is_empty() {
            return Ok(Ok(()));
        }
        let (key, keys): (_, Vec<_>) = (sql::name(&table.key), asked.iter().map(|(_, key)| key).collect());
        let read = format!(
            "SELECT t.{key}::text, row_to_json(t.*)::text, asked.place \
             FROM unnest($1::text[]) WITH ORDINALITY AS asked (key, place) \
             JOIN {} ON t.{key} = {}(asked.key) AND t.{key}::text = asked.key COLLATE \"C\"",
            table.named_in_from(),
            sql::key_function(self.schema, feed.name.as_str())
        );
        let mut put = |place: i64, row| {
            let asked = usize::try_from(place - 1).ok().and_then(|place| asked.get(place));
            if let Some((place, _)) = asked {
                found[*place].push(row);
            }
        };
        self.read(feed, &read, &[&keys], left, &mut put).await
    }

    /// Reads stride by stride, so that no more is sent than fits.
    async fn read(
        &self,
        feed: &Feed,
        query: &str,
        params: &[&(dyn ToSql + Sync)],
        left: &mut usize,
        mut put: impl FnMut(i64, Row),
    ) -> Result<Result<(), RowsError>, FeedError> {
        let statement = answer(self.transaction.prepare(query)).await?;
        let portal = answer(self.transaction.bind(&statement, params)).await?;
        loop {
            let rows = answer(self.transaction.query_portal(&portal, STRIDE)).await?;
            for row in &rows {
                let (key, text): (String, &str) = (row.try_get(0)?, row.try_get(1)?);
                let unreadable = || RowsError::Unavailable(format!("row {key} is no JSON"));
                let Some(shown) = feed.row(text) else { return Ok(Err(unreadable())) };
                let Some(rest) = left.checked_sub(shown.get().len()) else { return Ok(Err(RowsError::TooLarge)) };
                *left = rest;
                put(row.try_get(2)?, Row { key, row: shown });
            }
            if rows.len() < STRIDE as usize {
                return Ok(Ok(()));
            }
        }
    }
}
