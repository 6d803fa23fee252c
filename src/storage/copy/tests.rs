//! Copies between real stores of both engines; without PostgreSQL on the machine, of one.

use super::*;
use crate::{
    model::{Offset, Role, User},
    settings::{Storage, StoreAddress, StoreUrl, Synchronous},
    storage::{
        Check, DocumentEdit, Draft, NewInvitation, NewSession, SqlStore, Store, TopicState, Wanted,
        postgres::tests::cluster::Cluster,
        suite::{
            append, called, commit, edit, log_of, make, makes, member, new_document, publishes, saves, says, says_as,
            topic,
        },
    },
};
use std::{sync::Arc, thread};
use tempfile::TempDir;

/// A place that is empty at first.
pub(super) struct Home {
    pub(super) place: Place,
    /// Its database's name, if it is one.
    pub(super) database: Option<String>,
    _dir: Option<TempDir>,
}

pub(super) fn in_a_directory() -> Home {
    let dir = TempDir::new().unwrap();
    Home { place: Place::Sqlite(dir.path().join("data")), database: None, _dir: Some(dir) }
}

pub(super) fn in_a_database() -> Option<Home> {
    let url = Cluster::shared()?.database();
    let name = url.rsplit_once('/').unwrap().1.to_owned();
    let StoreAddress::Postgres(database) = StoreUrl::from(url.as_str()).address().unwrap() else { unreachable!() };
    Some(Home { place: Place::Postgres(database), database: Some(name), _dir: None })
}

/// An empty one of each kind there is.
fn homes() -> impl Iterator<Item = Home> {
    [Some(in_a_directory()), in_a_database()].into_iter().flatten()
}

/// From the one kind to the other, if there are two: for what takes its time.
fn one_pair() -> impl Iterator<Item = (Home, Home)> {
    pairs().filter(|(from, _)| from.database.is_none()).last().into_iter()
}

/// From each kind to each.
fn pairs() -> impl Iterator<Item = (Home, Home)> {
    homes().flat_map(|from| {
        let kind = from.database.is_some();
        homes().map(move |to| {
            let from = if kind { in_a_database().unwrap() } else { in_a_directory() };
            (from, to)
        })
    })
}

impl Home {
    pub(super) fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let settings = Storage { url: "sqlite".into(), synchronous: Synchronous::Normal, readers: 2 };
        let store: SqlStore = match &self.place {
            Place::Sqlite(dir) => sqlite::open(dir, &settings, Check::Whole)?,
            Place::Postgres(database) => postgres::open(database, &settings, Check::Skip)?,
        };
        Ok(Arc::new(store))
    }

    /// Changes it behind everybody's back.
    fn meddle(&self, sql: &str) {
        match (&self.place, &self.database) {
            (Place::Sqlite(dir), _) => {
                rusqlite::Connection::open(dir.join("switchboard.db")).unwrap().execute_batch(sql).unwrap();
            }
            (_, name) => drop(Cluster::shared().unwrap().sql(name.as_ref().unwrap(), sql)),
        }
    }

    /// Ends the connections to it.
    fn cut(&self) {
        let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.meddle(all);
    }
}

/// On a thread of its own, as the program does.
fn copies_telling(from: &Home, to: &Home, tell: &mut (dyn FnMut(Progress) + Send)) -> Result<Vec<Compared>, CopyError> {
    thread::scope(|scope| scope.spawn(|| copy(&from.place, &to.place, tell)).join().unwrap())
}

fn copies(from: &Home, to: &Home) -> Result<Vec<Compared>, CopyError> {
    copies_telling(from, to, &mut |_| {})
}

fn copied(from: &Home, to: &Home) -> Vec<Digest> {
    let compared = copies(from, to).unwrap();
    assert!(compared.iter().all(Compared::is_same), "{compared:#?}");
    compared.into_iter().map(|one| one.to).collect()
}

fn refused(from: &Home, to: &Home) -> String {
    copies(from, to).unwrap_err().to_string()
}

