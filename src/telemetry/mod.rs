//! Logs: to stderr, in lines for people or JSON for machines; under the user's screens to a file and to the lines that
//! the log screen shows. Prompts, answers and keys are never logged.
//!
//! What strangers wrote was cleaned where it entered. All the same every event is cleaned as it is written, as one line:
//! no text in it can begin another line, which would be believed, or steer the terminal that shows the log.

#[cfg(feature = "otel")]
mod traces;

#[cfg(feature = "otel")]
pub use self::traces::{Traces, TracesError};

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, IsTerminal, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

use crate::domain::clean::clean;
use crate::log_lines::{LogLevel, LogLine, LogLines};
use crate::private_files::{self, PrivateFileError};
use crate::tasks::remember_panic;

/// The log of the screens, in the data directory; the one before it has `.old` at its end.
const FILE: &str = "screens.log";
/// Bytes at which a new file is begun, so that both together are twice this at most.
const LARGEST: u64 = 4 << 20;

/// What is logged unless asked otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usual {
    /// A daemon tells what it does.
    Notes,
    /// A command for one thing only tells what is wrong.
    Warnings,
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// A log filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("--log: {0:?} is not a log level or filter; write error, warn, info, debug, or zgserve_tui=debug")]
pub struct FilterError(String);

/// Starts logging, unless lines would be drawn over a screen: a program that has the terminal to itself logs only
/// where stderr goes elsewhere (`2>console.log`). Call once, first thing.
///
/// `filter` is a level, which then is ours (libraries stay at warnings), or a whole filter.
pub fn start(filter: Option<&str>, usual: Usual, format: Format, screen: bool) -> Result<(), FilterError> {
    let filter = read(filter, usual)?;
    if screen && io::stderr().is_terminal() {
        return Ok(());
    }
    let colour =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Lines { to: io::stderr(), colour })
        .with_ansi(false)
        .with_target(false);
    // A second start (tests) changes nothing.
    let _ = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.with_writer(|| Lines { to: io::stderr(), colour: false }).json().try_init(),
    };
    Ok(())
}

/// [`start`], with our spans handed on to a collector as well, whatever is logged. Call outside of any runtime.
#[cfg(feature = "otel")]
pub fn start_with_traces(
    filter: Option<&str>,
    usual: Usual,
    format: Format,
    collector: &url::Url,
) -> Result<Traces, StartError> {
    let filter = read(filter, usual)?;
    let (spans, traces) = traces::layer(collector)?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Lines { to: io::stderr(), colour: false })
        .with_ansi(false)
        .with_target(false);
    let registry = Registry::default().with(spans);
    // A second start (tests) changes nothing.
    let _ = match format {
        Format::Text => registry.with(lines.with_filter(filter)).try_init(),
        Format::Json => registry.with(lines.json().with_filter(filter)).try_init(),
    };
    Ok(traces)
}

/// Logs or traces cannot be started.
#[cfg(feature = "otel")]
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(transparent)]
    Traces(#[from] TracesError),
}

/// Writes events, one a call, each as one clean line.
#[derive(Debug)]
struct Lines<W> {
    to: W,
    colour: bool,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut line = one_line(text.strip_suffix('\n').unwrap_or(&text), self.colour);
        line.push('\n');
        self.to.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A line without anything that could steer. Colours are put on here, behind the cleaning: the subscriber's own come with
/// the values, in which it leaves the escapes of strangers as they are.
fn one_line(text: &str, colour: bool) -> String {
    let line = clean(text, usize::MAX);
    let parts = line.split_once(' ').and_then(|(time, rest)| {
        let (level, rest) = rest.trim_start().split_once(' ')?;
        let sign = match level {
            "ERROR" => 31,
            "WARN" => 33,
            "INFO" => 32,
            "DEBUG" => 34,
            "TRACE" => 35,
            _ => return None,
        };
        Some(format!("\u{1b}[2m{time}\u{1b}[0m \u{1b}[{sign}m{level:>5}\u{1b}[0m {rest}"))
    });
    parts.filter(|_| colour).unwrap_or_else(|| line.into_owned())
}

/// Has a fault of the program told in one sentence without what it was working on: the usual message quotes it, and
/// that may be a prompt or a key. Call once, before anything else.
pub fn tell_faults() {
    std::panic::set_hook(Box::new(|panic| {
        let at = remember_panic(panic.location());
        let text = format!(
            "zgserve-tui: a fault in the program itself at {at}; what was under way there was given up, everything that \
             was promised is on the disk, and the log has more\n"
        );
        // Where nobody reads it there is nobody to tell.
        let _ = io::stderr().write_all(text.as_bytes());
    }));
}

fn read(filter: Option<&str>, usual: Usual) -> Result<EnvFilter, FilterError> {
    let text = match filter {
        None if usual == Usual::Notes => "warn,zgserve_tui=info".to_owned(),
        None => "warn".to_owned(),
        // An empty level would let everything through.
        Some("") => return Err(FilterError(String::new())),
        Some(level) if level.chars().all(|c| c.is_ascii_alphabetic()) => format!("warn,zgserve_tui={level}"),
        Some(filter) => filter.to_owned(),
    };
    // What was typed is told, not what was made of it.
    EnvFilter::try_new(&text).map_err(|_| FilterError(filter.unwrap_or(&text).to_owned()))
}

/// Where log lines go while the user's screens have the terminal. Clones are the same log.
#[derive(Clone, Debug, Default)]
pub struct ScreenLog {
    /// What the log screen shows.
    pub lines: LogLines,
    file: Arc<Mutex<Option<LogFile>>>,
}

/// Starts logging into memory; [`ScreenLog::write_to`] adds the file once the data directory is known. Call once,
/// instead of [`start`].
pub fn start_for_screens(filter: Option<&str>) -> Result<ScreenLog, FilterError> {
    let log = ScreenLog::default();
    let keep = Keep(log.clone());
    let _ = Registry::default().with(read(filter, Usual::Notes)?).with(keep).try_init();
    Ok(log)
}

impl ScreenLog {
    /// Writes what was logged so far, and everything after it, into a file of that directory (mode 0600, bounded).
    /// Gives its path. Blocks.
    pub fn write_to(&self, directory: &Path) -> Result<PathBuf, PrivateFileError> {
        let path = directory.join(FILE);
        let mut file = LogFile::open(path.clone())?;
        let mut place = self.file.lock();
        for line in self.lines.since(0) {
            file.write(&line);
        }
        *place = Some(file);
        Ok(path)
    }

