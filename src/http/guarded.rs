//! What every path has that reads or sets cookies.

use super::{error, origin_guard};
use crate::settings::Settings;
use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::Response,
};
use std::sync::Arc;

/// Guards these paths against foreign pages; nobody keeps their answers, unless these say who may.
pub(super) fn guarded<S: Clone + Send + Sync + 'static>(routes: Router<S>, settings: Arc<Settings>) -> Router<S> {
    routes
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(middleware::from_fn_with_state(settings, origin_guard::guard))
        .layer(middleware::map_response(no_store))
}

async fn no_store(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
