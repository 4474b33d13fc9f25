//! The only place that prints. Results go to stdout, everything about them to stderr.
//!
//! A reader that goes away (`| head`) ends the program quietly. Texts of strangers were cleaned where they entered;
//! what a model says is cleaned here, since only here it meets a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde_json::Value;

use crate::domain::{Timestamp, clean};

/// A column of a table: its title, and the key of the objects that it shows.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    pub key: &'static str,
}

/// Writes to stdout and stderr.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output;

impl Output {
    /// A line of result. Gives `false` once the reader is gone.
    pub fn line(self, text: &str) -> bool {
        self.write(&format!("{text}\n"))
    }

    /// Text of a result, as it is. Gives `false` once the reader is gone.
    pub fn write(self, text: &str) -> bool {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_ok()
    }

    /// What a model said, made harmless for a terminal.
    pub fn said(self, text: &str) -> bool {
        self.write(&clean::clean_lines(text, usize::MAX))
    }

    /// A value for programs.
    pub fn json(self, value: &Value) -> bool {
        self.line(&format!("{value:#}"))
    }

    /// Something about the result, for people.
    pub fn note(self, text: &str) {
        // With stderr gone there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// A table of objects.
    pub fn table(self, items: &[Value], columns: &[Column]) -> bool {
        let rows: Vec<Vec<String>> =
            items.iter().map(|item| columns.iter().map(|column| cell(&item[column.key])).collect()).collect();
        let width = |index: usize, title: &str| {
            let longest = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).max();
            longest.unwrap_or(0).max(title.chars().count())
        };
        let widths: Vec<usize> =
            columns.iter().enumerate().map(|(index, column)| width(index, column.title)).collect();
        let titles = columns.iter().map(|column| column.title.to_owned()).collect();
        std::iter::once(titles).chain(rows).all(|row| self.line(&aligned(&row, &widths)))
    }

    /// The fields of one object, one a line.
    pub fn fields(self, item: &Value) -> bool {
        let Some(fields) = item.as_object() else { return self.line(&cell(item)) };
        let width = fields.keys().map(|key| key.chars().count()).max().unwrap_or(0);
        fields.iter().all(|(key, value)| self.line(&format!("{key:<width$}  {}", cell(value))))
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

fn aligned(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
    }
    line.trim_end().to_owned()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) if text.parse::<Timestamp>().is_ok() => to_the_second(text),
        Value::String(text) => clean::clean(text, 200).into_owned(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        value => clean::clean(&value.to_string(), 200).into_owned(),
    }
}

/// A time without its fraction, which no reader of a table wants.
fn to_the_second(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
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
    use serde_json::json;

    #[test]
    fn cells_are_plain_text() {
        assert_eq!(cell(&json!(null)), "-");
        assert_eq!(cell(&json!("")), "-");
        assert_eq!(cell(&json!("a\u{1b}[2Jb")), "a\u{fffd}[2Jb");
        assert_eq!(cell(&json!(7)), "7");
        assert_eq!(cell(&json!("2026-11-23T01:20:11.6168Z")), "2026-11-23T01:20:11Z");
        assert_eq!(cell(&json!("2026-11-23T01:20:11Z")), "2026-11-23T01:20:11Z");
        assert_eq!(aligned(&["a".to_owned(), "b".to_owned()], &[3, 4]), "a    b");
    }
}
