//! A change from the outbox, as the topics about it are told.

use super::outbox::Waiting;
use crate::{
    model::{FeedName, Product, ROW_CHANGED, RowChange, TopicName},
    protocol::compact,
    settings::FeedTable,
    storage::{Keep, NewPublication},
};
use serde_json::value::RawValue;
use std::{collections::HashMap, sync::Arc};

/// The feeds of one database, by name.
#[derive(Debug)]
pub(super) struct Feeds(HashMap<String, Feed>);

#[derive(Debug)]
pub(super) struct Feed {
    pub(super) name: FeedName,
    keep: Keep,
    is_products: bool,
}

impl Feeds {
    pub(super) fn new(tables: &[FeedTable]) -> Self {
        let feed = |table: &FeedTable| {
            let keep = Keep::new(table.history_count, table.history_age);
            (table.topic.to_string(), Feed { name: table.topic.clone(), keep, is_products: table.is_products() })
        };
        Self(tables.iter().map(feed).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Feed> {
        self.0.get(name)
    }

    /// What a change publishes: on its row's topic, if the key fits into a name, and on the table's. Nothing, when the
    /// settings do not name the table any more.
    pub(super) fn publications(&self, change: &Waiting) -> impl Iterator<Item = NewPublication> {
        let feed = self.get(&change.topic);
        let payload = feed.map(|feed| feed.payload(change));
        let topics =
            feed.into_iter().flat_map(|feed| feed.name.row(&change.key).into_iter().chain([feed.name.table()]));
        topics.zip(payload.into_iter().cycle()).zip(feed.into_iter().cycle()).map(|((topic, payload), feed)| {
            NewPublication { topic, event_type: ROW_CHANGED.into(), payload, keep: Some(feed.keep), subscribers: 0 }
        })
    }
}

impl Feed {
    fn payload(&self, change: &Waiting) -> Arc<RawValue> {
        let (action, key) = (change.action.as_str(), change.key.as_str());
        let row = change.row.as_deref().map(|row| self.row(row));
        let (row, omitted) = match &row {
            Some(Some(row)) => (Some(&**row), None),
            Some(None) => (None, Some("unreadable")),
            None => (None, Some("too_large")),
        };
        RowChange { action, key, row, omitted }.to_json()
    }

    /// A row as it is sent; `None`: the database's JSON is none.
    pub(super) fn row(&self, row: &str) -> Option<Arc<RawValue>> {
        if self.is_products
            && let Some(product) = product(row)
        {
            return Some(product);
        }
        // A column of JSON may have line ends, which end a line of an event stream too.
        let row = if row.contains(['\n', '\r']) { compact(row) } else { row.to_owned() };
        RawValue::from_string(row).ok().map(Into::into)
    }
}

/// A row of our own products, as REST shows it; `None`: somebody has changed the table.
fn product(row: &str) -> Option<Arc<RawValue>> {
    Product::from_columns(row).ok().map(|product| product.to_json())
}

/// The name of the feed whose topic this is.
pub(super) fn feed_of(topic: &TopicName) -> Option<FeedName> {
    topic.as_str().split_once('.').and_then(|(name, _)| FeedName::parse(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use std::time::UNIX_EPOCH;

    fn change(action: &str, key: &str, row: Option<&str>) -> Waiting {
        let (action, key, row) = (action.to_owned(), key.to_owned(), row.map(str::to_owned));
        Waiting { id: 1, at: UNIX_EPOCH, topic: "things".to_owned(), action, key, row }
    }

    fn things() -> Feeds {
        let mut table = Settings::defaults().feed.table.remove(0);
        (table.table, table.topic) = ("things".to_owned(), FeedName::parse("things").unwrap());
        Feeds::new(&[table])
    }

    fn told(change: &Waiting) -> Vec<(String, String)> {
        let told = |one: NewPublication| (one.topic.as_str().to_owned(), one.payload.get().to_owned());
        things().publications(change).map(told).collect()
    }

    #[test]
    fn a_change_is_told_to_its_row_and_its_table() {
        let payload = r#"{"action":"INSERT","key":"a \"b\"","row":{"n":1.50,"x":{"y": 1}}}"#.to_owned();
        let told_of = told(&change("INSERT", r#"a "b""#, Some(r#"{"n":1.50,"x":{"y": 1}}"#)));
        assert_eq!(told_of, [("things.a%20\"b\"".to_owned(), payload.clone()), ("things.*".to_owned(), payload)]);
    }

    #[test]
    fn what_is_too_long_is_told_all_the_same() {
        let told_of = told(&change("UPDATE", "7", None));
        assert_eq!(told_of[0].1, r#"{"action":"UPDATE","key":"7","row":null,"omitted":"too_large"}"#);
        let told_of = told(&change("UPDATE", &"k".repeat(600), Some("{}")));
        assert_eq!(told_of.len(), 1);
        assert_eq!(told_of[0].0, "things.*");
    }

    #[test]
    fn no_row_has_a_line_end() {
        let told_of = told(&change("UPDATE", "7", Some("{\"doc\":{\r\n \"a\\n\": 1}}")));
        assert_eq!(told_of[0].1, r#"{"action":"UPDATE","key":"7","row":{"doc":{"a\n":1}}}"#);
    }

    #[test]
    fn our_own_products_are_shown_as_rest_shows_them() {
        let row = r#"{"product_id":1,"manufacturer":"Ac\"me","price_per_unit":12.50,"units_available":3,"product_name":"Änvil"}"#;
        let shown =
            r#"{"productId":1,"manufacturer":"Ac\"me","pricePerUnit":12.50,"unitsAvailable":3,"productName":"Änvil"}"#;
        assert_eq!(product(row).unwrap().get(), shown);
        assert!(product(r#"{"product_id":1}"#).is_none());
    }

    #[test]
    fn a_table_that_is_not_watched_any_more_publishes_nothing() {
        let mut other = change("UPDATE", "7", Some("{}"));
        other.topic = "gone".to_owned();
        assert!(told(&other).is_empty());
    }
}
