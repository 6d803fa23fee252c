//! `GET /ws`: the socket that carries events.

use super::{
    HttpState,
    admission::{Knock, Opening, bad_otp},
    connected::{Connected, Transport},
    error::ApiError,
    refusals::refusals,
};
use crate::{
    auth::{self, Admission},
    connection::{self, EventReceiver},
    manager::{Identity, Listening},
    storage::now,
};
use axum::{
    body::Body,
    extract::State,
    http::{Request, Response},
};
use hyper_util::rt::TokioIo;

/// The subprotocol of this wire.
const SUBPROTOCOL: &str = "switchboard.v1";

refusals!(WsRefusals: [
    Unavailable, StorageUnavailable, UpgradeRequired, BadPayload, ForbiddenOrigin, BadOtp
]);

/// Open a socket.
///
/// A WebSocket of version 13; what it carries is in `docs/protocol.md` and `docs/asyncapi.yaml`. It is refused in this
/// order, so that the OTP is spent only by a request that could have opened a socket: 503 while stopping, 426 or 400 for
/// a bad handshake or a key in the URL, 403 for a foreign page, 401 for a bad OTP. Over HTTP/2 (RFC 8441) it is opened with `CONNECT` and
/// answered 200.
#[utoipa::path(
    get,
    path = "/ws",
    operation_id = "open_socket",
    tag = "socket",
    security(("otp" = [])),
    params(
        ("Sec-WebSocket-Protocol" = Option<String>, Header,
         description = "`switchboard.v1, otp.<value>` carries the OTP outside of the URL."),
    ),
    responses((status = 101, description = "The socket is open; its first event is `hello`."), WsRefusals),
)]
pub(super) async fn open(
    State(state): State<HttpState>,
    mut request: Request<Body>,
) -> Result<Response<Body>, ApiError> {
    let knock = Knock::check(&state, &mut request)?;
    let (admission, listening) = knock.redeem(&state, |admission| admit(&state, admission)).await?;
    let (response, opening) = knock.accept(SUBPROTOCOL);
    tokio::spawn(serve(state, opening, admission, listening));
    Ok(response)
}

/// Checks that the session or key is still good: every failure looks the same. Answers what its user hears too, which the
/// same read finds.
async fn admit(state: &HttpState, mut admission: Admission) -> Result<(Admission, Listening), ApiError> {
    let max_subscriptions = state.settings.socket.max_subscriptions;
    let resume = admission.resume.take();
    let mut listening = state.topics.listening(&admission.person, &admission.listed, resume, max_subscriptions);
    let states = state.store.topic_states_for(admission.credential, listening.wanted.clone(), now()).await?;
    listening.states = states.ok_or_else(bad_otp)?;
    Ok((admission, listening))
}

async fn serve(state: HttpState, opening: Opening, admission: Admission, listening: Listening) {
    let Opening { upgrade, address, running } = opening;
    let Ok(upgraded) = upgrade.await else { return };
    let Admission { person, credential, listed, .. } = admission;
    let identity =
        Identity { person, credential, listed, follows_rooms: true, network: auth::network(address), bound: None };
    let connected = Connected::new(&state.manager, identity, address, Transport::Socket);
    let client = connected.client().clone();
    let settings = state.settings.clone();
    let receiver = EventReceiver::new(state.manager.clone(), client.clone());
    let arrive = {
        let (client, manager) = (client.clone(), state.manager);
        // Boxed: it is over soon, and its memory should be too.
        Box::pin(async move { manager.recover(&client, listening).await })
    };
    connection::run(TokioIo::new(upgraded), client, &settings.socket, arrive, receiver).await;
    drop(connected);
    drop(running);
}
