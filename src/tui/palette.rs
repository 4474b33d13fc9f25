//! Every action by name: type a part of it, enter does it.

use crate::tui::texts;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::keymap::{Action, Binding, Bound, Keymap, named};
use super::kit::draw;
use super::kit::filter::Filter;
use super::kit::form::{Field, Form, Kind};
use super::kit::look::Look;
use super::theme::Tone;

#[derive(Debug)]
pub struct Palette {
    form: Form,
    at: usize,
    offered: Vec<Bound>,
}

impl Palette {
    /// All actions of a keymap; without those that change something where that is not allowed, and those that are
    /// `elsewhere`.
    pub fn new(keymap: &Keymap, read_only: bool, elsewhere: impl Fn(&Binding) -> bool) -> Palette {
        let pointless = |action| {
            matches!(
                action,
                Action::Palette | Action::Back | Action::Stop | Action::Up | Action::Down | Action::NewLine
            )
        };
        let offered = keymap
            .all()
            .iter()
            .filter(|bound| !((bound.binding.writes && read_only) || pointless(bound.binding.action)))
            .filter(|bound| !elsewhere(bound.binding));
        let field = Field::new("", "", Kind::Text, "");
        Palette {
            form: Form::new(texts::labels::ACTIONS, vec![field]),
            at: 0,
            offered: offered.cloned().collect(),
        }
    }

    fn found(&self) -> Vec<&Bound> {
        let filter = Filter::parse(self.form.value(""));
        let text = |bound: &Bound| {
            format!("{} {} {}", bound.binding.place.name(), bound.binding.name, bound.binding.what)
        };
        self.offered.iter().filter(|bound| filter.lets(&text(bound))).collect()
    }

    /// Gives the binding that was chosen; `Err` closes it without one.
    pub fn key(&mut self, key: KeyEvent) -> Result<Option<&'static Binding>, ()> {
        match key.code {
            KeyCode::Esc => return Err(()),
            KeyCode::Enter => return self.found().get(self.at).map(|bound| Some(bound.binding)).ok_or(()),
            KeyCode::Down => self.at = (self.at + 1).min(self.found().len().saturating_sub(1)),
            KeyCode::Up => self.at = self.at.saturating_sub(1),
            _ => {
                self.form.key(key);
                self.at = 0;
            }
        }
        Ok(None)
    }

    pub fn paste(&mut self, text: &str) {
        self.form.paste(text);
        self.at = 0;
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, look: &Look) -> Option<Position> {
        let found = self.found();
        let inside =
            draw::boxed(buffer, draw::middle(area, 70, 18), texts::labels::ACTIONS, Tone::Accent, look);
        let cursor = self.form.draw(buffer, Rect { height: 2.min(inside.height), ..inside }, look);
        let room = inside.height.saturating_sub(2);
        let first = (self.at + 1).saturating_sub(usize::from(room));
        for (y, (index, bound)) in (2..inside.height).zip(found.iter().enumerate().skip(first)) {
            let row = Rect { y: inside.y + y, height: 1, ..inside };
            if index == self.at {
                buffer.set_style(row, look.theme.selected());
                draw::put(buffer, row, 0, 0, "▌", look.style(Tone::Accent));
            }
            let keys = draw::put_right(buffer, row, 0, &named(&bound.keys), look.style(Tone::Accent));
            let room = Rect { width: keys.saturating_sub(1), ..row };
            draw::put(buffer, room, 2, 0, bound.binding.what, look.style(Tone::Plain));
        }
        if found.is_empty() {
            draw::put(buffer, inside, 2, 2, texts::shell::NO_ACTION_CALLED_THAT, look.style(Tone::Dim));
        }
        cursor
    }
}
