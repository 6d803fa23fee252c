//! The door: the one service that decides who comes in.

mod invitations;
mod setup;
#[cfg(test)]
mod tests;

pub use invitations::{Invited, MadeInvitation, NewLink, invite};

use super::{Admission, AuthError, Hasher, Otps, Policy, Secret, Subject, Throttle, Verdict, otp};
use crate::{
    model::{
        Account, DocumentAccess, DocumentName, ExternalUser, Person, Resume, SessionId, TopicName, User, UserName,
    },
    settings::Settings,
    storage::{NewAccount, NewSession, Session, SessionLimits, Store, TokenHash, now},
};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Accounts, sessions, OTPs and links; see the module.
pub struct Door {
    store: Arc<dyn Store>,
    otps: Arc<Otps>,
    hasher: Hasher,
    policy: Policy,
    throttle: Throttle,
    limits: SessionLimits,
    /// There from the start of a server without accounts until its owner is made.
    setup_token: Mutex<Option<Secret>>,
}

/// From where somebody comes.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The client's address, proxies seen through.
    pub address: IpAddr,
    /// The device token of an earlier login, if the browser has one.
    pub device: Option<Secret>,
    /// The page, if it says so; it was checked to be one of ours.
    pub origin: Option<String>,
}

/// Somebody wants to sign in.
#[derive(Debug, Clone)]
pub struct LoginRequest {
    /// What was typed as the name; secret, because it may be a password typed into the wrong field.
    pub username: Secret,
    /// What was typed as the password.
    pub password: Secret,
    /// What the client has seen already.
    pub resume: Option<Resume>,
    /// From where.
    pub visitor: Visitor,
}

/// The holder of a link wants an account.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The link's.
    pub token: Secret,
    /// The wanted name, unchecked.
    pub username: String,
    /// The wanted password, unchecked.
    pub password: Secret,
    /// From where.
    pub visitor: Visitor,
}

/// Somebody is signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The new session.
    pub session_id: SessionId,
    /// The session's cookie.
    pub session_token: Secret,
    /// The device's cookie: the one it came with if that is known, else a new one.
    pub device_token: Secret,
    /// For the first socket.
    pub otp: Secret,
    /// How long the OTP lives.
    pub expires_in: Duration,
}

/// A fresh OTP.
#[derive(Debug, Clone)]
pub struct IssuedOtp {
    /// Whom it lets in.
    pub person: Person,
    /// For the next socket.
    pub otp: Secret,
    /// How long the OTP lives.
    pub expires_in: Duration,
}

/// How a login ended, for those who count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginOutcome {
    /// Signed in.
    SignedIn,
    /// Unknown user, wrong password or disabled account.
    BadCredentials,
    /// Failed too often.
    Throttled,
    /// The hash queue was full.
    Busy,
    /// The request was malformed, or we failed.
    Failed,
}

impl LoginOutcome {
    /// Every outcome there is.
    pub const ALL: [Self; 5] = [Self::SignedIn, Self::BadCredentials, Self::Throttled, Self::Busy, Self::Failed];

    /// The outcome as it stands in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::BadCredentials => "bad_credentials",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

impl From<&Result<SignedIn, AuthError>> for LoginOutcome {
    fn from(result: &Result<SignedIn, AuthError>) -> Self {
        match result {
            Ok(_) => Self::SignedIn,
            Err(AuthError::BadCredentials) => Self::BadCredentials,
            Err(AuthError::TooManyAttempts { .. }) => Self::Throttled,
            Err(AuthError::Busy { .. }) => Self::Busy,
            Err(_) => Self::Failed,
        }
    }
}

impl Door {
    /// Opens the door of this store. A store without accounts gets a setup token.
    ///
    /// # Errors
    /// Settings that Argon2 does not accept, no entropy, a store that cannot be read.
    pub async fn new(store: Arc<dyn Store>, otps: Arc<Otps>, settings: &Settings) -> Result<Self, AuthError> {
        let setup_token = if store.accounts().await?.is_empty() { Some(Secret::random()?) } else { None };
        Ok(Self {
            store,
            otps,
            hasher: Hasher::new(&settings.auth)?,
            policy: Policy::new(settings),
            throttle: Throttle::of_logins(&settings.auth),
            limits: SessionLimits {
                idle_ms: millis(settings.auth.session_idle),
                absolute_ms: millis(settings.auth.session_max),
            },
            setup_token: Mutex::new(setup_token),
        })
    }

