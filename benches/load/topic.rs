//! What clients listen to: a room of chat, a push channel, or a watched table. Everything else about a scenario is the same, so that
//! the two can be compared.

use clap::ValueEnum;
use serde::Serialize;

/// Which family carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Over {
    /// Members send to their room over their sockets.
    Chat,
    /// A back end publishes over HTTP; clients have subscribed.
    Channels,
    /// Rows change in a database; clients have subscribed to their table.
    #[value(skip)]
    Rows,
}

/// A room, a channel or a table.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) over: Over,
    /// The name of the room, the channel or the feed.
    pub(crate) name: String,
}

impl Topic {
    pub(crate) fn room(name: impl Into<String>) -> Self {
        Self { over: Over::Chat, name: name.into() }
    }

    /// As it stands in events.
    pub(crate) fn full_name(&self) -> String {
        match self.over {
            Over::Chat => format!("room.{}", self.name),
            Over::Channels => format!("channel.{}", self.name),
            Over::Rows => format!("{}.*", self.name),
        }
    }

    /// How its announcements begin, up to the digits of the offset.
    pub(crate) fn prefix(&self) -> String {
        let event_type = match self.over {
            Over::Chat => "new_message",
            Over::Channels => "published",
            Over::Rows => "row_changed",
        };
        format!(r#"{{"type":"{event_type}","topic":"{}","offset":"#, self.full_name())
    }

    /// An announcement with an empty text.
    fn empty_announcement(&self) -> String {
        let (prefix, name) = (self.prefix(), &self.name);
        match self.over {
            Over::Chat => format!(
                r#"{prefix}100000,"payload":{{"id":100000,"room":"{name}","from":"u00001","message":"","sent":1795262401234}}}}"#
            ),
            Over::Channels => format!(r#"{prefix}100000,"payload":{{"channel":"{name}","data":""}}}}"#),
            Over::Rows => {
                format!(r#"{prefix}100000,"payload":{{"action":"UPDATE","key":"100","row":{{"id":100,"note":""}}}}}}"#)
            }
        }
    }

    /// How long the text has to be for announcements that take about `frame_bytes` on the wire, header included.
    pub(crate) fn text_bytes(&self, frame_bytes: usize) -> usize {
        frame_bytes.saturating_sub(self.empty_announcement().len() + 4)
    }
}
