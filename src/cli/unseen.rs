//! One line typed at the terminal without being shown.
//!
//! The terminal is read on a thread of its own, so that nothing else waits, and it gets back what it was set to
//! however the question ends: answered, called off with Ctrl-C, or dropped because the program stops. Ctrl-C is read
//! as a key and not taken as a signal, which would end the program before the terminal is set back. Signals that come all
//! the same end the program as they would have, behind setting it back, unless the program has taken them for itself
//! ([`signals_are_taken`]) and drops the question.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use zeroize::Zeroizing;

use super::exit::Exit;
use super::passphrase::PassphraseError;
use crate::keys::Secret;

/// Nobody types more into one line.
const LONGEST: usize = 4096;

/// Empty reads that came at once, in a row, after which the terminal counts as gone.
const GONE: u32 = 50;

/// Whether somebody else does what a signal asks for.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether signals end the program by [`end_by_signal`].
static WATCHED: AtomicBool = AtomicBool::new(false);
/// What the terminal is to be set back to, while it is asked at.
static BEFORE: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Says that the program stops by itself when a signal asks for it, now and from now on.
pub fn signals_are_taken() {
    TAKEN.store(true, Ordering::Relaxed);
}

/// Ends the program by whatever ends programs, with the terminal set back. The rest of the program keeps nothing that
/// these signals' default would not have cut off as well.
async fn end_by_signal([mut interrupt, mut terminate, mut hangup]: [Option<Signal>; 3]) {
    loop {
        tokio::select! {
            () = came(&mut interrupt) => {}
            () = came(&mut terminate) => {}
            () = came(&mut hangup) => {}
        }
        if !TAKEN.load(Ordering::Relaxed) {
            // Held to the end, so that no question begins meanwhile.
            let mut before = BEFORE.lock();
            if let Some((terminal, before)) = before.take() {
                let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
            }
            std::process::exit(Exit::Interrupted as i32);
        }
    }
}

/// Waits for a signal; for ever where it is not listened to.
async fn came(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Once signals are listened to they do nothing by themselves for as long as the process lives, so this begins with the
/// first question and stays. Those that the process was started to ignore, as `nohup` does, stay ignored.
fn watch_signals() -> io::Result<()> {
    if TAKEN.load(Ordering::Relaxed) || WATCHED.load(Ordering::Relaxed) {
        return Ok(());
    }
    let ignored = std::fs::read_to_string("/proc/self/status").map_or(0, |status| ignored(&status));
    let listen = |kind: SignalKind| -> io::Result<Option<Signal>> {
        if is_in(ignored, kind) { Ok(None) } else { signal(kind).map(Some) }
    };
    let signals =
        [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?];
    // Somebody else may have begun meanwhile.
    if !WATCHED.swap(true, Ordering::Relaxed) {
        #[allow(
            clippy::disallowed_methods,
            reason = "no shutdown waits for what only ever ends the process"
        )]
        tokio::spawn(end_by_signal(signals));
    }
    Ok(())
}

/// The signals that a process ignores, by what Linux says of it; other systems do not tell.
fn ignored(status: &str) -> u64 {
    let digits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    digits.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(signals: u64, kind: SignalKind) -> bool {
    let bit = u32::try_from(kind.as_raw_value() - 1).ok().and_then(|place| 1_u64.checked_shl(place));
    bit.is_some_and(|bit| signals & bit != 0)
}

/// Asks at the terminal itself, so that pipes on both ends do not matter.
pub(super) async fn ask(prompt: String) -> Result<Secret<String>, PassphraseError> {
    watch_signals().map_err(PassphraseError::Terminal)?;
    let stop = Stop::default();
    let seen = Arc::clone(&stop.0);
    let asked = tokio::task::spawn_blocking(move || read(&prompt, &seen));
    // Whoever drops this future before its end stops the thread, too.
    let answer = asked.await.unwrap_or(Err(PassphraseError::Interrupted));
    drop(stop);
    answer
}

/// Tells the thread to end when it is dropped.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn read(prompt: &str, stop: &AtomicBool) -> Result<Secret<String>, PassphraseError> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
    let mut terminal = terminal.map_err(|_| PassphraseError::NoTerminal)?;
    let unseen = Unseen::of(&terminal).map_err(PassphraseError::Terminal)?;
    let failed = PassphraseError::Terminal;
    terminal.write_all(format!("{prompt}: ").as_bytes()).map_err(failed)?;
    let line = typed(&mut terminal, stop);
    // The line feed that was typed was not shown.
    let told = terminal.write_all(b"\n");
    drop(unseen);
    let line = line?;
    told.map_err(failed)?;
    Ok(line)
}

