//! The suite on this engine, and what only this engine can get wrong.

#[path = "../../../tests/it/support/postgres.rs"]
#[allow(unreachable_pub, dead_code)] // another test binary has it as a module of its own, and uses more of it
pub(in crate::storage) mod cluster;

use super::*;
use crate::{
    model::{Offset, OnlyIf},
    settings::{Storage, StoreAddress, StoreUrl, Synchronous},
    storage::{
        Refusal, Store, migrations,
        sql::Db,
        suite::{
            Fresh, becomes, commit, log_of, makes_product, measure_batches, member, panics_cost_one_job_each, says,
            says_as, sent, store_suite,
        },
    },
};
use cluster::Cluster;
use std::{sync::Arc, time::Instant};

mod suite {
    super::store_suite!(postgres);
}

fn settings(url: &str) -> Storage {
    Storage { url: url.into(), synchronous: Synchronous::Full, readers: 2 }
}

fn database(url: &str) -> Database {
    match StoreUrl::from(url).address().unwrap() {
        StoreAddress::Postgres(database) => *database,
        StoreAddress::Sqlite => unreachable!("it is a database's"),
    }
}

fn open(url: &str) -> Result<SqlStore, StoreError> {
    super::open(&database(url), &settings(url), Check::Skip)
}

/// An empty store, unless there is no PostgreSQL here.
pub(in crate::storage) fn for_suite() -> Option<(Fresh, ())> {
    let url = Cluster::shared()?.database();
    Some((Arc::new(open(&url).unwrap()), ()))
}

#[tokio::test]
async fn reopening_keeps_everything_and_the_epoch() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let store: Fresh = Arc::new(open(&url).unwrap());
    let alice = member(&store, "alice").await;
    commit(&store, says(&alice, "general", "hello")).await.unwrap();
    let (epoch, log) = (store.epoch().clone(), log_of(&store, "room.general").await);
    store.close().await;
    let again: Fresh = Arc::new(open(&url).unwrap());
    assert_eq!(again.epoch(), &epoch);
    assert_eq!(log_of(&again, "room.general").await, log);
    assert_eq!(sent(&commit(&again, says(&alice, "general", "more")).await.unwrap()), (2, 2, 5_000, false));
}

#[test]
fn a_newer_schema_is_refused() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    drop(open(&url).unwrap());
    cluster.sql(url.rsplit_once('/').unwrap().1, "UPDATE schema_version SET version = 99");
    let known = migrations::POSTGRES.len() as u32;
    assert!(matches!(open(&url), Err(StoreError::NewerSchema { found: 99, known: k }) if k == known));
}

#[test]
fn schemas_have_the_same_number_on_every_engine() {
    assert_eq!(migrations::POSTGRES.len(), migrations::SQLITE.len());
}

#[test]
fn migrations_are_done_once_and_whole() {
    let Some(cluster) = Cluster::shared() else { return };
    let client = Client::connect(&database(&cluster.database())).map_err(|error| error.why).unwrap();
    let version = || open::version(Db::Postgres(&client)).unwrap();
    for _ in 0..2 {
        open::migrate(&client, migrations::POSTGRES).unwrap();
        assert_eq!(version(), migrations::POSTGRES.len() as u32);
    }
    // One that fails half-way leaves nothing of itself.
    let mut longer = migrations::POSTGRES.to_vec();
    longer.push("CREATE TABLE half (id BIGINT); CREATE TABLE half (id BIGINT);");
    assert!(open::migrate(&client, &longer).is_err());
    client.forgive();
    assert_eq!(version(), migrations::POSTGRES.len() as u32);
    assert!(!Db::Postgres(&client).any("SELECT 1 FROM pg_class WHERE relname = 'half'", ()).unwrap());
}

#[test]
fn many_open_an_empty_database_at_once() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let epochs: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&url).unwrap().epoch().clone())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
}

