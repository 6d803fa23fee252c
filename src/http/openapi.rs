//! `GET /openapi.json`: what this server takes and answers over HTTP, made from the handlers.

use super::{
    error::{ErrorBody, Problem},
    etag,
    refusals::refusals,
};
use crate::protocol::ErrorCode;
use axum::{
    Extension,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// What no single handler says.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Switchboard",
        description = "Sign in, get a one-time password, open a socket. What the socket carries is in `docs/protocol.md` \
                       and, for programs, in `docs/asyncapi.yaml`. Bodies are JSON and say `Content-Type: application/json`; \
                       unknown fields are ignored. Requests with the session's cookie that change something must have an \
                       `Origin` of the server's, or `Sec-Fetch-Site: same-origin`."
    ),
    tags(
        (name = "door", description = "Signing in and out."),
        (name = "accounts", description = "Making accounts with links."),
        (name = "keys", description = "How back ends come in."),
        (name = "socket", description = "What is heard as it happens."),
        (name = "channels", description = "Push channels: any back end reaches any page."),
        (name = "documents", description = "What several people write together."),
        (name = "products", description = "The worked example of rows that are watched."),
        (name = "operations", description = "For whoever runs the server."),
    ),
    components(schemas(ErrorBody, Problem, ErrorCode)),
    modifiers(&SecuritySchemes),
)]
struct WithoutHandlers;

/// The description before any handler is in it.
pub(super) fn description() -> openapi::OpenApi {
    WithoutHandlers::openapi()
}

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, description: &mut openapi::OpenApi) {
        let session = ApiKeyValue::with_description("__Host-session", "The session, from signing in.");
        let otp = ApiKeyValue::with_description("otp", "A one-time password, from signing in or `POST /otp`.");
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key, for programs."));
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
        components.add_security_scheme("otp", SecurityScheme::ApiKey(ApiKey::Query(otp)));
        components.add_security_scheme("key", SecurityScheme::Http(key.build()));
    }
}

/// The description as it is sent, with its entity tag.
#[derive(Clone)]
pub(super) struct Document {
    json: Bytes,
    etag: HeaderValue,
}

impl Document {
    pub(super) fn new(description: &openapi::OpenApi) -> Self {
        let json = Bytes::from(description.to_json().expect("a description is a tree of strings and numbers"));
        let etag = etag::of(&Sha256::digest(&json).into());
        Self { json, etag }
    }
}

refusals!(OpenapiRefusals:);

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operations",
    responses(
        (status = 200, body = Object, content_type = "application/json", description = "OpenAPI 3.1.", headers(
            ("ETag" = String, description = "Changes with the description."),
        )),
        (status = 304, description = "It is still what `If-None-Match` names."),
        OpenapiRefusals
    ),
)]
pub(super) async fn openapi(Extension(document): Extension<Document>, headers: HeaderMap) -> Response {
    let Document { json, etag } = document;
    let revalidate = [(header::ETAG, etag.clone()), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if etag::is_known(&headers, &etag) {
        return (StatusCode::NOT_MODIFIED, revalidate).into_response();
    }
    (revalidate, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}
