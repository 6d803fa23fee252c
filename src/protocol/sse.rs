//! Server-sent events (HTML standard, section 9.2): the wire of `GET /events`, which carries the socket's texts.

use crate::model::{Epoch, Offset, Positions, Resume, TopicName};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

/// A comment: it keeps proxies from taking a quiet stream for a dead one. Shorter ones do not count for curl, whose
/// `--speed-limit 1` compares bytes per second, averaged over five seconds and rounded down.
pub const HEARTBEAT: &str = ": the server is still here\n\n";

/// Longest id that is read, in bytes; one of 64 topics far into their logs has about 1,400.
const MAX_ID_BYTES: usize = 2048;
/// Longest epoch in an id, in bytes. Ours have 16.
const MAX_EPOCH_BYTES: usize = 64;
/// In an id, for a topic that nothing is known of.
const NOWHERE: &str = "_";

/// Tells a client how long to wait before it comes back.
#[must_use]
pub fn retry(wait: Duration) -> String {
    format!("retry: {}\n\n", wait.as_millis())
}

/// One stream: what it is of, and how far it has been written.
///
/// Its position travels as an event's id, `EPOCH.FINGERPRINT.OFFSET-OFFSET…`: the fingerprint is that of the sorted
/// topics, and the offsets have their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventStream {
    epoch: Epoch,
    fingerprint: String,
    /// The last offset written of each topic.
    positions: BTreeMap<String, Option<Offset>>,
}

/// The id is not one of this stream's: of one with other topics, or nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id is not one of this stream's")]
pub struct OtherStream;

/// What an event's text says of positions.
#[derive(Deserialize)]
struct Envelope<'t> {
    #[serde(borrow)]
    r#type: Cow<'t, str>,
    #[serde(borrow)]
    topic: Option<Cow<'t, str>>,
    offset: Option<Offset>,
}

/// What `hello` says of positions.
#[derive(Deserialize)]
struct Hello {
    payload: HelloTopics,
}

#[derive(Deserialize)]
struct HelloTopics {
    topics: BTreeMap<String, HelloTopic>,
}

#[derive(Deserialize)]
struct HelloTopic {
    offset: Offset,
    recovered: bool,
}

