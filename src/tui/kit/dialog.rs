//! A question before something happens. Cancel has the focus; `y` confirms, which is never the key that asked.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::draw;
use super::look::Look;
use crate::tui::theme::Tone;

/// The two buttons under a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buttons {
    /// Whether the other button than Cancel has the focus.
    pub on_yes: bool,
}

/// What a key said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Yes,
    No,
    Nothing,
}

impl Buttons {
    pub fn key(&mut self, key: KeyEvent) -> Said {
        match key.code {
            KeyCode::Char('y') => Said::Yes,
            KeyCode::Esc | KeyCode::Char('n' | 'q') => Said::No,
            KeyCode::Enter if self.on_yes => Said::Yes,
            KeyCode::Enter => Said::No,
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right | KeyCode::Char('h' | 'l') => {
                self.on_yes = !self.on_yes;
                Said::Nothing
            }
            _ => Said::Nothing,
        }
    }

    /// Draws `[ Cancel esc ] [ yes y ]` in a row; without `yes` only the way out.
    pub fn draw(self, buffer: &mut Buffer, area: Rect, y: u16, yes: Option<&str>, look: &Look) {
        let style = |focused: bool| if focused { look.theme.focused() } else { look.style(Tone::Plain) };
        let Some(yes) = yes else {
            draw::put(buffer, area, 0, y, "[ Close  esc ]", style(true));
            return;
        };
        let mark = |focused: bool| if focused { "▸" } else { " " };
        let cancel = format!("{}[ Cancel  esc ]", mark(!self.on_yes));
        let x = draw::put(buffer, area, 0, y, &cancel, style(!self.on_yes)) + 2;
        draw::put(buffer, area, x, y, &format!("{}[ {yes}  y ]", mark(self.on_yes)), style(self.on_yes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_and_enter_again_changes_nothing() {
        let mut buttons = Buttons::default();
        assert_eq!(buttons.key(KeyEvent::from(KeyCode::Enter)), Said::No);
        assert_eq!(buttons.key(KeyEvent::from(KeyCode::Char('T'))), Said::Nothing);
        assert_eq!(buttons.key(KeyEvent::from(KeyCode::Tab)), Said::Nothing);
        assert_eq!(buttons.key(KeyEvent::from(KeyCode::Enter)), Said::Yes);
        assert_eq!(buttons.key(KeyEvent::from(KeyCode::Char('y'))), Said::Yes);
    }
}
