//! Products: their rows, and what their watchers are told where the store itself publishes it.

use super::*;
use crate::model::{KeyId, NewProduct, OnlyIf, Product, ProductId, Versions};

const KEEP: Keep = Keep { count: 1_000, age_ms: 86_400_000 };

fn new(name: &str, price: &str) -> NewProduct {
    let json = format!(r#"{{"manufacturer":"Acme","pricePerUnit":{price},"unitsAvailable":3,"productName":"{name}"}}"#);
    NewProduct::check(&serde_json::from_str(&json).unwrap()).unwrap()
}

fn shown(id: i64, name: &str, price: &str) -> String {
    format!(
        r#"{{"productId":{id},"manufacturer":"Acme","pricePerUnit":{price},"unitsAvailable":3,"productName":"{name}"}}"#
    )
}

fn edit(edit: ProductEdit) -> Draft {
    draft(Change::Product { edit, keep: KEEP, once: None, key: None })
}

pub(crate) fn makes_product(name: &str, price: &str) -> Draft {
    edit(ProductEdit::Create(new(name, price)))
}

pub(crate) fn becomes(id: i64, name: &str, price: &str, only_if: OnlyIf) -> Draft {
    edit(ProductEdit::Replace { id: ProductId(id), to: new(name, price), only_if })
}

fn goes(id: i64, only_if: OnlyIf) -> Draft {
    edit(ProductEdit::Delete { id: ProductId(id), only_if })
}

fn only(product: &Product) -> OnlyIf {
    OnlyIf { matches: Some(Versions::OneOf(vec![product.version()])), matches_none: None }
}

fn saved(committed: &Committed) -> (Product, bool) {
    match &committed.outcome {
        Outcome::Product { product, duplicate } => (product.clone(), *duplicate),
        other => panic!("{other:?} is not Product"),
    }
}

async fn save(store: &Fresh, draft: Draft) -> Product {
    saved(&commit(store, draft).await.unwrap()).0
}

async fn names(store: &Fresh, after: Option<i64>, limit: u32) -> (Vec<String>, bool) {
    let page = store.products(after.map(ProductId), limit).await.unwrap();
    (page.products.into_iter().map(|product| product.product_name).collect(), page.more)
}

/// What was appended to a topic, as its watchers get it. Where others publish, nothing was.
async fn told(store: &Fresh, name: &str) -> Option<Vec<String>> {
    let log = whole_log(store, topic(name)).await;
    assert!(log.iter().all(|entry| entry.event_type == "row_changed"));
    let payloads = || log.iter().map(|entry| entry.payload.get().to_owned()).collect();
    (!log.is_empty()).then(payloads)
}

pub(crate) async fn a_product_lives_and_its_watchers_are_told(store: Fresh) {
    let made = commit(&store, makes_product("Anvil", "12.5")).await.unwrap();
    let (anvil, duplicate) = saved(&made);
    assert_eq!((anvil.to_json().get(), duplicate), (shown(1, "Anvil", "12.50").as_str(), false));
    assert_eq!(store.product(ProductId(1)).await.unwrap(), Some(anvil));
    let dearer = save(&store, becomes(1, "Anvil", "9999999999.99", OnlyIf::default())).await;
    assert_eq!(dearer.to_json().get(), shown(1, "Anvil", "9999999999.99"));
    assert_eq!(store.product(ProductId(1)).await.unwrap(), Some(dearer.clone()));
    assert_eq!(save(&store, goes(1, OnlyIf::default())).await, dearer, "as it was");
    assert_eq!(store.product(ProductId(1)).await.unwrap(), None);
    assert_eq!(save(&store, makes_product("Rocket", "0")).await.product_id, ProductId(2), "an id is given once");
    let Some(all) = told(&store, "products.*").await else {
        assert!(made.publications.is_empty());
        return;
    };
    let change = |action: &str, id: i64, row: String| format!(r#"{{"action":"{action}","key":"{id}","row":{row}}}"#);
    let of_anvil = [
        change("INSERT", 1, shown(1, "Anvil", "12.50")),
        change("UPDATE", 1, shown(1, "Anvil", "9999999999.99")),
        change("DELETE", 1, shown(1, "Anvil", "9999999999.99")),
    ];
    assert_eq!(told(&store, "products.1").await.unwrap(), of_anvil);
    assert_eq!(all[..3], of_anvil);
    assert_eq!(all[3..], [change("INSERT", 2, shown(2, "Rocket", "0.00"))]);
    let topics: Vec<_> = made.publications.iter().map(|one| (one.topic.as_str(), one.offset.0)).collect();
    assert_eq!(topics, [("products.1", 1), ("products.*", 1)]);
}

pub(crate) async fn a_product_changes_only_if_it_is_what_was_seen(store: Fresh) {
    let first = save(&store, makes_product("Anvil", "1")).await;
    let second = save(&store, becomes(1, "Anvil", "2", only(&first))).await;
    for refused in [becomes(1, "Anvil", "3", only(&first)), goes(1, only(&first))] {
        assert_eq!(commit(&store, refused).await.unwrap_err(), Refusal::Changed);
    }
    let none = OnlyIf { matches: None, matches_none: Some(Versions::Any) };
    assert_eq!(commit(&store, becomes(1, "Anvil", "3", none)).await.unwrap_err(), Refusal::Changed);
    // Of two in one batch that have seen the same, one.
    let batch = vec![becomes(1, "Anvil", "3", only(&second)), becomes(1, "Anvil", "4", only(&second))];
    let answers = store.commit(batch).await.unwrap();
    let third = saved(answers[0].as_ref().unwrap()).0;
    assert_eq!(answers[1].as_ref().unwrap_err(), &Refusal::Changed);
    assert_eq!(store.product(ProductId(1)).await.unwrap(), Some(third.clone()));
    let any = OnlyIf { matches: Some(Versions::Any), matches_none: None };
    assert_eq!(commit(&store, goes(2, any)).await.unwrap_err(), Refusal::NoSuchProduct);
    save(&store, goes(1, only(&third))).await;
    let gone = becomes(1, "Anvil", "5", OnlyIf::default());
    assert_eq!(commit(&store, gone).await.unwrap_err(), Refusal::NoSuchProduct);
    let log = told(&store, "products.*").await;
    assert!(log.is_none_or(|log| log.len() == 4), "a refused change is told to nobody");
}

/// A batch is one transaction, whatever is in it: a refused draft has written nothing, and its neighbours all.
pub(crate) async fn products_share_batches_with_everything_else(store: Fresh) {
    let alice = member(&store, "alice").await;
    let batch = vec![
        says(&alice, "general", "1"),
        makes_product("Anvil", "1"),
        goes(7, OnlyIf::default()),
        becomes(1, "Anvil", "2", OnlyIf::default()),
        publishes("channel.news", 1),
        says(&alice, "nowhere", "x"),
        makes_product("Rocket", "3"),
        goes(1, OnlyIf::default()),
        says(&alice, "general", "2"),
    ];
    let answers = store.commit(batch).await.unwrap();
    let good: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, true, false, true, true, false, true, true, true]);
    assert_eq!(names(&store, None, 10).await, (vec!["Rocket".to_owned()], false));
    assert_eq!(log_of(&store, "room.general").await.len(), 2);
    if let Some(all) = told(&store, "products.*").await {
        assert_eq!(all.len(), 4);
    }
}

