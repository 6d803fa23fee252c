//! `GET /products`: page by page, by id.

use super::{ProductsState, ascii};
use crate::{
    http::{
        ApiError,
        author::By,
        query,
        refusals::{DOOR, refusals},
    },
    model::{Product, ProductId},
    protocol::ErrorCode,
    storage::ProductPage,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Products in the order of their ids.
#[derive(Serialize, ToSchema)]
#[schema(as = Products, examples(json!({"products": [
    {"productId": 1, "manufacturer": "Acme", "pricePerUnit": 12.50, "unitsAvailable": 3, "productName": "Anvil"}
], "more": false})))]
struct Page {
    products: Vec<Product>,
    /// Whether there are more: ask again with `after`, the last `productId`.
    more: bool,
}

refusals!(problems ListRefusals: DOOR, [BadPayload, BadKey, Unauthorized, Forbidden, TooManyAttempts]);

/// List products by id, a page at a time.
///
/// Whoever follows `next` gets each product once that is there all the while.
#[utoipa::path(
    get,
    path = "/products",
    operation_id = "list_products",
    tag = "products",
    security(("key" = []), ("session" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, description = "How many at most: 50 when left out, and no more than 100."),
        ("after" = Option<i64>, Query, description = "Only those with greater ids."),
    ),
    responses(
        (status = 200, body = Page, description = "A page.", headers(
            ("Link" = String, description = "The next page, as `rel=\"next\"`, when there is one."),
        )),
        ListRefusals
    ),
)]
pub(super) async fn list(State(state): State<ProductsState>, _by: By, uri: Uri) -> Result<Response, ApiError> {
    let limit = number::<u64>(&uri, "limit")?;
    let after = number::<i64>(&uri, "after")?.map(ProductId);
    let ProductPage { products, more } = state.products.page(after, limit).await?;
    let link = products.last().filter(|_| more).map(|last| next(limit, last.product_id));
    let mut response = Json(Page { products, more }).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Where the list goes on (RFC 8288).
fn next(limit: Option<u64>, after: ProductId) -> HeaderValue {
    let limit = limit.map_or(String::new(), |limit| format!("limit={limit}&"));
    ascii(format!("</products?{limit}after={after}>; rel=\"next\""))
}

/// A whole number that may stand in the query once.
fn number<T: std::str::FromStr>(uri: &Uri, name: &'static str) -> Result<Option<T>, ApiError> {
    let mut values = query::values(uri.query(), name);
    let Some(text) = values.next() else { return Ok(None) };
    match text.parse() {
        Ok(number) if values.next().is_none() => Ok(Some(number)),
        _ => Err(ApiError::new(ErrorCode::BadPayload, format!("`{name}`: must be one whole number"))),
    }
}
