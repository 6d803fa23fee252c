//! Accounts, sessions and rooms, written into the store before the server opens it: five thousand logins would
//! spend four minutes on password hashes, which is what they are for.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};
use switchboard::{
    app::open_store,
    auth::{KeyRequest, make_key},
    model::{KeyName, Role, RoomName, RoomTitle, User, UserName},
    settings::{Settings, Synchronous},
    storage::{Change, Check, Draft, NewAccount, NewSession},
};

/// What there is to be when the server starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed {
    /// Accounts, each with a session. Everyone is in `general`.
    pub(crate) users: usize,
    /// Rooms beside it.
    pub(crate) rooms: usize,
    /// Members of each: the first room has the first users, and so on.
    pub(crate) members: usize,
}

/// The name of the `n`th room.
pub(crate) fn room_name(n: usize) -> String {
    format!("r{n:05}")
}

/// How the seeded come in.
#[derive(Debug, Default)]
pub(crate) struct Planted {
    /// Values of the users' session cookies.
    pub(crate) sessions: Vec<String>,
    /// An API key that publishes to every channel.
    pub(crate) key: String,
}

/// Fills the embedded store in `dir`, or the one with this URL.
pub(crate) async fn plant(dir: &Path, storage: Option<&str>, seed: Seed) -> Result<Planted> {
    let mut settings = Settings::defaults();
    // Nobody has been promised anything yet.
    settings.storage.synchronous = Synchronous::Normal;
    settings.server.data_dir = dir.to_owned();
    if let Some(url) = storage {
        settings.storage.url = url.into();
    }
    let store = open_store(&settings, Check::Skip)?;
    let at = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let mut users = Vec::new();
    let mut sessions = Vec::new();
    for n in 0..seed.users {
        let name = UserName::parse(&format!("u{n:05}"))?;
        let role = if n == 0 { Role::Owner } else { Role::Member };
        let account = NewAccount { name, role, password_hash: "none, nobody signs in".into(), at };
        let user = store.create_account(account).await?;
        // Any 43 characters of base64url are a token; this one is good for nothing but a benchmark.
        let token = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("session {n}")));
        let token_hash = Sha256::digest(token.as_bytes()).into();
        store.create_session(NewSession { user: user.id, token_hash, at }).await?;
        users.push(user);
        sessions.push(token);
    }
    for n in 0..seed.rooms {
        let members = users.get(n * seed.members..).unwrap_or_default();
        let drafts = drafts(&room_name(n), members.get(..seed.members).context("too few users for the rooms")?, at)?;
        for decision in store.commit(drafts).await? {
            decision?;
        }
    }
    let key = KeyRequest { name: KeyName::parse("load")?, scopes: vec!["publish:*".parse()?], expires_in: None };
    let key = make_key(&*store, key).await?.secret.expose().to_owned();
    store.close().await;
    Ok(Planted { sessions, key })
}

/// The first member makes the room, the others join it.
fn drafts(room: &str, members: &[User], at: i64) -> Result<Vec<Draft>> {
    let name = RoomName::parse(room)?;
    let title = RoomTitle::parse(room)?;
    let change = |(place, author): (usize, User)| match place {
        0 => {
            Change::CreateRoom { author, room: name.clone(), title: title.clone(), public: true, max_joined: u32::MAX }
        }
        _ => Change::JoinRoom { author, room: name.clone(), max_joined: u32::MAX },
    };
    Ok(members.iter().cloned().enumerate().map(change).map(|change| Draft { at, change }).collect())
}