pub(crate) async fn products_are_paged_by_id(store: Fresh) {
    assert_eq!(names(&store, None, 10).await, (vec![], false));
    store.commit((1..=5).map(|n| makes_product(&format!("p{n}"), "1")).collect()).await.unwrap();
    let page = |from: u32, to: u32, more| ((from..=to).map(|n| format!("p{n}")).collect::<Vec<_>>(), more);
    assert_eq!(names(&store, None, 2).await, page(1, 2, true));
    save(&store, goes(2, OnlyIf::default())).await;
    save(&store, makes_product("p6", "1")).await;
    assert_eq!(names(&store, Some(2), 2).await, page(3, 4, true));
    assert_eq!(names(&store, Some(4), 2).await, page(5, 6, false));
    assert_eq!(names(&store, Some(6), 2).await, (vec![], false));
    assert_eq!(names(&store, Some(i64::MIN), 9).await.0.len(), 5);
    assert_eq!(names(&store, Some(i64::MAX), 9).await, (vec![], false));
}

pub(crate) async fn a_repeated_request_makes_one_product(store: Fresh) {
    let once = |name: &str, fingerprint: u8| {
        let once = Some(Once { issuer: "key 1".to_owned(), key: "k".to_owned(), fingerprint: [fingerprint; 32] });
        draft(Change::Product { edit: ProductEdit::Create(new(name, "1")), keep: KEEP, once, key: None })
    };
    let answers = store.commit(vec![once("Anvil", 1), once("Anvil", 1), once("Other", 2)]).await.unwrap();
    let (first, again) = (saved(answers[0].as_ref().unwrap()), saved(answers[1].as_ref().unwrap()));
    assert_eq!((first.1, again.1), (false, true));
    assert_eq!(first.0, again.0);
    assert_eq!(answers[2].as_ref().unwrap_err(), &Refusal::Conflict);
    save(&store, becomes(1, "Anvil", "2", OnlyIf::default())).await;
    assert_eq!(saved(&commit(&store, once("Anvil", 1)).await.unwrap()), (first.0, true), "as it was then");
    assert_eq!(names(&store, None, 10).await.0.len(), 1);
}

