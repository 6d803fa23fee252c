//! Documents: their rows, logs and versions, and what their rooms are told.

use super::*;
use crate::model::{Document, DocumentId, DocumentTitle, DocumentVersion, KeyId, MembersMay, VersionId, VersionName};
use bytes::Bytes;

pub(crate) fn called(name: &str) -> DocumentName {
    DocumentName::parse(name).unwrap()
}

fn title(text: &str) -> DocumentTitle {
    DocumentTitle::parse(text).unwrap()
}

pub(crate) fn edits(edit: DocumentEdit, author: Option<&User>, at: UnixMillis) -> Draft {
    Draft { at, change: Change::Document { edit, by: EditedBy { author: author.cloned(), key: None } } }
}

/// With place for three in a room, and for two in the namespace `den.*`.
pub(crate) fn new_document(name: &str, room: Option<&str>, content: &[u8]) -> DocumentEdit {
    DocumentEdit::Create {
        name: called(name),
        title: title("The plan"),
        room: room.map(slug),
        members: MembersMay::Write,
        content: Bytes::copy_from_slice(content),
        max_per_room: 3,
        namespace: name.starts_with("den.").then(|| ("den.*".parse().unwrap(), 2)),
    }
}

pub(crate) fn append(id: DocumentId, update: &[u8]) -> DocumentEdit {
    DocumentEdit::Append { id, update: Bytes::copy_from_slice(update) }
}

/// With place for two.
pub(crate) fn saves(id: DocumentId, name: &str, text: &str) -> DocumentEdit {
    let name = VersionName::parse(name).unwrap();
    DocumentEdit::SaveVersion { id, name, text: text.into(), max_versions: 2, max_bytes: 1_000 }
}

pub(crate) async fn edit(
    store: &Fresh,
    edit: DocumentEdit,
    author: Option<&User>,
    at: UnixMillis,
) -> Result<Committed, Refusal> {
    commit(store, edits(edit, author, at)).await
}

fn document(committed: &Committed) -> &Document {
    match &committed.outcome {
        Outcome::Document(document) => document,
        other => panic!("{other:?} is no document"),
    }
}

fn version(committed: &Committed) -> &DocumentVersion {
    match &committed.outcome {
        Outcome::Version(version) => version,
        other => panic!("{other:?} is no version"),
    }
}

fn number(decision: &Result<Committed, Refusal>) -> Result<u64, Refusal> {
    match decision.as_ref().map(|committed| &committed.outcome) {
        Ok(Outcome::Appended(number)) => Ok(number.0),
        Ok(other) => panic!("{other:?} is no place in a log"),
        Err(refusal) => Err(*refusal),
    }
}

pub(crate) async fn make(store: &Fresh, name: &str, room: Option<&str>, content: &[u8]) -> Document {
    document(&edit(store, new_document(name, room, content), None, 1_000).await.unwrap()).clone()
}

/// How far is merged, what was, and the numbers and updates above it.
async fn content(store: &Fresh, id: DocumentId) -> Option<(u64, String, Vec<(u64, String)>)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let StoredContent { snapshot, merged, updates } = store.document_content(id).await.unwrap()?;
    let updates = updates.into_iter().map(|one| (one.number.0, text(one.update))).collect();
    Some((merged.0, text(snapshot), updates))
}

fn numbered(updates: &[(u64, &str)]) -> Vec<(u64, String)> {
    updates.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
}

async fn names(store: &Fresh, after: Option<&str>, limit: u32) -> (Vec<String>, bool) {
    let page = store.documents(after.map(called), limit).await.unwrap();
    (page.documents.iter().map(|document| document.name.to_string()).collect(), page.more)
}

