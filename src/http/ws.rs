//! `GET /ws`: the OTP is spent before the upgrade, so whoever has none never opens a socket.

use super::{
    HttpState, bearer,
    client_address::client_address,
    connected::{Connected, Transport},
    error::ApiError,
    host, origin_guard,
    refusals::refusals,
    upgrade::Handshake,
};
use crate::{
    auth::{self, Admission},
    connection::{self, EventReceiver},
    manager::{Identity, Listening},
    metrics::Otp,
    protocol::ErrorCode,
    storage::now,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Request, Response, header},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::{net::IpAddr, time::Instant};
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The subprotocol of this wire.
const SUBPROTOCOL: &str = "switchboard.v1";
/// The subprotocol that carries an OTP, for those who want it out of the URL.
const OTP_PREFIX: &str = "otp.";

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
    // Taken before anything else: a graceful stop waits for upgraded sockets only by this.
    let running = state.connections.token();
    if state.manager.is_draining() {
        return Err(ApiError::about_to_stop());
    }
    let handshake = Handshake::check(&mut request)?;
    bearer::refuse_in_url(request.uri())?;
    let headers = request.headers();
    let address = client_address(request.extensions(), headers, &state.settings)?;
    let origin = origin_guard::check_origin(headers, host::authority(request.uri(), headers), &state.settings)?;
    origin_guard::require_page(headers, origin.as_deref())?;
    let otp = presented_otp(request.uri().query(), headers);
    let admission = redeem(&state, otp.as_deref(), origin.as_deref()).await;
    state.metrics.otp(if admission.is_ok() { Otp::Redeemed } else { Otp::Refused });
    let (admission, listening) = admission?;
    let subprotocol = offered(request.headers()).any(|item| item == SUBPROTOCOL).then_some(SUBPROTOCOL);
    let (response, upgrade) = handshake.accept(subprotocol);
    tokio::spawn(serve(state, upgrade, admission, listening, address, running));
    Ok(response)
}

/// Spends the OTP and checks that its session or key is still good: every failure looks the same.
/// Answers what its user hears too, which the same read finds.
async fn redeem(
    state: &HttpState,
    otp: Option<&str>,
    origin: Option<&str>,
) -> Result<(Admission, Listening), ApiError> {
    let mut admission = take_otp(state, otp, origin)?;
    let max_subscriptions = state.settings.socket.max_subscriptions;
    let resume = admission.resume.take();
    let mut listening = state.topics.listening(&admission.person, &admission.listed, resume, max_subscriptions);
    let states = state.store.topic_states_for(admission.credential, listening.wanted.clone(), now()).await?;
    listening.states = states.ok_or_else(bad_otp)?;
    Ok((admission, listening))
}

/// Spends the OTP.
///
/// # Errors
/// `bad_otp`.
pub(super) fn take_otp(state: &HttpState, otp: Option<&str>, origin: Option<&str>) -> Result<Admission, ApiError> {
    let admission = otp.and_then(|otp| state.otps.redeem(otp, Instant::now())).ok_or_else(bad_otp)?;
    if admission.is_for_origin(origin) { Ok(admission) } else { Err(bad_otp()) }
}

pub(super) fn bad_otp() -> ApiError {
    ApiError::new(ErrorCode::BadOtp, "the one-time password is missing, wrong, used or expired")
}

async fn serve(
    state: HttpState,
    upgrade: OnUpgrade,
    admission: Admission,
    listening: Listening,
    address: IpAddr,
    running: TaskTrackerToken,
) {
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

/// The one OTP a request presents; two of them are none.
fn presented_otp(query: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let in_query = query.unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("otp="));
    let mut presented = in_query.chain(offered(headers).filter_map(|item| item.strip_prefix(OTP_PREFIX)));
    let first = presented.next()?;
    presented.next().is_none().then(|| first.to_owned())
}

/// The subprotocols a request offers; only one that was offered may be chosen (RFC 6455 section 4.2.2).
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}