    /// Signs somebody in with their password; the session is always a new one.
    ///
    /// An unknown user, a wrong password and a disabled account get the same answer after the same work.
    ///
    /// # Errors
    /// [`AuthError::BadCredentials`], [`AuthError::TooManyAttempts`], [`AuthError::Busy`], too many positions, or what
    /// the store says.
    pub async fn login(&self, request: LoginRequest) -> Result<SignedIn, AuthError> {
        let LoginRequest { username, password, resume, visitor } = request;
        otp::check_resume(resume.as_ref())?;
        self.may_try(None, visitor.address)?;
        let name = UserName::parse(username.expose()).ok();
        let account = match &name {
            Some(name) => self.store.account(name).await?,
            None => None,
        };
        let known = self.known_device(account.as_ref(), visitor.device.as_ref()).await?;
        let subject = name.as_ref().map(|name| match &known {
            Some(device) => Subject::device(name, device),
            None => Subject::account(name),
        });
        let user_name = account.as_ref().map(|account| account.user.name.as_str());
        let log = |outcome: LoginOutcome| {
            // Only names of accounts are logged: what else was typed may be a password in the wrong field.
            let outcome = outcome.as_str();
            tracing::info!(client.address = %visitor.address, user.name = user_name, outcome, "login failed");
        };
        if let Err(error) = self.may_try(subject, visitor.address) {
            log(LoginOutcome::Throttled);
            return Err(error);
        }
        let stored = account.as_ref().map(|account| account.password_hash.as_str());
        let verified = self.hasher.verify(password.clone(), stored).await.inspect_err(|_| log(LoginOutcome::Busy))?;
        let good = account.as_ref().filter(|account| verified && !account.disabled);
        let verdict = if good.is_some() { Verdict::Good } else { Verdict::Bad };
        if let Err(retry_after) = self.throttle.settle(subject, visitor.address, verdict, Instant::now()) {
            log(LoginOutcome::Throttled);
            return Err(AuthError::TooManyAttempts { retry_after });
        }
        let Some(account) = good else {
            log(LoginOutcome::BadCredentials);
            return Err(AuthError::BadCredentials);
        };
        self.rehash_if_weak(account, password).await;
        let device = visitor.device.clone().filter(|_| known.is_some());
        self.sign_in(account.user.clone(), device, resume, visitor.origin.clone()).await
    }

    /// A fresh OTP for a page that reconnects.
    ///
    /// # Errors
    /// [`AuthError::Unauthorized`], too many positions, or what the store says.
    pub async fn otp(
        &self,
        session_token: Option<&Secret>,
        resume: Option<Resume>,
        origin: Option<String>,
    ) -> Result<IssuedOtp, AuthError> {
        let session = self.session(session_token).await?;
        self.issue(Admission::of_member(session.user, session.id, resume, origin))
    }

    /// An OTP for an external user, who may hear what is `listed` and open these documents; the caller has checked the
    /// key and the lists.
    ///
    /// # Errors
    /// Too many positions.
    pub fn external_otp(
        &self,
        user: ExternalUser,
        listed: HashSet<TopicName>,
        documents: HashMap<DocumentName, DocumentAccess>,
        resume: Option<Resume>,
    ) -> Result<IssuedOtp, AuthError> {
        self.issue(Admission::of_external(user, listed, documents, resume))
    }

    fn issue(&self, admission: Admission) -> Result<IssuedOtp, AuthError> {
        let person = admission.person.clone();
        let otp = self.otps.issue(admission, Instant::now())?;
        Ok(IssuedOtp { person, otp, expires_in: self.otps.ttl() })
    }

    /// The session with this token, which is thereby used.
    ///
    /// # Errors
    /// [`AuthError::Unauthorized`] if there is no token or no such session, or it has ended, or what the store says.
    pub async fn session(&self, token: Option<&Secret>) -> Result<Session, AuthError> {
        let hash = token.and_then(Secret::token_hash).ok_or(AuthError::Unauthorized)?;
        self.store.use_session(hash, now(), self.limits).await?.ok_or(AuthError::Unauthorized)
    }

