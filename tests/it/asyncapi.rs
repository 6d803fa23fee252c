//! docs/asyncapi.yaml lists every event type of the socket and none that is not there. That it is valid, and true of
//! what is sent, is checked by `tests/run.sh api`.

use crate::{layers::rust_files, support::TestServer};
use std::{collections::BTreeSet, fs, path::Path};
use switchboard::protocol::{CloseReason, ErrorCode};

const DOCUMENT: &str = include_str!("../../docs/asyncapi.yaml");

/// What stands before the type in the sources, wherever the server sends one: it is the next literal.
const SENT: &[&str] = &[
    "Frame::event(\"",
    "self.announce(",
    "self.tell_room(",
    "self.tell_room_of_version(",
    " event_type: \"",
    " r#type: \"",
    "const PUBLISHED: &str = \"",
    "const ROW_CHANGED: &str = \"",
];

/// Codes that only HTTP answers with. Every other one may come on the socket.
const OF_HTTP: &[ErrorCode] = &[
    ErrorCode::BadCredentials,
    ErrorCode::Unauthorized,
    ErrorCode::BadOtp,
    ErrorCode::BadKey,
    ErrorCode::TooManyAttempts,
    ErrorCode::TooManyRequests,
    ErrorCode::ForbiddenOrigin,
    ErrorCode::BadToken,
    ErrorCode::BadName,
    ErrorCode::NameTaken,
    ErrorCode::WeakPassword,
    ErrorCode::NotFound,
    ErrorCode::MethodNotAllowed,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::Misdirected,
    ErrorCode::UpgradeRequired,
    ErrorCode::Timeout,
    ErrorCode::PreconditionFailed,
    ErrorCode::InvalidProduct,
    ErrorCode::BadDocument,
    ErrorCode::NoSuchDocument,
    ErrorCode::DocumentExists,
    ErrorCode::TooManyDocuments,
    ErrorCode::DocumentFull,
    ErrorCode::DocumentDamaged,
    ErrorCode::ReadOnly,
    ErrorCode::NoSuchVersion,
    ErrorCode::TooManyVersions,
];

#[tokio::test]
async fn every_event_type_is_listed_and_no_other() {
    let server = TestServer::start().await;
    let mut there: BTreeSet<_> = server.server().manager().registry().event_types().map(str::to_owned).collect();
    there.extend(sent());
    let listed = DOCUMENT.lines().filter_map(|line| line.strip_prefix("      name: "));
    assert_eq!(listed.map(str::to_owned).collect::<BTreeSet<_>>(), there, "docs/asyncapi.yaml and the server differ");
    server.stop().await;
}

#[test]
fn the_reasons_to_close_and_the_codes_are_the_servers() {
    for reason in CloseReason::ALL {
        let row = format!("      | {} | ", reason.code());
        let row = DOCUMENT.lines().find(|line| line.starts_with(&row)).expect("a row for the code");
        assert!(row.contains(reason.text().as_ref()), "{row}");
    }
    let of_socket = ErrorCode::ALL.iter().filter(|code| !OF_HTTP.contains(code));
    let (_, listed) = DOCUMENT.split_once("    ErrorCode:\n").expect("the codes");
    let listed: Vec<_> = listed.lines().skip(3).map_while(|line| line.strip_prefix("        - ")).collect();
    let (listed, there): (BTreeSet<_>, BTreeSet<_>) =
        (listed.into_iter().collect(), of_socket.map(|code| code.as_str()).collect());
    assert_eq!(listed, there, "the codes of docs/asyncapi.yaml and the server's differ");
}

/// The types the server sends, as its sources name them.
fn sent() -> BTreeSet<String> {
    let mut sent = BTreeSet::new();
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let is_test = file.components().any(|part| part.as_os_str().to_str().unwrap().starts_with("suite"));
        for call in SENT.iter().filter(|_| !is_test) {
            for (start, _) in code.match_indices(call) {
                let statement = code[start..].split(';').next().unwrap();
                sent.extend(statement.split('"').nth(1).map(str::to_owned));
            }
        }
    }
    assert!(sent.contains("hello") && sent.contains("new_message") && sent.contains("ok"), "{sent:?}");
    sent
}