impl EventStream {
    /// A stream of these topics, of which nothing has been written.
    #[must_use]
    pub fn new<'a>(epoch: Epoch, topics: impl IntoIterator<Item = &'a str>) -> Self {
        let topics: BTreeSet<_> = topics.into_iter().collect();
        let mut hash = Sha256::new();
        for topic in &topics {
            hash.update((topic.len() as u64).to_be_bytes());
            hash.update(topic);
        }
        let fingerprint = hash.finalize()[..8].iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let positions = topics.into_iter().map(|topic| (topic.to_owned(), None)).collect();
        Self { epoch, fingerprint, positions }
    }

    /// Reads an id.
    ///
    /// # Errors
    /// [`OtherStream`].
    pub fn parse_id(&self, id: &str) -> Result<Resume, OtherStream> {
        let parts: Vec<_> = id.split('.').take(4).collect();
        let [epoch, fingerprint, offsets] = parts[..] else { return Err(OtherStream) };
        let epoch_is_good = (1..=MAX_EPOCH_BYTES).contains(&epoch.len()) && epoch.chars().all(is_plain);
        if id.len() > MAX_ID_BYTES || !epoch_is_good || fingerprint != self.fingerprint {
            return Err(OtherStream);
        }
        let offsets: Vec<_> = offsets.split('-').map(parse_offset).collect::<Option<_>>().ok_or(OtherStream)?;
        if offsets.len() != self.positions.len() {
            return Err(OtherStream);
        }
        let known = self.positions.keys().zip(offsets);
        let known = known.filter_map(|(topic, offset)| Some((TopicName::parse(topic).ok()?, offset?)));
        Ok(Resume { epoch: Epoch::new(epoch), positions: known.collect() })
    }

    /// Takes what the client has seen for written. Positions of another epoch mean nothing here.
    pub fn go_on_from(&mut self, Resume { epoch, positions }: &Resume) {
        if *epoch == self.epoch {
            self.note_all(positions);
        }
    }

    /// Appends one of the socket's texts as an event, with an id when it moves a position.
    ///
    /// `hello` has one too, or a client that is cut right after it would not know where it was. It claims nothing that
    /// is still to be replayed: there the position stays where the client said it was.
    pub fn write(&mut self, text: &str, out: &mut String) {
        let moved = self.note(text);
        // All three ends of a line end one here too.
        let text =
            if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { Cow::from(text) };
        for line in text.split('\n') {
            out.push_str("data: ");
            out.push_str(line);
            out.push('\n');
        }
        // Last, so that not even a client that notes ids as they come takes an event for seen that was cut off.
        if moved {
            let _ = writeln!(out, "id: {}", self.id());
        }
        out.push('\n');
    }

    /// Its position; letters, digits, `-`, `_` and `.` only.
    #[must_use]
    pub fn id(&self) -> String {
        // Ours need no replacement; another one would only be taken for that of another store.
        let epoch = self.epoch.as_str().chars().take(MAX_EPOCH_BYTES).map(|c| if is_plain(c) { c } else { '_' });
        let mut id: String = epoch.chain(['.']).chain(self.fingerprint.chars()).collect();
        let mut separator = '.';
        for offset in self.positions.values() {
            id.push(separator);
            match offset {
                Some(offset) => drop(write!(id, "{offset}")),
                None => id.push_str(NOWHERE),
            }
            separator = '-';
        }
        id
    }

    /// Moves to where a text leads. Whether it says anything of positions.
    fn note(&mut self, text: &str) -> bool {
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else { return false };
        match envelope {
            Envelope { topic: Some(topic), offset: Some(offset), .. } => self.move_to(&topic, offset),
            Envelope { r#type, .. } if r#type == "hello" => {
                let Ok(Hello { payload }) = serde_json::from_str(text) else { return false };
                for (topic, state) in payload.topics.iter().filter(|(_, state)| !state.recovered) {
                    self.move_to(topic, state.offset);
                }
                true
            }
            Envelope { .. } => false,
        }
    }

    fn note_all(&mut self, positions: &Positions) {
        for (topic, offset) in positions {
            self.move_to(topic.as_str(), *offset);
        }
    }

    /// Whether it is a topic of this stream.
    fn move_to(&mut self, topic: &str, offset: Offset) -> bool {
        let position = self.positions.get_mut(topic);
        position.map(|position| *position = Some(offset)).is_some()
    }
}

