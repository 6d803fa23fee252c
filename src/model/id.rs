//! Ids are newtypes, so that a user is never mistaken for a message.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// One connected socket on this node; never reused while the process lives.
    ClientId(u64)
);
id!(
    /// An account; stable for ever, its name too.
    UserId(i64)
);
id!(
    /// A message, unique in the whole store.
    MessageId(i64)
);
id!(
    /// A server-side session.
    SessionId(i64)
);
id!(
    /// An API key.
    KeyId(i64)
);
id!(
    /// An invitation link.
    InvitationId(i64)
);
id!(
    /// A product; its row's key.
    ProductId(i64)
);
id!(
    /// A document: another one under the name of a deleted one has another.
    DocumentId(i64)
);
id!(
    /// A named version of a document.
    VersionId(i64)
);
id!(
    /// A publication's place in its topic: 1, 2, 3 … without holes. 0 is "before the first".
    Offset(u64)
);

impl Offset {
    /// Before the first publication of a topic.
    pub const ZERO: Self = Self(0);

    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
