//! The page as a browser is sent it.

use super::*;
use axum::http::{HeaderName, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

type Answer = (StatusCode, HeaderMap, Bytes);

async fn ask(frontend: &Frontend, method: Method, path: &str, headers: &[(HeaderName, &str)]) -> Answer {
    let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
    let uri = path.parse().unwrap();
    match frontend.serve(&method, &uri, &headers).await {
        Ok(response) => {
            let (head, body) = response.into_parts();
            (head.status, head.headers, body.collect().await.unwrap().to_bytes())
        }
        Err(error) => {
            use axum::response::IntoResponse as _;
            let (head, body) = error.into_response().into_parts();
            (head.status, head.headers, body.collect().await.unwrap().to_bytes())
        }
    }
}

async fn get(frontend: &Frontend, path: &str) -> Answer {
    ask(frontend, Method::GET, path, &[]).await
}

fn embedded() -> Frontend {
    Frontend::new(None)
}

async fn page() -> String {
    String::from_utf8(get(&embedded(), "/").await.2.to_vec()).unwrap()
}

/// The values of an attribute in the page.
fn values<'a>(html: &'a str, before: &'a str) -> Vec<&'a str> {
    html.split(before).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

async fn entry() -> String {
    values(&page().await, "<script type=\"module\" src=\"")[0].to_owned()
}

fn source(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("frontend").join(path)).unwrap()
}

/// The path below the folder of what the page names by its versioned address.
fn path_of(address: &str) -> &str {
    address.strip_prefix("/assets/").unwrap().split_once('/').unwrap().1
}

#[tokio::test]
async fn what_the_page_names_is_there_for_a_year() {
    let html = page().await;
    let addresses: Vec<_> = values(&html, "=\"").into_iter().filter(|value| value.starts_with('/')).collect();
    assert!(addresses.len() > 80, "{addresses:?}");
    for address in addresses {
        let (status, headers, body) = get(&embedded(), address).await;
        assert_eq!(status, StatusCode::OK, "{address}");
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(body, source(path_of(address)), "{address}");
    }
    // Its addresses are seen from where it lies, so it stays at the root.
    assert!(html.contains("href=\"manifest.webmanifest\""));
}

#[tokio::test]
async fn the_page_itself_and_plain_addresses_are_asked_for_anew() {
    for path in ["/", "/index.html", "/app.js", "/sw.js", "/styles/base.css", "/manifest.webmanifest"] {
        let (status, headers, _) = get(&embedded(), path).await;
        assert_eq!((status, &headers[header::CACHE_CONTROL]), (StatusCode::OK, &"no-cache".parse().unwrap()), "{path}");
    }
    assert_eq!(get(&embedded(), "/app.js").await.2, source("app.js"));
}

#[tokio::test]
async fn another_version_is_not_there_and_nobody_keeps_that() {
    let entry = entry().await;
    let version = entry.split('/').nth(2).unwrap();
    let absent = [
        "/assets/AAAAAAAAAAAAAAAA/app.js".to_owned(),
        "/assets/app.js".to_owned(),
        "/assets//app.js".to_owned(),
        format!("/assets/{version}"),
        format!("/assets/{version}/index.html"),
        format!("/assets/{version}/manifest.webmanifest"),
        format!("/assets/{version}/missing.js"),
        format!("/assets/{version}/../{version}/app.js"),
        format!("/assets/{version}/vendor/build.mjs"),
        "/../Cargo.toml".to_owned(),
        "/..%2fREADME.txt".to_owned(),
    ];
    for path in absent {
        let (status, headers, _) = get(&embedded(), &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
    }
    assert_eq!(ask(&embedded(), Method::POST, &entry, &[]).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn every_module_of_the_page_is_named_beforehand() {
    let html = page().await;
    let named: BTreeSet<_> =
        values(&html, "rel=\"modulepreload\" href=\"").into_iter().map(|address| path_of(address).to_owned()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("frontend");
    let all = files_below(&root, &root).into_iter().filter(|path| path.ends_with(".js"));
    // The entry is named as such, and the worker is not part of the page.
    let all = all.filter(|path| !["app.js", "sw.js"].contains(&path.as_str()));
    // All our modules are part of the one page; a module that nothing imports should not be there. What only documents need
    // is loaded with the first one: see "The editor is a part of its own" in docs/architecture.md.
    let (later, first): (BTreeSet<_>, BTreeSet<_>) = all.partition(|path| is_loaded_later(path));
    assert_eq!(named, first);
    let graph: BTreeSet<_> = imports_of("editor/main.js").into_iter().chain(["editor/main.js".to_owned()]).collect();
    assert_eq!(graph, later);
}

/// The one exception: the editor's bundle, and those of our modules that import it.
fn is_loaded_later(path: &str) -> bool {
    path == "vendor/editor.js" || path.starts_with("editor/")
}

/// All that a module imports, directly or not.
fn imports_of(entry: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("frontend");
    let all = files_below(&root, &root).into_iter().filter(|path| path.ends_with(".js"));
    let sources: BTreeMap<_, _> =
        all.map(|path| (path.clone(), fs::read_to_string(root.join(&path)).unwrap())).collect();
    imports::graph(entry, |path| sources.get(path).map(String::as_str))
}

#[tokio::test]
async fn the_worker_knows_every_file_of_its_version_and_is_asked_for_anew() {
    let html = page().await;
    let (status, headers, body) = get(&embedded(), "/sw.js").await;
    assert_eq!((status, &headers[header::CACHE_CONTROL]), (StatusCode::OK, &"no-cache".parse().unwrap()));
    assert!(headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/javascript"));
    assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("worker-src 'self'"));
    let worker = str::from_utf8(&body).unwrap();
    let kept: Vec<_> = worker.split('"').filter(|part| part.starts_with("/assets/") && part.len() > 8).collect();
    for address in &kept {
        assert_eq!(get(&embedded(), address).await.0, StatusCode::OK, "{address}");
    }
    for named in values(&html, "=\"").into_iter().filter(|value| value.starts_with('/')) {
        assert!(kept.contains(&named), "{named}");
    }
    let entry = entry().await;
    let version = entry.split('/').nth(2).unwrap();
    assert_eq!(get(&embedded(), &format!("/assets/{version}/sw.js")).await.0, StatusCode::NOT_FOUND);
    // Nothing is kept of what may change under the same address.
    let directory = Frontend::new(Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("frontend")));
    assert!(str::from_utf8(&get(&directory, "/sw.js").await.2).unwrap().contains("version: \"\""));
}

fn files_below(root: &Path, folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| {
        if path.is_dir() {
            return files_below(root, &path);
        }
        vec![path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()]
    });
    below.collect()
}

#[tokio::test]
async fn the_link_header_names_styles_and_the_first_modules() {
    let html = page().await;
    let (_, headers, _) = get(&embedded(), "/").await;
    let links: Vec<_> = headers[header::LINK].to_str().unwrap().split(", ").collect();
    let linked = |relation: &str| -> Vec<_> {
        let linked = links.iter().filter_map(|link| link.strip_suffix(relation));
        linked.map(|link| link.trim_start_matches('<').trim_end_matches(">; ")).collect()
    };
    assert_eq!(linked("rel=preload; as=style"), values(&html, "rel=\"stylesheet\" href=\""));
    let modules = linked("rel=modulepreload");
    assert_eq!(modules[0], entry().await);
    assert_eq!(modules[1..], values(&html, "rel=\"modulepreload\" href=\"")[..modules.len() - 1]);
    assert_eq!(links.len(), modules.len() + linked("rel=preload; as=style").len());
    assert!(!get(&embedded(), "/app.js").await.1.contains_key(header::LINK));
}

#[tokio::test]
async fn brotli_and_plain_are_two_contents_with_two_tags() {
    for path in ["/".to_owned(), "/app.js".to_owned(), entry().await] {
        let (_, plain, text) = get(&embedded(), &path).await;
        let brotli = [(header::ACCEPT_ENCODING, "gzip, deflate, br, zstd")];
        let (_, dense, bytes) = ask(&embedded(), Method::GET, &path, &brotli).await;
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &*bytes, &mut unpacked).unwrap();
        assert_eq!(unpacked, text);
        assert!(bytes.len() < text.len());
        assert_eq!(dense[header::CONTENT_ENCODING], "br");
        assert_eq!(dense[header::CONTENT_LENGTH], bytes.len().to_string());
        assert!(!plain.contains_key(header::CONTENT_ENCODING));
        assert_ne!(plain[header::ETAG], dense[header::ETAG]);
        for headers in [&plain, &dense] {
            assert_eq!(headers[header::VARY], "accept-encoding");
            assert!(headers[header::ETAG].to_str().unwrap().starts_with('"'), "it is strong");
        }
    }
}

#[tokio::test]
async fn what_is_known_is_not_sent_again_and_keeps_what_it_may_do() {
    for path in ["/".to_owned(), entry().await] {
        let (_, first, _) = get(&embedded(), &path).await;
        let etag = first[header::ETAG].to_str().unwrap();
        for known in [etag.to_owned(), format!("W/{etag}"), format!("\"other\", {etag}")] {
            let (status, headers, body) =
                ask(&embedded(), Method::GET, &path, &[(header::IF_NONE_MATCH, &known)]).await;
            assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
            for name in [header::ETAG, header::CACHE_CONTROL, header::VARY, header::CONTENT_SECURITY_POLICY] {
                assert_eq!(headers[&name], first[&name], "{path} {name}");
            }
        }
        // The tag of the other encoding is not that of this one.
        let crossed = [(header::IF_NONE_MATCH, etag), (header::ACCEPT_ENCODING, "br")];
        assert_eq!(ask(&embedded(), Method::GET, &path, &crossed).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_head_is_the_get_without_its_body() {
    for headers in [&[][..], &[(header::ACCEPT_ENCODING, "br")]] {
        let (_, got, _) = ask(&embedded(), Method::GET, "/app.js", headers).await;
        let (status, headers, body) = ask(&embedded(), Method::HEAD, "/app.js", headers).await;
        assert_eq!((status, body.len()), (StatusCode::OK, 0));
        assert_eq!(headers, got);
    }
}

#[tokio::test]
async fn a_directory_is_read_anew_and_nothing_of_it_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let frontend = Frontend::new(Some(directory.path().to_owned()));
    fs::write(directory.path().join("app.js"), "one").unwrap();
    let (_, first, body) = get(&frontend, "/app.js").await;
    assert_eq!((&body[..], &first[header::CACHE_CONTROL]), (&b"one"[..], &"no-cache".parse().unwrap()));
    fs::write(directory.path().join("app.js"), "two").unwrap();
    let known = [(header::IF_NONE_MATCH, first[header::ETAG].to_str().unwrap()), (header::ACCEPT_ENCODING, "br")];
    let (status, second, body) = ask(&frontend, Method::GET, "/app.js", &known).await;
    assert_eq!((status, &body[..]), (StatusCode::OK, &b"two"[..]));
    assert!(!second.contains_key(header::CONTENT_ENCODING) && second[header::ETAG] != first[header::ETAG]);
    for absent in [entry().await.as_str(), "/../app.js", "/x/../app.js", "//etc/passwd.txt"] {
        assert_eq!(get(&frontend, absent).await.0, StatusCode::NOT_FOUND, "{absent}");
    }
}
