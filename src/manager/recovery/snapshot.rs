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
                    let second_half = topics.split_off(topics.len() / 2);
                    parts.extend([second_half, topics]);
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
        topics.sort_by_key(|topic| topic.as_str().ends_with(".*"));
    }
    sources
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
