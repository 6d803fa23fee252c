//! The door's decisions, on a real store.

use super::*;
use crate::{
    auth::{
        WeakPassword,
        testing::{self, PASSWORD, World, name},
    },
    model::{Credential, Epoch, Offset, Person, Role, TopicName, UserId},
    storage::StoreError,
};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn visitor() -> Visitor {
    Visitor { address: HOME, device: None, origin: None }
}

fn attempt(username: &str, password: &str) -> LoginRequest {
    let (username, password) = (Secret::new(username), Secret::new(password));
    LoginRequest { username, password, resume: None, visitor: visitor() }
}

fn person(token: &Secret, username: &str) -> NewPerson {
    let (username, password) = (username.to_owned(), Secret::new(PASSWORD));
    NewPerson { token: token.clone(), username, password, visitor: visitor() }
}

async fn login(world: &World, username: &str) -> SignedIn {
    world.door.login(attempt(username, PASSWORD)).await.unwrap()
}

#[tokio::test]
async fn a_login_opens_a_session_and_gives_an_otp_that_carries_the_positions() {
    let world = World::peopled().await;
    let resume = Resume { epoch: Epoch::new("e"), positions: [(TopicName::user(UserId(1)), Offset(7))].into() };
    let mut request = attempt("ALICE", PASSWORD);
    request.resume = Some(resume.clone());
    request.visitor.origin = Some("https://chat.example".to_owned());
    let signed_in = world.door.login(request).await.unwrap();
    assert_eq!(signed_in.user.name, name("alice"));
    let admission = world.otps.redeem(signed_in.otp.expose(), Instant::now()).unwrap();
    assert_eq!(admission.credential, Credential::Session(signed_in.session_id));
    assert_eq!(admission.resume, Some(resume));
    assert!(!admission.is_for_origin(Some("https://evil.example")));
    let session = world.door.session(Some(&signed_in.session_token)).await.unwrap();
    assert_eq!((session.id, session.user), (signed_in.session_id, signed_in.user.clone()));
    let again = login(&world, "alice").await;
    assert_ne!(again.session_id, signed_in.session_id, "every login has a session of its own");
}

#[tokio::test]
async fn whoever_is_refused_costs_one_hash_and_learns_nothing() {
    let world = World::peopled().await;
    for (username, password) in
        [("nobody", PASSWORD), ("bob", "wrong"), ("mallory", PASSWORD), ("mallory", "wrong"), ("no name!", PASSWORD)]
    {
        let before = world.door.hashes();
        let refused = world.door.login(attempt(username, password)).await.unwrap_err();
        assert!(matches!(refused, AuthError::BadCredentials), "{username}: {refused}");
        assert_eq!(world.door.hashes() - before, 1, "{username}");
    }
}

#[tokio::test]
async fn a_throttled_account_is_not_hashed_and_its_own_device_still_gets_in() {
    let world = World::peopled().await;
    let device = login(&world, "alice").await.device_token;
    for _ in 0..5 {
        let refused = world.door.login(attempt("alice", "wrong")).await;
        assert!(matches!(refused, Err(AuthError::BadCredentials)));
    }
    let before = world.door.hashes();
    let refused = world.door.login(attempt("alice", PASSWORD)).await;
    assert_eq!(LoginOutcome::from(&refused), LoginOutcome::Throttled);
    assert_eq!(world.door.hashes(), before);
    let mut known = attempt("alice", PASSWORD);
    known.visitor.device = Some(device.clone());
    assert_eq!(world.door.login(known).await.unwrap().device_token, device);
    let mut foreign = attempt("alice", PASSWORD);
    foreign.visitor.device = Some(login(&world, "bob").await.device_token);
    assert!(matches!(world.door.login(foreign).await, Err(AuthError::TooManyAttempts { .. })));
}

#[tokio::test]
async fn an_unknown_account_is_throttled_like_a_known_one() {
    let world = World::peopled().await;
    for username in ["alice", "nobody"] {
        for _ in 0..5 {
            assert!(matches!(world.door.login(attempt(username, "x")).await, Err(AuthError::BadCredentials)));
        }
        assert!(matches!(world.door.login(attempt(username, "x")).await, Err(AuthError::TooManyAttempts { .. })));
    }
}

