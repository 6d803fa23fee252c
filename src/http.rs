//! The HTTP side: translates requests to calls and answers to bodies; decides nothing.

mod admission;
mod author;
pub mod bearer;
mod body;
pub mod client_address;
mod connected;
mod documents;
pub mod door;
pub mod error;
mod etag;
mod events;
pub mod frontend;
mod guarded;
mod health;
pub mod host;
pub mod json_body;
pub mod keys;
mod openapi;
pub mod origin_guard;
mod pace;
mod precondition;
pub mod problem;
mod products;
mod publish;
mod query;
mod refusals;
pub mod security_headers;
pub mod session_cookie;
mod unread_body;
pub mod upgrade;
mod ws;

pub use documents::DocumentsState;
pub use door::DoorState;
pub use error::ApiError;
pub use keys::KeysState;
pub use products::ProductsState;
pub use publish::PublishState;

use crate::{
    auth::{Door, Otps},
    documents::Documents,
    events::Topics,
    manager::Manager,
    metrics::Metrics,
    settings::{Settings, TlsMode},
    storage::Store,
};
use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::any,
};
use frontend::Frontend;
use std::{any::Any, sync::Arc};
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt as _},
    routes,
};

/// What the handlers of this layer share.
#[derive(Clone)]
pub struct HttpState {
    /// Connects sockets.
    pub manager: Arc<Manager>,
    /// Knows sessions.
    pub door: Arc<Door>,
    /// Redeems one-time passwords.
    pub otps: Arc<Otps>,
    /// Judges who may hear what.
    pub topics: Arc<Topics>,
    /// Opens documents.
    pub documents: Arc<Documents>,
    /// Answers readiness and whether a session is good.
    pub store: Arc<dyn Store>,
    /// All settings.
    pub settings: Arc<Settings>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The page.
    pub frontend: Frontend,
    /// Upgraded sockets, which HTTP's own graceful stop forgets, and event streams, which it would wait for in vain.
    pub connections: TaskTracker,
}

/// Every path of the server. A path enters with its description, so that neither is there without the other. Without
/// `products` there is no `/products`.
pub fn router(
    state: HttpState,
    door: DoorState,
    keys: KeysState,
    publish: PublishState,
    documents: DocumentsState,
    products: Option<ProductsState>,
) -> Router {
    let settings = state.settings.clone();
    let metrics = state.metrics.clone();
    let (routes, mut description) = OpenApiRouter::with_openapi(openapi::description())
        // Over HTTP/2 a socket is opened with CONNECT, and what else comes is told what to use.
        .routes(routes!(ws::open).map(|_| any(ws::open)))
        .routes(routes!(events::open))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(openapi::openapi))
        .split_for_parts();
    let (door, of_door) = door::routes(door);
    description.merge(of_door);
    let (keys, of_keys) = keys::routes(keys);
    description.merge(of_keys);
    let (publish, of_publish) = publish::routes(publish);
    description.merge(of_publish);
    let (documents, of_documents) = documents::routes(documents);
    description.merge(of_documents);
    let routes = routes
        .method_not_allowed_fallback(error::method_not_allowed)
        .fallback(page)
        .with_state(state)
        .merge(door)
        .merge(keys)
        .merge(publish)
        .merge(documents);
    let (routes, tells_problems) = match products {
        Some(products) => {
            let (products, of_products) = products::routes(products);
            description.merge(of_products);
            (routes.merge(products), true)
        }
        None => (routes, false),
    };
    let router = routes
        .layer(Extension(openapi::Document::new(&description)))
        .layer(middleware::from_fn_with_state(settings.clone(), host::guard))
        .layer(middleware::from_fn(unread_body::read_whole))
        .layer(middleware::from_fn_with_state(settings, security_headers::add))
        .layer(CatchPanicLayer::custom(panicked));
    // Outside of whatever may refuse a request.
    let router = if tells_problems { router.layer(middleware::from_fn(products::tell_problems)) } else { router };
    router.layer(middleware::from_fn_with_state(metrics, count))
}

async fn page(State(state): State<HttpState>, request: Request) -> Result<Response, ApiError> {
    state.frontend.serve(request.method(), request.uri(), request.headers()).await
}

/// A handler's panic costs its own request.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    let mut response = ApiError::internal(&"a handler panicked").into_response();
    // The host is not known here, so no HSTS.
    security_headers::apply(response.headers_mut(), TlsMode::Off);
    response
}

async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    metrics.request(response.status().as_u16());
    response
}
