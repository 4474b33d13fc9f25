//! Lines out, lines in: all that the plain mode has of a terminal.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::domain::clean::{Pieces, clean};
use crate::tui::texts;

/// Nobody types a longer line.
const LONGEST: usize = 1 << 20;
/// Lines that were typed ahead.
const AHEAD: usize = 16;
/// A line that comes so soon after a question about money was meant for something else.
const SETTLED: Duration = Duration::from_millis(300);
/// Nobody types a line so soon after another one; a paste brings them together.
const BURST: Duration = Duration::from_millis(100);

/// Where is written, and from where is read.
pub struct Paper {
    out: Box<dyn Write + Send>,
    lines: Option<mpsc::Receiver<String>>,
    /// What was streamed of the line so far.
    streamed: Pieces,
}

impl fmt::Debug for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Paper")
    }
}

impl Paper {
    /// The terminal. Reading begins with the first question, so that a passphrase can be asked for before.
    pub fn terminal() -> Paper {
        Paper { out: Box::new(io::stdout()), lines: None, streamed: Pieces::default() }
    }

    /// Scripted lines, and a place for what is written.
    pub fn new(out: Box<dyn Write + Send>, lines: mpsc::Receiver<String>) -> Paper {
        Paper { out, lines: Some(lines), streamed: Pieces::default() }
    }

    /// A line; whatever is hostile in it is replaced.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", clean(text, 4000))
    }

    /// A piece of an answer, as it comes.
    pub fn stream(&mut self, text: &str) -> io::Result<()> {
        write!(self.out, "{}", self.streamed.clean(text))?;
        self.out.flush()
    }

    /// The end of a line that was streamed.
    pub fn end(&mut self) -> io::Result<()> {
        self.streamed = Pieces::default();
        writeln!(self.out)
    }

    /// A question and what is typed for it, without the space around it; `None` at the end of the input. May be dropped
    /// while it waits.
    pub async fn ask(&mut self, question: &str) -> io::Result<Option<String>> {
        self.put(question)?;
        let lines = self.lines.get_or_insert_with(read);
        Ok(lines.recv().await.map(|line| line.trim().to_owned()))
    }

    fn put(&mut self, question: &str) -> io::Result<()> {
        write!(self.out, "{} ", clean(question, 400))?;
        self.out.flush()
    }

    /// [`Paper::ask`], for a question that must not be answered by accident: what was typed ahead, or pasted with the
    /// lines before, is thrown away, and the question asked anew.
    pub async fn ask_anew(&mut self, question: &str) -> io::Result<Option<String>> {
        self.put(question)?;
        if self.forget_ahead().await {
            self.end()?;
            self.say(texts::plain::TYPED_TOO_EARLY)?;
            self.put(question)?;
        }
        let lines = self.lines.get_or_insert_with(read);
        Ok(lines.recv().await.map(|line| line.trim().to_owned()))
    }

    /// Throws away what was typed ahead, until nothing more comes. Gives whether there was something.
    pub async fn forget_ahead(&mut self) -> bool {
        let lines = self.lines.get_or_insert_with(read);
        let mut some = false;
        while let Ok(Some(_)) = timeout(SETTLED, lines.recv()).await {
            some = true;
        }
        some
    }

    /// A text: lines that were pasted together are one, so that none of them is taken for the next answer. `None` at the
    /// end of the input.
    pub async fn ask_text(&mut self, question: &str) -> io::Result<Option<String>> {
        loop {
            let Some(mut text) = self.ask(question).await? else { return Ok(None) };
            let lines = self.lines.get_or_insert_with(read);
            let mut fits = true;
            while let Ok(Some(line)) = timeout(BURST, lines.recv()).await {
                fits = fits && text.len() + line.len() < LONGEST;
                if fits {
                    text.push('\n');
                    text.push_str(line.trim_end());
                }
            }
            if fits {
                return Ok(Some(text.trim().to_owned()));
            }
            self.say(texts::plain::TOO_LONG)?;
        }
    }
}

/// Reads in a thread of its own, which ends with the input or the program: reading cannot be called off.
fn read() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut line = Vec::new();
        while let Ok(1..) = io::stdin().lock().take(LONGEST as u64).read_until(b'\n', &mut line) {
            if sender.blocking_send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;
    use crate::attacks::{attacks, found};

    fn paper() -> (Paper, mpsc::Sender<String>) {
        let (sender, lines) = mpsc::channel(AHEAD);
        (Paper::new(Box::new(io::sink()), lines), sender)
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_that_is_written_steers_the_terminal() {
        #[derive(Clone, Default)]
        struct Sheet(Arc<Mutex<Vec<u8>>>);
        impl Write for Sheet {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for attack in attacks() {
            let sheet = Sheet::default();
            let (sender, lines) = mpsc::channel(AHEAD);
            let mut paper = Paper::new(Box::new(sheet.clone()), lines);
            drop(sender);
            paper.say(&attack.text).unwrap();
            assert_eq!(sheet.0.lock().iter().filter(|byte| **byte == b'\n').count(), 1, "{}", attack.name);
            paper.ask(&attack.text).await.unwrap();
            for letter in attack.text.chars().take(5_000) {
                paper.stream(letter.encode_utf8(&mut [0; 4])).unwrap();
            }
            paper.end().unwrap();
            let text = String::from_utf8(sheet.0.lock().clone()).unwrap();
            assert_eq!(found(&text.replace('\t', " ")), None, "{}", attack.name);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_typed_ahead_answers_no_question_about_money() {
        let (mut paper, lines) = paper();
        for line in ["yes\n", "yes\n"] {
            lines.send(line.to_owned()).await.unwrap();
        }
        let (asked, ()) = tokio::join!(paper.ask_anew("Deposit?"), async {
            tokio::time::sleep(SETTLED * 3).await;
            lines.send("no\n".to_owned()).await.unwrap();
        });
        assert_eq!(asked.unwrap().as_deref(), Some("no"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_paste_is_one_text_and_answers_nothing_else() {
        let (mut paper, lines) = paper();
        for line in ["a list:\n", "  one\n", "\n", "5\n"] {
            lines.send(line.to_owned()).await.unwrap();
        }
        let (asked, ()) = tokio::join!(paper.ask_text("You:"), async {
            tokio::time::sleep(SETTLED).await;
            lines.send("next\n".to_owned()).await.unwrap();
        });
        assert_eq!(asked.unwrap().as_deref(), Some("a list:\n  one\n\n5"));
        assert_eq!(paper.ask("Number?").await.unwrap().as_deref(), Some("next"));
        drop(lines);
        assert_eq!(paper.ask_text("You:").await.unwrap(), None);
    }
}
