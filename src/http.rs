//! The HTTP side: translates requests to calls and answers to bodies; decides nothing.

pub mod client_address;
pub mod door;
pub mod error;
pub mod frontend;
mod health;
pub mod origin_guard;
pub mod security_headers;
pub mod upgrade;
mod ws;

use crate::{auth::Otps, manager::Manager, metrics::Metrics, settings::Settings, storage::Store};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, Response},
    routing::{any, get},
};
use error::ApiError;
use frontend::Frontend;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// What the handlers of this layer share.
#[derive(Clone)]
pub struct HttpState {
    /// Connects sockets.
    pub manager: Arc<Manager>,
    /// Redeems one-time passwords.
    pub otps: Arc<Otps>,
    /// Answers readiness and whether a session is good.
    pub store: Arc<dyn Store>,
    /// All settings.
    pub settings: Arc<Settings>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The page.
    pub frontend: Frontend,
    /// Upgraded sockets, which HTTP's own graceful stop forgets.
    pub connections: TaskTracker,
}

/// Every path of the server.
pub fn router(state: HttpState, door: door::DoorState) -> Router {
    let settings = state.settings.clone();
    let routes = Router::new()
        .route("/ws", any(ws::open))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(page)
        .with_state(state)
        .merge(door::routes(door));
    security_headers::wrap(routes, settings)
}

async fn page(State(state): State<HttpState>, request: Request<Body>) -> Result<Response<Body>, ApiError> {
    state.frontend.serve(request.method(), request.uri(), request.headers()).await
}
