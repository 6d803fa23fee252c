//! The nouns everyone shares. Pure: no I/O, no clock, no async.

mod account;
mod channel;
mod decimal;
mod document;
mod feed;
mod id;
mod key;
mod message;
mod name;
mod network;
mod person;
mod position;
mod product;
mod publication;
mod room;
mod row_change;
mod topic;

pub use account::{Account, Role, User};
pub use channel::{ChannelName, ChannelPattern, InvalidChannel, InvalidPattern, NamedUser};
pub use document::{
    Document, DocumentAccess, DocumentName, DocumentPattern, DocumentTitle, DocumentVersion, InvalidDocumentPattern,
    MembersMay, VersionName,
};
pub use feed::{FeedName, InvalidFeedName, RowTopic};
pub use id::{ClientId, DocumentId, InvitationId, KeyId, MessageId, Offset, ProductId, SessionId, UserId, VersionId};
pub use key::{ApiKey, InvalidScope, KeyName, Scope};
pub use message::{ClientMessageId, InvalidClientId, InvalidText, Message, MessageText};
pub use name::{InvalidName, RoomName, RoomTitle, UserName};
pub use network::network;
pub use person::{Credential, ExternalUser, InvalidExternalUser, Person, PersonId};
pub use position::{Epoch, Positions, Resume};
pub use product::{
    FieldFault, InvalidPrice, InvalidProductRow, NewProduct, OnlyIf, Price, Product, ProductFields, ProductVersion,
    Versions,
};
pub use publication::Publication;
pub use room::{GENERAL, Room};
pub use row_change::{ROW_CHANGED, RowAction, RowChange};
pub use topic::{InvalidTopic, TopicName};

/// Milliseconds since 1970-01-01 UTC.
pub type UnixMillis = i64;
