//! One file of the page, ready to be sent.

use super::encoding;
use crate::http::{etag, security_headers};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// A file's content in each form it is sent in.
#[derive(Debug)]
pub(super) struct Asset {
    content_type: &'static str,
    plain: Form,
    brotli: Option<Form>,
    /// What the browser should fetch beside it.
    links: Option<HeaderValue>,
}

#[derive(Debug)]
struct Form {
    content: Bytes,
    etag: HeaderValue,
}

/// How long what was received may be used without asking again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lifetime {
    /// Asked for each time, answered 304: a new binary's page is there at the next load.
    UntilAskedAgain,
    /// Its address names its content.
    Immutable,
}

impl Asset {
    /// As it is.
    pub(super) fn plain(content_type: &'static str, content: Bytes) -> Self {
        Self { content_type, plain: Form::new(content), brotli: None, links: None }
    }

    /// Compressed too, where that makes it smaller.
    pub(super) fn compressed(content_type: &'static str, content: Bytes) -> Self {
        let brotli = encoding::compressed(&content).map(|dense| Form::new(dense.into()));
        Self { brotli, ..Self::plain(content_type, content) }
    }

    /// The same, with a `Link` header.
    pub(super) fn with_links(self, links: HeaderValue) -> Self {
        Self { links: Some(links), ..self }
    }

    /// The answer to a GET or HEAD with these headers: the content, or that it has not changed.
    pub(super) fn answer(&self, method: &Method, request: &HeaderMap, lifetime: Lifetime) -> Response<Body> {
        let brotli = self.brotli.as_ref().filter(|_| encoding::accepts_brotli(request));
        let form = brotli.unwrap_or(&self.plain);
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(header::ETAG, form.etag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime.cache_control()));
        // A browser may keep what a 304 says in place of what the 200 said (RFC 9111 section 3.2).
        headers.insert(header::CONTENT_SECURITY_POLICY, security_headers::policy_for(self.content_type));
        if self.brotli.is_some() {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let Some(links) = &self.links {
            headers.insert(header::LINK, links.clone());
        }
        if etag::is_known(request, &form.etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CONTENT_LENGTH, form.content.len().into());
        if brotli.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        }
        if method == Method::GET {
            *response.body_mut() = Body::from(form.content.clone());
        }
        response
    }
}

impl Form {
    fn new(content: Bytes) -> Self {
        Self { etag: etag::of(&Sha256::digest(&content).into()), content }
    }
}

impl Lifetime {
    fn cache_control(self) -> &'static str {
        match self {
            Self::UntilAskedAgain => "no-cache",
            Self::Immutable => "public, max-age=31536000, immutable",
        }
    }
}
