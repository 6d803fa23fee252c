//! Pages of products.

use super::*;
use std::collections::BTreeSet;

/// The ids of a page and where the next one is.
async fn page(editor: &Editor, path: &str) -> (Vec<i64>, Option<String>) {
    let answer = editor.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    let body = answer.json();
    let ids = body["products"].as_array().unwrap().iter().map(|one| one["productId"].as_i64().unwrap()).collect();
    let link = answer.headers.get("link").map(|link| link.to_str().unwrap());
    let next = link.map(|link| link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned());
    assert_eq!(body["more"], next.is_some());
    (ids, next)
}

#[tokio::test]
async fn products_are_listed_page_by_page() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    let empty = shop.get("/products").await;
    assert_eq!(
        (empty.body.as_ref(), header(&empty, "cache-control")),
        (br#"{"products":[],"more":false}"#.as_ref(), "private, no-cache")
    );
    for n in 1..=101 {
        shop.makes(&named(&format!("p{n}"))).await;
    }
    assert_eq!(page(&shop, "/products").await, ((1..=50).collect(), Some("/products?after=50".to_owned())));
    let (ids, next) = page(&shop, "/products?limit=2&after=3").await;
    assert_eq!((ids, next.as_deref()), (vec![4, 5], Some("/products?limit=2&after=5")));
    assert_eq!(page(&shop, "/products?limit=1000").await.0.len(), 100, "more is cut");
    assert_eq!(page(&shop, "/products?after=51").await, ((52..=101).collect(), None));
    assert_eq!(page(&shop, "/products?after=-5&limit=1").await.0, [1]);
    assert_eq!(page(&shop, &format!("/products?after={}", i64::MAX)).await, (vec![], None));
    let first = String::from_utf8(shop.get("/products?limit=1").await.body.to_vec()).unwrap();
    assert_eq!(first, format!(r#"{{"products":[{}],"more":true}}"#, shown(1, "p1", "1.00", 1)));
    let head = shop.send(Method::HEAD, "/products?limit=1", "").await;
    assert_eq!(
        (head.status.as_u16(), head.body.len(), header(&head, "link")),
        (200, 0, "</products?limit=1&after=1>; rel=\"next\"")
    );
    for bad in
        ["limit=0", "limit=x", "limit=-1", "limit=1.5", "limit=", "after=x", "after=1&after=2", "limit=1&limit=1"]
    {
        assert_refused(bad, &shop.get(&format!("/products?{bad}")).await, 400, "bad_payload");
    }
    server.stop().await;
}

/// Rows come and go while somebody reads on: each that is there all the while is met once, and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_the_pages_misses_nothing_that_stays() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    let mut stays = BTreeSet::new();
    let mut goes = Vec::new();
    for n in 0..40 {
        let id = shop.makes(&named("there")).await;
        if n % 3 == 0 {
            goes.push(id);
        } else {
            stays.insert(id);
        }
    }
    let writer = shop.clone();
    let writing = tokio::spawn(async move {
        for id in goes {
            assert_eq!(writer.delete(id).await.status, 204);
            writer.makes(&named("new")).await;
        }
    });
    let (mut met, mut next) = (Vec::new(), Some("/products?limit=3".to_owned()));
    while let Some(path) = next {
        let (ids, more) = page(&shop, &path).await;
        met.extend(ids);
        next = more;
    }
    writing.await.unwrap();
    assert!(met.is_sorted_by(|one, other| one < other), "{met:?}");
    assert!(stays.iter().all(|id| met.contains(id)), "{met:?}");
    server.stop().await;
}
