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

/// Keeps control characters inside an event from starting a line or commanding a terminal:
/// nobody can forge an event. The formatter writes each event with one call.
struct OneLine<W> {
    inner: W,
    /// The formatter's own escape sequences must pass.
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
        let body = event.strip_suffix(b"\n").unwrap_or(event);
        let escaped = |byte: u8| byte.is_ascii_control() && byte != b'\t' && !(self.colours && byte == b'\x1b');
        if !body.iter().copied().any(escaped) {
            self.inner.write_all(event)?;
            return Ok(event.len());
        }
        let mut line = Vec::with_capacity(event.len() + 16);
        for &byte in body {
            if escaped(byte) { line.extend(byte.escape_ascii()) } else { line.push(byte) }
        }
        line.extend_from_slice(&event[body.len()..]);
        self.inner.write_all(&line)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
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

    fn logged(format: LogFormat, work: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let log = Log { filter: "info".into(), format };
        tracing::subscriber::with_default(subscriber(&log, false, move || writer.clone()).unwrap(), work);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    const HOSTILE: &str = "a\n2026-01-01T00:00:00Z  INFO forged\r\x1b[31m \u{9b}red \u{202e}";

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        for format in [LogFormat::Human, LogFormat::Json] {
            let text = logged(format, || {
                tracing::info!(user.name = ?HOSTILE, shown = %HOSTILE, plain = HOSTILE, "{HOSTILE}");
                tracing::debug!("below the filter");
            });
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(text.ends_with('\n') && !text.contains(['\r', '\x1b']), "{text:?}");
        }
    }

    #[test]
    fn json_lines_are_objects_with_flat_fields() {
        let text = logged(LogFormat::Json, || tracing::warn!(client.id = 7, duration_ms = 1.5, "slow client"));
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
