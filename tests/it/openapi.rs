//! The description of the HTTP side is what the server does, no more and no less.

use crate::{
    layers::rust_files,
    support::{Http, TestServer},
};
use hyper::{Method, Request, StatusCode};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};
use switchboard::protocol::ErrorCode;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

async fn description(http: Http) -> Value {
    http.get("/openapi.json").await.json()
}

fn paths(description: &Value) -> impl Iterator<Item = (&String, BTreeSet<String>)> {
    let paths = description["paths"].as_object().unwrap();
    paths.iter().map(|(path, item)| {
        let methods = item.as_object().unwrap().keys().map(|method| method.to_uppercase());
        (path, methods.filter(|method| METHODS.contains(&method.as_str())).collect())
    })
}

#[tokio::test]
async fn what_is_described_is_there_and_takes_no_other_method() {
    let server = TestServer::start().await;
    let description = description(server.http()).await;
    for (path, described) in paths(&description) {
        let uri = path.replace("{id}", "1").replace("{name}", "plan");
        for method in METHODS {
            let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(&uri);
            let answer = server.http().send(request.header("content-type", "application/json"), b"{}".to_vec()).await;
            if described.contains(method) {
                let missing = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&answer.status);
                assert!(!missing, "{method} {path} is described and answers {}", answer.status);
                continue;
            }
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path} is not described");
            let allowed = answer.headers["allow"].to_str().unwrap().split(',').map(|method| method.trim().to_owned());
            // HTTP/2 opens with CONNECT what is described as GET.
            let told: BTreeSet<_> = allowed.filter(|method| method != "HEAD" && method != "CONNECT").collect();
            assert_eq!(told, described, "{path}");
        }
    }
    server.stop().await;
}

/// A router cannot be asked for its paths; `routes!` enters none without its description.
#[test]
fn no_path_is_there_without_a_description() {
    let http = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    for file in rust_files(&http).into_iter().chain([http.with_extension("rs")]) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for hidden in [".route(", ".route_service(", ".nest_service("] {
            assert!(!code.contains(hidden), "{} uses `{hidden}…)`: use `routes!`", file.display());
        }
    }
}

#[tokio::test]
async fn the_description_names_every_code_and_the_protocol_every_path() {
    let server = TestServer::start().await;
    let description = description(server.http()).await;
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(description["components"]["schemas"]["ErrorCode"]["enum"], Value::from(codes));
    let protocol = include_str!("../../docs/protocol.md");
    for (path, methods) in paths(&description) {
        for method in methods {
            assert!(protocol.contains(&format!("`{method} {path}")), "docs/protocol.md lacks {method} {path}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn the_description_is_for_anyone_and_sent_once() {
    let server = TestServer::start().await;
    let answer = server.http().get("/openapi.json").await;
    assert_eq!(
        (answer.status, &answer.headers["content-type"]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    assert_eq!(answer.headers["cache-control"], "no-cache");
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let known = Request::builder().uri("/openapi.json").header("if-none-match", &answer.headers["etag"]);
    let again = server.http().send(known, Vec::new()).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    server.stop().await;
}