    /// Ends the session and answers which it was, so that its sockets can be closed.
    ///
    /// # Errors
    /// [`AuthError::Unauthorized`], or what the store says.
    pub async fn logout(&self, session_token: Option<&Secret>) -> Result<SessionId, AuthError> {
        let session = self.session(session_token).await?;
        self.store.end_session(session.id).await?;
        tracing::info!(user.name = %session.user.name, session.id = session.id.0, "signed out");
        Ok(session.id)
    }

    /// Password hashes computed so far: what a flood of logins costs.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.hasher.hashes()
    }

    /// Opens a session and issues its first OTP.
    async fn sign_in(
        &self,
        user: User,
        device: Option<Secret>,
        resume: Option<Resume>,
        origin: Option<String>,
    ) -> Result<SignedIn, AuthError> {
        let at = now();
        let (session_token, token_hash) = new_token()?;
        let session_id = self.store.create_session(NewSession { user: user.id, token_hash, at }).await?;
        let device_token = match device {
            Some(device) => device,
            None => {
                let (token, hash) = new_token()?;
                self.store.remember_device(user.id, hash, at).await?;
                token
            }
        };
        let admission = Admission::of_member(user.clone(), session_id, resume, origin);
        let otp = self.otps.issue(admission, Instant::now())?;
        tracing::info!(user.name = %user.name, session.id = session_id.0, "signed in");
        Ok(SignedIn { user, session_id, session_token, device_token, otp, expires_in: self.otps.ttl() })
    }

    /// Checks a new person's wishes and hashes the password. The role is the caller's.
    async fn new_account(
        &self,
        username: &str,
        password: Secret,
        role: crate::model::Role,
    ) -> Result<NewAccount, AuthError> {
        let name = UserName::parse(username)?;
        self.policy.check(password.expose(), &name)?;
        let password_hash = self.hasher.hash(password).await?;
        Ok(NewAccount { name, role, password_hash, at: now() })
    }

    /// The hash of the visitor's device token, if that device signed in to this account before.
    async fn known_device(
        &self,
        account: Option<&Account>,
        device: Option<&Secret>,
    ) -> Result<Option<TokenHash>, AuthError> {
        let Some(hash) = device.and_then(Secret::token_hash) else { return Ok(None) };
        // Asked for unknown users too: the same work.
        let user = account.map_or(crate::model::UserId(0), |account| account.user.id);
        let known = self.store.knows_device(user, hash).await?;
        Ok((known && account.is_some()).then_some(hash))
    }

    async fn rehash_if_weak(&self, account: &Account, password: Secret) {
        if !self.hasher.needs_rehash(&account.password_hash) {
            return;
        }
        // The login is good whether or not this works; the next one tries again.
        let rehashed = async {
            let hash = self.hasher.hash(password).await?;
            self.store.rehash_password(account.user.id, &account.password_hash, &hash).await?;
            Ok::<_, AuthError>(())
        };
        let rehashed = rehashed.await;
        if let Err(error) = rehashed {
            tracing::warn!(user.name = %account.user.name, %error, "a weak password hash was kept");
        }
    }

    fn may_try(&self, subject: Option<Subject>, address: IpAddr) -> Result<(), AuthError> {
        let allowed = self.throttle.check(subject, address, Instant::now());
        allowed.map_err(|retry_after| AuthError::TooManyAttempts { retry_after })
    }

    /// A link that cannot be used: counts against the address.
    fn bad_token(&self, address: IpAddr) -> AuthError {
        tracing::info!(client.address = %address, "a link that cannot be used was tried");
        match self.throttle.settle(None, address, Verdict::Bad, Instant::now()) {
            Ok(()) => AuthError::BadToken,
            Err(retry_after) => AuthError::TooManyAttempts { retry_after },
        }
    }
}

/// A random token and its hash.
fn new_token() -> Result<(Secret, TokenHash), AuthError> {
    let token = Secret::random()?;
    let hash = token.token_hash().ok_or(AuthError::BadToken)?; // a random token always has one
    Ok((token, hash))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
