//! Every action by name: type a part of it, enter does it.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::tui::keymap::{Action, BINDINGS, Binding, names};
use crate::tui::kit::draw;
use crate::tui::kit::filter::Filter;
use crate::tui::kit::form::{Field, Form, Kind};
use crate::tui::kit::look::Look;
use crate::tui::theme::Tone;

#[derive(Debug)]
pub struct Palette {
    form: Form,
    at: usize,
    read_only: bool,
}

impl Palette {
    pub fn new(read_only: bool) -> Palette {
        let field = Field::new("", "", Kind::Text, "");
        Palette { form: Form::new("Actions", vec![field]), at: 0, read_only }
    }

    fn found(&self) -> Vec<&'static Binding> {
        let filter = Filter::parse(self.form.value(""));
        let offered = |binding: &&Binding| {
            let refused = binding.writes && self.read_only;
            let pointless = matches!(binding.action, Action::Palette | Action::Back | Action::Stop);
            !refused && !pointless && filter.lets(binding.what)
        };
        BINDINGS.iter().filter(offered).collect()
    }

    /// Gives the action that was chosen; `Err` closes it without one.
    pub fn key(&mut self, key: KeyEvent) -> Result<Option<Action>, ()> {
        match key.code {
            KeyCode::Esc => return Err(()),
            KeyCode::Enter => return self.found().get(self.at).map(|binding| Some(binding.action)).ok_or(()),
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
        let inside = draw::boxed(buffer, draw::middle(area, 66, 16), "Actions", Tone::Accent, look);
        let cursor = self.form.draw(buffer, Rect { height: 2.min(inside.height), ..inside }, look);
        let room = inside.height.saturating_sub(2);
        let first = (self.at + 1).saturating_sub(usize::from(room));
        for (y, (index, binding)) in (2..inside.height).zip(found.iter().enumerate().skip(first)) {
            if index == self.at {
                buffer.set_style(Rect { y: inside.y + y, height: 1, ..inside }, look.theme.selected());
                draw::put(buffer, inside, 0, y, "▌", look.style(Tone::Accent));
            }
            draw::put(buffer, inside, 2, y, binding.what, look.style(Tone::Plain));
            let row = Rect { y: inside.y + y, height: 1, ..inside };
            draw::put_right(buffer, row, 0, &names(binding.keys), look.style(Tone::Accent));
        }
        if found.is_empty() {
            draw::put(buffer, inside, 2, 2, "no action has that name", look.style(Tone::Dim));
        }
        cursor
    }
}