/// Strictly as it is written: digits without a sign or leading zeros.
fn parse_offset(text: &str) -> Option<Option<Offset>> {
    if text == NOWHERE {
        return Some(None);
    }
    let is_canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical).map(|offset| Some(Offset(offset)))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::btree_map, option, prelude::*};

    fn stream(topics: &[&str]) -> EventStream {
        EventStream::new(Epoch::new("9c4f1d0ab3e24b6f"), topics.iter().copied())
    }

    fn written(stream: &mut EventStream, text: &str) -> String {
        let mut out = String::new();
        stream.write(text, &mut out);
        out
    }

    /// As the standard has a client read it: ids, and data with its lines joined.
    fn read(stream: &str) -> Vec<(Option<String>, String)> {
        let (mut events, mut id, mut data) = (Vec::new(), None, Vec::new());
        for line in stream.replace("\r\n", "\n").split(['\n', '\r']) {
            match line.split_once(": ") {
                _ if line.is_empty() && !data.is_empty() => {
                    events.push((id.take(), data.join("\n")));
                    data.clear();
                }
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("data", value)) => data.push(value.to_owned()),
                _ => {}
            }
        }
        events
    }

    #[test]
    fn an_event_of_a_topic_moves_the_position_and_others_do_not() {
        let mut stream = stream(&["room.general", "channel.a", "room.general"]);
        let start = stream.id();
        assert_eq!(
            written(&mut stream, r#"{"type":"caught_up","payload":{}}"#),
            "data: {\"type\":\"caught_up\",\"payload\":{}}\n\n"
        );
        let text = r#"{"type":"published","topic":"channel.a","offset":7,"payload":{}}"#;
        let expected = start.replace("._-_", ".7-_");
        assert_eq!(written(&mut stream, text), format!("data: {text}\nid: {expected}\n\n"));
    }

    #[test]
    fn hello_stands_where_the_client_was_or_where_the_log_is() {
        let mut stream = stream(&["channel.a", "channel.b", "channel.c"]);
        let seen = Resume {
            epoch: Epoch::new("9c4f1d0ab3e24b6f"),
            positions: [(TopicName::parse("channel.a").unwrap(), Offset(3))].into(),
        };
        stream.go_on_from(&seen);
        let hello = r#"{"type":"hello","payload":{"topics":{"channel.a":{"offset":9,"recovered":true},"channel.b":{"offset":4,"recovered":false}}}}"#;
        assert!(written(&mut stream, hello).ends_with(".3-4-_\n\n"));
        let other = Resume {
            epoch: Epoch::new("other"),
            positions: [(TopicName::parse("channel.c").unwrap(), Offset(1))].into(),
        };
        stream.go_on_from(&other);
        assert!(stream.id().ends_with(".3-4-_"));
    }

    #[test]
    fn the_order_of_topics_does_not_matter_and_the_topics_do() {
        let id = stream(&["channel.a", "channel.b"]).id();
        assert!(stream(&["channel.b", "channel.a", "channel.b"]).parse_id(&id).is_ok());
        for topics in [&["channel.a"][..], &["channel.a", "channel.c"], &["channel.a", "channel.b", "channel.c"]] {
            assert_eq!(stream(topics).parse_id(&id), Err(OtherStream), "{topics:?}");
        }
    }

    #[test]
    fn an_id_is_read_strictly() {
        let stream = stream(&["channel.a", "channel.b"]);
        let start = stream.id().strip_suffix("_-_").unwrap().to_owned();
        for good in ["1-2", "0-_", "18446744073709551615-0"] {
            assert!(stream.parse_id(&format!("{start}{good}")).is_ok(), "{good}");
        }
        for bad in ["", "1", "1-2-3", "1-", "+1-2", "01-2", "1--2", "1- 2", "1-2.", "1-2\n", "18446744073709551616-0"] {
            assert_eq!(stream.parse_id(&format!("{start}{bad}")), Err(OtherStream), "{bad:?}");
        }
        let id = format!("{start}1-2");
        for bad in
            [id.replacen("9c", ".", 1), id.to_uppercase(), format!(" {id}"), id.replacen("9", &"9".repeat(3000), 1)]
        {
            assert_eq!(stream.parse_id(&bad), Err(OtherStream), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn an_id_says_what_was_written(topics in btree_map("[a-z]{1,9}\\.\\w{1,9}", option::of(any::<u64>()), 1..=64)) {
            let names = || topics.keys().map(String::as_str);
            let mut stream = EventStream::new(Epoch::new("e-1_A"), names());
            let mut seen = Positions::new();
            for (topic, offset) in &topics {
                let Some(offset) = offset else { continue };
                stream.move_to(topic, Offset(*offset));
                seen.insert(TopicName::parse(topic).unwrap(), Offset(*offset));
            }
            let id = stream.id();
            prop_assert!(id.len() <= MAX_ID_BYTES && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
            let read = EventStream::new(Epoch::new("e-1_A"), names()).parse_id(&id).unwrap();
            prop_assert_eq!(read.positions, seen);
            prop_assert_eq!(read.epoch.as_str(), "e-1_A");
        }

        #[test]
        fn no_text_makes_an_id_by_accident(text in "[\\PC\r\n]{0,80}", start in any::<bool>()) {
            let stream = stream(&["channel.a"]);
            let id = if start { format!("{}{text}", stream.id()) } else { text.clone() };
            let good = start && text.is_empty();
            prop_assert_eq!(stream.parse_id(&id).is_ok(), good);
        }

        #[test]
        fn any_text_arrives_whatever_its_line_ends(text in "([a-z:{} \u{fe0f}é]|\n|\r|\r\n|id: 1|data: |retry: 0){0,30}") {
            let mut out = String::new();
            let mut stream = stream(&["channel.a"]);
            stream.write(&text, &mut out);
            stream.write("next", &mut out);
            let normal = text.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(read(&out), [(None, normal), (None, "next".to_owned())]);
        }
    }
}
