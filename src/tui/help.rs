//! Help: every key, drawn from the keymap, and the words that screens use. `/` searches in it.

use crate::tui::texts;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::keymap::{Keymap, Place, named};
use super::kit::draw;
use super::kit::filter::Filter;
use super::kit::look::Look;
use super::theme::Tone;

/// A word and what it means here.
pub type Word = (&'static str, &'static str);

const DIALOGS: &[Word] = &[
    ("y", texts::shared::DO_IT),
    ("enter", texts::shell::BUTTON_WITH_FOCUS),
    ("esc n", texts::hints::CANCEL),
    ("ctrl+s", texts::shell::SEND_A_FORM),
];

/// Help that is open.
#[derive(Clone, Debug, Default)]
pub struct Help {
    top: u16,
    filter: String,
    typing: bool,
}

/// One line: a title, or keys and what they do.
struct Line {
    title: Option<&'static str>,
    keys: String,
    what: &'static str,
}

impl Help {
    /// Takes a key; `false` closes it.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        if self.typing {
            match key.code {
                KeyCode::Esc => (self.typing, self.filter) = (false, String::new()),
                KeyCode::Enter => self.typing = false,
                KeyCode::Backspace => drop(self.filter.pop()),
                KeyCode::Char(letter) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                    self.filter.push(letter);
                }
                _ => {}
            }
            self.top = 0;
            return true;
        }
        match key.code {
            KeyCode::Esc if !self.filter.is_empty() => self.filter.clear(),
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '?') | KeyCode::F(1) => return false,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Down | KeyCode::Char('j') => self.scroll(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll(-1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll(10),
            KeyCode::PageUp => self.scroll(-10),
            KeyCode::Char('G') | KeyCode::End => self.scroll(i16::MAX),
            KeyCode::Char('g') | KeyCode::Home => self.scroll(i16::MIN),
            _ => {}
        }
        true
    }

    pub fn scroll(&mut self, rows: i16) {
        self.top = self.top.saturating_add_signed(rows);
    }

    /// Keeps it from being scrolled past its end.
    pub fn settle(&mut self, area: Rect, keymap: &Keymap, words: &[Word]) {
        let room = usize::from(area.height.saturating_sub(4));
        let most = self.lines(keymap, words).len().saturating_sub(room);
        self.top = self.top.min(u16::try_from(most).unwrap_or(u16::MAX));
    }

    fn lines(&self, keymap: &Keymap, words: &[Word]) -> Vec<Line> {
        let filter = Filter::parse(&self.filter);
        let mut places: Vec<Place> = Vec::new();
        for bound in keymap.all() {
            if !places.contains(&bound.binding.place) {
                places.push(bound.binding.place);
            }
        }
        let mut lines = Vec::new();
        let mut section = |title: &'static str, rows: Vec<(String, &'static str)>| {
            let kept = rows.into_iter().filter(|(keys, what)| filter.lets(&format!("{title} {keys} {what}")));
            let mut kept = kept.map(|(keys, what)| Line { title: None, keys, what }).peekable();
            if kept.peek().is_some() {
                lines.push(Line { title: Some(title), keys: String::new(), what: "" });
                lines.extend(kept);
            }
        };
        for place in places {
            let here = keymap.all().iter().filter(|bound| bound.binding.place == place);
            section(place.name(), here.map(|bound| (named(&bound.keys), bound.binding.what)).collect());
        }
        for (title, words) in [(texts::labels::DIALOGS, DIALOGS), (texts::labels::WORDS, words)] {
            section(title, words.iter().map(|(word, meaning)| ((*word).to_owned(), *meaning)).collect());
        }
        lines
    }

    /// Draws it. Gives where the cursor stands while a search is typed.
    pub fn draw(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        (keymap, words): (&Keymap, &[Word]),
        read_only: bool,
        look: &Look,
    ) -> Option<Position> {
        let inside =
            draw::boxed(buffer, draw::middle(area, 78, area.height), texts::labels::HELP, Tone::Accent, look);
        let room = inside.height.saturating_sub(2);
        let lines = self.lines(keymap, words);
        for (y, line) in (0..room).zip(lines.iter().skip(usize::from(self.top))) {
            match line.title {
                Some(title) => draw::heading(buffer, inside, y, title, look),
                None => {
                    let keys = draw::put(buffer, inside, 1, y, &line.keys, look.style(Tone::Accent));
                    draw::put(buffer, inside, (keys + 1).max(18), y, line.what, look.style(Tone::Plain));
                }
            }
        }
        if lines.is_empty() {
            draw::put(buffer, inside, 1, 0, texts::shell::NOTHING_CALLED_THAT, look.style(Tone::Dim));
        }
        let last = inside.height.saturating_sub(1);
        if self.typing || !self.filter.is_empty() {
            let x = draw::put(buffer, inside, 0, last, "/", look.style(Tone::Accent));
            let x = draw::put(buffer, inside, x, last, &self.filter, look.style(Tone::Plain));
            let x = x.min(inside.width.saturating_sub(1));
            return self.typing.then(|| Position::new(inside.x + x, inside.y + last));
        }
        let more = lines.len() > usize::from(self.top + room);
        let text = match (more, read_only) {
            (true, _) => texts::shell::HELP_MORE,
            (false, true) => texts::shell::HELP_READ_ONLY,
            (false, false) => texts::shell::HELP_CLOSES,
        };
        draw::put(buffer, inside, 0, last, text, look.style(Tone::Dim));
        None
    }
}