    /// Adds a line of our own.
    pub fn push(&self, level: LogLevel, text: &str) {
        let line = self.lines.push(level, text);
        if let Some(file) = self.file.lock().as_mut() {
            file.write(&line);
        }
    }
}

/// A log file that never grows beyond [`LARGEST`].
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    fn open(path: PathBuf) -> Result<LogFile, PrivateFileError> {
        let mut file = private_files::open_or_create(&path)?;
        let failed = |source| PrivateFileError::Io { action: "write to", path: path.clone(), source };
        let size = file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(LogFile { path, file, size })
    }

    /// A log that cannot be written stops nothing: the lines in memory are still there.
    fn write(&mut self, line: &LogLine) {
        let text = format!("{} {:<5} {}\n", line.at, line.level.name(), line.text);
        let length = text.len() as u64;
        if self.size.saturating_add(length) > LARGEST {
            let mut old = self.path.clone().into_os_string();
            old.push(".old");
            if std::fs::rename(&self.path, old).is_err() {
                return;
            }
            let Ok(next) = LogFile::open(self.path.clone()) else { return };
            *self = next;
        }
        if self.file.write_all(text.as_bytes()).is_ok() {
            self.size += length;
        }
    }
}

/// Takes events into a [`ScreenLog`].
struct Keep(ScreenLog);

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let level = match *event.metadata().level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            Level::INFO => LogLevel::Info,
            Level::DEBUG | Level::TRACE => LogLevel::Debug,
        };
        self.0.push(level, &format!("{}{}", words.message, words.rest));
    }
}

/// An event's message, and its fields after it.
#[derive(Default)]
struct Words {
    message: String,
    rest: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.rest, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::attacks::{attacks, found};

    /// What is written of one event with this text in its message, its fields and an error.
    fn logged(text: &str, json: bool, colour: bool) -> String {
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let kept = Kept::default();
        let to = kept.clone();
        let builder = tracing_subscriber::fmt()
            .with_writer(move || Lines { to: to.clone(), colour })
            .with_ansi(false)
            .with_target(false);
        let log =
            || tracing::warn!(error = %io::Error::other(text.to_owned()), shown = %text, ?text, "no: {text}");
        if json {
            tracing::subscriber::with_default(builder.json().finish(), log);
        } else {
            tracing::subscriber::with_default(builder.finish(), log);
        }
        let bytes = kept.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_quoted_as_it_was_typed() {
        for typed in ["nonsense", "", "zgserve_tui=loud"] {
            let told = read(Some(typed), Usual::Notes).unwrap_err().to_string();
            assert!(told.starts_with(&format!("--log: {typed:?} is not a log level")), "{told}");
        }
        assert!(read(Some("debug"), Usual::Notes).is_ok() && read(None, Usual::Warnings).is_ok());
    }

    #[test]
    fn lines_of_before_and_after_are_in_the_file_which_is_private_and_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let log = ScreenLog::default();
        let subscriber = Registry::default().with(Keep(log.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(error = "no \u{1b}[2J luck", "before");
            let path = log.write_to(directory.path()).unwrap();
            tracing::info!(blocks = 7, "after");
            let text = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().map(|line| line.split_once(' ').unwrap().1).collect();
            assert_eq!(lines, ["warn  before error=no \u{fffd}[2J luck", "info  after blocks=7"]);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let long = "x".repeat(2_000);
            for _ in 0..2_500 {
                log.push(LogLevel::Info, &long);
            }
            assert!(std::fs::metadata(&path).unwrap().len() <= LARGEST);
            assert!(directory.path().join("screens.log.old").is_file());
        });
    }

    #[test]
    fn an_event_is_one_clean_line_whatever_is_in_it() {
        for attack in attacks() {
            for json in [false, true] {
                let line = logged(&attack.text, json, false);
                assert_eq!(line.matches('\n').count(), 1, "{}: {line}", attack.name);
                assert_eq!(found(&line), None, "{}", attack.name);
                if json {
                    serde_json::from_str::<serde_json::Value>(&line).unwrap();
                }
            }
        }
    }

    #[test]
    fn a_coloured_event_has_the_colours_of_our_own_and_no_other_sequence() {
        for attack in attacks() {
            let line = logged(&attack.text, false, true);
            let (head, rest) = line.split_at(line.find("no: ").unwrap());
            assert_eq!((found(rest), rest.matches('\n').count()), (None, 1), "{}: {line:?}", attack.name);
            let (time, level) = head.strip_prefix("\u{1b}[2m").unwrap().split_once("\u{1b}[0m ").unwrap();
            assert!(time.parse::<crate::domain::Timestamp>().is_ok(), "{time}");
            assert_eq!(level, "\u{1b}[33m WARN\u{1b}[0m ");
        }
    }
}
