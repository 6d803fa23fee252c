//! `/products`: the worked example's rows over REST. Who watches them hears of every change, whoever makes it.

mod list;

use super::{
    ApiError,
    author::{AskedByAuthors, By},
    guarded::guarded,
    json_body::read_raw_json,
    pace::Pace,
    precondition::only_if,
    problem,
    publish::{REPLAYED, idempotency_key},
    refusals::{BODY, DOOR, refusals},
};
use crate::{
    auth::{Door, Keys},
    events::{Products, Saved},
    model::{ApiKey, FieldFault, NewProduct, Product, ProductFields, ProductId, ProductVersion, Scope},
    protocol::ErrorCode,
    settings::Settings,
};
use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What the handlers of products share.
#[derive(Clone)]
pub struct ProductsState {
    /// Judges keys.
    pub keys: Arc<Keys>,
    /// Judges sessions.
    pub door: Arc<Door>,
    /// Reads and writes.
    pub products: Arc<Products>,
    /// Limits, origins, proxies.
    pub settings: Arc<Settings>,
    /// How fast members send.
    pub pace: Arc<Pace>,
}

impl AskedByAuthors for ProductsState {
    fn keys(&self) -> &Keys {
        &self.keys
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn opens(key: &ApiKey) -> bool {
        key.has(&Scope::Products)
    }
}

/// All of `/products`, guarded against foreign pages; and its description.
pub(super) fn routes(state: ProductsState) -> (Router, OpenApi) {
    let settings = state.settings.clone();
    let (routes, description) = OpenApiRouter::new()
        .routes(routes!(list::list, create))
        .routes(routes!(get, replace, delete))
        .split_for_parts();
    (guarded(routes, settings).with_state(state), description)
}

/// Whatever is refused below `/products`, by whomever on the way there, is told as a problem.
pub(super) async fn tell_problems(request: Request, next: Next) -> Response {
    let rest = request.uri().path().strip_prefix("/products");
    let is_ours = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let response = next.run(request).await;
    if is_ours { problem::told(response) } else { response }
}

refusals!(problems CreateRefusals: BODY, DOOR, [
    BadKey, Unauthorized, Forbidden, TooManyAttempts, TooManyRequests, Conflict, InvalidProduct
]);

/// Make a product.
///
/// When the answer says so, it is on disk and on its way to everybody who watches the table.
#[utoipa::path(
    post,
    path = "/products",
    operation_id = "create_product",
    tag = "products",
    security(("key" = []), ("session" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters: within 24 hours \
        a repeat with the same body makes nothing and gets the first answer.")),
    request_body = ProductFields,
    responses(
        (status = 201, body = Product, description = "Made.", headers(
            ("Location" = String, description = "Where it is."),
            ("ETag" = String, description = "Stands for its content."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the answer to an earlier request."),
        )),
        CreateRefusals
    ),
)]
async fn create(State(state): State<ProductsState>, by: By, request: Request) -> Result<Response, ApiError> {
    let name = idempotency_key(request.headers())?;
    let (fields, text) = state.fields(&by, request).await?;
    let new = NewProduct::check(&fields).map_err(invalid)?;
    // The same name and body mean something else at `/publish`.
    let once = name.map(|name| (name, Sha256::digest(format!("POST /products\n{text}")).into()));
    let Saved { product, duplicate } = state.products.create(by.author(), new, once).await?;
    let location = format!("/products/{}", product.product_id);
    let mut response = (StatusCode::CREATED, shown(&product)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, ascii(location));
    if duplicate {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

refusals!(problems GetRefusals: DOOR, [
    BadPayload, BadKey, Unauthorized, Forbidden, TooManyAttempts, NotFound, PreconditionFailed
]);

/// Read a product.
#[utoipa::path(
    get,
    path = "/products/{id}",
    operation_id = "get_product",
    tag = "products",
    security(("key" = []), ("session" = [])),
    params(
        ("id" = i64, Path, description = "Its `productId`.", example = 1),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags: a product that is one of these is not sent again."),
    ),
    responses(
        (status = 200, body = Product, description = "The product.", headers(
            ("ETag" = String, description = "Stands for its content."),
        )),
        (status = 304, description = "It is still what `If-None-Match` names."),
        GetRefusals
    ),
)]
async fn get(
    State(state): State<ProductsState>,
    _by: By,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let product = state.products.get(id).await?;
    let (version, only_if) = (product.version(), only_if(&headers));
    if !only_if.is_matched(version) {
        return Err(ApiError::new(ErrorCode::PreconditionFailed, "the product is not what `If-Match` names"));
    }
    if !only_if.is_unmatched(version) {
        return Ok((StatusCode::NOT_MODIFIED, validators(version)).into_response());
    }
    Ok(shown(&product).into_response())
}

refusals!(problems ReplaceRefusals: BODY, DOOR, [
    BadKey, Unauthorized, Forbidden, TooManyAttempts, TooManyRequests, NotFound, Conflict, PreconditionFailed,
    InvalidProduct
]);

/// Replace a product, whole.
#[utoipa::path(
    put,
    path = "/products/{id}",
    operation_id = "replace_product",
    tag = "products",
    security(("key" = []), ("session" = [])),
    params(
        ("id" = i64, Path, description = "Its `productId`.", example = 1),
        ("If-Match" = Option<String>, Header, description = "Entity tags: only a product that is one of these is replaced."),
    ),
    request_body = ProductFields,
    responses(
        (status = 200, body = Product, description = "As it is now.", headers(
            ("ETag" = String, description = "Stands for its content."),
        )),
        ReplaceRefusals
    ),
)]
async fn replace(
    State(state): State<ProductsState>,
    by: By,
    Id(id): Id,
    request: Request,
) -> Result<Response, ApiError> {
    let only_if = only_if(request.headers());
    let (fields, _) = state.fields(&by, request).await?;
    let to = NewProduct::check_for(id, &fields).map_err(invalid)?;
    let product = state.products.replace(by.author(), id, to, only_if).await?;
    Ok(shown(&product).into_response())
}

