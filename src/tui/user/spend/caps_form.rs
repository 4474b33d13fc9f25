//! The caps of one's own, being changed: four amounts, each empty for none.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::broker::user::Caps;
use crate::domain::Neuron;
use crate::tui::kit::draw;
use crate::tui::kit::form::{Did, Field, Form, Kind};
use crate::tui::kit::look::Look;
use crate::tui::texts;
use crate::tui::theme::Tone;

const REQUEST: &str = "perRequest";
const DAY: &str = "perDay";
const PROVIDER: &str = "perProvider";
const TOTAL: &str = "total";

#[derive(Debug)]
pub struct CapsForm {
    form: Form,
}

impl CapsForm {
    pub fn new(caps: Caps) -> CapsForm {
        let field = |key, label, cap: Option<Neuron>, hint| {
            let value = cap.map_or(String::new(), |cap| format!("{} A0GI", cap.to_a0gi()));
            Field::new(key, label, Kind::Text, hint).with(value)
        };
        let fields = vec![
            field(REQUEST, texts::shared::CAP_REQUEST, caps.per_request, texts::spend::CAP_REQUEST_HINT),
            field(DAY, texts::shared::CAP_DAY, caps.per_day, texts::spend::CAP_DAY_HINT),
            field(PROVIDER, texts::shared::CAP_PROVIDER, caps.per_provider, texts::spend::CAP_PROVIDER_HINT),
            field(TOTAL, texts::shared::IN_ALL, caps.total, texts::spend::CAP_IN_ALL_HINT),
        ];
        CapsForm { form: Form::new(texts::spend::CAPS_TITLE, fields) }
    }

    pub fn key(&mut self, key: KeyEvent) -> Did {
        self.form.key(key)
    }

    pub fn paste(&mut self, text: &str) {
        self.form.paste(text);
    }

    /// What is filled in; a complaint stands under its field otherwise.
    pub fn filled(&mut self) -> Option<Caps> {
        let mut caps = Caps::default();
        for (key, cap) in [
            (REQUEST, &mut caps.per_request),
            (DAY, &mut caps.per_day),
            (PROVIDER, &mut caps.per_provider),
            (TOTAL, &mut caps.total),
        ] {
            let text = self.form.value(key);
            if text.is_empty() {
                continue;
            }
            match Neuron::parse_with_unit(text) {
                Ok(amount) => *cap = Some(amount),
                Err(error) => {
                    let reason = error.to_string();
                    self.form.complain(Some(key), reason);
                    return None;
                }
            }
        }
        Some(caps)
    }

    pub fn refused(&mut self, why: &str) {
        self.form.complain(None, why.to_owned());
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, look: &Look) -> Option<Position> {
        let height = (self.form.height() + 5).min(area.height);
        let inside =
            draw::boxed(buffer, draw::middle(area, 72, height), &self.form.title, Tone::Accent, look);
        let note = texts::spend::CAPS_HINT;
        let rows = draw::wrapped(buffer, inside, 0, note, look.style(Tone::Dim));
        let room = Rect { y: inside.y + rows + 1, height: inside.height.saturating_sub(rows + 1), ..inside };
        self.form.draw(buffer, room, look)
    }
}
