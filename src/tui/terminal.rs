//! The terminal: entered, and given back whatever ends the program: a return, an error, a panic, a signal, a suspend.

use std::io::{self, IsTerminal, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use nix::unistd::{getpgid, getpgrp, getppid, getsid};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use terminal_colorsaurus::{QueryOptions, ThemeMode, theme_mode};
use tokio::signal::unix::{SignalKind, signal};

use super::editor;
use super::shell::TuiError;
use super::theme::{Shade, Theme};
use crate::domain::clean::clean;

/// A terminal that does not say what colour it has is taken for a dark one.
const ANSWER: Duration = Duration::from_millis(200);

/// Nobody reads a longer notice.
const NOTICE: usize = 200;

/// What a shell or another program sends to have a program pause.
pub const PAUSE: SignalKind = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());

/// Whether the screen is ours at the moment.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// The screen while it is ours. Dropping it gives it back.
#[derive(Debug)]
pub struct Screen {
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
    mouse: bool,
}

impl Screen {
    pub fn enter(mouse: bool) -> io::Result<Screen> {
        give_back_on_panic();
        take(mouse)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()));
        if terminal.is_err() {
            give_back();
        }
        Ok(Screen { terminal: terminal?, mouse })
    }

    /// Takes the mouse, or leaves it to the terminal's own selection.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        let mut out = io::stdout();
        if on { execute!(out, EnableMouseCapture) } else { execute!(out, DisableMouseCapture) }
    }

    /// Tells somebody who looks at another window: a bell, and a notice (OSC 9) where the terminal knows them.
    pub fn notify(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout();
        out.write_all(notice(text).as_bytes())?;
        out.flush()
    }

    /// Draws a frame; terminals that know how show all of it at once.
    pub fn draw(&mut self, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        execute!(io::stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(draw).map(|_| ());
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    /// Gives the terminal to the person's editor (`VISUAL`, `EDITOR`, else `vi`) with a text in a private file, and takes
    /// it back with what the text became. The editor is ended when `stop` is.
    pub async fn edit(&mut self, text: &str, stop: impl Future<Output = ()>) -> io::Result<String> {
        give_back();
        let edited = editor::edit(text, stop).await;
        take(self.mouse)?;
        self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        edited
    }

    /// Gives the terminal back to the shell until the program is continued (`fg`): somebody asked for it by a key or by
    /// [`PAUSE`].
    pub async fn suspend(&mut self) -> io::Result<()> {
        let mut continued = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?;
        give_back();
        if pause() {
            let _ = tokio::time::timeout(Duration::from_secs(1), continued.recv()).await;
        }
        take(self.mouse)?;
        // All of it is drawn again. Clearing would ask the terminal where its cursor is and wait for the answer.
        self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(())
    }
}

/// The bell and the sequence of a notice. Some terminals take a number at its beginning for another order of theirs
/// (`9;4;…` is a progress bar), so it never begins with one.
fn notice(text: &str) -> String {
    let text = clean(text, NOTICE);
    let apart = if text.starts_with(|c: char| c.is_ascii_digit()) { " " } else { "" };
    format!("\u{7}\u{1b}]9;{apart}{text}\u{7}")
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whether somebody could continue this process if it stopped: not where a program is a terminal's only one, or its shell has no
/// job control. That is the system's own rule for [`PAUSE`], which does not apply to a signal that is caught.
pub fn can_pause() -> bool {
    let shell = getppid();
    // Both are 0 where their leader is outside of the container that the program runs in.
    let session = getsid(Some(shell));
    let group = getpgid(Some(shell));
    session.is_ok() && session == getsid(None) && group.is_ok_and(|group| group != getpgrp())
}

/// Stops the process until somebody continues it. Nothing happens, and `false` is given, where nobody would.
pub fn pause() -> bool {
    let own = rustix::process::getpid();
    can_pause() && rustix::process::kill_process(own, rustix::process::Signal::STOP).is_ok()
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    ENTERED.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, cursor::Hide)?;
    if mouse { execute!(out, EnableMouseCapture) } else { Ok(()) }
}

/// Undoes all of it; harmless where nothing is to be undone.
fn give_back() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        // With the terminal gone there is nothing to restore.
        let _ = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableMouseCapture,
            DisableFocusChange,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = disable_raw_mode();
    }
}

/// A panic of the drawing thread ends the program: its message must not go to a screen that disappears. Panics of
/// tasks are caught and logged where tasks are started; their usual message would be drawn over the screen.
fn give_back_on_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        let drawing = std::thread::current().id();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().id() == drawing {
                give_back();
            }
            if !ENTERED.load(Ordering::SeqCst) {
                usual(panic);
            }
        }));
    });
}

/// Whether there is a terminal to draw on and to type at.
pub fn present() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// Whether screens can be drawn here.
///
/// # Errors
/// There is no terminal, or one that only prints lines.
pub fn usable() -> Result<(), TuiError> {
    if !present() {
        return Err(TuiError::NoTerminal);
    }
    match std::env::var_os("TERM") {
        Some(kind) if kind == "dumb" => Err(TuiError::Dumb),
        _ => Ok(()),
    }
}

/// Asks the terminal for its colours; `NO_COLOR` decides before it does. Call before the screen is entered.
pub fn theme() -> Theme {
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut options = QueryOptions::default();
    options.timeout = ANSWER;
    let shade = match theme_mode(options) {
        Ok(ThemeMode::Light) => Shade::Light,
        Ok(ThemeMode::Dark) | Err(_) => Shade::Dark,
    };
    Theme::new(shade, colour)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::attacks::{attacks, found};

    #[test]
    fn a_notice_is_one_sequence_whatever_it_tells() {
        let more = ["4;1;100", "9;/etc", "1;5000", "7;reboot"].map(str::to_owned);
        for text in attacks().into_iter().map(|attack| attack.text).chain(more) {
            let bytes = notice(&text);
            let told = bytes.strip_prefix("\u{7}\u{1b}]9;").unwrap().strip_suffix('\u{7}').unwrap();
            assert_eq!(found(told).or(told.contains('\n').then(String::new)), None);
            assert!(!told.starts_with(|c: char| c.is_ascii_digit()), "{told}");
            assert!(told.chars().count() <= NOTICE + 1);
        }
    }
}
