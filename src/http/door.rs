//! All that lets somebody in: logins, accounts, invitations, and the OTP for the next socket. See `docs/protocol.md`, sections 1, 6 and 9.

mod admitted;
mod external;
mod invitations;
mod login;
mod otp;
mod setup;

use super::guarded::guarded;
use crate::{
    auth::{Door, Keys},
    documents::Documents,
    events::Topics,
    metrics::Metrics,
    model::{SessionId, User},
    settings::Settings,
};
use axum::Router;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Largest body of what anybody may send, in bytes; `/otp`, which takes a session, has `http.max_body_bytes`.
pub(super) const MAX_BODY_BYTES: usize = 4096;

/// What the handlers of the door share.
#[derive(Clone)]
pub struct DoorState {
    /// Who decides.
    pub door: Arc<Door>,
    /// Limits, origins, proxies.
    pub settings: Arc<Settings>,
    /// Judges keys, whose holders let their own users in.
    pub keys: Arc<Keys>,
    /// Judges what those may hear.
    pub topics: Arc<Topics>,
    /// Judges which documents those may have.
    pub documents: Arc<Documents>,
    /// Closes the sockets of a session that has ended.
    pub on_session_end: Arc<dyn Fn(SessionId) + Send + Sync>,
    /// Tells the others that somebody new is here.
    pub on_newcomer: Arc<dyn Fn(&User) + Send + Sync>,
    /// Where logins and OTPs are counted.
    pub metrics: Arc<Metrics>,
}

/// All that belongs to the door, guarded against foreign pages and never cached; and its description.
pub fn routes(state: DoorState) -> (Router, OpenApi) {
    let settings = state.settings.clone();
    let (routes, description) = OpenApiRouter::new()
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(otp::otp))
        .routes(routes!(setup::needed, setup::setup))
        .routes(routes!(invitations::list, invitations::create))
        .routes(routes!(invitations::revoke))
        .routes(routes!(invitations::check))
        .routes(routes!(invitations::accept))
        .split_for_parts();
    (guarded(routes, settings).with_state(state), description)
}

#[cfg(test)]
mod tests;