#[test]
fn a_schema_in_the_url_is_used() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let name = url.rsplit_once('/').unwrap().1.to_owned();
    let apart = format!("{url}?options=-csearch_path%3Dapart");
    let refused = open(&apart).err().unwrap().to_string();
    assert!(refused.contains("CREATE SCHEMA"), "{refused}");
    cluster.sql(&name, "CREATE SCHEMA apart");
    let (one, two) = (open(&url).unwrap(), open(&apart).unwrap());
    assert_ne!(one.epoch(), two.epoch());
    assert_eq!(cluster.sql(&name, "SELECT count(*) FROM apart.room"), "1");
}

#[test]
fn another_encoding_is_refused() {
    let Some(cluster) = Cluster::shared() else { return };
    cluster.sql("postgres", "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'");
    assert!(matches!(open(&cluster.url("latin")), Err(StoreError::Unavailable(why)) if why.contains("UTF8")));
}

#[test]
fn whoever_is_refused_does_not_wait() {
    let Some(cluster) = Cluster::shared() else { return };
    let started = Instant::now();
    assert!(matches!(open(&cluster.url("nowhere")), Err(StoreError::Unavailable(why)) if why.contains("nowhere")));
    assert!(started.elapsed() < COMMAND_PATIENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_write_one_database_without_holes() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let stores: Vec<Fresh> = (0..3).map(|_| Arc::new(open(&url).unwrap()) as Fresh).collect();
    let alice = member(&stores[0], "alice").await;
    let writing = stores.iter().enumerate().map(|(server, store)| {
        let (store, alice) = (store.clone(), alice.clone());
        tokio::spawn(async move {
            for number in 0..30 {
                let text = format!("{server}-{number}");
                let batch = vec![says(&alice, "general", "x"), says_as(&alice, "general", &text, &text)];
                for answer in store.commit(batch).await.unwrap() {
                    answer.unwrap();
                }
            }
        })
    });
    for task in writing.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let log = log_of(&stores[1], "room.general").await;
    assert!(log.iter().map(|(offset, ..)| *offset).eq(1..=180), "{log:?}");
    let ids: Vec<_> = log.iter().map(|(_, _, message)| message["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, (1..=180).collect::<Vec<_>>());
    let revocations = stores[0].revocations().await.unwrap();
    stores[2].disable_account(&alice.name).await.unwrap();
    assert!(stores[0].revocations().await.unwrap() > revocations);
}

#[tokio::test]
async fn a_failed_job_is_undone_alone() {
    let Some(cluster) = Cluster::shared() else { return };
    let store = Arc::new(open(&cluster.database()).unwrap());
    let insert = |name: &'static str| {
        store.writer.run(move |db| db.run("INSERT INTO meta (name, value) VALUES ($1, '')", [name]).map(drop))
    };
    let fails = store.writer.run(|db| -> Result<(), StoreError> {
        db.run("DELETE FROM meta", ())?;
        Err(StoreError::NameTaken)
    });
    let (a, b, again, c) = tokio::join!(insert("a"), fails, insert("a"), insert("c"));
    assert!(a.is_ok() && c.is_ok(), "{a:?} {c:?}");
    assert!(matches!(b, Err(StoreError::NameTaken)), "{b:?}");
    assert!(matches!(again, Err(StoreError::Unavailable(_))), "{again:?}");
    let names = store
        .readers
        .run(|db| db.all("SELECT name FROM meta WHERE length(name) = 1 ORDER BY name", (), |row| row.get::<String>(0)));
    assert_eq!(names.await.unwrap(), ["a", "c"]);
    let revocations = store.revocations().await;
    assert!(revocations.is_ok());
}

/// Tries until something succeeds; how long it took.
async fn until<T>(mut attempt: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let started = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(60), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_and_found_again() {
    let Some(cluster) = Cluster::start() else { return };
    let store: Fresh = Arc::new(open(&cluster.url("postgres")).unwrap());
    let alice = member(&store, "alice").await;
    commit(&store, says(&alice, "general", "before")).await.unwrap();
    for how in ["stop", "crash"] {
        cluster.order(how);
        let started = Instant::now();
        assert!(matches!(store.commit(vec![says(&alice, "general", "lost")]).await, Err(StoreError::Unavailable(_))));
        assert!(store.account(&alice.name).await.is_err());
        assert!(started.elapsed() < Duration::from_secs(30), "nobody waits for ever: {:?}", started.elapsed());
        // Its last answer is good for a second.
        until(async || store.probe().await.err().ok_or(StoreError::Closed)).await;
        cluster.order("start");
        until(async || store.probe().await).await;
        until(async || store.account(&alice.name).await).await;
    }
    let after = commit(&store, says(&alice, "general", "after")).await.unwrap();
    assert_eq!(after.publications[0].offset, Offset(2));
    assert_eq!(sent(&after).0, 2);
    // A restart that nobody was in the middle of costs nobody an answer.
    cluster.order("crash");
    cluster.order("start");
    commit(&store, says(&alice, "general", "and on")).await.unwrap();
    assert_eq!(log_of(&store, "room.general").await.len(), 3);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_in_the_middle_is_not_stored() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let name = url.rsplit_once('/').unwrap().1.to_owned();
    let store = Arc::new(open(&url).unwrap());
    let fresh: Fresh = store.clone();
    let alice = member(&fresh, "alice").await;
    let cut = move || {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        cluster.sql(&name, others)
    };
    let cut_here = cut.clone();
    let half = store.writer.run(move |db| {
        db.run("INSERT INTO meta (name, value) VALUES ('half', '')", ())?;
        cut_here();
        Ok(())
    });
    // The commit may have been on its way, so nobody can be sure; but it is not stored.
    assert!(matches!(half.await, Err(StoreError::InDoubt(_) | StoreError::Unavailable(_))));
    let found = store.readers.run(|db| db.any("SELECT 1 FROM meta WHERE name = 'half'", ()));
    assert!(!found.await.unwrap());
    // And the writer goes on.
    commit(&fresh, says(&alice, "general", "hello")).await.unwrap();
    cut();
    commit(&fresh, says(&alice, "general", "hello")).await.unwrap();
    assert_eq!(log_of(&fresh, "room.general").await.len(), 2);
}

/// Has the database make an authority and a certificate for `db.test`, and listen with it on an address of its own.
fn with_tls(cluster: &Cluster) -> std::net::Ipv4Addr {
    let address = std::net::Ipv4Addr::from(0x7f00_0000 | rand::random_range(0x1_0000..0xff_fff0_u32));
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for command in [
        format!("openssl req -x509 {curve} -days 2 -subj /CN=authority -keyout ca.key -out ca.crt"),
        format!("openssl req {curve} -subj /CN=db.test -keyout server.key -out server.csr"),
        "echo subjectAltName=DNS:db.test > names".to_owned(),
        "openssl x509 -req -in server.csr -days 2 -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names \
         -out server.crt"
            .to_owned(),
        "chmod 600 server.key".to_owned(),
    ] {
        cluster.sql("postgres", &format!("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; {command} 2>&1'"));
    }
    cluster.sql("postgres", "ALTER SYSTEM SET ssl = on");
    cluster.sql("postgres", &format!("ALTER SYSTEM SET listen_addresses = '{address}'"));
    cluster.order("stop");
    cluster.order("start");
    address
}

#[tokio::test]
async fn sslmode_decides_whom_we_talk_to() {
    let Some(cluster) = Cluster::start() else { return };
    let address = with_tls(&cluster);
    let authority = cluster.sql("postgres", "SHOW data_directory") + "/ca.crt";
    let open = |host: &str, mode: &str| {
        open(&format!("postgres://postgres@{host}/postgres?hostaddr={address}&connect_timeout=3&sslmode={mode}"))
    };
    let is_encrypted = async |store: SqlStore| {
        let asked = store.readers.run(|db| {
            let sql = "SELECT CAST(ssl AS INTEGER) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            db.one(sql, (), |row| row.get::<bool>(0))
        });
        asked.await.unwrap().unwrap()
    };
    assert!(!is_encrypted(open("db.test", "disable").unwrap()).await);
    assert!(is_encrypted(open("db.test", "prefer").unwrap()).await);
    assert!(is_encrypted(open("any.test", "require").unwrap()).await);
    assert!(is_encrypted(open("any.test", &format!("verify-ca&sslrootcert={authority}")).unwrap()).await);
    assert!(is_encrypted(open("db.test", &format!("verify-full&sslrootcert={authority}")).unwrap()).await);
    let other = open("any.test", &format!("verify-full&sslrootcert={authority}")).err().unwrap().to_string();
    assert!(other.contains("any.test"), "{other}");
    let stranger = tempfile::NamedTempFile::new().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    std::fs::write(stranger.path(), params.self_signed(&key).unwrap().pem()).unwrap();
    let refused = open("db.test", &format!("verify-ca&sslrootcert={}", stranger.path().display()));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(open("db.test", "verify-full&sslrootcert=/nowhere").err().unwrap().to_string().contains("/nowhere"));
}

#[tokio::test]
async fn a_panic_costs_one_job() {
    let Some(cluster) = Cluster::shared() else { return };
    panics_cost_one_job_each(Arc::new(open(&cluster.database()).unwrap())).await;
}

/// `cargo test --release --lib how_fast_batches_are -- --ignored --nocapture`
#[tokio::test]
#[ignore = "it measures"]
async fn how_fast_batches_are() {
    let Some((store, ())) = for_suite() else { return };
    measure_batches(store).await;
}

/// What others do to the table is no concern of whoever else is in the batch.
#[tokio::test]
async fn what_the_database_refuses_of_products_is_undone_alone() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let meddle = |sql: &str| cluster.sql(url.rsplit_once('/').unwrap().1, sql);
    let store: Fresh = Arc::new(open(&url).unwrap());
    let alice = member(&store, "alice").await;
    commit(&store, makes_product("one", "1")).await.unwrap();
    let batch = async |n: usize| {
        let change = becomes(1, "one", "2", OnlyIf::default());
        let batch = vec![says(&alice, "general", "a"), change, makes_product("two", "2"), says(&alice, "general", "b")];
        let answers = store.commit(batch).await.unwrap();
        assert!(answers[0].is_ok() && answers[3].is_ok());
        assert_eq!(log_of(&store, "room.general").await.len(), 2 * n);
        answers.into_iter().skip(1).take(2).map(|answer| answer.map(drop)).collect::<Vec<_>>()
    };
    meddle("ALTER TABLE products ADD CONSTRAINT cheap CHECK (price_per_unit < 2)");
    assert_eq!(batch(1).await, [Err(Refusal::Rejected), Err(Refusal::Rejected)]);
    meddle(
        "ALTER TABLE products DROP CONSTRAINT cheap;
         CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
         CREATE TRIGGER no AFTER INSERT ON products FOR EACH STATEMENT EXECUTE FUNCTION no()",
    );
    assert_eq!(batch(2).await, [Ok(()), Err(Refusal::Rejected)], "behind the row that it returns");
    meddle("DROP TRIGGER no ON products; ALTER TABLE products RENAME TO hidden");
    assert_eq!(batch(3).await, [Err(Refusal::CannotStore), Err(Refusal::CannotStore)]);
    meddle("ALTER TABLE hidden RENAME TO products");
    let (locker, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    locker.batch_execute("BEGIN; LOCK TABLE products").await.unwrap();
    assert_eq!(batch(4).await, [Err(Refusal::RowLocked), Err(Refusal::RowLocked)]);
    locker.batch_execute("COMMIT").await.unwrap();
    drop(locker);
    connection.await.unwrap().unwrap();
    assert_eq!(batch(5).await, [Ok(()), Ok(())]);
    store.close().await;
}
