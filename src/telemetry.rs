//! Logs: to stderr, in lines for people or JSON for machines; under the user's screens to a file and to the lines that
//! the log screen shows. Prompts, answers and keys are never logged.

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

use crate::log_lines::{LogLevel, LogLine, LogLines};
use crate::private_files::{self, PrivateFileError};

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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(
            io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        )
        .with_target(false);
    // A second start (tests) changes nothing.
    let _ = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().try_init(),
    };
    Ok(())
}

fn read(filter: Option<&str>, usual: Usual) -> Result<EnvFilter, FilterError> {
    let text = match filter {
        None if usual == Usual::Notes => "warn,zgserve_tui=info".to_owned(),
        None => "warn".to_owned(),
        Some(level) if level.chars().all(|c| c.is_ascii_alphabetic()) => format!("warn,zgserve_tui={level}"),
        Some(filter) => filter.to_owned(),
    };
    EnvFilter::try_new(&text).map_err(|_| FilterError(text))
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
}
