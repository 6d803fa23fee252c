//! What the tests of this layer share.

use super::{Door, Hasher, Otps, Secret};
use crate::{
    model::{Role, User, UserId, UserName},
    settings::Settings,
    storage::{Check, NewAccount, SqlStore, Store, sqlite},
};
use std::sync::Arc;

/// The defaults, but with the cheapest hash that Argon2 knows.
pub(crate) fn settings() -> Settings {
    let text = include_str!("../../config/default.toml");
    let source = config::File::from_str(text, config::FileFormat::Toml);
    let mut settings: Settings =
        config::Config::builder().add_source(source).build().unwrap().try_deserialize().unwrap();
    settings.auth.argon2_memory_kib = 64;
    settings.auth.argon2_passes = 1;
    settings
}

/// A member with this id.
pub(crate) fn user(id: i64) -> User {
    User { id: UserId(id), name: UserName::parse(&format!("user{id}")).unwrap(), role: Role::Member }
}

/// A door on a store of its own.
pub(crate) struct World {
    pub(crate) door: Arc<Door>,
    pub(crate) otps: Arc<Otps>,
    pub(crate) store: Arc<SqlStore>,
    pub(crate) settings: Settings,
    _dir: tempfile::TempDir,
}

/// The password of everybody here.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

impl World {
    /// A store without accounts.
    pub(crate) async fn empty() -> Self {
        Self::with(settings()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(sqlite::open(dir.path(), &settings.storage, Check::Skip).unwrap());
        let otps = Arc::new(Otps::new(&settings.otp));
        let door = Arc::new(Door::new(store.clone(), otps.clone(), &settings).await.unwrap());
        Self { door, otps, store, settings, _dir: dir }
    }

    /// The owner `alice` and the members `bob` and `mallory`, who is disabled.
    pub(crate) async fn peopled() -> Self {
        let world = Self::empty().await;
        for (name, role) in [("alice", Role::Owner), ("bob", Role::Member), ("mallory", Role::Member)] {
            world.add(name, role).await;
        }
        assert!(world.store.disable_account(&name("mallory")).await.unwrap());
        world
    }

    pub(crate) async fn add(&self, user: &str, role: Role) -> User {
        let password_hash = Hasher::new(&self.settings.auth).unwrap().hash_here(&Secret::new(PASSWORD)).unwrap();
        let account = NewAccount { name: name(user), role, password_hash, at: 1 };
        self.store.create_account(account).await.unwrap()
    }
}

pub(crate) fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}
