//! What a client may branch on.

use serde::{Serialize, Serializer};

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $status:literal;)*) => {
        /// A stable code: the same in an `error` event and in an HTTP body.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $name,)*
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code as it is sent.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The HTTP status it comes with.
            #[must_use]
            pub fn http_status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// What it says, a sentence for people.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii_start()),* }
            }
        }
    };
}

error_codes! {
    /// Not JSON, or over the limits of an envelope.
    BadJson = "bad_json", 400;
    /// Not an envelope.
    BadEvent = "bad_event", 400;
    /// The payload is not what the request takes.
    BadPayload = "bad_payload", 400;
    /// Not a room name.
    BadRoom = "bad_room", 400;
    /// Not a channel name.
    BadChannel = "bad_channel", 400;
    /// Not a topic that can be subscribed to.
    BadTopic = "bad_topic", 400;
    /// No namespace matches the channel, or the document.
    NoSuchNamespace = "no_such_namespace", 404;
    /// As many topics as one connection may hear.
    TooManyTopics = "too_many_topics", 409;
    /// Heard already, so it cannot be replayed.
    AlreadySubscribed = "already_subscribed", 409;
    /// No such event type.
    UnknownEvent = "unknown_event", 400;
    /// Not there, or not for this user.
    NoSuchRoom = "no_such_room", 404;
    /// The room name is taken.
    RoomExists = "room_exists", 409;
    /// In as many rooms as one account may be, or has made as many.
    TooManyRooms = "too_many_rooms", 409;
    /// A known `client_id` with another body.
    Conflict = "conflict", 409;
    /// Not stored, or not for certain; try again.
    StorageUnavailable = "storage_unavailable", 503;
    /// Busy, or about to stop.
    Unavailable = "unavailable", 503;
    /// Our fault.
    Internal = "internal", 500;
    /// Unknown user or wrong password.
    BadCredentials = "bad_credentials", 401;
    /// No session, or an ended one.
    Unauthorized = "unauthorized", 401;
    /// Missing, wrong, used or expired.
    BadOtp = "bad_otp", 401;
    /// The API key is missing, wrong, revoked or expired.
    BadKey = "bad_key", 401;
    /// Failed too often.
    TooManyAttempts = "too_many_attempts", 429;
    /// More requests than are let through.
    TooManyRequests = "too_many_requests", 429;
    /// The role or the key does not allow it.
    Forbidden = "forbidden", 403;
    /// The page is not one of ours.
    ForbiddenOrigin = "forbidden_origin", 403;
    /// The setup or invitation link cannot be used.
    BadToken = "bad_token", 403;
    /// Not a user name.
    BadName = "bad_name", 400;
    /// The name of a user or a key is taken.
    NameTaken = "name_taken", 409;
    /// The password is not good enough.
    WeakPassword = "weak_password", 400;
    /// No such path.
    NotFound = "not_found", 404;
    /// Another method is due.
    MethodNotAllowed = "method_not_allowed", 405;
    /// The body, or what was asked for, is too large.
    TooLarge = "too_large", 413;
    /// The body is not JSON by its type.
    UnsupportedMediaType = "unsupported_media_type", 415;
    /// The `Host` is not served here.
    Misdirected = "misdirected", 421;
    /// Only WebSocket is spoken here.
    UpgradeRequired = "upgrade_required", 426;
    /// What was to be changed is not what `If-Match` names.
    PreconditionFailed = "precondition_failed", 412;
    /// Fields of a product are not what they should be; `errors` lists them all.
    InvalidProduct = "invalid_product", 422;
    /// Not the name of a document.
    BadDocument = "bad_document", 400;
    /// There is no such document, or not for this user.
    NoSuchDocument = "no_such_document", 404;
    /// The document's name is taken.
    DocumentExists = "document_exists", 409;
    /// The room has as many documents as one may have.
    TooManyDocuments = "too_many_documents", 409;
    /// The document would be larger than one may be.
    DocumentFull = "document_full", 413;
    /// What is stored of the document cannot be read; the operator's log says more.
    DocumentDamaged = "document_damaged", 500;
    /// Whoever asks may read the document, not write in it.
    ReadOnly = "read_only", 403;
    /// The document has no such version.
    NoSuchVersion = "no_such_version", 404;
    /// The document has as many versions as one may have.
    TooManyVersions = "too_many_versions", 409;
    /// The request took too long to arrive.
    Timeout = "timeout", 408;
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients branch on these: adding one is fine, changing one is not.
    #[test]
    fn the_list_of_codes_is_pinned_and_documented() {
        let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(
            codes.join(" "),
            "bad_json bad_event bad_payload bad_room bad_channel bad_topic no_such_namespace too_many_topics already_subscribed unknown_event no_such_room room_exists too_many_rooms \
             conflict storage_unavailable unavailable internal bad_credentials unauthorized bad_otp bad_key too_many_attempts too_many_requests forbidden \
             forbidden_origin bad_token bad_name name_taken weak_password not_found method_not_allowed too_large \
             unsupported_media_type misdirected upgrade_required precondition_failed invalid_product bad_document no_such_document document_exists too_many_documents document_full document_damaged read_only no_such_version too_many_versions timeout"
        );
        let document = include_str!("../../docs/protocol.md");
        for code in codes {
            assert!(document.contains(&format!("| `{code}` |")), "docs/protocol.md lacks `{code}`");
        }
    }
}
