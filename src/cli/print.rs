//! The only place that prints. Results go to stdout, everything about them to stderr.
//!
//! A reader that goes away (`| head`) ends the program quietly. Any other trouble with stdout, a full disk behind it above
//! all, is kept and told at the program's end ([`Output::trouble`]): half a result must not pass for a whole one. Texts of strangers were cleaned where they entered; here
//! all that is printed is cleaned once more, whatever way it took: lines by [`clean`], JSON by escapes, which mean the
//! same to a program.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::Exit;
use super::table::{self, Column};
use crate::domain::clean;

/// What first kept a result from being written, of the whole process: results come from everywhere.
static TROUBLE: OnceLock<String> = OnceLock::new();

/// A result that was not written whole, though somebody still wanted it.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// Of a command that reads.
    #[error(
        "the result is not all written: {0}; make room or write it elsewhere, and give the command again"
    )]
    Read(&'static str),
    /// Of one that acts. Doing it twice could cost money.
    #[error(
        "the result could not be written: {error}. What was asked for is done; do not give the command again. {look}"
    )]
    Done { error: &'static str, look: String },
    /// Of one that acts and said by its exit code that not all of it is done, or not yet.
    #[error(
        "the result could not be written: {error}. Part of what was asked for may be done; do not give the command again \
         before you have looked. {look}"
    )]
    Begun { error: &'static str, look: String },
}

/// Writes to stdout and stderr.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output;

impl Output {
    /// A line of result. Gives `false` once nothing more can be written.
    pub fn line(self, text: &str) -> bool {
        self.write(&format!("{}\n", clean::clean_lines(text, usize::MAX)))
    }

    /// Text of our own, as it is. Gives `false` once nothing more can be written.
    pub fn write(self, text: &str) -> bool {
        self.bytes(text.as_bytes())
    }

    /// A file of somebody's choice, as it is. Gives `false` once nothing more can be written.
    pub fn bytes(self, bytes: &[u8]) -> bool {
        let mut stdout = io::stdout().lock();
        // Flushed each time, so that no error waits for an end at which nobody asks.
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => true,
            Err(error) => {
                if is_trouble(&error) {
                    // The first one is the cause of those after it.
                    let _ = TROUBLE.set(clean::clean_reason(&error.to_string(), 200));
                }
                false
            }
        }
    }

    /// Whether all that was printed so far was also written, or its reader did not want the rest. `look` says where to
    /// see what was done, of a command that does something.
    ///
    /// # Errors
    /// [`NotWritten`] with what kept it from being written.
    pub fn trouble(self, look: Option<String>, exit: Exit) -> Result<(), NotWritten> {
        let Some(error) = TROUBLE.get() else { return Ok(()) };
        Err(match look {
            None => NotWritten::Read(error),
            Some(look) if exit == Exit::Ok => NotWritten::Done { error, look },
            Some(look) => NotWritten::Begun { error, look },
        })
    }

    /// A piece of what a model said, made harmless for a terminal; `before` knows of the pieces before it.
    pub fn said(self, text: &str, before: &mut clean::Pieces) -> bool {
        self.write(&before.clean(text))
    }

    /// A value for programs.
    pub fn json(self, value: &Value) -> bool {
        self.write(&format!("{}\n", escaped(&format!("{value:#}"))))
    }

    /// Something about the result, for people.
    pub fn note(self, text: &str) {
        // With stderr gone there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{}", clean::clean_lines(text, usize::MAX));
    }

    /// A table of objects. Gives `false` once nothing more can be written.
    pub fn table(self, items: &[Value], columns: &[Column]) -> bool {
        table::table(items, columns).iter().all(|line| self.line(line))
    }

    /// The fields of one object, one a line.
    pub fn fields(self, item: &Value) -> bool {
        table::fields(item).iter().all(|line| self.line(line))
    }

    /// Asks for a line. `None` at the end of the input.
    pub fn question(self, prompt: &str) -> io::Result<Option<String>> {
        {
            let mut stderr = io::stderr().lock();
            stderr.write_all(prompt.as_bytes()).and_then(|()| stderr.flush())?;
        }
        let mut line = String::new();
        match io::stdin().read_line(&mut line)? {
            0 => Ok(None),
            _ => Ok(Some(line.trim_end_matches(['\n', '\r']).to_owned())),
        }
    }

    /// Whether a person sees the results as they come.
    pub fn is_terminal(self) -> bool {
        io::stdout().is_terminal()
    }
}

/// A reader that went away has what it wanted. Everything else has lost somebody a part of the result.
fn is_trouble(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::BrokenPipe
}

/// JSON that says the same without a character that a terminal would obey, and without marks piled up on a letter: JSON
/// itself escapes only what is below U+0020.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut marks = 0_u8;
    for c in json.chars() {
        marks = if clean::is_mark(c) { marks.saturating_add(1) } else { 0 };
        if (c != '\n' && clean::is_hostile(c)) || marks > clean::MOST_MARKS {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing into a String cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Shows on a terminal's stderr that something is being waited for, until it is dropped.
#[derive(Debug)]
pub struct Progress {
    stop: Option<std::sync::mpsc::SyncSender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Progress {
    /// Nothing is shown for short waits, nor where stderr is no terminal.
    pub fn start(what: &str) -> Progress {
        if !io::stderr().is_terminal() {
            return Progress { stop: None, thread: None };
        }
        let what = what.to_owned();
        let (stop, stopped) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::spawn(move || {
            let mut shown = false;
            for frame in ['|', '/', '-', '\\'].into_iter().cycle() {
                let wait = Duration::from_millis(if shown { 120 } else { 300 });
                if stopped.recv_timeout(wait) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    break;
                }
                shown = true;
                let mut stderr = io::stderr().lock();
                if write!(stderr, "\r{frame} {what}").and_then(|()| stderr.flush()).is_err() {
                    return;
                }
            }
            if shown {
                let blank = " ".repeat(what.chars().count() + 2);
                let _ = write!(io::stderr().lock(), "\r{blank}\r");
            }
        });
        Progress { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // It only ever waits for the channel that was just closed.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::{attacks, found};
    use serde_json::json;

    #[test]
    fn json_says_the_same_and_steers_nothing() {
        for attack in attacks() {
            let value = json!({ attack.text.clone(): [attack.text.clone(), 7] });
            let text = escaped(&format!("{value:#}"));
            assert_eq!(found(&text), None, "{}", attack.name);
            let read: Value = serde_json::from_str(&text).unwrap_or_default();
            assert_eq!(read, value, "{}", attack.name);
        }
    }
}
