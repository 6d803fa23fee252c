//! One-time passwords for somebody else's users: their back end vouches for them with a key.

use super::DoorState;
use crate::{
    auth::{IssuedOtp, Secret},
    events::MAX_TOPICS,
    http::ApiError,
    manager::Refused,
    model::{DocumentAccess, ExternalUser, Resume, Scope},
    protocol::ErrorCode,
};
use serde::Deserialize;
use std::{collections::BTreeMap, net::IpAddr};
use utoipa::ToSchema;

/// A user of somebody's app, as the app calls them.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct WantedUser {
    /// 1 to 128 printable characters.
    id: String,
    /// 1 to 128 printable characters; the id when it is left out.
    name: Option<String>,
}

/// What the app's page may open, as the app calls it, and what for.
pub(super) type WantedDocuments = BTreeMap<String, DocumentAccess>;

/// Whom a back end lets in, and to what.
pub(super) struct Wanted {
    pub(super) user: Option<WantedUser>,
    pub(super) topics: Option<Vec<String>>,
    pub(super) documents: Option<WantedDocuments>,
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

    /// Lets the user in who may hear exactly those topics and open exactly those documents.
    ///
    /// # Errors
    /// `bad_payload`, for the first topic that cannot be listed what a subscription would be refused with, and what the
    /// first document is refused with.
    pub(super) fn issue(
        self,
        state: &DoorState,
        wanted: Wanted,
        resume: Option<Resume>,
    ) -> Result<IssuedOtp, ApiError> {
        let bad = |problem: String| ApiError::new(ErrorCode::BadPayload, problem);
        let Wanted { user, topics, documents } = wanted;
        let user = user.ok_or_else(|| bad("`user`: is missing".to_owned()))?;
        let user = ExternalUser::new(self.key.id, &user.id, user.name.as_deref())
            .map_err(|error| bad(format!("`{}`: {error}", error.field)))?;
        let topics = match (topics, &documents) {
            (Some(topics), _) => topics,
            (None, Some(_)) => Vec::new(),
            (None, None) => return Err(bad("`topics`: is missing".to_owned())),
        };
        if topics.len() > MAX_TOPICS {
            return Err(bad(format!("`topics`: must have at most {MAX_TOPICS}")));
        }
        let refused = |(place, Refused { code, message })| ApiError::new(code, format!("`topics[{place}]`: {message}"));
        let listed = state.topics.listed(user.id(), &topics).map_err(refused)?;
        let documents = state.documents.listed(&self.key, documents.unwrap_or_default())?;
        tracing::info!(
            key.name = %self.key.name, external.id = user.id(), topics = listed.len(), documents = documents.len(),
            "an external user is let in"
        );
        Ok(state.door.external_otp(user, listed, documents, resume)?)
    }
}
