//! One-time passwords for somebody else's users: their back end vouches for them with a key.

use super::{ApiError, door::DoorState};
use crate::{
    auth::{IssuedOtp, Secret},
    events::MAX_TOPICS,
    manager::Refused,
    model::{ExternalUser, Resume, Scope},
    protocol::ErrorCode,
};
use serde::Deserialize;
use std::net::IpAddr;
use utoipa::ToSchema;

/// A user of somebody's app, as the app calls them.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct WantedUser {
    /// 1 to 128 printable characters.
    id: String,
    /// 1 to 128 printable characters; the id when it is left out.
    name: Option<String>,
}

/// The holder of a key with the scope `otp`.
pub(super) struct Voucher {
    key: crate::model::ApiKey,
}

impl Voucher {
    /// Judges the key, before its request's body is read.
    ///
    /// # Errors
    /// `bad_key`, `forbidden`, `too_many_attempts`.
    pub(super) async fn check(state: &DoorState, key: &Secret, address: IpAddr) -> Result<Self, ApiError> {
        let key = state.keys.authenticate(Some(key), address).await?;
        if key.has(&Scope::Otp) { Ok(Self { key }) } else { Err(state.keys.forbidden(address).into()) }
    }

    /// Lets the user in who may hear exactly `topics`.
    ///
    /// # Errors
    /// `bad_payload`, and for the first topic that cannot be listed what a subscription would be refused with.
    pub(super) fn issue(
        self,
        state: &DoorState,
        user: Option<WantedUser>,
        topics: Option<Vec<String>>,
        resume: Option<Resume>,
    ) -> Result<IssuedOtp, ApiError> {
        let bad = |problem: String| ApiError::new(ErrorCode::BadPayload, problem);
        let user = user.ok_or_else(|| bad("`user`: is missing".to_owned()))?;
        let user = ExternalUser::new(self.key.id, &user.id, user.name.as_deref())
            .map_err(|error| bad(format!("`{}`: {error}", error.field)))?;
        let topics = topics.ok_or_else(|| bad("`topics`: is missing".to_owned()))?;
        if topics.len() > MAX_TOPICS {
            return Err(bad(format!("`topics`: must have at most {MAX_TOPICS}")));
        }
        let refused = |(place, Refused { code, message })| ApiError::new(code, format!("`topics[{place}]`: {message}"));
        let listed = state.topics.listed(user.id(), &topics).map_err(refused)?;
        tracing::info!(key.name = %self.key.name, external.id = user.id(), topics = listed.len(), "an external user is let in");
        Ok(state.door.external_otp(user, listed, resume)?)
    }
}
