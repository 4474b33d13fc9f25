//! Lines out, lines in: all that the plain mode has of a terminal.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use tokio::sync::mpsc;

use crate::domain::clean::{clean, clean_lines};

/// Nobody types a longer line.
const LONGEST: u64 = 1 << 20;
/// Lines that were typed ahead.
const AHEAD: usize = 16;

/// Where is written, and from where is read.
pub struct Paper {
    out: Box<dyn Write + Send>,
    lines: Option<mpsc::Receiver<String>>,
}

impl fmt::Debug for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Paper")
    }
}

impl Paper {
    /// The terminal. Reading begins with the first question, so that a passphrase can be asked for before.
    pub fn terminal() -> Paper {
        Paper { out: Box::new(io::stdout()), lines: None }
    }

    /// Scripted lines, and a place for what is written.
    pub fn new(out: Box<dyn Write + Send>, lines: mpsc::Receiver<String>) -> Paper {
        Paper { out, lines: Some(lines) }
    }

    /// A line; whatever is hostile in it is replaced.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", clean(text, 4000))
    }

    /// A piece of an answer, as it comes.
    pub fn stream(&mut self, text: &str) -> io::Result<()> {
        write!(self.out, "{}", clean_lines(text, usize::MAX))?;
        self.out.flush()
    }

    /// The end of a line that was streamed.
    pub fn end(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A question and what is typed for it, without the space around it; `None` at the end of the input. May be dropped
    /// while it waits.
    pub async fn ask(&mut self, question: &str) -> io::Result<Option<String>> {
        write!(self.out, "{} ", clean(question, 400))?;
        self.out.flush()?;
        let lines = self.lines.get_or_insert_with(read);
        Ok(lines.recv().await.map(|line| line.trim().to_owned()))
    }
}

/// Reads in a thread of its own, which ends with the input or the program: reading cannot be called off.
fn read() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut line = Vec::new();
        while let Ok(1..) = io::stdin().lock().take(LONGEST).read_until(b'\n', &mut line) {
            if sender.blocking_send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}
