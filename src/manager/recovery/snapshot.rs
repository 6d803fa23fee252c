//! Rows as they are now, for clients that begin to watch them. The live buffer of their topics is registered already, and
//! is cut where the snapshot says that each topic stood: so nothing is missing in between, and nothing comes twice.

use super::Refused;
use crate::{
    model::TopicName,
    protocol::ErrorCode,
    storage::{Row, RowSource, RowsAt, RowsError, StoreError, TopicState},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// How often one source is asked for one answer: what is found too large together is asked for in smaller parts.
const MAX_ATTEMPTS: usize = 32;

/// What was found.
#[derive(Default)]
pub(super) struct Snapshots {
    /// The rows that each topic is about.
    pub(super) rows: HashMap<TopicName, Vec<Row>>,
    /// The topics whose rows cannot be had.
    pub(super) refused: BTreeMap<TopicName, Refused>,
}

/// Where each topic stood in the snapshot its rows are from.
type States = HashMap<TopicName, TopicState>;

/// Reads the rows that topics are about, at most `max_bytes` of them; and where each topic stood when it was read.
///
/// # Errors
/// The store's.
pub(super) async fn take(
    asked: Vec<(TopicName, Arc<dyn RowSource>)>,
    max_bytes: usize,
) -> Result<(Snapshots, States), StoreError> {
    let (mut snapshots, mut states, mut left) = (Snapshots::default(), States::new(), max_bytes);
    for (source, topics) in by_source(asked) {
        let mut attempts = 0;
        // A stack of what is to be asked for, together.
        let mut parts = vec![topics];
        while let Some(mut topics) = parts.pop() {
            attempts += 1;
            match source.rows(topics.clone(), left).await {
                Ok(found) => {
                    for RowsAt { state, rows } in found {
                        left = left.saturating_sub(rows.iter().map(|row| row.row.get().len() + 1).sum::<usize>());
                        snapshots.rows.insert(state.topic.clone(), rows);
                        states.insert(state.topic.clone(), state);
                    }
                    refuse(
                        &mut snapshots,
                        topics.into_iter().filter(|topic| !states.contains_key(topic)),
                        &unavailable(),
                    );
                }
                Err(RowsError::TooLarge) if topics.len() > 1 && attempts < MAX_ATTEMPTS => {
                    match topics.partition_point(|topic| !is_table(topic)) {
                        // Each table by itself: with others it would be read again for each part of them.
                        rows if rows < topics.len() => {
                            parts.extend(topics.split_off(rows).into_iter().map(|table| vec![table]));
                            parts.extend((!topics.is_empty()).then_some(topics));
                        }
                        rows => {
                            let second_half = topics.split_off(rows / 2);
                            parts.extend([second_half, topics]);
                        }
                    }
                }
                Err(RowsError::TooLarge) => refuse(&mut snapshots, topics, &too_large(max_bytes)),
                Err(RowsError::Unavailable(why)) => {
                    tracing::warn!(topics = topics.len(), why, "watched rows cannot be read");
                    refuse(&mut snapshots, parts.drain(..).flatten().chain(topics), &unavailable());
                }
                Err(RowsError::Store(error)) => return Err(error),
            }
        }
    }
    Ok((snapshots, states))
}

/// Topics of one source are read together. Rows come before tables, which are what may be too large.
fn by_source(asked: Vec<(TopicName, Arc<dyn RowSource>)>) -> Vec<(Arc<dyn RowSource>, Vec<TopicName>)> {
    let mut sources: Vec<(Arc<dyn RowSource>, Vec<TopicName>)> = Vec::new();
    for (topic, source) in asked {
        match sources.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &source)) {
            Some((_, topics)) => topics.push(topic),
            None => sources.push((source, vec![topic])),
        }
    }
    for (_, topics) in &mut sources {
        topics.sort_by_key(is_table);
    }
    sources
}

fn is_table(topic: &TopicName) -> bool {
    topic.as_str().ends_with(".*")
}

fn refuse(snapshots: &mut Snapshots, topics: impl IntoIterator<Item = TopicName>, why: &Refused) {
    snapshots.refused.extend(topics.into_iter().map(|topic| (topic, why.clone())));
}

fn too_large(max_bytes: usize) -> Refused {
    let message = format!("the rows are more than fit into one answer, which is {max_bytes} bytes");
    Refused { code: ErrorCode::TooLarge, message }
}

