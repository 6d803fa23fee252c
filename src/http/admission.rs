//! What every socket is asked before it is opened, whatever it carries: its OTP is spent before the upgrade, so whoever has
//! none never opens one, and after everything else that can be checked without it.

use super::{
    HttpState, bearer, client_address::client_address, error::ApiError, host, origin_guard, upgrade::Handshake,
};
use crate::{auth::Admission, metrics::Otp, protocol::ErrorCode};
use axum::{
    body::Body,
    http::{HeaderMap, Request, Response, header},
};
use hyper::upgrade::OnUpgrade;
use std::{net::IpAddr, time::Instant};
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The subprotocol that carries an OTP, for those who want it out of the URL.
const OTP_PREFIX: &str = "otp.";

/// A request that may open a socket, if its OTP is good.
pub(super) struct Knock {
    handshake: Handshake,
    /// Where it comes from.
    pub(super) address: IpAddr,
    origin: Option<String>,
    otp: Option<String>,
    offered: Vec<String>,
    running: TaskTrackerToken,
}

/// A socket to be.
pub(super) struct Opening {
    pub(super) upgrade: OnUpgrade,
    pub(super) address: IpAddr,
    /// To be kept until the socket has ended: a graceful stop waits for upgraded sockets only by this.
    pub(super) running: TaskTrackerToken,
}

impl Knock {
    /// Checks all of a request that can be checked without spending its OTP.
    ///
    /// # Errors
    /// 503 while stopping, 426 or 400 for a bad handshake or a key in the URL, 403 for a foreign page.
    pub(super) fn check(state: &HttpState, request: &mut Request<Body>) -> Result<Self, ApiError> {
        // Taken before anything else.
        let running = state.connections.token();
        if state.manager.is_draining() {
            return Err(ApiError::about_to_stop());
        }
        let handshake = Handshake::check(request)?;
        bearer::refuse_in_url(request.uri())?;
        let headers = request.headers();
        let address = client_address(request.extensions(), headers, &state.settings)?;
        let origin = origin_guard::check_origin(headers, host::authority(request.uri(), headers), &state.settings)?;
        origin_guard::require_page(headers, origin.as_deref())?;
        let otp = presented_otp(request.uri().query(), headers);
        let offered = offered(headers).map(str::to_owned).collect();
        Ok(Self { handshake, address, origin, otp, offered, running })
    }

    /// Spends the OTP, and lets `judge` say whether whoever has it may come in.
    ///
    /// # Errors
    /// `bad_otp`; what `judge` says.
    pub(super) async fn redeem<T, F>(
        &self,
        state: &HttpState,
        judge: impl FnOnce(Admission) -> F,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let judged = match take_otp(state, self.otp.as_deref(), self.origin.as_deref()) {
            Ok(admission) => judge(admission).await,
            Err(error) => Err(error),
        };
        state.metrics.otp(if judged.is_ok() { Otp::Redeemed } else { Otp::Refused });
        judged
    }

    /// The answer that opens the socket, in this subprotocol if it was offered; only one that was offered may be chosen
    /// (RFC 6455 section 4.2.2).
    pub(super) fn accept(self, subprotocol: &'static str) -> (Response<Body>, Opening) {
        let chosen = self.offered.iter().any(|item| item == subprotocol).then_some(subprotocol);
        let (response, upgrade) = self.handshake.accept(chosen);
        (response, Opening { upgrade, address: self.address, running: self.running })
    }
}

/// Spends the OTP.
///
/// # Errors
/// `bad_otp`.
pub(super) fn take_otp(state: &HttpState, otp: Option<&str>, origin: Option<&str>) -> Result<Admission, ApiError> {
    let admission = otp.and_then(|otp| state.otps.redeem(otp, Instant::now())).ok_or_else(bad_otp)?;
    if admission.is_for_origin(origin) { Ok(admission) } else { Err(bad_otp()) }
}

/// The one answer to every OTP that is not good.
pub(super) fn bad_otp() -> ApiError {
    ApiError::new(ErrorCode::BadOtp, "the one-time password is missing, wrong, used or expired")
}

/// The one OTP a request presents; two of them are none.
fn presented_otp(query: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let in_query = query.unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("otp="));
    let mut presented = in_query.chain(offered(headers).filter_map(|item| item.strip_prefix(OTP_PREFIX)));
    let first = presented.next()?;
    presented.next().is_none().then(|| first.to_owned())
}

/// The subprotocols a request offers.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}
