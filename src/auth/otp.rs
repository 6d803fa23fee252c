//! One-time passwords: what lets a socket in, once, within seconds.

use super::{AuthError, Retention, RetentionMap, Secret};
use crate::{
    model::{
        Credential, DocumentAccess, DocumentName, ExternalUser, Person, PersonId, Resume, SessionId, TopicName, User,
    },
    settings,
    storage::TokenHash,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Most topics a client may name a position for.
pub const MAX_RESUME_TOPICS: usize = 1024;

/// How often expired OTPs are freed; they cannot be redeemed before that either.
const REAP_PERIOD: Duration = Duration::from_secs(1);

/// Whom an OTP lets in, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Who.
    pub person: Person,
    /// What it was asked for with; when that ends, so does the socket.
    pub credential: Credential,
    /// What an external user may hear.
    pub listed: Arc<HashSet<TopicName>>,
    /// What an external user may do with which documents.
    pub documents: Arc<HashMap<DocumentName, DocumentAccess>>,
    /// What the client has seen already.
    pub resume: Option<Resume>,
    /// The page that asked for it; an upgrade that names a page must name this one.
    pub origin: Option<String>,
}

impl Admission {
    /// That of a member, by their session.
    #[must_use]
    pub fn of_member(user: User, session: SessionId, resume: Option<Resume>, origin: Option<String>) -> Self {
        let (person, credential) = (Person::Member(user), Credential::Session(session));
        Self { person, credential, listed: Arc::default(), documents: Arc::default(), resume, origin }
    }

    /// That of an external user, whom the holder of their key vouches for.
    #[must_use]
    pub fn of_external(
        user: ExternalUser,
        listed: HashSet<TopicName>,
        documents: HashMap<DocumentName, DocumentAccess>,
        resume: Option<Resume>,
    ) -> Self {
        let (credential, person) = (Credential::Key(user.key()), Person::External(user));
        Self { person, credential, listed: listed.into(), documents: documents.into(), resume, origin: None }
    }

    /// Whether an upgrade from a page of this origin may use it: both or one unknown, or both the same.
    #[must_use]
    pub fn is_for_origin(&self, origin: Option<&str>) -> bool {
        match (self.origin.as_deref(), origin) {
            (Some(expected), Some(actual)) => expected == actual,
            _ => true,
        }
    }
}

/// The outstanding one-time passwords. Only their SHA-256 is kept.
#[derive(Debug)]
pub struct Otps {
    ttl: Duration,
    of_members: RetentionMap<TokenHash, PersonId, Admission>,
    /// Apart: however many a key asks for, no member's makes room for them.
    of_externals: RetentionMap<TokenHash, PersonId, Admission>,
}

impl Otps {
    /// None yet.
    #[must_use]
    pub fn new(settings: &settings::Otp) -> Self {
        let retention = |capacity| Retention { ttl: settings.ttl, capacity, per_owner: settings.max_per_user };
        let of_members = RetentionMap::new(retention(settings.max_outstanding));
        let of_externals = RetentionMap::new(retention(settings.max_outstanding.div_ceil(2)));
        Self { ttl: settings.ttl, of_members, of_externals }
    }

    /// How long an OTP lives.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Makes an OTP that lives from `now` on. Over a bound, the oldest one of the user, or of
    /// all members, or of all external users, is void.
    ///
    /// # Errors
    /// [`AuthError::NoEntropy`], and [`AuthError::BadField`] for more than [`MAX_RESUME_TOPICS`] positions.
    pub fn issue(&self, admission: Admission, now: Instant) -> Result<Secret, AuthError> {
        check_resume(admission.resume.as_ref())?;
        let otp = Secret::random()?;
        if let Some(hash) = otp.token_hash() {
            let those_alike = match admission.person {
                Person::Member(_) => &self.of_members,
                Person::External(_) => &self.of_externals,
            };
            those_alike.insert(hash, admission.person.id(), admission, now);
        }
        Ok(otp)
    }

    /// Takes the OTP out: the second caller with the same text gets `None`, as does one who comes too late.
    ///
    /// Call it after everything else has been checked and before the upgrade: it is spent even if the upgrade fails.
    #[must_use]
    pub fn redeem(&self, otp: &str, now: Instant) -> Option<Admission> {
        let hash = (otp.len() == Secret::TOKEN_CHARS).then(|| Secret::new(otp).token_hash())??;
        self.of_members.take(&hash, now).or_else(|| self.of_externals.take(&hash, now))
    }

    /// How many are outstanding, those included that have expired and wait to be freed.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.of_members.len() + self.of_externals.len()
    }

    fn reap(&self, now: Instant) {
        self.of_members.reap(now);
        self.of_externals.reap(now);
    }
}

/// Whether a client's positions are few enough to keep.
///
/// # Errors
/// [`AuthError::BadField`] for more than [`MAX_RESUME_TOPICS`].
pub(super) fn check_resume(resume: Option<&Resume>) -> Result<(), AuthError> {
    match resume {
        Some(resume) if resume.positions.len() > MAX_RESUME_TOPICS => {
            Err(AuthError::BadField { field: "resume.positions", problem: "must have at most 1024 topics" })
        }
        _ => Ok(()),
    }
}

