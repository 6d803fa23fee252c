//! `If-Match` and `If-None-Match` (RFC 9110 section 13).

use super::*;
use futures_util::future::join_all;

#[tokio::test]
async fn a_change_depends_on_what_was_seen() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    let first = etag(&shop.post(&anvil()).await);
    let second = etag(&shop.and("if-match", &first).put(1, &named("Rocket")).await);
    let weak = format!("W/{second}");
    let list = format!("\"x,y\", {first} ,{second}");
    for refused in [first.as_str(), &weak, "\"\"", "", "*x", second.trim_matches('"'), &format!("{weak}, \"x\"")] {
        let only = shop.and("if-match", refused);
        assert_refused(refused, &only.put(1, &anvil()).await, 412, "precondition_failed");
        assert_refused(refused, &only.delete(1).await, 412, "precondition_failed");
        assert_refused(refused, &only.get("/products/1").await, 412, "precondition_failed");
    }
    assert_eq!(etag(&shop.get("/products/1").await), second, "nothing was written");
    for good in [second.as_str(), "*", &list] {
        assert_eq!(shop.and("if-match", good).put(1, &named("Rocket")).await.status, 200, "{good}");
    }
    assert_eq!(shop.and("if-match", &first).and("if-match", &second).put(1, &named("Rocket")).await.status, 200);
    for (none, status) in [("*", 412), (second.as_str(), 412), (&weak, 412), (&first, 200)] {
        assert_eq!(shop.and("if-none-match", none).put(1, &named("Rocket")).await.status, status, "{none}");
    }
    // What would fail anyway is told first (section 13.2.1).
    assert_refused("gone", &shop.and("if-match", "*").put(9, &anvil()).await, 404, "not_found");
    assert_refused("bad", &shop.and("if-match", &first).put(1, &json!({})).await, 422, "invalid_product");
    assert_eq!(shop.and("if-match", &second).delete(1).await.status, 204);
    assert_refused("gone", &shop.and("if-match", &second).delete(1).await, 404, "not_found");
    server.stop().await;
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    let tag = etag(&shop.post(&anvil()).await);
    for known in [tag.as_str(), &format!("W/{tag}"), "*", &format!("\"x\",{tag}")] {
        let answer = shop.and("if-none-match", known).get("/products/1").await;
        assert_eq!((answer.status.as_u16(), answer.body.len(), etag(&answer)), (304, 0, tag.clone()), "{known}");
        assert_eq!(header(&answer, "cache-control"), "private, no-cache");
    }
    let head = shop.and("if-none-match", &tag).send(Method::HEAD, "/products/1", "").await;
    assert_eq!(head.status, 304);
    shop.put(1, &named("Rocket")).await;
    assert_eq!(shop.and("if-none-match", &tag).get("/products/1").await.status, 200);
    assert_eq!(shop.and("if-none-match", "*").get("/products/2").await.status, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_have_seen_the_same_one_wins() {
    let server = TestServer::start().await;
    let shop = Editor::of(&server).await;
    let mut seen = etag(&shop.post(&anvil()).await);
    for round in 0..10 {
        let race = (0..8).map(|n| {
            let writer = shop.and("if-match", &seen);
            tokio::spawn(async move { writer.put(1, &named(&format!("{round}-{n}"))).await })
        });
        let answers: Vec<_> = join_all(race).await.into_iter().map(Result::unwrap).collect();
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), 1);
        lost.iter().for_each(|answer| assert_refused("lost", answer, 412, "precondition_failed"));
        let now = shop.get("/products/1").await;
        assert_eq!(now.body, won[0].body);
        seen = etag(&now);
    }
    server.stop().await;
}
