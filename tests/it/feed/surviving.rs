//! Connections cut, listeners away, servers killed: each change once all the same.

use super::shop::{EVERYWHERE, Kept, Shop, head, idle, is_idle_because, log, log_of, told};
use crate::support::{BUDGET, ServerProcess, TestServer, postgres::Cluster};
use std::time::{Duration, Instant};
use switchboard::{
    app,
    settings::Settings,
    storage::{Change, Check, Draft, FeedProgress},
};

/// A key's log counts up from 1, all of it.
fn assert_counts(log: &[serde_json::Value], to: u64) {
    let numbers: Vec<_> = told(log).into_iter().map(|(_, n)| n).collect();
    assert_eq!(numbers, (1..=to as i64).collect::<Vec<_>>());
}

const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1398227526 \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_in_the_middle_loses_and_doubles_nothing() {
    let Some(cluster) = Cluster::shared() else { return };
    for kept in EVERYWHERE {
        let shop = Shop::with_items(cluster, kept);
        let server = shop.server().await;
        shop.sql("INSERT INTO items VALUES ('a', 1)");
        let session = shop.session().await;
        let mut cuts = 0;
        for n in 2..=600_u64 {
            session.execute("UPDATE items SET n = $1", &[&(n as i64)]).await.unwrap();
            if n % 60 == 0 {
                cuts += shop.sql(CUT).parse::<u32>().unwrap();
            }
        }
        assert_counts(&log_of(&server, "items.a", 600).await, 600);
        shop.is_empty().await;
        assert_eq!(head(server.server(), "items.*").await, 600);
        assert!(cuts > 0, "nothing was cut");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_piles_up_while_no_server_runs_is_published_later() {
    let Some(cluster) = Cluster::shared() else { return };
    for kept in [Kept::Embedded, Kept::SameDatabase] {
        let shop = Shop::with_items(cluster, kept);
        let server = shop.server().await;
        shop.sql("INSERT INTO items VALUES ('a', 1)");
        log_of(&server, "items.a", 1).await;
        let sql = "DO $$BEGIN FOR i IN 2..3000 LOOP UPDATE items SET n = i; END LOOP; END$$";
        let server = server.restart_with(async |_| drop(shop.sql(sql))).await;
        assert_counts(&log_of(&server, "items.a", 3000).await, 3000);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_publishes_what_waits() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let server = shop.server().await;
    // More than one batch.
    shop.sql("INSERT INTO items SELECT n, n FROM generate_series(1, 600) AS n");
    server.stop().await;
    assert_eq!(shop.waiting(), 0);
}

/// What a server leaves behind that is killed between the commit of a batch and its removal from the outbox.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_and_still_in_the_outbox_is_not_published_again() {
    let Some(cluster) = Cluster::shared() else { return };
    for kept in EVERYWHERE {
        let shop = Shop::with_items(cluster, kept);
        let server = shop.server().await;
        shop.sql("INSERT INTO items VALUES ('a', 1)");
        log_of(&server, "items.a", 1).await;
        shop.is_empty().await;
        let outbox = shop.sql("SELECT outbox FROM switchboard_feed.installation");
        let progress = server.server().store().feed_progress(&outbox).await.unwrap();
        let server = server
            .restart_with(async |settings| {
                shop.sql("UPDATE items SET n = 2; UPDATE items SET n = 99");
                let waiting = shop.sql(
                    "SELECT json_agg(json_build_array(id, (extract(epoch FROM at) * 1000000)::bigint) ORDER BY id) \
                     FROM switchboard_feed.outbox WHERE body::json ->> 'n' = '99'",
                );
                let changes: Vec<(i64, i64)> = serde_json::from_str(&waiting).unwrap();
                assert_eq!(changes.len(), 1);
                let store = app::open_store(settings, Check::Skip).unwrap();
                let progress = FeedProgress { batch: progress.batch + 1, changes };
                let change = Change::Feed { outbox: outbox.clone(), progress, publications: Vec::new() };
                store.commit(vec![Draft { at: 0, change }]).await.unwrap().remove(0).unwrap();
                store.close().await;
            })
            .await;
        assert_counts(&log_of(&server, "items.a", 2).await, 2);
        shop.is_empty().await;
        assert_counts(&log(server.server(), "items.a").await, 2);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_one_drains_and_the_other_takes_over() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::SameDatabase);
    let one = shop.server().await;
    let other = TestServer::start_with(|settings| shop.settings(settings)).await;
    shop.sql("INSERT INTO items VALUES ('a', 1)");
    log_of(&other, "items.a", 1).await;
    assert_eq!(shop.drainers(), 1);
    assert_eq!(idle(&one).await, None);
    is_idle_because(&other, "another server drains the outbox").await;
    one.stop().await;
    shop.sql("UPDATE items SET n = 2");
    assert_counts(&log_of(&other, "items.a", 2).await, 2);
    shop.is_drained(&other).await;
    other.stop().await;
}

/// The database stops answering, and does not hang up.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_silent_is_made_anew() {
    let Some(cluster) = Cluster::start() else { return };
    let shop = Shop::with_items(&cluster, Kept::Embedded);
    let server = shop.server_with(|settings| settings.feed.probe_period = Duration::from_millis(200)).await;
    let pid: i32 =
        shop.sql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1398227526").parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    shop.sql("INSERT INTO items VALUES ('a', 1)");
    let started = Instant::now();
    while idle(&server).await.is_none() {
        assert!(started.elapsed() < BUDGET, "nobody notices");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // It wakes up, finds that nobody is there, and lets go of its lock.
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert_counts(&log_of(&server, "items.a", 1).await, 1);
    server.stop().await;
}

/// While the store cannot be written, changes wait.
#[tokio::test(flavor = "multi_thread")]
async fn changes_wait_for_a_store_that_is_away() {
    let (Some(cluster), Some(other)) = (Cluster::shared(), Cluster::start()) else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let server = shop.server_with(|settings| settings.storage.url = other.url("postgres").as_str().into()).await;
    shop.sql("INSERT INTO items VALUES ('a', 1)");
    log_of(&server, "items.a", 1).await;
    for (round, order) in ["stop", "crash"].into_iter().enumerate() {
        other.order(order);
        for n in 1..=50 {
            shop.sql(&format!("UPDATE items SET n = {}", 1 + round * 50 + n));
        }
        assert!(shop.waiting() > 0);
        other.order("start");
    }
    let started = Instant::now();
    while server.server().store().probe().await.is_err() {
        assert!(started.elapsed() < BUDGET);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_counts(&log_of(&server, "items.a", 101).await, 101);
    shop.is_empty().await;
    server.stop().await;
}

/// A few kills always; many of them, and of the database too, in `feed::kill_loop`.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_publishes_each_change_once() {
    let Some(cluster) = Cluster::shared() else { return };
    for kept in [Kept::Embedded, Kept::SameDatabase] {
        let shop = Shop::with_items(cluster, kept);
        let data = tempfile::tempdir().unwrap();
        let config = shop.config(data.path());
        let server = ServerProcess::start_with_config(&config, data.path());
        shop.has_drainer().await;
        shop.sql("INSERT INTO items VALUES ('a', 1)");
        server.kill();
        let session = shop.session().await;
        let mut n = 1_u64;
        for _ in 0..6 {
            let server = ServerProcess::start_with_config(&config, data.path());
            shop.has_drainer().await;
            for _ in 0..100 {
                n += 1;
                session.execute("UPDATE items SET n = $1", &[&(n as i64)]).await.unwrap();
            }
            server.kill();
        }
        let server = ServerProcess::start_with_config(&config, data.path());
        shop.is_empty().await;
        assert!(server.terminate().success());
        let mut settings = Settings::defaults();
        shop.settings(&mut settings);
        settings.server.data_dir = data.path().to_owned();
        let store = app::open_store(&settings, Check::Skip).unwrap();
        assert_counts(&super::shop::log_in(&*store, "items.a").await, n);
        assert_counts(&super::shop::log_in(&*store, "items.*").await, n);
        store.close().await;
    }
}
