//! The page: embedded in the binary, or read from a directory while somebody works on it.

mod asset;
mod embedded;
mod encoding;
mod imports;
mod page;
#[cfg(test)]
mod tests;
mod worker;

use super::error::ApiError;
use crate::protocol::ErrorCode;
use asset::{Asset, Lifetime};
use axum::{
    body::Body,
    http::{HeaderMap, Method, Response, Uri},
};
use embedded::Embedded;
use std::{
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};

/// What the root shows.
const PAGE: &str = "index.html";

static EMBEDDED: LazyLock<Embedded> = LazyLock::new(Embedded::load);

/// Where the page comes from.
#[derive(Debug, Clone)]
pub struct Frontend(Source);

#[derive(Debug, Clone)]
enum Source {
    /// From the binary.
    Embedded(&'static Embedded),
    /// From a directory, read anew for each request; nothing is compressed or kept.
    Directory(PathBuf),
}

impl Frontend {
    /// The page from `directory`, or the one inside the program, which is made ready to be sent.
    #[must_use]
    pub fn new(directory: Option<PathBuf>) -> Self {
        Self(directory.map_or_else(|| Source::Embedded(&EMBEDDED), Source::Directory))
    }

    /// Answers a request that no API path took.
    ///
    /// # Errors
    /// 404 for what is not there, 405 for another method than GET and HEAD.
    pub(super) async fn serve(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, ApiError> {
        let path = match uri.path().trim_start_matches('/') {
            "" => PAGE,
            path => path,
        };
        let content_type = content_type(path).ok_or_else(not_found)?;
        if method != Method::GET && method != Method::HEAD {
            return Err(ApiError::new(ErrorCode::MethodNotAllowed, "the page is only read").allow("GET, HEAD"));
        }
        match &self.0 {
            Source::Embedded(page) => {
                let (asset, lifetime) = page.find(path).ok_or_else(not_found)?;
                Ok(asset.answer(method, headers, lifetime))
            }
            Source::Directory(root) => {
                let content = read(root, Path::new(path)).await.ok_or_else(not_found)?;
                let asset = Asset::plain(content_type, content.into());
                Ok(asset.answer(method, headers, Lifetime::UntilAskedAgain))
            }
        }
    }
}

async fn read(root: &Path, relative: &Path) -> Option<Vec<u8>> {
    let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if is_plain { tokio::fs::read(root.join(relative)).await.ok() } else { None }
}

fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is nothing at this address")
}

/// Only kinds of file the page consists of are served; sources of vendored bundles are not.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    match extension {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "ico" => Some("image/x-icon"),
        "woff2" => Some("font/woff2"),
        "txt" => Some("text/plain; charset=utf-8"),
        "webmanifest" => Some("application/manifest+json"),
        _ => None,
    }
}