refusals!(problems DeleteRefusals: DOOR, [
    BadPayload, BadKey, Unauthorized, Forbidden, TooManyAttempts, TooManyRequests, NotFound, Conflict,
    PreconditionFailed
]);

/// Delete a product.
#[utoipa::path(
    delete,
    path = "/products/{id}",
    operation_id = "delete_product",
    tag = "products",
    security(("key" = []), ("session" = [])),
    params(
        ("id" = i64, Path, description = "Its `productId`.", example = 1),
        ("If-Match" = Option<String>, Header, description = "Entity tags: only a product that is one of these is deleted."),
    ),
    responses((status = 204, description = "It is gone; its id is given to no other."), DeleteRefusals),
)]
async fn delete(
    State(state): State<ProductsState>,
    by: By,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    state.pace(&by, 0)?;
    state.products.delete(by.author(), id, only_if(&headers)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl ProductsState {
    /// The body of a request that writes, and its text.
    async fn fields(&self, by: &By, request: Request) -> Result<(ProductFields, String), ApiError> {
        let http = &self.settings.http;
        let (fields, text) = read_raw_json(request, http.max_body_bytes, http.body_wait).await?;
        self.pace(by, text.len())?;
        Ok((fields, text))
    }

    /// Members write as fast as they send events.
    fn pace(&self, by: &By, bytes: usize) -> Result<(), ApiError> {
        by.member().map_or(Ok(()), |user| self.pace.check(user, [bytes], &self.settings.socket))
    }
}

/// The product that a path names, written as ids are; there is none behind another path.
struct Id(ProductId);

impl FromRequestParts<ProductsState> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ProductsState) -> Result<Self, ApiError> {
        let segment: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        let id =
            segment.ok().and_then(|Path(text)| text.parse().ok().map(ProductId).filter(|id| id.to_string() == text));
        id.map(Self).ok_or_else(|| ApiError::new(ErrorCode::NotFound, "there is no such product"))
    }
}

fn invalid(faults: Vec<FieldFault>) -> ApiError {
    let all: Vec<_> = faults.iter().map(|fault| format!("`{}`: {}", fault.field, fault.problem)).collect();
    ApiError::new(ErrorCode::InvalidProduct, all.join("; ")).faults(faults)
}

/// What tells whether a product is still what it was; whoever keeps it has to ask.
fn validators(version: ProductVersion) -> [(header::HeaderName, HeaderValue); 2] {
    [
        (header::ETAG, ascii(format!("\"{version}\""))),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ]
}

fn shown(product: &Product) -> impl IntoResponse {
    let location = [(header::CONTENT_LOCATION, ascii(format!("/products/{}", product.product_id)))];
    (validators(product.version()), location, Json(product.to_json()))
}

/// The value of a header, made of ids and base64.
fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("letters, digits and punctuation are a header")
}
