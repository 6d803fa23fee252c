//! Who is behind a connection: somebody with an account here, or a user of somebody's app.

use super::{KeyId, SessionId, User, UserId};
use serde::Serialize;
use std::{fmt, sync::Arc};
use utoipa::ToSchema;

/// Who is behind a connection, as every client may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Person {
    /// Somebody with an account.
    Member(User),
    /// A user of an app, whom its back end vouches for.
    External(ExternalUser),
}

/// By what somebody was let in, and may stay as long as it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A member's own.
    Session(SessionId),
    /// That of the back end which vouches for an external user.
    Key(KeyId),
}

/// What tells people apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PersonId {
    /// An account.
    Member(UserId),
    /// A user of an app, as the app calls them: two apps may have a user 42 each, who have nothing in common.
    External(KeyId, Arc<str>),
}

/// A user of an app: no account, no rooms, only what their OTP lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExternalUser {
    /// Whose app's: the key of the back end which vouches for them. For us, not for clients.
    #[serde(skip)]
    key: KeyId,
    /// As the app calls them.
    #[schema(value_type = String)]
    id: Arc<str>,
    /// For people.
    #[schema(value_type = String)]
    name: Arc<str>,
    role: ExternalRole,
}

/// What an external user may do: hear what they were let in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ExternalRole {
    External,
}

/// Why an external user is none; the text is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {max} printable characters")]
pub struct InvalidExternalUser {
    /// The field.
    pub field: &'static str,
    max: usize,
}

impl ExternalUser {
    /// Longest id and longest name, in characters.
    pub const MAX_CHARS: usize = 128;

    /// A user whom the app of this key calls `id`; without a name they are shown by their id.
    ///
    /// # Errors
    /// [`InvalidExternalUser`] names the field.
    pub fn new(key: KeyId, id: &str, name: Option<&str>) -> Result<Self, InvalidExternalUser> {
        let check = |field, text: &str| {
            let length = text.chars().count();
            let good = (1..=Self::MAX_CHARS).contains(&length) && text.chars().all(super::name::is_printable);
            if good { Ok(Arc::from(text)) } else { Err(InvalidExternalUser { field, max: Self::MAX_CHARS }) }
        };
        let (id, name) = (check("user.id", id)?, check("user.name", name.unwrap_or(id))?);
        Ok(Self { key, id, name, role: ExternalRole::External })
    }

    /// As the app calls them.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whose app's.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }
}

impl Person {
    /// What tells them apart from others.
    #[must_use]
    pub fn id(&self) -> PersonId {
        match self {
            Self::Member(user) => PersonId::Member(user.id),
            Self::External(external) => PersonId::External(external.key, external.id.clone()),
        }
    }

    /// The name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Member(user) => user.name.as_str(),
            Self::External(external) => &external.name,
        }
    }

    /// The account, if they have one.
    #[must_use]
    pub fn member(&self) -> Option<&User> {
        match self {
            Self::Member(user) => Some(user),
            Self::External(_) => None,
        }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_two_apps_are_two_people_who_look_alike() {
        let user = |key, id| Person::External(ExternalUser::new(KeyId(key), id, None).unwrap());
        assert_eq!(user(1, "42").id(), user(1, "42").id());
        assert_ne!(user(1, "42").id(), user(2, "42").id());
        assert_ne!(user(1, "42").id(), user(1, "43").id());
        let shown = serde_json::json!({"id": "42", "name": "42", "role": "external"});
        assert_eq!(serde_json::to_value(user(1, "42")).unwrap(), shown);
    }
}
