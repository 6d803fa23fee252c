//! The page inside the program: read, compressed and given its addresses once, at the start.

use super::{
    asset::{Asset, Lifetime},
    content_type,
    page::Page,
    worker,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::{borrow::Cow, collections::BTreeMap, str};

#[derive(RustEmbed)]
#[folder = "frontend/"]
struct Folder;

/// What is served, by path.
type Files = BTreeMap<String, Bytes>;

/// Where the files lie whose address names their content.
const PREFIX: &str = "assets/";

/// All files of the page, and the version they make up together.
#[derive(Debug)]
pub(super) struct Embedded {
    version: String,
    assets: BTreeMap<String, Asset>,
}

impl Embedded {
    /// Reads and compresses every file that is served.
    pub(super) fn load() -> Self {
        let mut files: Files = Folder::iter().filter_map(|path| Some((path.to_string(), read(&path)?))).collect();
        let version = version_of(&files);
        let page = page_of(&files, &version);
        if let Some(worker) = worker_of(&files, &page, &version) {
            files.insert(worker::PATH.to_owned(), worker.into());
        }
        files.insert(super::PAGE.to_owned(), page.html.into());
        let assets = files.into_iter().filter_map(|(path, content)| {
            let asset = Asset::compressed(content_type(&path)?, content);
            let asset = if path == super::PAGE { asset.with_links(page.links.clone()) } else { asset };
            Some((path, asset))
        });
        Self { assets: assets.collect(), version }
    }

    /// The file at this path, and for how long it is good. Below the prefix only this version's files are there: what a
    /// browser keeps for a year must never be another version's.
    pub(super) fn find(&self, path: &str) -> Option<(&Asset, Lifetime)> {
        let Some(versioned) = path.strip_prefix(PREFIX) else {
            return Some((self.assets.get(path)?, Lifetime::UntilAskedAgain));
        };
        let (version, path) = versioned.split_once('/')?;
        let is_there = version == self.version && is_versioned(path);
        Some((self.assets.get(path).filter(|_| is_there)?, Lifetime::Immutable))
    }
}

fn read(path: &str) -> Option<Bytes> {
    content_type(path)?;
    Some(match Folder::get(path)?.data {
        Cow::Borrowed(content) => Bytes::from_static(content),
        Cow::Owned(content) => content.into(),
    })
}

/// Everything but what names other files as seen from the root: the page, its manifest and its worker.
fn is_versioned(path: &str) -> bool {
    path != worker::PATH && ![".html", ".webmanifest"].iter().any(|kind| path.ends_with(kind))
}

/// A hash over every file that has it in its address.
fn version_of(files: &Files) -> String {
    let mut all = Sha256::new();
    for (path, content) in files.iter().filter(|(path, _)| is_versioned(path)) {
        all.update(Sha256::digest(path));
        all.update(Sha256::digest(content));
    }
    URL_SAFE_NO_PAD.encode(&all.finalize()[..12])
}

fn page_of(files: &Files, version: &str) -> Page {
    let text_of = |path: &str| files.get(path).and_then(|content| str::from_utf8(content).ok());
    let address_of = |path: &str| (files.contains_key(path) && is_versioned(path)).then(|| address(version, path));
    Page::new(text_of(super::PAGE).unwrap_or_default(), text_of, address_of)
}

/// The worker that keeps every file of this version, if there is one.
fn worker_of(files: &Files, page: &Page, version: &str) -> Option<String> {
    let source = str::from_utf8(files.get(worker::PATH)?).ok()?;
    let addresses: Vec<_> = files.keys().filter(|path| is_versioned(path)).map(|path| address(version, path)).collect();
    Some(worker::for_page(source, &page.html, &addresses))
}

fn address(version: &str, path: &str) -> String {
    format!("/{PREFIX}{version}/{path}")
}