pub(crate) async fn a_document_is_made_and_its_room_is_told(store: Fresh) {
    let alice = member(&store, "alice").await;
    let committed = edit(&store, new_document("plan", Some("general"), b"one"), Some(&alice), 7).await.unwrap();
    let made = document(&committed).clone();
    let expected = Document {
        name: called("plan"),
        id: made.id,
        title: title("The plan"),
        room: Some(slug("general")),
        members: MembersMay::Write,
        created_by: Some(name("alice")),
        created_at: 7,
        changed_at: 7,
    };
    assert_eq!(made, expected);
    let [told] = &committed.publications[..] else { panic!("{committed:?}") };
    assert_eq!((told.topic.as_str(), &*told.event_type), ("room.general", "document_created"));
    let shown = format!(
        r#"{{"name":"plan","id":{},"title":"The plan","room":"general","members":"write","created_by":"alice","created_at":7,"changed_at":7}}"#,
        made.id.0
    );
    assert_eq!(told.payload.get(), format!(r#"{{"room":"general","document":{shown},"by":"alice"}}"#));
    assert_eq!(content(&store, made.id).await.unwrap(), (0, String::new(), numbered(&[(1, "one")])));
    let found = store.document(&called("plan"), Some(alice.id)).await.unwrap().unwrap();
    assert_eq!((found.document, found.created_by, found.is_member), (expected, Some(alice.id), true));
    assert!(store.document(&called("plans"), None).await.unwrap().is_none());
    // A back end's, of a namespace: nobody is told, and it is empty.
    let committed = edit(&store, new_document("app.plan", None, b""), None, 8).await.unwrap();
    let of_app = document(&committed).clone();
    assert!(committed.publications.is_empty());
    assert_eq!((&of_app.room, &of_app.created_by), (&None, &None));
    assert_eq!(content(&store, of_app.id).await.unwrap(), (0, String::new(), Vec::new()));
    let found = store.document(&called("app.plan"), Some(alice.id)).await.unwrap().unwrap();
    assert_eq!((found.document, found.created_by, found.is_member), (of_app, None, false));
    assert_eq!(log_of(&store, "room.general").await.len(), 1);
}

pub(crate) async fn a_taken_document_name_is_refused_even_in_one_batch(store: Fresh) {
    let plan = || edits(new_document("plan", Some("general"), b"x"), None, 1);
    let elsewhere = edits(new_document("plan", None, b"y"), None, 1);
    let answers = store.commit(vec![plan(), plan(), elsewhere]).await.unwrap();
    assert!(answers[0].is_ok());
    assert_eq!(answers[1].as_ref().unwrap_err(), &Refusal::DocumentExists);
    assert_eq!(answers[2].as_ref().unwrap_err(), &Refusal::DocumentExists);
    assert_eq!(commit(&store, plan()).await.unwrap_err(), Refusal::DocumentExists);
    assert_eq!(log_of(&store, "room.general").await.len(), 1);
}

pub(crate) async fn documents_of_a_room_are_bounded_and_its_members_own(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    commit(&store, makes(&alice, "den", false)).await.unwrap();
    let in_den = |name: &str| new_document(name, Some("den"), b"");
    for refused in [in_den("plan"), new_document("plan", Some("nowhere"), b"")] {
        assert_eq!(edit(&store, refused, Some(&bob), 1).await.unwrap_err(), Refusal::NoSuchRoom);
    }
    assert_eq!(
        edit(&store, new_document("plan", Some("nowhere"), b""), None, 1).await.unwrap_err(),
        Refusal::NoSuchRoom
    );
    let drafts = ["c", "a", "b", "d"].map(|name| edits(in_den(name), Some(&alice), 1));
    let answers = store.commit(drafts.into()).await.unwrap();
    assert!(answers[..3].iter().all(Result::is_ok));
    assert_eq!(answers[3].as_ref().unwrap_err(), &Refusal::TooManyDocuments);
    make(&store, "e", Some("general"), b"").await;
    make(&store, "f", None, b"").await;
    let of = async |room: &str, asker: Option<&User>, after: Option<&str>, limit| {
        let page = store.documents_of(&slug(room), asker.map(|user| user.id), after.map(called), limit).await.unwrap();
        page.map(|page| (page.documents.iter().map(|one| one.name.to_string()).collect::<Vec<_>>(), page.more))
    };
    let listed = |names: &[&str], more| Some((names.iter().map(|name| (*name).to_owned()).collect(), more));
    assert_eq!(of("den", Some(&alice), None, 3).await, listed(&["a", "b", "c"], false));
    assert_eq!(of("den", None, None, 2).await, listed(&["a", "b"], true));
    assert_eq!(of("den", Some(&alice), Some("b"), 2).await, listed(&["c"], false));
    assert_eq!(of("den", Some(&bob), None, 2).await, None);
    assert_eq!(of("nowhere", None, None, 2).await, None);
    assert_eq!(names(&store, None, 3).await, (vec!["a".into(), "b".into(), "c".into()], true));
    assert_eq!(names(&store, Some("c"), 3).await, (vec!["e".into(), "f".into()], false));
    // A document that goes makes place.
    let a = store.document(&called("a"), Some(bob.id)).await.unwrap().unwrap();
    assert!(!a.is_member);
    edit(&store, DocumentEdit::Delete { id: a.document.id }, Some(&alice), 2).await.unwrap();
    edit(&store, in_den("d"), Some(&alice), 2).await.unwrap();
    // A namespace's are counted for themselves.
    for name in ["den.a", "den.b", "den"] {
        make(&store, name, None, b"").await;
    }
    let third = edit(&store, new_document("den.c", None, b""), Some(&alice), 1).await;
    assert_eq!(third.unwrap_err(), Refusal::TooManyDocuments);
}

pub(crate) async fn a_documents_title_and_rights_change(store: Fresh) {
    let alice = member(&store, "alice").await;
    let plan = make(&store, "plan", Some("general"), b"").await;
    let update = |title, members| DocumentEdit::Update { id: plan.id, title, members };
    let renamed = edit(&store, update(Some(title("Plan B")), None), Some(&alice), 5_000).await.unwrap();
    assert_eq!(document(&renamed), &Document { title: title("Plan B"), ..plan.clone() });
    let [told] = &renamed.publications[..] else { panic!("{renamed:?}") };
    assert_eq!((told.topic.as_str(), &*told.event_type), ("room.general", "document_updated"));
    let payload = |by, members, title| {
        format!(
            r#"{{"room":"general","document":{{"name":"plan","id":{},"title":"{title}","room":"general","members":"{members}","created_by":null,"created_at":1000,"changed_at":1000}},"by":{by}}}"#,
            plan.id.0
        )
    };
    assert_eq!(told.payload.get(), payload(r#""alice""#, "write", "Plan B"));
    let closed = edit(&store, update(None, Some(MembersMay::Read)), None, 5_000).await.unwrap();
    assert_eq!(closed.publications[0].payload.get(), payload("null", "read", "Plan B"));
    for same in [update(None, None), update(Some(title("Plan B")), Some(MembersMay::Read))] {
        let unchanged = edit(&store, same, Some(&alice), 5_000).await.unwrap();
        assert!(unchanged.publications.is_empty());
        assert_eq!(document(&unchanged), document(&closed));
    }
    assert_eq!(&store.document(&called("plan"), None).await.unwrap().unwrap().document, document(&closed));
    // In one batch with an update, of which the document keeps when it came.
    let both = vec![edits(append(plan.id, b"x"), None, 6_000), edits(update(Some(title("C")), None), None, 6_001)];
    let answers = store.commit(both).await.unwrap();
    assert_eq!(document(answers[1].as_ref().unwrap()).changed_at, 6_000);
    let found = store.document(&called("plan"), None).await.unwrap().unwrap().document;
    assert_eq!((found.title, found.changed_at), (title("C"), 6_000));
}

pub(crate) async fn a_document_that_is_gone_is_gone_whole(store: Fresh) {
    let alice = member(&store, "alice").await;
    let plan = make(&store, "plan", Some("general"), b"one").await;
    edit(&store, append(plan.id, b"two"), None, 1).await.unwrap();
    assert!(store.compact_document(plan.id, Offset(1), b"merged".to_vec()).await.unwrap());
    let saved = version(&edit(&store, saves(plan.id, "first", "text"), None, 1).await.unwrap()).clone();
    let delete = || edits(DocumentEdit::Delete { id: plan.id }, Some(&alice), 9);
    // Whatever else its batch does with it, before and after.
    let again = edits(new_document("plan", Some("general"), b"new"), None, 9);
    let drafts =
        vec![edits(append(plan.id, b"x"), None, 9), delete(), edits(append(plan.id, b"y"), None, 9), again, delete()];
    let answers = store.commit(drafts).await.unwrap();
    assert_eq!(number(&answers[0]), Ok(3));
    let deleted = answers[1].as_ref().unwrap();
    assert_eq!(document(deleted), &Document { changed_at: 9, ..plan.clone() });
    assert_eq!(&*deleted.publications[0].event_type, "document_deleted");
    let payload = format!(r#"{{"room":"general","name":"plan","id":{},"title":"The plan","by":"alice"}}"#, plan.id.0);
    assert_eq!(deleted.publications[0].payload.get(), payload);
    assert_eq!(number(&answers[2]), Err(Refusal::NoSuchDocument));
    let new = document(answers[3].as_ref().unwrap());
    assert!(new.id > plan.id, "an id is never given twice");
    assert_eq!(answers[4].as_ref().unwrap_err(), &Refusal::NoSuchDocument);
    assert_eq!(content(&store, plan.id).await, None);
    assert!(store.document_updates(plan.id, Offset::ZERO).await.unwrap().is_empty());
    assert!(store.document_versions(plan.id).await.unwrap().is_empty());
    assert!(store.document_version(plan.id, saved.id).await.unwrap().is_none());
    assert!(!store.compact_document(plan.id, Offset(2), Vec::new()).await.unwrap());
    for late in [
        append(plan.id, b"late"),
        saves(plan.id, "late", "x"),
        DocumentEdit::DeleteVersion { id: plan.id, version: saved.id },
        DocumentEdit::Update { id: plan.id, title: Some(title("Late")), members: None },
        DocumentEdit::Delete { id: plan.id },
    ] {
        assert_eq!(edit(&store, late, None, 10).await.unwrap_err(), Refusal::NoSuchDocument);
    }
    assert_eq!(content(&store, new.id).await.unwrap(), (0, String::new(), numbered(&[(1, "new")])));
}

pub(crate) async fn updates_are_numbered_without_holes(store: Fresh) {
    let (plan, other) = (make(&store, "plan", None, b"one").await, make(&store, "other", None, b"").await);
    let to = |id: DocumentId, update: &[u8], at| edits(append(id, update), None, at);
    let drafts = vec![
        to(plan.id, b"two", 2_000),
        to(other.id, b"a", 2_000),
        edits(append(DocumentId(77), b"lost"), None, 2_000),
        to(plan.id, b"three", 2_001),
        to(other.id, b"b", 2_002),
    ];
    let answers: Vec<_> = store.commit(drafts).await.unwrap().iter().map(number).collect();
    assert_eq!(answers, [Ok(2), Ok(1), Err(Refusal::NoSuchDocument), Ok(3), Ok(2)]);
    let fourth = commit(&store, to(plan.id, b"four", 3_000)).await;
    assert_eq!(number(&fourth), Ok(4));
    assert!(fourth.unwrap().publications.is_empty());
    let all = numbered(&[(1, "one"), (2, "two"), (3, "three"), (4, "four")]);
    assert_eq!(content(&store, plan.id).await.unwrap(), (0, String::new(), all));
    let above = store.document_updates(plan.id, Offset(3)).await.unwrap();
    assert_eq!(above.iter().map(|one| (one.number.0, &one.update[..])).collect::<Vec<_>>(), [(4, &b"four"[..])]);
    let changed = async |name| store.document(&called(name), None).await.unwrap().unwrap().document.changed_at;
    assert_eq!((changed("plan").await, changed("other").await), (3_000, 2_002));
}

pub(crate) async fn only_who_is_in_the_room_edits_its_documents(store: Fresh) {
    let (alice, bob) = (member(&store, "alice").await, member(&store, "bob").await);
    commit(&store, makes(&alice, "den", true)).await.unwrap();
    let plan = make(&store, "plan", Some("den"), b"").await;
    let appends = |user: &User| edits(append(plan.id, b"x"), Some(user), 1);
    let drafts = vec![appends(&bob), appends(&alice), joins(&bob, "den"), appends(&bob), leaves(&alice, "den")];
    let answers = store.commit(drafts).await.unwrap();
    assert_eq!(number(&answers[0]), Err(Refusal::NoSuchDocument));
    assert_eq!((number(&answers[1]), number(&answers[3])), (Ok(1), Ok(2)));
    assert_eq!(number(&commit(&store, appends(&alice)).await), Err(Refusal::NoSuchDocument));
    let delete = DocumentEdit::Delete { id: plan.id };
    assert_eq!(edit(&store, delete, Some(&alice), 1).await.unwrap_err(), Refusal::NoSuchDocument);
    // Nobody has to be anywhere for a namespace's.
    let free = make(&store, "app.free", None, b"").await;
    assert_eq!(number(&edit(&store, append(free.id, b"x"), Some(&alice), 1).await), Ok(1));
    let by = EditedBy { author: None, key: Some(KeyId(77)) };
    let ended = Draft { at: 1, change: Change::Document { edit: append(free.id, b"x"), by } };
    assert_eq!(commit(&store, ended).await.unwrap_err(), Refusal::KeyEnded);
}

pub(crate) async fn a_document_is_merged_up_to_where_its_merger_has_read(store: Fresh) {
    let plan = make(&store, "plan", None, b"one").await;
    for update in [&b"two"[..], b"three"] {
        edit(&store, append(plan.id, update), None, 1).await.unwrap();
    }
    let compact = async |upto, state: &str| {
        store.compact_document(plan.id, Offset(upto), state.as_bytes().to_vec()).await.unwrap()
    };
    // Something was appended since it was read.
    assert!(compact(2, "1-2").await);
    assert_eq!(content(&store, plan.id).await.unwrap(), (2, "1-2".into(), numbered(&[(3, "three")])));
    for (upto, state) in [(2, "again"), (1, "older"), (0, "nothing"), (4, "more than there is"), (u64::MAX, "all")] {
        assert!(!compact(upto, state).await, "{state}");
    }
    assert_eq!(number(&edit(&store, append(plan.id, b"four"), None, 1).await), Ok(4));
    assert!(compact(4, "1-4").await);
    assert_eq!(content(&store, plan.id).await.unwrap(), (4, "1-4".into(), Vec::new()));
    assert_eq!(number(&edit(&store, append(plan.id, b"five"), None, 1).await), Ok(5));
    assert_eq!(content(&store, plan.id).await.unwrap(), (4, "1-4".into(), numbered(&[(5, "five")])));
    let left: Vec<_> = store.document_updates(plan.id, Offset(1)).await.unwrap();
    assert_eq!(left.iter().map(|one| one.number.0).collect::<Vec<_>>(), [5]);
    assert!(!store.compact_document(DocumentId(77), Offset(1), Vec::new()).await.unwrap());
}

pub(crate) async fn documents_with_old_updates_are_found(store: Fresh) {
    let mut ids = Vec::new();
    for name in ["new", "old", "older", "empty"] {
        ids.push(make(&store, name, None, b"").await.id);
    }
    for (id, at) in [(ids[0], 300), (ids[1], 200), (ids[2], 100), (ids[2], 150), (ids[1], 400)] {
        edit(&store, append(id, b"x"), None, at).await.unwrap();
    }
    let stale = async |before, limit| {
        let found = store.stale_documents(before, None, limit).await.unwrap();
        found.iter().map(|stale| stale.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(stale(300, 10).await, ["older", "old"]);
    assert_eq!(stale(300, 1).await, ["older"]);
    let behind = async |since, id| {
        let found = store.stale_documents(1_000, Some((since, id)), 10).await.unwrap();
        found.into_iter().map(|stale| (stale.since, stale.id)).collect::<Vec<_>>()
    };
    let all = [(100, ids[2]), (200, ids[1]), (300, ids[0])];
    assert_eq!(behind(0, ids[0]).await, all);
    assert_eq!(behind(100, ids[1]).await, all);
    assert_eq!(behind(100, ids[2]).await, all[1..]);
    assert_eq!(behind(200, ids[1]).await, all[2..]);
    assert_eq!(behind(300, ids[0]).await, []);
    assert_eq!(stale(100, 10).await, [""; 0]);
    assert!(store.compact_document(ids[2], Offset(2), b"x".to_vec()).await.unwrap());
    assert_eq!(stale(300, 10).await, ["old"]);
}

pub(crate) async fn versions_keep_their_texts(store: Fresh) {
    let alice = member(&store, "alice").await;
    let plan = make(&store, "plan", Some("general"), b"").await;
    let other = make(&store, "other", Some("general"), b"").await;
    let text = "ä\u{0}\u{10ffff}\n";
    let saved = edit(&store, saves(plan.id, "First", text), Some(&alice), 3).await.unwrap();
    let first = version(&saved).clone();
    let expected = DocumentVersion { id: first.id, name: first.name.clone(), by: Some(name("alice")), at: 3, bytes: 8 };
    assert_eq!((&first, first.name.as_str()), (&expected, "First"));
    let kept = store.document_version(plan.id, first.id).await.unwrap().unwrap();
    assert_eq!((kept.created_by, kept.text.as_str()), (Some(alice.id), text));
    let [told] = &saved.publications[..] else { panic!("{saved:?}") };
    assert_eq!((told.topic.as_str(), &*told.event_type), ("room.general", "document_version_saved"));
    let shown = format!(r#"{{"id":{},"name":"First","by":"alice","at":3,"bytes":8}}"#, first.id.0);
    let payload = format!(r#"{{"room":"general","name":"plan","version":{shown}}}"#);
    assert_eq!(told.payload.get(), payload);
    let second = version(&edit(&store, saves(plan.id, "Second", ""), None, 4).await.unwrap()).clone();
    assert_eq!((&second.by, second.bytes), (&None, 0));
    assert_eq!(edit(&store, saves(plan.id, "Third", ""), None, 5).await.unwrap_err(), Refusal::TooManyVersions);
    assert_eq!(store.document_versions(plan.id).await.unwrap(), [second.clone(), first.clone()]);
    let found = store.document_version(plan.id, first.id).await.unwrap().unwrap();
    assert_eq!((found.version, found.text.as_str()), (first.clone(), text));
    assert!(store.document_version(other.id, first.id).await.unwrap().is_none());
    let delete = |id, version| DocumentEdit::DeleteVersion { id, version };
    for (id, version) in [(other.id, first.id), (plan.id, VersionId(77))] {
        assert_eq!(edit(&store, delete(id, version), None, 6).await.unwrap_err(), Refusal::NoSuchVersion);
    }
    let deleted = edit(&store, delete(plan.id, first.id), Some(&alice), 6).await.unwrap();
    assert_eq!(version(&deleted), &first);
    assert_eq!(&*deleted.publications[0].event_type, "document_version_deleted");
    assert_eq!(deleted.publications[0].payload.get(), payload);
    assert_eq!(store.document_versions(plan.id).await.unwrap(), [second]);
    assert!(edit(&store, saves(plan.id, "Third", ""), None, 7).await.is_ok());
    // Nobody hears of a namespace's.
    let free = make(&store, "app.free", None, b"").await;
    assert!(edit(&store, saves(free.id, "One", ""), None, 7).await.unwrap().publications.is_empty());
}
