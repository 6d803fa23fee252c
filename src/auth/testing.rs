//! What the tests of this layer share.

use crate::{
    model::{Role, User, UserId, UserName},
    settings::Settings,
};

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
