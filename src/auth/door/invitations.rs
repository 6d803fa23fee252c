//! Links that make accounts.

use super::{Door, NewPerson, SignedIn, new_token};
use crate::{
    auth::{AuthError, Secret},
    model::{InvitationId, Role, UnixMillis, User, UserId, UserName},
    storage::{Invitation, NewInvitation, Store, now},
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::ToSchema;

/// Accounts one invitation may make.
const USES: std::ops::RangeInclusive<u32> = 1..=1_000;
/// Seconds an invitation may live: a minute to a year.
const LIFE_SECS: std::ops::RangeInclusive<u64> = 60..=366 * 86_400;
/// Seconds it lives when nothing is said.
const DEFAULT_LIFE_SECS: u64 = 7 * 86_400;

/// What an invitation shall be; what is left out is a member, one use, seven days.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[schema(examples(json!({"role": "member", "uses": 1, "expires_in_secs": 604_800})))]
pub struct NewLink {
    /// What its accounts may do.
    pub role: Option<Role>,
    /// How many accounts it may make, 1 to 1,000.
    #[schema(minimum = 1, maximum = 1000)]
    pub uses: Option<u32>,
    /// How long it lives, in seconds: a minute to a year.
    #[schema(minimum = 60, maximum = 31_622_400)]
    pub expires_in_secs: Option<u64>,
}

/// An invitation as its maker sees it, once.
#[derive(Debug, Clone)]
pub struct MadeInvitation {
    /// Its id.
    pub id: InvitationId,
    /// For the link; not kept.
    pub token: Secret,
    /// What its accounts may do.
    pub role: Role,
    /// How many accounts it may make.
    pub uses: u32,
    /// When it ends.
    pub expires_at: UnixMillis,
}

/// An invitation as the holder of its link sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({"role": "member", "invited_by": "alice", "expires_at": 1_795_867_200_000_i64})))]
pub struct Invited {
    /// What the account may do.
    pub role: Role,
    /// Who made it; `None` when it was made on the command line.
    #[schema(value_type = Option<String>)]
    pub invited_by: Option<UserName>,
    /// When it ends, in milliseconds since 1970-01-01 UTC.
    #[schema(value_type = i64)]
    pub expires_at: UnixMillis,
}

/// Makes an invitation for whoever may do so: the command line directly, others through [`Door::create_invitation`].
///
/// # Errors
/// [`AuthError::BadField`] names what is out of range; [`AuthError::NoEntropy`], or what the store says.
pub async fn invite(store: &dyn Store, link: NewLink, by: Option<UserId>) -> Result<MadeInvitation, AuthError> {
    let role = link.role.unwrap_or(Role::Member);
    let uses = link.uses.unwrap_or(1);
    let life = link.expires_in_secs.unwrap_or(DEFAULT_LIFE_SECS);
    if !USES.contains(&uses) {
        return Err(AuthError::BadField { field: "uses", problem: "must be 1 to 1000" });
    }
    if !LIFE_SECS.contains(&life) {
        return Err(AuthError::BadField { field: "expires_in_secs", problem: "must be 60 to 31622400" });
    }
    let at = now();
    let expires_at = at.saturating_add_unsigned(life * 1_000);
    let (token, token_hash) = new_token()?;
    let id = store.create_invitation(NewInvitation { token_hash, role, uses, expires_at, created_by: by, at }).await?;
    Ok(MadeInvitation { id, token, role, uses, expires_at })
}

/// Admins deal with invitations of members, owners with those of admins too. Nobody invites an owner.
fn may_deal_with(user: &User, invited: Role) -> Result<(), AuthError> {
    if user.role >= Role::Admin && user.role > invited { Ok(()) } else { Err(AuthError::Forbidden) }
}

impl Door {
    /// Makes an invitation.
    ///
    /// # Errors
    /// [`AuthError::Unauthorized`], [`AuthError::Forbidden`], and those of [`invite`].
    pub async fn create_invitation(
        &self,
        session_token: Option<&Secret>,
        link: NewLink,
    ) -> Result<MadeInvitation, AuthError> {
        let user = self.session(session_token).await?.user;
        may_deal_with(&user, link.role.unwrap_or(Role::Member))?;
        let made = invite(&*self.store, link, Some(user.id)).await?;
        tracing::info!(user.name = %user.name, invitation.id = made.id.0, role = %made.role, "invitation made");
        Ok(made)
    }

    /// The invitations that can still be used.
    ///
    /// # Errors
    /// [`AuthError::Unauthorized`], [`AuthError::Forbidden`], or what the store says.
    pub async fn list_invitations(&self, session_token: Option<&Secret>) -> Result<Vec<Invitation>, AuthError> {
        may_deal_with(&self.session(session_token).await?.user, Role::Member)?;
        Ok(self.store.invitations(now()).await?)
    }

    /// Takes an invitation back. One that can no longer be used is not there.
    ///
    /// # Errors
    /// [`AuthError::Unauthorized`], [`AuthError::Forbidden`], [`AuthError::NoSuchInvitation`], or what the store says.
    pub async fn revoke_invitation(&self, session_token: Option<&Secret>, id: InvitationId) -> Result<(), AuthError> {
        let user = self.session(session_token).await?.user;
        may_deal_with(&user, Role::Member)?;
        let invitations = self.store.invitations(now()).await?;
        let invitation =
            invitations.iter().find(|invitation| invitation.id == id).ok_or(AuthError::NoSuchInvitation)?;
        // The command line can invite an owner; an owner may take that back.
        if user.role < Role::Owner {
            may_deal_with(&user, invitation.role)?;
        }
        if !self.store.revoke_invitation(id).await? {
            return Err(AuthError::NoSuchInvitation);
        }
        tracing::info!(user.name = %user.name, invitation.id = id.0, "invitation revoked");
        Ok(())
    }

    /// What a link offers.
    ///
    /// # Errors
    /// [`AuthError::BadToken`], [`AuthError::TooManyAttempts`], or what the store says.
    pub async fn check_invitation(&self, token: &Secret, address: IpAddr) -> Result<Invited, AuthError> {
        self.may_try(None, address)?;
        let invitation = match token.token_hash() {
            Some(hash) => self.store.invitation(hash, now()).await?,
            None => None,
        };
        let Invitation { role, created_by, expires_at, .. } = invitation.ok_or_else(|| self.bad_token(address))?;
        Ok(Invited { role, invited_by: created_by, expires_at })
    }

    /// Makes the account that a link offers and signs its holder in. A refusal leaves the link as it was.
    ///
    /// # Errors
    /// [`AuthError::BadToken`], [`AuthError::BadName`], [`AuthError::NameTaken`], [`AuthError::WeakPassword`],
    /// [`AuthError::TooManyAttempts`], [`AuthError::Busy`], or what the store says.
    pub async fn accept_invitation(&self, person: NewPerson) -> Result<SignedIn, AuthError> {
        let NewPerson { token, username, password, visitor } = person;
        let offered = self.check_invitation(&token, visitor.address).await?;
        let hash = token.token_hash().ok_or(AuthError::BadToken)?;
        let account = self.new_account(&username, password, offered.role).await?;
        let user = self.store.accept_invitation(hash, account).await?;
        tracing::info!(user.name = %user.name, role = %user.role, "invitation accepted");
        self.sign_in(user, None, None, visitor.origin).await
    }
}