fn unavailable() -> Refused {
    let message = "the rows cannot be read just now, try again in a moment".to_owned();
    Refused { code: ErrorCode::Unavailable, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Offset;
    use async_trait::async_trait;
    use serde_json::value::to_raw_value;
    use std::sync::Mutex;

    /// Rows of so many bytes, by topic; what is not listed has none.
    #[derive(Default)]
    struct Rows {
        sizes: HashMap<&'static str, usize>,
        is_away: bool,
        asked: Mutex<Vec<usize>>,
    }

    impl Rows {
        fn of(sizes: &[(&'static str, usize)]) -> Arc<Self> {
            Arc::new(Self { sizes: sizes.iter().copied().collect(), ..Self::default() })
        }
    }

    #[async_trait]
    impl RowSource for Rows {
        async fn rows(&self, topics: Vec<TopicName>, max_bytes: usize) -> Result<Vec<RowsAt>, RowsError> {
            self.asked.lock().unwrap().push(topics.len());
            if self.is_away {
                return Err(RowsError::Unavailable("it is away".into()));
            }
            let row = |size: usize| Row { key: "1".into(), row: to_raw_value(&"x".repeat(size - 2)).unwrap().into() };
            let rows = |topic: &TopicName| self.sizes.get(topic.as_str()).map(|size| row(*size)).into_iter().collect();
            let at = |topic: TopicName| {
                let rows = rows(&topic);
                RowsAt { state: TopicState { topic, head: Offset(7), trimmed: Offset(0) }, rows }
            };
            let found: Vec<_> = topics.into_iter().map(at).collect();
            let bytes: usize = found.iter().flat_map(|at| &at.rows).map(|row| row.row.get().len()).sum();
            if bytes > max_bytes { Err(RowsError::TooLarge) } else { Ok(found) }
        }
    }

    async fn taken(asked: &[(&'static str, &Arc<Rows>)], max_bytes: usize) -> (Vec<String>, Vec<(String, ErrorCode)>) {
        let source = |rows: &Arc<Rows>| -> Arc<dyn RowSource> { rows.clone() };
        let asked = asked.iter().map(|(topic, rows)| (TopicName::parse(topic).unwrap(), source(rows))).collect();
        let (snapshots, states) = take(asked, max_bytes).await.unwrap();
        let mut had: Vec<_> = snapshots.rows.keys().map(TopicName::to_string).collect();
        had.sort();
        assert!(states.values().all(|state| state.head == Offset(7)));
        assert_eq!(states.len(), had.len());
        (had, snapshots.refused.into_iter().map(|(topic, why)| (topic.to_string(), why.code)).collect())
    }

    #[tokio::test]
    async fn each_source_is_asked_once_for_all_its_topics() {
        let (a, b) = (Rows::of(&[("a.1", 10), ("a.*", 20)]), Rows::of(&[("b.1", 10)]));
        let (had, refused) = taken(&[("a.*", &a), ("a.1", &a), ("b.1", &b), ("b.2", &b)], 100).await;
        assert_eq!(had, ["a.*", "a.1", "b.1", "b.2"]);
        assert_eq!(refused, []);
        assert_eq!((&*a.asked.lock().unwrap(), &*b.asked.lock().unwrap()), (&vec![2], &vec![2]));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_and_rows_come_before_tables() {
        let (a, b) = (Rows::of(&[("a.*", 60), ("a.1", 50), ("a.2", 40)]), Rows::of(&[("b.1", 1_000), ("b.2", 5)]));
        let asked = [("a.*", &a), ("a.1", &a), ("a.2", &a), ("b.1", &b), ("b.2", &b)];
        let (had, refused) = taken(&asked, 100).await;
        assert_eq!(had, ["a.1", "a.2", "b.2"]);
        let too_large = |topic: &str| (topic.to_owned(), ErrorCode::TooLarge);
        assert_eq!(refused, [too_large("a.*"), too_large("b.1")]);
    }

    #[tokio::test]
    async fn a_table_that_is_too_large_is_read_twice_at_most() {
        let names: Vec<&'static str> = (0..100).map(|n| &*format!("a.{n}").leak()).collect();
        let sizes: Vec<_> = names.iter().map(|name| (*name, 10)).chain([("a.*", 5_000)]).collect();
        let a = Rows::of(&sizes);
        let asked: Vec<_> = sizes.iter().map(|(name, _)| (*name, &a)).collect();
        let (had, refused) = taken(&asked, 1_500).await;
        assert_eq!((had.len(), refused), (100, vec![("a.*".to_owned(), ErrorCode::TooLarge)]));
        assert_eq!(*a.asked.lock().unwrap(), [101, 100, 1]);
    }

    #[tokio::test]
    async fn a_source_that_is_away_takes_nobody_with_it() {
        let (a, b) = (Arc::new(Rows { is_away: true, ..Rows::default() }), Rows::of(&[]));
        let (had, refused) = taken(&[("a.1", &a), ("a.2", &a), ("b.1", &b)], 100).await;
        assert_eq!(had, ["b.1"]);
        let unavailable = |topic: &str| (topic.to_owned(), ErrorCode::Unavailable);
        assert_eq!(refused, [unavailable("a.1"), unavailable("a.2")]);
    }

    #[tokio::test]
    async fn nobody_makes_a_source_read_for_ever() {
        let names: Vec<&'static str> = (0..200).map(|n| &*format!("a.{n}").leak()).collect();
        let a = Rows::of(&names.iter().map(|name| (*name, 1_000)).collect::<Vec<_>>());
        let asked: Vec<_> = names.iter().map(|name| (*name, &a)).collect();
        let (had, refused) = taken(&asked, 1_500).await;
        assert_eq!((had.len(), refused.len()), (1, 199));
        assert!(a.asked.lock().unwrap().len() <= 2 * MAX_ATTEMPTS, "{:?}", a.asked);
    }
}