/// Everything that a store can hold, and ids that were given out and are gone.
async fn live_in(store: &Arc<dyn Store>) -> User {
    let (alice, bob) = (member(store, "alice").await, member(store, "bob").await);
    commit(store, makes(&alice, "club", true)).await.unwrap();
    commit(store, makes(&bob, "den", false)).await.unwrap();
    for (n, text) in ["hello", "\u{10ffff}\u{1f600}e\u{301}", "it's \\ \"quoted\" $1 \u{202e}", "\t\n\u{a0}."]
        .into_iter()
        .enumerate()
    {
        commit(store, says(&alice, "general", text)).await.unwrap();
        commit(store, says_as(&bob, "general", text, &format!("c{n}"))).await.unwrap();
    }
    store.commit((0..20).map(|n| publishes("channel.news", n)).collect()).await.unwrap();
    for token in 0..3 {
        let session = NewSession { user: alice.id, token_hash: [token; 32], at: 1_000 };
        let session = store.create_session(session).await.unwrap();
        store.remember_device(alice.id, [255 - token; 32], 1_000).await.unwrap();
        if token > 0 {
            store.end_session(session).await.unwrap();
        }
    }
    let mut last = None;
    for token in 0..2 {
        let invitation = NewInvitation {
            token_hash: [token; 32],
            role: Role::Admin,
            uses: 2,
            expires_at: i64::MAX,
            created_by: (token == 0).then_some(alice.id),
            at: i64::MIN,
        };
        last = Some(store.create_invitation(invitation).await.unwrap());
    }
    store.revoke_invitation(last.unwrap()).await.unwrap();
    write_documents(store, &alice).await;
    store.probe().await.unwrap();
    alice
}

/// One that was merged, and is more than a batch takes; one of a namespace; one that is gone.
async fn write_documents(store: &Arc<dyn Store>, alice: &User) {
    let plan = make(store, "plan", Some("general"), b"\0\xff'\\").await.id;
    for n in 0..4 {
        edit(store, append(plan, &vec![n; 3 << 20]), Some(alice), 2_000).await.unwrap();
    }
    assert!(store.compact_document(plan, Offset(2), vec![7; 9 << 20]).await.unwrap());
    edit(store, saves(plan, "First", "\u{0}\u{10ffff}\n"), Some(alice), 2_000).await.unwrap();
    make(store, "app.plan", None, b"").await;
    let gone = make(store, "gone", None, b"x").await.id;
    edit(store, saves(gone, "Last", ""), None, 2_000).await.unwrap();
    edit(store, DocumentEdit::Delete { id: gone }, None, 2_000).await.unwrap();
}

/// What no caller writes and a table may hold all the same.
const EDGES: &str = "
    INSERT INTO publish_receipt (issuer, idempotency_key, fingerprint, answer, created_at)
        VALUES ('', '', x'', '', -9223372036854775807), ('a', 'B', x'00ff', '[]', 0), ('B', 'a', x'00', '[]', 0),
               ('a', 'aa', x'ff', '', 0), ('a', 'a', x'5c', '', 0), ('ä', ' ', x'27', '\u{1}\u{7f}\u{feff}', 0);
    INSERT INTO api_key (name, name_key, token_hash, hint, scopes, created_at) VALUES ('k', 'k', x'6b', '', '', 9);
    DELETE FROM api_key;
    UPDATE publication SET keep_ms = 9223372036854775807 WHERE topic_offset = 3;";