/// Frees expired OTPs every second until `stop` is cancelled.
pub async fn reap(otps: Arc<Otps>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(REAP_PERIOD);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = tick.tick() => otps.reap(Instant::now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::testing,
        model::{Epoch, KeyId, Offset, TopicName, UserId},
    };

    fn admission(user: i64) -> Admission {
        Admission::of_member(testing::user(user), SessionId(1), None, None)
    }

    fn otps() -> Otps {
        Otps::new(&testing::settings().otp)
    }

    #[test]
    fn an_otp_lets_in_once() {
        let (otps, now) = (otps(), Instant::now());
        let otp = otps.issue(admission(1), now).unwrap();
        assert_eq!(otps.redeem(otp.expose(), now), Some(admission(1)));
        assert_eq!(otps.redeem(otp.expose(), now), None);
    }

    #[test]
    fn an_old_otp_lets_nobody_in() {
        let (otps, now) = (otps(), Instant::now());
        let otp = otps.issue(admission(1), now).unwrap();
        assert_eq!(otps.redeem(otp.expose(), now + otps.ttl()), None);
    }

    #[test]
    fn what_is_no_otp_lets_nobody_in() {
        let (otps, now) = (otps(), Instant::now());
        let otp = otps.issue(admission(1), now).unwrap();
        let otp = otp.expose();
        for text in ["", &otp[1..], &format!("{otp}a"), &format!("{otp}{otp}"), &"a".repeat(43), &"a".repeat(1 << 20)] {
            assert_eq!(otps.redeem(text, now), None);
        }
        assert!(otps.redeem(otp, now).is_some());
    }

    #[test]
    fn a_user_who_asks_often_loses_the_oldest_and_nobody_else_does() {
        let (otps, now) = (otps(), Instant::now());
        let bobs = otps.issue(admission(2), now).unwrap();
        let alices: Vec<_> = (0..6).map(|_| otps.issue(admission(1), now).unwrap()).collect();
        let good = alices.iter().filter(|otp| otps.redeem(otp.expose(), now).is_some()).count();
        assert_eq!(good, 5);
        assert!(otps.redeem(bobs.expose(), now).is_some());
    }

    fn external(key: i64, user: &str) -> Admission {
        Admission::of_external(ExternalUser::new(KeyId(key), user, None).unwrap(), HashSet::new(), HashMap::new(), None)
    }

    #[test]
    fn users_of_two_apps_with_one_id_do_not_make_room_for_each_other() {
        let (otps, now) = (otps(), Instant::now());
        let of_shop = otps.issue(external(1, "42"), now).unwrap();
        (0..6).for_each(|_| drop(otps.issue(external(2, "42"), now).unwrap()));
        assert_eq!(otps.outstanding(), 6, "one of the first app and five of the second");
        assert_eq!(otps.redeem(of_shop.expose(), now), Some(external(1, "42")));
    }

    #[test]
    fn external_users_have_half_as_many_and_no_member_makes_room_for_them() {
        let otps = Otps::new(&settings::Otp { max_outstanding: 10, ..testing::settings().otp });
        let now = Instant::now();
        let member = otps.issue(admission(1), now).unwrap();
        let externals: Vec<_> = (0..12).map(|id| otps.issue(external(1, &id.to_string()), now).unwrap()).collect();
        assert_eq!(otps.outstanding(), 1 + 5);
        assert!(otps.redeem(externals[6].expose(), now).is_none(), "the oldest made room");
        assert!(otps.redeem(externals[7].expose(), now).is_some());
        assert!(otps.redeem(member.expose(), now).is_some());
    }

    #[test]
    fn positions_are_bounded() {
        let resume = |topics: i64| {
            let positions = (0..topics).map(|id| (TopicName::user(UserId(id)), Offset(1))).collect();
            Some(Resume { epoch: Epoch::new("e"), positions })
        };
        let (otps, now) = (otps(), Instant::now());
        assert!(otps.issue(Admission { resume: resume(1024), ..admission(1) }, now).is_ok());
        let refused = otps.issue(Admission { resume: resume(1025), ..admission(1) }, now).unwrap_err();
        assert_eq!(refused.to_string(), "`resume.positions`: must have at most 1024 topics");
    }

    #[test]
    fn an_otp_is_for_the_page_that_asked() {
        let asked_by = |origin: Option<&str>| Admission { origin: origin.map(str::to_owned), ..admission(1) };
        let page = asked_by(Some("https://a.example"));
        assert!(page.is_for_origin(Some("https://a.example")));
        assert!(!page.is_for_origin(Some("https://b.example")));
        assert!(page.is_for_origin(None));
        assert!(asked_by(None).is_for_origin(Some("https://a.example")));
    }

    #[tokio::test]
    async fn the_reaper_ends_when_told() {
        let (otps, stop) = (Arc::new(otps()), CancellationToken::new());
        let reaper = tokio::spawn(reap(otps, stop.clone()));
        stop.cancel();
        reaper.await.unwrap();
    }
}
