//! A question before something happens. Cancel has the focus; `y` confirms, which is never the key that asked.
//!
//! Nothing confirms that a person did not mean: not a key that was under way when the question appeared, not one that is
//! held down, not a text that a terminal types in one burst, and not a second time. The moment of each key comes in.

mod money;

pub use self::money::{Fact, Money};

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::draw;
use super::look::Look;
use crate::domain::Timestamp;
use crate::tui::texts;
use crate::tui::theme::Tone;

/// Keys so soon after a question appeared were meant for what was there before, in microseconds.
const SETTLED: i64 = 300_000;
/// Nobody types two keys within so many microseconds; a paste without brackets does.
const BURST: i64 = 20_000;

/// The two buttons under a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buttons {
    /// Whether the other button than Cancel has the focus.
    pub on_yes: bool,
    guard: Guard,
    /// It was confirmed; there is no second time.
    done: bool,
}

/// What a key said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Yes,
    No,
    Nothing,
}

/// Tells keys that somebody meant from those that slipped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Guard {
    opened: Timestamp,
    last: Option<Timestamp>,
}

impl Guard {
    fn new(opened: Timestamp) -> Guard {
        Guard { opened, last: None }
    }

    /// Takes a key in. `None`: it came too soon to mean anything. Otherwise whether it may confirm.
    fn takes(&mut self, key: KeyEvent, at: Timestamp) -> Option<bool> {
        // A clock that was set back holds nobody up.
        let within =
            |from: Timestamp, span: i64| (0..span).contains(&at.as_micros().saturating_sub(from.as_micros()));
        let burst = self.last.is_some_and(|last| within(last, BURST));
        self.last = Some(at);
        if within(self.opened, SETTLED) {
            return None;
        }
        let plain = !key.modifiers.intersects(KeyModifiers::CONTROL.union(KeyModifiers::ALT));
        Some(!burst && plain && key.kind == KeyEventKind::Press)
    }
}

impl Buttons {
    /// Of a question that appears at this moment.
    pub fn new(opened: Timestamp) -> Buttons {
        Buttons { on_yes: false, guard: Guard::new(opened), done: false }
    }

    pub fn key(&mut self, key: KeyEvent, at: Timestamp) -> Said {
        let taken = self.guard.takes(key, at);
        if key.code == KeyCode::Esc {
            // Leaving is never too soon.
            return Said::No;
        }
        let Some(may) = taken else { return Said::Nothing };
        match key.code {
            KeyCode::Char('y') => self.yes(may),
            KeyCode::Char('n' | 'q') => Said::No,
            KeyCode::Enter if self.on_yes => self.yes(may),
            KeyCode::Enter => Said::No,
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right | KeyCode::Char('h' | 'l') => {
                self.on_yes = !self.on_yes;
                Said::Nothing
            }
            _ => Said::Nothing,
        }
    }

    fn yes(&mut self, may: bool) -> Said {
        if self.done || !may {
            return Said::Nothing;
        }
        self.done = true;
        Said::Yes
    }

    /// Draws the way out where there is nothing to confirm.
    pub fn draw_close(buffer: &mut Buffer, area: Rect, y: u16, look: &Look) {
        draw::put(buffer, area, 0, y, texts::kit::CLOSE, look.theme.focused());
    }

    /// Draws `[ Cancel esc ] [ yes y ]` in a row.
    pub fn draw(self, buffer: &mut Buffer, area: Rect, y: u16, yes: &str, look: &Look) {
        let style = |focused: bool| if focused { look.theme.focused() } else { look.style(Tone::Plain) };
        let mark = |focused: bool| if focused { "▸" } else { " " };
        let cancel = texts::kit::cancel(mark(!self.on_yes));
        let x = draw::put(buffer, area, 0, y, &cancel, style(!self.on_yes)) + 2;
        draw::put(buffer, area, x, y, &format!("{}[ {yes}  y ]", mark(self.on_yes)), style(self.on_yes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_micros(1_795_000_000_000_000 + milliseconds * 1000)
    }

    fn press(buttons: &mut Buttons, code: KeyCode, milliseconds: i64) -> Said {
        buttons.key(KeyEvent::from(code), at(milliseconds))
    }

    #[test]
    fn enter_and_enter_again_changes_nothing() {
        let mut buttons = Buttons::new(at(0));
        assert_eq!(press(&mut buttons, KeyCode::Enter, 400), Said::No);
        assert_eq!(press(&mut buttons, KeyCode::Char('T'), 500), Said::Nothing);
        assert_eq!(press(&mut buttons, KeyCode::Tab, 600), Said::Nothing);
        assert_eq!(press(&mut buttons, KeyCode::Enter, 700), Said::Yes);
        assert_eq!(press(&mut buttons, KeyCode::Char('y'), 900), Said::Nothing, "once is enough");
    }

    #[test]
    fn what_slips_in_confirms_nothing() {
        let mut buttons = Buttons::new(at(0));
        assert_eq!(press(&mut buttons, KeyCode::Char('y'), 0), Said::Nothing);
        assert_eq!(press(&mut buttons, KeyCode::Char('y'), 299), Said::Nothing, "it has just appeared");
        assert_eq!(press(&mut buttons, KeyCode::Char('x'), 500), Said::Nothing);
        assert_eq!(press(&mut buttons, KeyCode::Char('y'), 501), Said::Nothing, "a paste without brackets");
        let held = KeyEvent { kind: KeyEventKind::Repeat, ..KeyEvent::from(KeyCode::Char('y')) };
        assert_eq!(buttons.key(held, at(600)), Said::Nothing, "held down");
        let control = KeyEvent::new(KeyCode::Char('y'), KeyModifiers::CONTROL);
        assert_eq!(buttons.key(control, at(700)), Said::Nothing);
        assert_eq!(press(&mut buttons, KeyCode::Char('y'), 800), Said::Yes);
        let mut buttons = Buttons::new(at(5000));
        assert_eq!(press(&mut buttons, KeyCode::Char('y'), 100), Said::Yes, "a clock that was set back");
    }
}