async fn states(store: &Arc<dyn Store>) -> (String, Vec<TopicState>) {
    let named = vec![topic("room.general"), topic("room.den"), topic("channel.news")];
    let states = store.topic_states(Wanted { heard_by: None, named }).await.unwrap();
    (store.epoch().as_str().to_owned(), states)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_goes_round_and_comes_back_as_it_was() {
    let first = in_a_directory();
    let store = first.open().unwrap();
    live_in(&store).await;
    let before = states(&store).await;
    let log = log_of(&store, "room.general").await;
    store.close().await;
    first.meddle(EDGES);
    let way = [in_a_database(), in_a_database(), Some(in_a_directory()), Some(in_a_directory())];
    let (mut from, mut sums) = (first, None);
    for to in way.into_iter().flatten() {
        let copied = copied(&from, &to);
        assert_eq!(&copied, sums.get_or_insert(copied.clone()), "{} is something else", to.place);
        from = to;
    }
    let store = from.open().unwrap();
    assert_eq!(states(&store).await, before);
    assert_eq!(log_of(&store, "room.general").await, log);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_offsets_go_on_behind_all_that_ever_were() {
    for (from, to) in pairs() {
        let store = from.open().unwrap();
        let alice = live_in(&store).await;
        store.close().await;
        copied(&from, &to);
        let (old, new) = (from.open().unwrap(), to.open().unwrap());
        let mut given = Vec::new();
        for store in [&old, &new] {
            let session = NewSession { user: alice.id, token_hash: [9; 32], at: 1_000 };
            let session = store.create_session(session).await.unwrap();
            let account = member(store, "carol").await;
            let sent = commit(store, says(&alice, "general", "and on")).await.unwrap();
            let fresh = commit(store, publishes("channel.fresh", 1)).await.unwrap();
            commit(store, makes(&alice, "attic", true)).await.unwrap();
            let plan = store.document(&called("plan"), None).await.unwrap().unwrap().document.id;
            let mut outcomes = vec![sent.outcome];
            for change in [append(plan, b"x"), saves(plan, "Next", ""), new_document("next", None, b"")] {
                outcomes.push(edit(store, change, None, 3_000).await.unwrap().outcome);
            }
            given.push((session, account.id, format!("{outcomes:?}"), fresh.publications[0].offset));
        }
        assert_eq!(given[0], given[1], "from {} to {}", from.place, to.place);
        assert_eq!(given[1].0.0, 4, "an ended session's id is nobody else's");
        old.close().await;
        new.close().await;
    }
}

/// More publications than a batch takes.
async fn much_in(home: &Home) {
    let store = home.open().unwrap();
    live_in(&store).await;
    let many = (0..5_000).map(|n| publishes("channel.news", n)).collect::<Vec<Draft>>();
    store.commit(many).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_connection_is_cut_goes_on_where_it_was() {
    for (from, to) in pairs() {
        let Some(cut) = [&from, &to].into_iter().find(|home| home.database.is_some()) else { continue };
        much_in(&from).await;
        let mut told = 0;
        let failed = copies_telling(&from, &to, &mut |_| {
            told += 1;
            cut.cut();
        });
        assert!(matches!(failed, Err(CopyError::Store { .. })), "{failed:?}");
        assert!(matches!(to.open().err(), Some(StoreError::UnfinishedCopy)));
        let mut least = u64::MAX;
        let finished = copies_telling(&from, &to, &mut |progress| {
            if progress.table == "publication" {
                least = least.min(progress.done);
            }
        });
        let finished = finished.unwrap();
        assert!(finished.iter().all(Compared::is_same), "{finished:#?}");
        assert!(told > 0 && least >= 2_000, "what was there was not copied again: {least}");
        to.open().unwrap().close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_empty_is_filled() {
    for (from, to) in pairs() {
        from.open().unwrap().close().await;
        let other = to.open().unwrap();
        member(&other, "zoe").await;
        other.close().await;
        let problem = refused(&from, &to);
        assert!(problem.contains("is not empty"), "{problem}");
        let other = to.open().unwrap();
        assert_eq!(other.accounts().await.unwrap().len(), 1, "nothing was changed");
        other.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_finished_stays_as_it_is() {
    for (from, to) in pairs() {
        from.open().unwrap().close().await;
        copied(&from, &to);
        let problem = refused(&from, &to);
        assert!(problem.contains("holds this installation already"), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_begun_is_finished_by_the_same_and_by_nothing_else() {
    for (from, to) in pairs() {
        let store = from.open().unwrap();
        member(&store, "alice").await;
        let mark = "INSERT INTO meta (name, value) VALUES ('unfinished_copy', '0123456789abcdef 01')";
        thread::scope(|scope| drop(scope.spawn(|| to.place.to_write().unwrap()).join().unwrap()));
        to.meddle(mark);
        store.close().await;
        assert!(refused(&from, &to).contains("an unfinished copy of another installation"));
        to.meddle(&format!("UPDATE meta SET value = '{} 01' WHERE name = 'unfinished_copy'", store.epoch()));
        assert!(refused(&from, &to).contains("has changed since the copy"));
        // It is no source either.
        assert!(refused(&to, &from).contains("unfinished copy"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_found_and_nobody_uses_the_copy() {
    for (from, to) in pairs() {
        let store = from.open().unwrap();
        let alice = member(&store, "alice").await;
        commit(&store, says(&alice, "general", "hello")).await.unwrap();
        let epoch = store.epoch().clone();
        store.close().await;
        copied(&from, &to);
        // As if it had been interrupted, and the source had changed in a way that no number of rows tells.
        let mark = thread::scope(|scope| scope.spawn(|| Source::open(&from.place).unwrap().mark()).join().unwrap());
        to.meddle(&format!("INSERT INTO meta (name, value) VALUES ('unfinished_copy', '{mark}')"));
        from.meddle("UPDATE message SET body = 'hallo'");
        for _ in 0..2 {
            let compared = copies(&from, &to).unwrap();
            let different: Vec<_> = compared.iter().filter(|one| !one.is_same()).map(|one| one.table).collect();
            assert_eq!(different, ["message"]);
            assert!(matches!(to.open().err(), Some(StoreError::UnfinishedCopy)));
        }
        from.meddle("UPDATE message SET body = 'hello'");
        copied(&from, &to);
        let store = to.open().unwrap();
        assert_eq!(store.epoch(), &epoch);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_is_left_alone() {
    for (from, to) in one_pair() {
        let store = from.open().unwrap();
        let problem = copies(&from, &to).unwrap_err();
        assert!(matches!(problem, CopyError::Store { error: StoreError::InUse, .. }), "{problem}");
        store.close().await;
        let store = to.open().unwrap();
        let problem = copies(&from, &to).unwrap_err();
        assert!(matches!(problem, CopyError::Store { error: StoreError::InUse, .. }), "{problem}");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_while_it_is_copied() {
    for (from, to) in one_pair() {
        much_in(&from).await;
        let mut refusals = Vec::new();
        let mut once = false;
        let both = [&from, &to];
        let done = copies_telling(&from, &to, &mut |_| {
            if !std::mem::replace(&mut once, true) {
                refusals.extend(both.map(|home| home.open().err()));
            }
        });
        assert!(done.unwrap().iter().all(Compared::is_same));
        assert!(
            refusals.iter().all(|error| matches!(error, Some(StoreError::InUse | StoreError::Unavailable(_)))),
            "{refusals:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_schemas_and_nothing_are_refused() {
    for (from, to) in pairs() {
        assert!(refused(&from, &to).contains("holds no installation"));
        if let Place::Sqlite(dir) = &from.place {
            assert!(!dir.exists(), "looking makes nothing");
        }
        from.open().unwrap().close().await;
        let known = known_schema();
        for (number, problem) in [(99, "has schema 99, this program knows"), (known - 1, "any other command")] {
            from.meddle(&match from.database {
                Some(_) => format!("UPDATE schema_version SET version = {number}"),
                None => format!("PRAGMA user_version = {number}"),
            });
            assert!(refused(&from, &to).contains(problem), "{}", refused(&from, &to));
            assert!(refused(&to, &from).contains("holds no installation"));
        }
        let full = if from.database.is_some() { in_a_database().unwrap() } else { in_a_directory() };
        full.open().unwrap().close().await;
        assert!(refused(&full, &from).contains("any other command"));
    }
}
