//! What the process says of itself, kept in memory for the log screen: the newest lines, the oldest dropped first.
//!
//! `telemetry` fills it from every thread; a screen asks for what came after the last line that it has, when
//! [`LogLines::watch`] says that something did.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::domain::Timestamp;
use crate::domain::clean::clean;

/// Lines that are kept.
const MOST: usize = 5_000;
/// Characters of one line.
const LONGEST: usize = 2_000;

/// How much a line matters, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

impl LogLevel {
    pub const fn name(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }
}

/// One line; its text is clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Counted from 1 since the process started.
    pub number: u64,
    pub at: Timestamp,
    pub level: LogLevel,
    pub text: String,
}

/// The newest lines. Clones are the same lines.
#[derive(Clone)]
pub struct LogLines {
    inner: Arc<Inner>,
}

struct Inner {
    lines: Mutex<VecDeque<Arc<LogLine>>>,
    newest: watch::Sender<u64>,
}

impl Default for LogLines {
    fn default() -> Self {
        let inner = Inner { lines: Mutex::default(), newest: watch::Sender::new(0) };
        LogLines { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for LogLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogLines(up to {})", *self.inner.newest.borrow())
    }
}

impl LogLines {
    /// Adds a line, cleaned and cut.
    pub fn push(&self, level: LogLevel, text: &str) -> Arc<LogLine> {
        let text = clean(text, LONGEST).into_owned();
        let mut lines = self.inner.lines.lock();
        let number = lines.back().map_or(1, |line| line.number.saturating_add(1));
        let line = Arc::new(LogLine { number, at: Timestamp::now(), level, text });
        if lines.len() >= MOST {
            lines.pop_front();
        }
        lines.push_back(Arc::clone(&line));
        drop(lines);
        self.inner.newest.send_replace(number);
        line
    }

    /// The lines after that number, oldest first; 0 gives all that are kept.
    pub fn since(&self, number: u64) -> Vec<Arc<LogLine>> {
        let lines = self.inner.lines.lock();
        lines.iter().filter(|line| line.number > number).map(Arc::clone).collect()
    }

    /// Tells the number of the newest line whenever there is a newer one.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.newest.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_clean() {
        let lines = LogLines::default();
        for number in 0..MOST + 3 {
            lines.push(LogLevel::Info, &format!("line {number}\u{1b}[2J"));
        }
        let kept = lines.since(0);
        assert_eq!(kept.len(), MOST);
        assert_eq!(kept.first().map(|line| line.number), Some(4));
        let newest = *lines.watch().borrow();
        assert_eq!(newest, (MOST + 3) as u64);
        assert_eq!(lines.since(newest - 1).len(), 1);
        assert!(kept.iter().all(|line| !line.text.contains('\u{1b}')));
    }
}
