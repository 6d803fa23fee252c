//! What is made in the watched database, and that it can be taken away again.

use super::shop::{Kept, Shop, head, is_idle_because, log_of, watched};
use crate::support::{TestServer, postgres::Cluster, process::switchboard};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Less than a statement of ours waits for a lock where it may wait.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Everything in a database that is not PostgreSQL's own.
const TRACES: &str = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (\
    SELECT 'namespace ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_' \
    UNION ALL SELECT 'class ' || c.oid::regclass || ' ' || coalesce(c.relacl::text, '') \
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ '^(pg_|information_)' \
    UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace \
        WHERE nspname !~ '^(pg_|information_)' \
    UNION ALL SELECT 'type ' || t.oid::regtype FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace \
        WHERE nspname !~ '^(pg_|information_)' \
    UNION ALL SELECT 'trigger ' || tgname || ' ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal \
    UNION ALL SELECT 'depend ' || count(*) FROM pg_depend WHERE classid <> 'pg_proc'::regclass OR deptype <> 'i') AS t (line)";

/// The command line on the tables `tables`; exit code and what it says.
fn feed(shop: &Shop<'_>, data: &Path, tables: &str, arguments: &[&str]) -> (i32, String) {
    feed_at(&shop.url, data, tables, arguments)
}

fn feed_at(url: &str, data: &Path, tables: &str, arguments: &[&str]) -> (i32, String) {
    let file = data.join("tables.toml");
    std::fs::write(&file, format!("[feed]\nurl = \"{url}\"\n{tables}")).unwrap();
    let mut command = switchboard(data);
    command.env("SWITCHBOARD__STORAGE__URL", "sqlite").arg("--config").arg(file).arg("feed").args(arguments);
    let ended = command.output().unwrap();
    let text = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
    (ended.status.code().unwrap(), text)
}

fn table(table: &str, key: &str, topic: &str) -> String {
    format!(
        "[[feed.table]]\ntable = '{table}'\nkey = '{key}'\ntopic = '{topic}'\nsubscribe = 'members'\n\
         history_count = 10\nhistory_hours = 1\n"
    )
}

#[test]
fn it_is_installed_once_and_leaves_no_trace() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    shop.sql("CREATE SCHEMA \"odd schema\"; CREATE TABLE \"odd schema\".\"T.\"\"x\"\"'$\" (\"the key\" uuid UNIQUE NOT NULL)");
    shop.sql(
        "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parts DEFAULT",
    );
    let before = shop.sql(TRACES);
    let data = tempfile::tempdir().unwrap();
    let tables = [
        table("items", "id", "items"),
        table("NAME", "the key", "odd").replace("'NAME'", r#""odd schema.T.\"x\"'$""#),
        table("public.parts", "id", "parts"),
    ]
    .concat();
    let (code, text) = feed(&shop, data.path(), &tables, &["install"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(text.matches("watched from now on").count(), 3, "{text}");
    assert!(text.contains("watched from now on, as items.* and items.<key> (postgres://"), "{text}");
    let installed = shop.sql(TRACES);
    assert_ne!(installed, before);
    let (code, text) = feed(&shop, data.path(), &tables, &["install"]);
    assert_eq!((code, text.matches("is watched").count()), (0, 3), "{text}");
    assert_eq!(shop.sql(TRACES), installed);

    shop.sql("INSERT INTO items VALUES ('a'); INSERT INTO \"odd schema\".\"T.\"\"x\"\"'$\" VALUES (gen_random_uuid())");
    shop.sql("INSERT INTO parts VALUES (1); INSERT INTO part VALUES (2)");
    let (code, text) = feed(&shop, data.path(), &tables, &["status"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("waiting: 4 changes, the oldest for ") && text.contains("drained by: nobody"), "{text}");

    // The settings name one of them only.
    let (code, text) = feed(&shop, data.path(), &table("parts", "id", "parts"), &["install"]);
    assert_eq!((code, text.matches("watched no more").count()), (0, 2), "{text}");
    assert_eq!(shop.waiting(), 2);
    shop.sql("DELETE FROM items");
    assert_eq!(shop.waiting(), 2);
    // And none any more.
    let (code, text) = feed(&shop, data.path(), "table = []", &["uninstall"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("2 changes had not been published"), "{text}");
    assert_eq!(shop.sql(TRACES), before);
    let (code, text) = feed(&shop, data.path(), "table = []", &["uninstall"]);
    assert_eq!((code, text.contains("nothing is installed")), (0, true), "{text}");
    let (code, text) = feed(&shop, data.path(), &tables, &["status"]);
    assert_eq!((code, text.contains("nothing is installed")), (1, true), "{text}");
}

#[test]
fn what_cannot_be_watched_is_named_and_the_rest_is() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    shop.sql(
        "CREATE VIEW view AS SELECT * FROM items; CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY); \
         CREATE TABLE nullable (id int UNIQUE); CREATE TABLE plain (id int NOT NULL); \
         CREATE TABLE two (id int, b int, PRIMARY KEY (id, b)); \
         CREATE TABLE partial (id int NOT NULL); CREATE UNIQUE INDEX ON partial (id) WHERE id > 0; \
         CREATE TABLE put_off (id int PRIMARY KEY DEFERRABLE); \
         CREATE TABLE expression (id text NOT NULL); CREATE UNIQUE INDEX ON expression (lower(id)); \
         CREATE SCHEMA a; CREATE SCHEMA \"a.b\"; CREATE TABLE a.\"b.c\" (id int PRIMARY KEY); \
         CREATE TABLE \"a.b\".c (id int PRIMARY KEY)",
    );
    let data = tempfile::tempdir().unwrap();
    let wrong = [
        ("missing", "id", "there is no table `missing`"),
        ("Items", "id", "there is no table `Items`"),
        ("view", "id", "`view` is a view"),
        ("unlogged", "id", "an unlogged table"),
        ("items", "nothing", "has no column `nothing`"),
        ("nullable", "id", "may be null"),
        ("plain", "id", "no unique index of its own"),
        ("two", "id", "no unique index of its own"),
        ("partial", "id", "no unique index of its own"),
        ("put_off", "id", "no unique index of its own"),
        ("expression", "id", "no unique index of its own"),
        ("a.b.c", "id", "is more than one table"),
    ];
    let mut tables = table("items", "id", "items");
    for (place, (name, key, _)) in wrong.iter().enumerate() {
        tables += &table(name, key, &format!("t{}", char::from(b'a' + place as u8)));
    }
    for command in ["install", "status"] {
        let (code, text) = feed(&shop, data.path(), &tables, &[command]);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("12 missing"), "{text}");
        for (.., problem) in wrong {
            assert!(text.contains(problem), "{problem}: {text}");
        }
    }
    shop.sql("INSERT INTO items VALUES ('a')");
    assert_eq!(shop.waiting(), 1);
}

#[test]
fn a_schema_of_somebody_elses_is_left_alone() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    shop.sql("CREATE SCHEMA switchboard_feed; CREATE TABLE switchboard_feed.mine ()");
    let data = tempfile::tempdir().unwrap();
    let tables = table("items", "id", "items");
    for command in ["install", "status", "uninstall"] {
        let (code, text) = feed(&shop, data.path(), &tables, &[command]);
        assert_eq!((code, text.contains("is not the feed's")), (1, true), "{text}");
    }
    // An empty one is as good as none, and stays when it gets other things.
    shop.sql("DROP TABLE switchboard_feed.mine");
    assert_eq!(feed(&shop, data.path(), &tables, &["install"]).0, 0);
    shop.sql("CREATE TABLE switchboard_feed.mine ()");
    let (code, text) = feed(&shop, data.path(), &tables, &["uninstall"]);
    assert_eq!((code, text.contains("`switchboard_feed` stays")), (0, true), "{text}");
    assert_eq!(shop.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'switchboard_feed'::regnamespace"), "1");
}

#[test]
fn two_installations_do_not_share_an_outbox() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tables = table("items", "id", "items");
    assert_eq!(feed(&shop, one.path(), &tables, &["install"]).0, 0);
    let (code, text) = feed(&shop, other.path(), &tables, &["install"]);
    assert_eq!((code, text.contains("another installation")), (1, true), "{text}");
    // Each with a schema of its own is fine.
    let (code, text) = feed(&shop, other.path(), &format!("schema = 'other'\n{tables}"), &["install"]);
    assert_eq!(code, 0, "{text}");
    shop.sql("INSERT INTO items VALUES ('a')");
    assert_eq!((shop.waiting(), shop.sql("SELECT count(*) FROM other.outbox").as_str()), (1, "1"));
    assert_eq!(feed(&shop, other.path(), &tables, &["install", "--adopt"]).0, 0);
    assert_eq!(feed(&shop, one.path(), &tables, &["install"]).0, 1);
}

/// Makes a role that may do nothing but what `grants` say.
fn role(shop: &Shop<'_>, name: &str, grants: &str) -> String {
    shop.sql(&format!("DROP ROLE IF EXISTS {name}; CREATE ROLE {name} LOGIN; {grants}"));
    shop.url.replace("postgres@", &format!("{name}@"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_rights_serves_and_watches_what_others_have_installed() {
    let Some(cluster) = Cluster::start() else { return };
    let shop = Shop::with_items(&cluster, Kept::Embedded);
    let url = role(&shop, "reader", "GRANT SELECT ON items TO reader");
    let server = TestServer::start_with(|settings| {
        shop.settings(settings);
        settings.feed.url = url.as_str().into();
    })
    .await;
    let [mut alice] = server.clients(["alice"]).await;
    alice.says("general", "the chat serves").await;
    alice.hears("new_message").await;
    is_idle_because(&server, "may not do it").await;
    // Its owner installs it, for this installation, and lets the server drain it.
    let store = server.server().store();
    let sources = {
        let mut settings = switchboard::settings::Settings::defaults();
        shop.settings(&mut settings);
        switchboard::feed::sources(&settings).unwrap()
    };
    switchboard::feed::install(&sources[0], store.epoch(), switchboard::feed::Adopt::OwnOnly).await.unwrap();
    shop.sql(
        "GRANT USAGE ON SCHEMA switchboard_feed TO reader; \
         GRANT SELECT ON ALL TABLES IN SCHEMA switchboard_feed TO reader; \
         GRANT DELETE ON switchboard_feed.outbox TO reader",
    );
    shop.is_drained(&server).await;
    shop.sql("INSERT INTO items VALUES ('a', 1)");
    log_of(&server, "items.*", 1).await;
    let rows = server.server().rows().rows(vec![super::shop::topic("items.a")], 1_000).await.unwrap();
    assert_eq!(rows[0].rows.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_need_no_rights_on_the_outbox() {
    let Some(cluster) = Cluster::start() else { return };
    let shop = Shop::with_items(&cluster, Kept::Embedded);
    let server = shop.server().await;
    role(&shop, "writer", "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON items TO writer");
    shop.sql("SET ROLE writer; INSERT INTO items VALUES ('a', 1); UPDATE items SET n = 2; TRUNCATE items");
    log_of(&server, "items.*", 3).await;
    // And have none: nobody writes changes that never were, nor lends our functions to another table.
    let may = "SELECT has_schema_privilege('writer', 'switchboard_feed', 'USAGE'), \
        has_function_privilege('writer', 'switchboard_feed.row_items()', 'EXECUTE')";
    assert_eq!(shop.sql(may), "f|f");
    assert_eq!(head(server.server(), "items.*").await, 3);
    server.stop().await;
}

/// The table is not there yet when the server starts, and then it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_watches_what_has_come_and_forgets_what_has_gone() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::SameDatabase);
    let server = TestServer::start_with(|settings| {
        shop.settings_for(settings, &[watched("items", "id", "items"), watched("later", "id", "later")]);
    })
    .await;
    shop.is_drained(&server).await;
    assert!(server.server().rows().rows(vec![super::shop::topic("later.*")], 10).await.is_err());
    shop.sql("INSERT INTO items VALUES ('a', 1)");
    log_of(&server, "items.*", 1).await;
    shop.sql("CREATE TABLE later (id int PRIMARY KEY, n int); DROP TABLE items; CREATE TABLE items (id int PRIMARY KEY, n int)");
    let server = server.restart().await;
    shop.is_drained(&server).await;
    shop.sql("INSERT INTO later VALUES (1, 1); INSERT INTO items VALUES (1, 2)");
    log_of(&server, "later.*", 1).await;
    log_of(&server, "items.*", 2).await;
    assert_eq!(server.server().rows().rows(vec![super::shop::topic("later.*")], 100).await.unwrap()[0].rows.len(), 1);
    server.stop().await;
}

/// Whoever owns a type says how it becomes JSON, and must not say it to a superuser.
#[test]
fn a_superuser_does_not_lend_its_rights_to_owners_of_tables_and_types() {
    let Some(cluster) = Cluster::start() else { return };
    let shop = Shop::with_items(&cluster, Kept::Embedded);
    role(
        &shop,
        "app",
        &format!("GRANT CREATE ON DATABASE {} TO app; GRANT CREATE ON SCHEMA public TO app", shop.name()),
    );
    shop.sql(
        "SET ROLE app; CREATE TYPE mood AS ENUM ('good'); CREATE TYPE pair AS (m mood, n int); \
         CREATE DOMAIN pairs AS pair[]; CREATE TABLE apps (id int PRIMARY KEY)",
    );
    shop.sql("CREATE TABLE mine (id int PRIMARY KEY, m pairs); CREATE DOMAIN ours AS pair[]");
    let data = tempfile::tempdir().unwrap();
    let tables = [table("items", "id", "items"), table("apps", "id", "apps"), table("mine", "id", "mine")].concat();
    let (code, text) = feed(&shop, data.path(), &tables, &["install"]);
    assert_eq!((code, text.matches("belongs to a role that is no superuser").count()), (1, 2), "{text}");
    assert_eq!(shop.sql("SELECT string_agg(topic, ' ') FROM switchboard_feed.watched"), "items");
    // A type of the superuser's own that is made of another's is no better.
    shop.sql("ALTER TABLE mine ALTER m TYPE ours");
    let (_, text) = feed(&shop, data.path(), &tables, &["install"]);
    assert_eq!(text.matches("belongs to a role that is no superuser").count(), 2, "{text}");
    // Whoever is no superuser may.
    let url = role(&shop, "feeder", &format!("GRANT CREATE ON DATABASE {} TO feeder", shop.name()));
    shop.sql("GRANT SELECT, TRIGGER ON apps TO feeder");
    let tables = format!("schema = 'feeders'\n{}", table("apps", "id", "apps"));
    let (code, text) = feed_at(&url, data.path(), &tables, &["install"]);
    assert_eq!(code, 0, "{text}");
}

/// A dump reads a table for hours: nothing but what needs the table waits for it, and nobody waits behind us.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_read_for_long_is_left_for_later() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    shop.sql("CREATE TABLE others (id int PRIMARY KEY)");
    let data = tempfile::tempdir().unwrap();
    let (items, others) = (table("items", "id", "items"), table("others", "id", "others"));
    assert_eq!(feed(&shop, data.path(), &items, &["install"]).0, 0);
    shop.sql("INSERT INTO items SELECT n FROM generate_series(1, 7000) AS n");
    let dump = shop.session().await;
    dump.batch_execute("BEGIN; LOCK TABLE items IN ACCESS SHARE MODE").await.unwrap();
    // Readers queue behind it no longer than it waits itself; a machine that is busy may need a few turns to show it.
    let mut fastest = Duration::MAX;
    for turn in 0..5 {
        let started = Instant::now();
        let (code, text) = feed(&shop, data.path(), &others, &["install"]);
        fastest = fastest.min(started.elapsed());
        assert_eq!((code, text.contains("items.* is still watched")), (1, true), "{text}");
        assert_eq!(text.contains("others: watched from now on"), turn == 0, "{text}");
        if fastest < AT_ONCE {
            break;
        }
    }
    assert!(fastest < AT_ONCE, "{fastest:?}");
    // To make triggers anew, readers need not go.
    shop.sql("UPDATE switchboard_feed.watched SET definition = 'of an older program'");
    let (code, text) = feed(&shop, data.path(), &format!("{items}{others}"), &["install"]);
    assert_eq!((code, text.matches("watched from now on").count()), (0, 2), "{text}");
    assert_eq!(shop.waiting(), 7_000);
    dump.batch_execute("COMMIT").await.unwrap();
    let (code, text) = feed(&shop, data.path(), &others, &["install"]);
    assert_eq!((code, text.contains("items.*: watched no more")), (0, true), "{text}");
    assert_eq!(shop.waiting(), 0);
}

#[test]
fn a_database_without_an_encoding_is_refused() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::new(cluster, Kept::Embedded);
    let name = format!("{}_bytes", shop.name());
    shop.sql(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'"));
    cluster.sql(&name, "CREATE TABLE items (id int PRIMARY KEY)");
    let data = tempfile::tempdir().unwrap();
    for command in ["install", "status"] {
        let (code, text) = feed_at(&cluster.url(&name), data.path(), &table("items", "id", "items"), &[command]);
        assert_eq!((code, text.contains("is SQL_ASCII")), (1, true), "{text}");
    }
}

#[test]
fn one_database_under_two_names_is_refused() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("two.toml");
    let sockets = shop.url.split(['@', '/']).find(|part| part.starts_with("%2F")).unwrap();
    let link = data.path().join("sockets");
    std::os::unix::fs::symlink(sockets.replace("%2F", "/"), &link).unwrap();
    let other_name = shop.url.replace(sockets, &link.display().to_string().replace('/', "%2F"));
    let products = table("products", "product_id", "products");
    let tables = format!("{products}{}", table("items", "id", "items"));
    std::fs::write(&file, format!("[feed]\nurl = \"{}\"\n{tables}", shop.url)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = switchboard(data.path());
        command.env("SWITCHBOARD__STORAGE__URL", &other_name).arg("--config").arg(&file).args(arguments);
        let ended = command.output().unwrap();
        (ended.status.code().unwrap(), String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap())
    };
    let (code, text) = run(&["feed", "install"]);
    assert_eq!((code, text.contains("that of storage.url, and this is feed.url")), (1, true), "{text}");
    assert_eq!(shop.sql("SELECT string_agg(topic, ' ') FROM switchboard_feed.watched"), "products");
}

#[test]
fn what_is_removed_is_counted_only_so_far() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::Embedded);
    let data = tempfile::tempdir().unwrap();
    let items = table("items", "id", "items");
    assert_eq!(feed(&shop, data.path(), &items, &["install"]).0, 0);
    shop.sql("INSERT INTO items SELECT n FROM generate_series(1, 10001) AS n");
    let (code, text) = feed(&shop, data.path(), &items, &["uninstall"]);
    assert_eq!((code, text.contains("more than 10000 changes had not been published")), (0, true), "{text}");
}

/// A server that waits for another one's end leaves what that one has installed as it is.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_its_turn_changes_nothing() {
    let Some(cluster) = Cluster::shared() else { return };
    let shop = Shop::with_items(cluster, Kept::SameDatabase);
    shop.sql("CREATE TABLE others (id text PRIMARY KEY, n int)");
    let one = shop.server().await;
    let other =
        TestServer::start_with(|settings| shop.settings_for(settings, &[watched("others", "id", "others")])).await;
    is_idle_because(&other, "another server drains").await;
    let watched = || shop.sql("SELECT string_agg(topic, ' ') FROM switchboard_feed.watched");
    assert_eq!(watched(), "items");
    shop.sql("INSERT INTO items VALUES ('a', 1)");
    log_of(&one, "items.*", 1).await;
    one.stop().await;
    shop.is_drained(&other).await;
    assert_eq!(watched(), "others");
    shop.sql("INSERT INTO others VALUES ('a', 1)");
    log_of(&other, "others.*", 1).await;
    other.stop().await;
}