pub(crate) async fn a_key_that_has_ended_writes_no_product(store: Fresh) {
    let with = |change: Draft| match change.change {
        Change::Product { edit, .. } => draft(Change::Product { edit, keep: KEEP, once: None, key: Some(KeyId(9)) }),
        other => panic!("{other:?} is no product's"),
    };
    save(&store, makes_product("Anvil", "1")).await;
    for change in
        [makes_product("Rocket", "1"), becomes(1, "Anvil", "2", OnlyIf::default()), goes(1, OnlyIf::default())]
    {
        assert_eq!(commit(&store, with(change)).await.unwrap_err(), Refusal::KeyEnded);
    }
    assert_eq!(names(&store, None, 10).await.0, ["Anvil"]);
}

pub(crate) async fn rows_and_where_their_logs_stand_are_one_snapshot(store: Fresh) {
    let rows = async |topics: &[&str], max_bytes| {
        let topics = topics.iter().map(|name| topic(name)).collect();
        let rows = ProductRows::new(store.clone()).rows(topics, max_bytes).await;
        rows.map(|all| {
            let texts = |at: &RowsAt| at.rows.iter().map(|row| (row.key.clone(), row.row.get().to_owned())).collect();
            all.iter()
                .map(|at| (at.state.topic.to_string(), at.state.head.0, texts(at)))
                .collect::<Vec<(_, _, Vec<_>)>>()
        })
    };
    for n in 1..=11 {
        save(&store, makes_product(&format!("p{n}"), "1")).await;
    }
    save(&store, goes(2, OnlyIf::default())).await;
    let topics = ["products.10", "products.2", "products.03", "products.x", "products.*"];
    let found = rows(&topics, 100_000).await.unwrap();
    assert_eq!(found.iter().map(|(topic, ..)| topic.as_str()).collect::<Vec<_>>(), topics);
    let row = |n: i64| (n.to_string(), shown(n, &format!("p{n}"), "1.00"));
    assert_eq!(found[0].2, [row(10)]);
    assert!(found[1..4].iter().all(|(.., rows)| rows.is_empty()));
    let ids = [1, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    assert_eq!(found[4].2, ids.map(row), "in the order of the numbers");
    if told(&store, "products.*").await.is_some() {
        assert_eq!(found.iter().map(|(_, head, _)| *head).collect::<Vec<_>>(), [1, 2, 0, 0, 12]);
    }
    let bytes: usize = ids.iter().map(|n| row(*n).1.len()).sum();
    assert!(rows(&["products.*"], bytes).await.is_ok());
    assert!(matches!(rows(&["products.*"], bytes - 1).await, Err(RowsError::TooLarge)));
    assert!(matches!(rows(&["products.*", "products.1"], bytes).await, Err(RowsError::TooLarge)));
    assert!(rows(&["orders.1"], 1_000).await.is_err());
}
