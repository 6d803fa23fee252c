//! `get_publications`: a page of what is kept of a topic.

use super::{super::page::page_limit, Topics};
use crate::{
    manager::{Context, HandlerError, Reply},
    model::{Offset, Publication, TopicName},
    storage::{LogRange, Wanted},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct GetPublications {
    topic: String,
    before: Option<Offset>,
    after: Option<Offset>,
    limit: Option<u64>,
}

#[derive(Serialize)]
struct Page<'a> {
    topic: &'a TopicName,
    publications: Vec<Entry<'a>>,
    offset: Offset,
    more_before: bool,
    more_after: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    r#type: &'a str,
    offset: Offset,
    payload: &'a RawValue,
}

impl Topics {
    /// A page of what is kept of a topic: the newest without a position.
    pub(super) async fn get_publications(
        self: Arc<Self>,
        ctx: Context,
        request: GetPublications,
    ) -> Result<Reply, HandlerError> {
        let (_, topic) = self.heard(&ctx, &request.topic)?;
        let limit = page_limit(request.limit)?;
        let wanted = Wanted { heard_by: None, named: vec![topic.clone()] };
        let states = self.store.topic_states(wanted).await?;
        let state = states.first().ok_or(HandlerError::Internal("a topic has no state"))?;
        let (range, newest) = match (request.before, request.after) {
            (None, Some(after)) => (LogRange::new(topic.clone(), after.max(state.trimmed), state.head), false),
            (before, None) => {
                let until = before.map_or(state.head.0, |before| before.0.saturating_sub(1)).min(state.head.0);
                let after = Offset(until.saturating_sub(limit.into())).max(state.trimmed);
                (LogRange::new(topic.clone(), after, Offset(until)), true)
            }
            (Some(_), Some(_)) => {
                let problem = "at most one of `before` and `after`";
                return Err(HandlerError::BadField { field: "before", problem });
            }
        };
        let (after, until) = (range.after, range.until);
        let publications: Vec<_> = match newest {
            true => self.store.read_log_end(range, limit).await?,
            false => self.store.read_log(range, limit).await?,
        };
        // An empty page lies somewhere too.
        let before_first = publications.first().map_or(after.min(state.head).0, |first| first.offset.0 - 1);
        let last = publications.last().map_or(until, |last| last.offset);
        Reply::now(&Page {
            topic: &topic,
            publications: publications.iter().map(entry).collect(),
            offset: state.head,
            more_before: before_first > state.trimmed.0,
            more_after: last.max(state.trimmed) < state.head,
        })
    }
}

fn entry(publication: &Publication) -> Entry<'_> {
    Entry { r#type: &publication.event_type, offset: publication.offset, payload: &publication.payload }
}
