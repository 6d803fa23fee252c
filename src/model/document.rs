//! Documents that several people write together.

mod pattern;

pub use pattern::{DocumentPattern, InvalidDocumentPattern};

use super::{
    DocumentId, InvalidName, RoomName, UnixMillis, UserName, VersionId,
    name::{name, slug, title},
};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use utoipa::ToSchema;

name!(
    /// A document's fixed slug, as it stands in its address: 1 to 128 characters, lower case; its title may change.
    ///
    /// Not `.` or `..`, which no client leaves as they are in an address (RFC 3986 section 5.2.4).
    DocumentName,
    |text| {
        let name = slug(text, 128).and_then(|name| slug(&name.to_lowercase(), 128))?;
        if matches!(&*name, "." | "..") { Err(InvalidName::ForbiddenCharacter) } else { Ok(name) }
    }
);

name!(
    /// A document's name for people: 1 to 100 characters on one line.
    DocumentTitle,
    title
);

name!(
    /// A version's name for people: 1 to 100 characters on one line.
    VersionName,
    title
);

/// What the members of a document's room may do with it. Who made it and who runs the server may write in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MembersMay {
    /// Read it and write in it.
    Write,
    /// Read it.
    Read,
}

/// What somebody may do with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DocumentAccess {
    /// Read it.
    Read,
    /// Read it and write in it.
    Write,
}

/// A document, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Document {
    /// Its slug.
    #[schema(value_type = String)]
    pub name: DocumentName,
    /// Tells it apart from an earlier one of the same name, whose content must not be merged into it.
    #[schema(value_type = i64)]
    pub id: DocumentId,
    /// Its name for people.
    #[schema(value_type = String)]
    pub title: DocumentTitle,
    /// The room it belongs to; `null`: a namespace of the settings.
    #[schema(value_type = Option<String>)]
    pub room: Option<RoomName>,
    /// What the members of its room may do with it.
    pub members: MembersMay,
    /// Who made it; `null`: a back end, or a user of one.
    #[schema(value_type = Option<String>)]
    pub created_by: Option<UserName>,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    #[schema(value_type = i64)]
    pub created_at: UnixMillis,
    /// When its content last changed.
    #[schema(value_type = i64)]
    pub changed_at: UnixMillis,
}

/// A state of a document's text that somebody gave a name, without the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DocumentVersion {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: VersionId,
    /// Its name for people.
    #[schema(value_type = String)]
    pub name: VersionName,
    /// Who saved it; `null`: a back end.
    #[schema(value_type = Option<String>)]
    pub by: Option<UserName>,
    /// When, in milliseconds since 1970-01-01 UTC.
    #[schema(value_type = i64)]
    pub at: UnixMillis,
    /// How long the text is, in bytes of UTF-8.
    pub bytes: u64,
}
