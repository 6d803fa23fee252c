//! Why a connection is closed: one table of number, text and whether to come back.

use std::{borrow::Cow, time::Duration};

/// Longest reason sent in a close frame, in bytes of UTF-8: a control frame carries at most
/// 125 bytes (RFC 6455 section 5.5) and the status code takes two (section 5.5.1).
pub const MAX_CLOSE_REASON_BYTES: usize = 123;

/// Why a connection is closed (RFC 6455 section 7.4; ours from 4000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The peer asked for it.
    Normal,
    /// The server stops.
    GoingAway,
    /// A frame against RFC 6455.
    ProtocolError,
    /// Events are text.
    BinaryNotAccepted,
    /// Text that is not UTF-8.
    NotUtf8,
    /// Too many bad events, pings or fragments.
    Policy,
    /// Over `socket.max_event_bytes`.
    TooLarge,
    /// Our fault.
    Internal,
    /// The server restarts: come back at a random moment within this time.
    Restart {
        /// At most a minute.
        jitter: Duration,
    },
    /// It read too slowly; it recovers from the log.
    SlowConsumer,
    /// The session ended.
    SignedOut,
    /// Silent for longer than the pong wait.
    PongTimeout,
    /// Over the rate limit.
    TooManyEvents,
    /// Of this user or from this address.
    TooManyConnections,
    /// The store cannot take what was sent: nothing of it is acknowledged.
    TryAgainLater,
    /// Not a message of the Yjs protocol, or an update that is none.
    BadUpdate,
    /// The document would be larger than one may be.
    DocumentFull,
    /// The document was deleted, or is not for its user any more.
    DocumentGone,
}

impl CloseReason {
    /// One of each, for tables and tests.
    pub const ALL: &[Self] = &[
        Self::Normal,
        Self::GoingAway,
        Self::ProtocolError,
        Self::BinaryNotAccepted,
        Self::NotUtf8,
        Self::Policy,
        Self::TooLarge,
        Self::Internal,
        Self::Restart { jitter: Duration::from_secs(4) },
        Self::SlowConsumer,
        Self::SignedOut,
        Self::PongTimeout,
        Self::TooManyEvents,
        Self::TooManyConnections,
        Self::TryAgainLater,
        Self::BadUpdate,
        Self::DocumentFull,
        Self::DocumentGone,
    ];

    /// The status code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::BinaryNotAccepted => 1003,
            Self::NotUtf8 => 1007,
            Self::Policy => 1008,
            Self::TooLarge => 1009,
            Self::Internal => 1011,
            Self::Restart { .. } => 1012,
            Self::SlowConsumer => 4000,
            Self::SignedOut => 4001,
            Self::PongTimeout => 4002,
            Self::TooManyEvents => 4003,
            Self::TooManyConnections => 4004,
            Self::TryAgainLater => 1013,
            Self::BadUpdate => 4005,
            Self::DocumentFull => 4006,
            Self::DocumentGone => 4007,
        }
    }

    /// The reason's name, as in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GoingAway => "going_away",
            Self::ProtocolError => "protocol_error",
            Self::BinaryNotAccepted => "binary_not_accepted",
            Self::NotUtf8 => "not_utf8",
            Self::Policy => "policy",
            Self::TooLarge => "too_large",
            Self::Internal => "internal",
            Self::Restart { .. } => "restart",
            Self::SlowConsumer => "slow_consumer",
            Self::SignedOut => "signed_out",
            Self::PongTimeout => "pong_timeout",
            Self::TooManyEvents => "too_many_events",
            Self::TooManyConnections => "too_many_connections",
            Self::TryAgainLater => "try_again_later",
            Self::BadUpdate => "bad_update",
            Self::DocumentFull => "document_full",
            Self::DocumentGone => "document_gone",
        }
    }

    /// The reason as it is sent, at most [`MAX_CLOSE_REASON_BYTES`] long.
    #[must_use]
    pub fn text(self) -> Cow<'static, str> {
        match self {
            Self::Normal => "".into(),
            Self::Restart { jitter } => format!("restart jitter_ms={}", jitter.as_millis()).into(),
            other => other.name().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_pinned_and_documented() {
        let table: Vec<_> = CloseReason::ALL.iter().map(|reason| (reason.code(), reason.text())).collect();
        let document = include_str!("../../docs/protocol.md");
        for (code, text) in &table {
            assert!(text.len() <= MAX_CLOSE_REASON_BYTES);
            let row = if text.is_empty() { format!("| {code} | – |") } else { format!("| {code} | `{text}` |") };
            assert!(document.contains(&row), "docs/protocol.md lacks {row}");
        }
        let codes: Vec<_> = table.iter().map(|(code, _)| *code).collect();
        assert_eq!(
            codes,
            [
                1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 4000, 4001, 4002, 4003, 4004, 1013, 4005, 4006,
                4007
            ]
        );
    }
}