#[tokio::test]
async fn a_session_gives_otps_until_it_ends() {
    let world = World::peopled().await;
    let signed_in = login(&world, "bob").await;
    let token = Some(&signed_in.session_token);
    let issued = world.door.otp(token, None, None).await.unwrap();
    assert_eq!(issued.person, Person::Member(signed_in.user));
    assert!(world.otps.redeem(issued.otp.expose(), Instant::now()).is_some());
    assert_eq!(world.door.logout(token).await.unwrap(), signed_in.session_id);
    for result in [
        world.door.otp(token, None, None).await.map(drop),
        world.door.logout(token).await.map(drop),
        world.door.session(Some(&Secret::new("cut"))).await.map(drop),
        world.door.session(None).await.map(drop),
    ] {
        assert!(matches!(result, Err(AuthError::Unauthorized)));
    }
}

#[tokio::test]
async fn a_disabled_account_has_no_session() {
    let world = World::peopled().await;
    let signed_in = login(&world, "bob").await;
    world.store.disable_account(&name("bob")).await.unwrap();
    let refused = world.door.session(Some(&signed_in.session_token)).await;
    assert!(matches!(refused, Err(AuthError::Unauthorized)));
}

#[tokio::test]
async fn a_weak_hash_is_made_anew_at_login() {
    let world = World::peopled().await;
    let mut stronger = world.settings.clone();
    stronger.auth.argon2_passes = 2;
    let door = Door::new(world.store.clone(), world.otps.clone(), &stronger).await.unwrap();
    assert!(door.setup_token().is_none());
    for _ in 0..2 {
        door.login(attempt("bob", PASSWORD)).await.unwrap();
        let hash = world.store.account(&name("bob")).await.unwrap().unwrap().password_hash;
        assert!(hash.contains("t=2"), "{hash}");
    }
}

#[tokio::test]
async fn of_those_who_race_for_the_first_account_one_becomes_the_owner() {
    let world = World::empty().await;
    assert!(world.door.setup_needed().await.unwrap());
    let token = Secret::new(world.door.setup_token().unwrap());
    let race = (0..8).map(|n| {
        let (door, person) = (world.door.clone(), person(&token, &format!("racer{n}")));
        tokio::spawn(async move { door.setup(person).await })
    });
    let mut owners = Vec::new();
    for racer in race.collect::<Vec<_>>() {
        match racer.await.unwrap() {
            Ok(signed_in) => owners.push(signed_in.user),
            Err(error) => assert!(matches!(error, AuthError::BadToken), "{error}"),
        }
    }
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0].role, Role::Owner);
    assert_eq!(world.store.accounts().await.unwrap().len(), 1);
    assert!(world.door.setup_token().is_none());
    assert!(!world.door.setup_needed().await.unwrap());
    assert!(matches!(world.door.setup(person(&token, "late")).await, Err(AuthError::BadToken)));
}

#[tokio::test]
async fn a_refused_setup_leaves_the_link_good_and_a_wrong_link_counts() {
    let world = World::empty().await;
    let token = Secret::new(world.door.setup_token().unwrap());
    let mut weak = person(&token, "alice");
    weak.password = Secret::new("short");
    let refused = world.door.setup(weak).await;
    assert!(matches!(refused, Err(AuthError::WeakPassword(WeakPassword::TooShort(15)))));
    assert!(matches!(world.door.setup(person(&token, "no name!")).await, Err(AuthError::BadName(_))));
    let before = world.door.hashes();
    for _ in 0..30 {
        let wrong = person(&Secret::random().unwrap(), "eve");
        assert!(matches!(world.door.setup(wrong).await, Err(AuthError::BadToken)));
    }
    let refused = world.door.setup(person(&token, "alice")).await;
    assert!(matches!(refused, Err(AuthError::TooManyAttempts { .. })));
    assert_eq!(world.door.hashes(), before, "a wrong link costs no hash");
    let mut elsewhere = person(&token, "alice");
    elsewhere.visitor.address = "192.0.2.2".parse().unwrap();
    assert!(world.door.setup(elsewhere).await.is_ok());
}

#[tokio::test]
async fn an_account_made_on_the_command_line_ends_the_setup() {
    let world = World::empty().await;
    let token = Secret::new(world.door.setup_token().unwrap());
    world.add("alice", Role::Owner).await;
    assert!(matches!(world.door.setup(person(&token, "eve")).await, Err(AuthError::BadToken)));
    assert!(world.door.setup_token().is_none());
}

