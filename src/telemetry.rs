//! The log: one line per event on standard error, whatever the input.
//!
//! Standard output is left to what scripts read: the `listening on …` line and the setup link.
//! Text that comes from outside is logged with `?`, which escapes it; `OneLine` is the net
//! below for text that was not.

use crate::settings::{Log, LogFormat};
use std::{
    io::{self, IsTerminal as _, Write},
    panic::PanicHookInfo,
};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt::MakeWriter};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.filter`; settings that were loaded have a good one.
    #[error("log.filter: {0}")]
    Filter(#[from] ParseError),
    /// Another subscriber is installed.
    #[error("there is a log already: {0}")]
    Installed(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Starts the log for the whole process, and logs panics from now on. `RUST_LOG` is not
/// looked at: all settings come through one door.
///
/// # Errors
/// [`TelemetryError`].
pub fn init(log: &Log) -> Result<(), TelemetryError> {
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing::subscriber::set_global_default(subscriber(log, colours, io::stderr)?)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn subscriber<W>(log: &Log, colours: bool, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(&log.filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(OneLine { inner: writer, colours })
        .log_internal_errors(false);
    Ok(match log.format {
        LogFormat::Human => Box::new(builder.with_ansi(colours).with_target(false).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_current_span(false).finish()),
    })
}

/// One line instead of the usual several: a panic costs one connection, and is one event.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("(no message)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("(no name)");
    tracing::error!(panic.message = ?message, panic.location = place, panic.thread = thread, "panic");
}

/// Keeps characters inside an event from starting a line, commanding a terminal or turning the
/// text around: nobody can forge an event. The formatter writes each event with one call.
struct OneLine<W> {
    inner: W,
    /// The formatter's own colours must pass.
    colours: bool,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = OneLine<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine { inner: self.inner.make_writer(), colours: self.colours }
    }
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let body = text.strip_suffix('\n').unwrap_or(&text);
        if !body.contains(acts) {
            self.inner.write_all(event)?;
            return Ok(event.len());
        }
        let mut line = String::with_capacity(event.len() + 32);
        let mut rest = body;
        while let Some(character) = rest.chars().next() {
            let colour = if self.colours { colour(rest) } else { 0 };
            match character {
                _ if colour > 0 => line.push_str(&rest[..colour]),
                // Forms that JSON knows too: its lines pass here as well.
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                other if acts(other) => line.push_str(&format!("\\u{:04x}", u32::from(other))), // none needs more digits
                other => line.push(other),
            }
            rest = &rest[colour.max(character.len_utf8())..];
        }
        line.push_str(&text[body.len()..]);
        self.inner.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Whether a character does something besides being shown: controls of either set, line and
/// paragraph separators, marks and overrides of direction (UAX #9).
fn acts(character: char) -> bool {
    let harmless = character == '\t';
    let turns = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    (character.is_control() && !harmless) || turns
}

/// Length of the formatter's own sequence that `text` starts with: plain, dim, italic, a level's
/// colour. Any other hides text, moves the cursor or worse.
fn colour(text: &str) -> usize {
    let own = ["0", "2", "3", "31", "32", "33", "34", "35"];
    let length = |code: &str| text.strip_prefix("\x1b[")?.strip_prefix(code)?.strip_prefix('m').map(|_| code.len() + 3);
    own.into_iter().find_map(length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, colours: bool, work: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let log = Log { filter: "info".into(), format };
        tracing::subscriber::with_default(subscriber(&log, colours, move || writer.clone()).unwrap(), work);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    const HOSTILE: &str = "a\n2026-01-01T00:00:00Z  INFO forged\r\x1b[31m\x1b[2J \u{9b}red \u{85} \u{2028}\u{2029} \
                           \u{202e}\u{2066}\u{200f}\u{61c} \x07\x7f\0 ä\tx";

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        for (format, colours) in [(LogFormat::Human, false), (LogFormat::Human, true), (LogFormat::Json, false)] {
            let text = logged(format, colours, || {
                tracing::info!(user.name = ?HOSTILE, shown = %HOSTILE, plain = HOSTILE, "{HOSTILE}");
                tracing::debug!("below the filter");
            });
            let line = text.strip_suffix('\n').unwrap();
            let mut rest = line.to_owned();
            if colours {
                assert!(rest.contains("\x1b["), "the terminal's own colours are gone: {rest:?}");
                // "31" came with a field and cannot be told from the formatter's: a colour, no more.
                for own in ["0", "2", "3", "32", "31"] {
                    rest = rest.replace(&format!("\x1b[{own}m"), "");
                }
            }
            let left: Vec<_> = rest.chars().filter(|c| acts(*c)).collect();
            assert!(left.is_empty(), "{left:?} in {text:?}");
            assert!(rest.contains("\\u202e") && rest.contains('ä'), "{text:?}");
            if format == LogFormat::Json {
                let event: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(event["plain"], HOSTILE, "JSON loses nothing");
            }
        }
    }

    #[test]
    fn only_colours_pass_to_a_terminal() {
        for (sent, shown) in [
            ("\x1b[2mx\x1b[0m\n", "\x1b[2mx\x1b[0m\n"),
            ("\x1b[8mhidden\n", "\\u001b[8mhidden\n"),
            ("\x1b[2Jx\n", "\\u001b[2Jx\n"),
            ("\x1b]0;title\x07\x1b[\n", "\\u001b]0;title\\u0007\\u001b[\n"),
            ("\u{9b}2J\u{2028}\n", "\\u009b2J\\u2028\n"),
            ("two\nlines", "two\\nlines"),
        ] {
            let sink = Sink::default();
            let mut writer = OneLine { inner: sink.clone(), colours: true };
            assert_eq!(writer.write(sent.as_bytes()).unwrap(), sent.len());
            assert_eq!(String::from_utf8(sink.0.lock().unwrap().clone()).unwrap(), shown);
        }
    }

    #[test]
    fn json_lines_are_objects_with_flat_fields() {
        let text = logged(LogFormat::Json, false, || tracing::warn!(client.id = 7, duration_ms = 1.5, "slow client"));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "slow client");
        assert_eq!(line["client.id"], 7);
        assert_eq!(line["level"], "WARN");
    }

    #[test]
    fn a_bad_filter_is_an_error() {
        let log = Log { filter: "switchboard=loud".into(), format: LogFormat::Human };
        assert!(subscriber(&log, false, io::sink).is_err());
    }
}