fn typed(terminal: &mut File, stop: &AtomicBool) -> Result<Secret<String>, PassphraseError> {
    let mut line = Line::default();
    let mut empty = 0;
    loop {
        let mut byte = Zeroizing::new([0]);
        let before = Instant::now();
        let count = match terminal.read(&mut byte[..]) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(PassphraseError::Terminal(error)),
        };
        if stop.load(Ordering::Relaxed) {
            return Err(PassphraseError::Interrupted);
        }
        if count == 0 {
            // A tenth of a second without a key, or a terminal that is gone and says so at once, for ever.
            empty = if before.elapsed() < Duration::from_millis(20) { empty + 1 } else { 0 };
            if empty > GONE {
                return Err(PassphraseError::NoTerminal);
            }
            continue;
        }
        if let Some(end) = line.take(byte[0]) {
            return end;
        }
    }
}

/// What was typed so far. Room for all of it at once: a growing text would leave unwiped copies behind.
struct Line(Zeroizing<Vec<u8>>);

impl Default for Line {
    fn default() -> Self {
        Line(Zeroizing::new(Vec::with_capacity(LONGEST)))
    }
}

impl Line {
    /// Takes a byte. Gives the line, or why there is none, once it is ended.
    fn take(&mut self, byte: u8) -> Option<Result<Secret<String>, PassphraseError>> {
        match byte {
            b'\n' | b'\r' => return Some(self.end()),
            // Ctrl-C
            3 => return Some(Err(PassphraseError::Interrupted)),
            // Ctrl-D
            4 if self.0.is_empty() => return Some(Err(PassphraseError::Nothing)),
            // Backspace takes a whole character: all the bytes that continue it, and the one that begins it.
            8 | 127 => while self.0.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {},
            // Ctrl-U
            21 => self.0.clear(),
            0..32 => {}
            _ if self.0.len() == LONGEST => return Some(Err(PassphraseError::TooLong)),
            byte => self.0.push(byte),
        }
        None
    }

    fn end(&mut self) -> Result<Secret<String>, PassphraseError> {
        if self.0.is_empty() {
            return Err(PassphraseError::Nothing);
        }
        // Moved, not copied.
        match String::from_utf8(std::mem::take(&mut *self.0)) {
            Ok(text) => Ok(Secret::new(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(PassphraseError::NotText)
            }
        }
    }
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Unseen {
    terminal: File,
    before: Termios,
}

impl Unseen {
    fn of(terminal: &File) -> io::Result<Unseen> {
        let (terminal, also) = (terminal.try_clone()?, terminal.try_clone()?);
        let mut kept = BEFORE.lock();
        let before = tcgetattr(&terminal)?;
        let mut now = before.clone();
        now.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        now.input_modes.insert(InputModes::ICRNL);
        // A read waits a tenth of a second, so that the thread learns of a stop.
        now.special_codes[SpecialCodeIndex::VMIN] = 0;
        now.special_codes[SpecialCodeIndex::VTIME] = 1;
        tcsetattr(&terminal, OptionalActions::Now, &now)?;
        *kept = Some((also, before.clone()));
        Ok(Unseen { terminal, before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        let mut kept = BEFORE.lock();
        kept.take();
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::*;

    fn line(bytes: &[u8]) -> Result<Secret<String>, PassphraseError> {
        let mut line = Line::default();
        bytes.iter().find_map(|byte| line.take(*byte)).unwrap()
    }

    #[test]
    fn keys_that_edit_are_no_part_of_the_line() {
        for (typed, read) in [
            ("secret\n", "secret"),
            ("secrex\u{7f}t\r", "secret"),
            ("wrong\u{15}right\n", "right"),
            ("grüß\u{8}\u{8}ue\n", "grue"),
            ("a\u{1b}b\tc\n", "abc"),
            (" blanks stay \n", " blanks stay "),
            ("\u{7f}\u{7f}x\n", "x"),
        ] {
            assert_eq!(line(typed.as_bytes()).unwrap().expose(), read, "{typed:?}");
        }
    }

    #[test]
    fn signals_that_are_ignored_are_known() {
        // As under `nohup`.
        let signals = ignored("Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n");
        assert!(is_in(signals, SignalKind::hangup()));
        assert!(!is_in(signals, SignalKind::interrupt()) && !is_in(signals, SignalKind::terminate()));
        for nothing in ["", "SigIgn:", "SigIgn:\tx"] {
            assert_eq!(ignored(nothing), 0, "{nothing}");
        }
    }

    #[test]
    fn lines_that_are_none_say_why() {
        assert!(matches!(line(b"abc\x03"), Err(PassphraseError::Interrupted)));
        assert!(matches!(line(b"\x04"), Err(PassphraseError::Nothing)));
        assert!(matches!(line(b"\n"), Err(PassphraseError::Nothing)));
        assert!(matches!(line(b"\xff\xfe\n"), Err(PassphraseError::NotText)));
        let long = vec![b'x'; LONGEST + 1];
        assert!(matches!(line(&long), Err(PassphraseError::TooLong)));
    }
}