#[tokio::test]
async fn of_those_who_race_for_an_invitation_as_many_get_in_as_it_has_uses() {
    let world = World::peopled().await;
    let owner = login(&world, "alice").await;
    let link = NewLink { uses: Some(2), ..NewLink::default() };
    let made = world.door.create_invitation(Some(&owner.session_token), link).await.unwrap();
    let offered = world.door.check_invitation(&made.token, HOME).await.unwrap();
    assert_eq!((offered.role, offered.invited_by), (Role::Member, Some(name("alice"))));
    let race = (0..8).map(|n| {
        let (door, person) = (world.door.clone(), person(&made.token, &format!("racer{n}")));
        tokio::spawn(async move { door.accept_invitation(person).await })
    });
    let mut accepted = 0;
    for racer in race.collect::<Vec<_>>() {
        match racer.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(error) => assert!(matches!(error, AuthError::BadToken), "{error}"),
        }
    }
    assert_eq!(accepted, 2);
    assert!(matches!(world.door.check_invitation(&made.token, HOME).await, Err(AuthError::BadToken)));
}

#[tokio::test]
async fn a_taken_name_leaves_the_invitation_good() {
    let world = World::peopled().await;
    let owner = login(&world, "alice").await;
    let made = world.door.create_invitation(Some(&owner.session_token), NewLink::default()).await.unwrap();
    assert!(matches!(world.door.accept_invitation(person(&made.token, "BOB")).await, Err(AuthError::NameTaken)));
    let carol = world.door.accept_invitation(person(&made.token, "carol")).await.unwrap();
    assert!(world.door.session(Some(&carol.session_token)).await.is_ok());
}

#[tokio::test]
async fn roles_bound_who_invites_whom() {
    let world = World::peopled().await;
    world.add("ada", Role::Admin).await;
    let owner = login(&world, "alice").await.session_token;
    let admin = login(&world, "ada").await.session_token;
    let member = login(&world, "bob").await.session_token;
    for (who, role, allowed) in [
        (&owner, Role::Member, true),
        (&owner, Role::Admin, true),
        (&owner, Role::Owner, false),
        (&admin, Role::Member, true),
        (&admin, Role::Admin, false),
        (&member, Role::Member, false),
    ] {
        let link = NewLink { role: Some(role), ..NewLink::default() };
        let made = world.door.create_invitation(Some(who), link).await;
        assert_eq!(made.is_ok(), allowed, "{role}");
    }
    assert!(matches!(world.door.list_invitations(Some(&member)).await, Err(AuthError::Forbidden)));
    let list = world.door.list_invitations(Some(&admin)).await.unwrap();
    assert_eq!(list.len(), 3);
    let of_admin = list.iter().find(|invitation| invitation.role == Role::Admin).unwrap().id;
    for (who, expected) in
        [(&member, "your role or your key does not allow this"), (&admin, "your role or your key does not allow this")]
    {
        let refused = world.door.revoke_invitation(Some(who), of_admin).await.unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }
    world.door.revoke_invitation(Some(&owner), of_admin).await.unwrap();
    let again = world.door.revoke_invitation(Some(&owner), of_admin).await;
    assert!(matches!(again, Err(AuthError::NoSuchInvitation)));
}

#[tokio::test]
async fn an_invitation_has_bounds() {
    let world = World::peopled().await;
    for link in [
        NewLink { uses: Some(0), ..NewLink::default() },
        NewLink { uses: Some(1_001), ..NewLink::default() },
        NewLink { expires_in_secs: Some(59), ..NewLink::default() },
        NewLink { expires_in_secs: Some(u64::MAX), ..NewLink::default() },
    ] {
        assert!(matches!(invite(&*world.store, link, None).await, Err(AuthError::BadField { .. })), "{link:?}");
    }
    let made = invite(&*world.store, NewLink::default(), None).await.unwrap();
    assert_eq!(world.door.check_invitation(&made.token, HOME).await.unwrap().invited_by, None);
}

#[tokio::test]
async fn a_closed_store_is_said_to_be_one() {
    let world = World::peopled().await;
    world.store.close().await;
    let refused = world.door.login(attempt("alice", PASSWORD)).await;
    assert!(matches!(refused, Err(AuthError::Store(StoreError::Closed))));
    assert!(Door::new(world.store.clone(), world.otps.clone(), &testing::settings()).await.is_err());
}
