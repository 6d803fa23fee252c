//! The page: embedded in the binary, or read from a directory while somebody works on it.

use super::{error::ApiError, etag, security_headers};
use crate::protocol::ErrorCode;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header},
};
use bytes::Bytes;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::{
    borrow::Cow,
    path::{Component, Path, PathBuf},
};

#[derive(RustEmbed)]
#[folder = "frontend/"]
struct Embedded;

/// Where the page comes from.
#[derive(Debug, Clone)]
pub enum Frontend {
    /// From the binary.
    Embedded,
    /// From a directory, read anew for each request.
    Directory(PathBuf),
}

struct Asset {
    content: Cow<'static, [u8]>,
    hash: [u8; 32],
}

impl Frontend {
    /// The page from `directory`, or the one inside the program.
    #[must_use]
    pub fn new(directory: Option<PathBuf>) -> Self {
        directory.map_or(Self::Embedded, Self::Directory)
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
            "" => "index.html",
            path => path,
        };
        let Some(content_type) = content_type(path) else { return Err(not_found()) };
        if method != Method::GET && method != Method::HEAD {
            return Err(ApiError::new(ErrorCode::MethodNotAllowed, "the page is only read").allow("GET, HEAD"));
        }
        let asset = self.read(path).await.ok_or_else(not_found)?;
        let etag = etag::of(&asset.hash);
        let mut response = Response::new(Body::empty());
        if etag::is_known(headers, &etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            response.headers_mut().insert(header::CONTENT_LENGTH, asset.content.len().into());
            if method == Method::GET {
                *response.body_mut() = Body::from(match asset.content {
                    Cow::Borrowed(content) => Bytes::from_static(content),
                    Cow::Owned(content) => content.into(),
                });
            }
        }
        response.headers_mut().insert(header::ETAG, etag);
        // A browser keeps what a 304 says in place of what the 200 said (RFC 9111 section 3.2), so both say the same.
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, security_headers::policy_for(content_type));
        // Asked for each time, answered 304: a new binary's page is there at the next load.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(response)
    }

    async fn read(&self, path: &str) -> Option<Asset> {
        match self {
            Self::Embedded => {
                let file = Embedded::get(path)?;
                Some(Asset { hash: file.metadata.sha256_hash(), content: file.data })
            }
            Self::Directory(root) => {
                let relative = Path::new(path);
                let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
                let content = if plain { tokio::fs::read(root.join(relative)).await.ok()? } else { return None };
                Some(Asset { hash: Sha256::digest(&content).into(), content: content.into() })
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_that_has_not_changed_may_do_what_it_could() {
        let frontend = Frontend::new(None);
        for path in ["/", "/app.js"] {
            let uri = Uri::from_static(path);
            let first = frontend.serve(&Method::GET, &uri, &HeaderMap::new()).await.unwrap();
            let known = [(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone())].into_iter().collect();
            let again = frontend.serve(&Method::GET, &uri, &known).await.unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(again.headers()[header::CONTENT_SECURITY_POLICY], security_headers::PAGE_CSP);
        }
    }
}
