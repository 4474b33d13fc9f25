//! Fields to type into. A complaint stands under the field that it is about, and nothing typed is lost by it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_segmentation::UnicodeSegmentation;
use zeroize::Zeroize;

use super::draw;
use super::look::Look;
use crate::tui::theme::Tone;

/// Nobody types more into one field.
const LONGEST: usize = 2000;

/// How a field is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Shown as dots.
    Secret,
    /// One of these, by left and right.
    Choice(&'static [&'static str]),
    /// Shown, not changed.
    Fixed,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// The API's name of it, which its complaints use.
    pub key: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    pub kind: Kind,
    pub value: String,
    pub complaint: Option<String>,
    /// In graphemes.
    cursor: usize,
}

impl std::fmt::Debug for Field {
    /// Without what was typed into a secret field.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.kind == Kind::Secret { "***" } else { &self.value };
        f.debug_struct("Field").field("key", &self.key).field("value", &value).finish_non_exhaustive()
    }
}

impl Field {
    pub fn new(key: &'static str, label: &'static str, kind: Kind, hint: &'static str) -> Field {
        // A secret that grows would be moved, and every place where it was left as it was.
        let value = if kind == Kind::Secret { String::with_capacity(LONGEST) } else { String::new() };
        Field { key, label, hint, kind, value, complaint: None, cursor: 0 }
    }

    /// Takes what was typed away, and wipes it.
    pub fn empty(&mut self) {
        self.value.zeroize();
        self.cursor = 0;
        self.complaint = None;
    }

    #[must_use]
    pub fn with(mut self, value: impl Into<String>) -> Field {
        self.value = value.into();
        self.cursor = self.value.graphemes(true).count();
        self
    }

    fn insert(&mut self, text: &str) {
        if self.value.len() + text.len() > LONGEST {
            return;
        }
        let mut at = self.byte(self.cursor);
        // Letter by letter, so that there is no copy to wipe.
        for letter in text.chars().filter(|c| !c.is_control()) {
            self.value.insert(at, letter);
            at += letter.len_utf8();
        }
        self.cursor = self.value[..at].graphemes(true).count();
        self.complaint = None;
    }

    /// Where the `n`th grapheme begins.
    fn byte(&self, n: usize) -> usize {
        self.value.grapheme_indices(true).nth(n).map_or(self.value.len(), |(at, _)| at)
    }

    fn remove(&mut self, from: usize, to: usize) {
        let (start, end) = (self.byte(from), self.byte(to));
        self.value.replace_range(start..end, "");
        self.cursor = from;
        self.complaint = None;
    }

    fn key(&mut self, key: KeyEvent) {
        let length = self.value.graphemes(true).count();
        match (self.kind, key.code) {
            (Kind::Choice(all), KeyCode::Left | KeyCode::Right | KeyCode::Char(' ')) => {
                let at = all.iter().position(|one| *one == self.value).unwrap_or(0);
                let step = if key.code == KeyCode::Left { all.len() - 1 } else { 1 };
                self.value = all.get((at + step) % all.len().max(1)).copied().unwrap_or_default().to_owned();
                self.complaint = None;
            }
            (Kind::Choice(_) | Kind::Fixed, _) => {}
            (_, KeyCode::Left) => self.cursor = self.cursor.saturating_sub(1),
            (_, KeyCode::Right) => self.cursor = (self.cursor + 1).min(length),
            (_, KeyCode::Home) => self.cursor = 0,
            (_, KeyCode::End) => self.cursor = length,
            (_, KeyCode::Backspace) if self.cursor > 0 => self.remove(self.cursor - 1, self.cursor),
            (_, KeyCode::Delete) if self.cursor < length => self.remove(self.cursor, self.cursor + 1),
            (_, KeyCode::Char('u')) if key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.remove(0, self.cursor);
            }
            (_, KeyCode::Char(letter))
                if !key.modifiers.intersects(KeyModifiers::CONTROL.union(KeyModifiers::ALT)) =>
            {
                self.insert(letter.encode_utf8(&mut [0; 4]));
            }
            _ => {}
        }
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        if self.kind == Kind::Secret {
            self.value.zeroize();
        }
    }
}

/// What a key did to a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    Edited,
    /// It is to be checked and sent.
    Submit,
    Leave,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub title: String,
    pub fields: Vec<Field>,
    pub focus: usize,
    /// What is wrong with the whole of it, or what the server said.
    pub complaint: Option<String>,
}

impl Form {
    pub fn new(title: impl Into<String>, fields: Vec<Field>) -> Form {
        let focus = fields.iter().position(|field| field.kind != Kind::Fixed).unwrap_or(0);
        Form { title: title.into(), fields, focus, complaint: None }
    }

    pub fn value(&self, key: &str) -> &str {
        self.fields.iter().find(|field| field.key == key).map_or("", |field| field.value.trim())
    }

    /// Puts a complaint under its field, or under the form, and goes there.
    pub fn complain(&mut self, key: Option<&str>, text: String) {
        let found =
            key.and_then(|key| self.fields.iter().position(|field| field.key.eq_ignore_ascii_case(key)));
        match found {
            Some(index) => {
                self.fields[index].complaint = Some(text);
                self.focus = index;
            }
            None => self.complaint = Some(text),
        }
    }

    pub fn key(&mut self, key: KeyEvent) -> Did {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Did::Leave,
            KeyCode::Char('s') if control => return Did::Submit,
            KeyCode::Enter if self.focus + 1 == self.fields.len() => return Did::Submit,
            KeyCode::Enter | KeyCode::Tab | KeyCode::Down => self.go(1),
            KeyCode::BackTab | KeyCode::Up => self.go(self.fields.len() - 1),
            _ => {
                self.complaint = None;
                if let Some(field) = self.fields.get_mut(self.focus) {
                    field.key(key);
                }
            }
        }
        Did::Edited
    }

    pub fn paste(&mut self, text: &str) {
        if let Some(field) = self.fields.get_mut(self.focus)
            && matches!(field.kind, Kind::Text | Kind::Secret)
        {
            field.insert(text);
        }
    }

    fn go(&mut self, by: usize) {
        for _ in 0..self.fields.len() {
            self.focus = (self.focus + by) % self.fields.len();
            if self.fields[self.focus].kind != Kind::Fixed {
                return;
            }
        }
    }

    /// Rows that it takes: one a field, one for a complaint or the hint.
    pub fn height(&self) -> u16 {
        let complaints = self.fields.iter().filter(|field| field.complaint.is_some()).count();
        u16::try_from(self.fields.len() + complaints + 2).unwrap_or(u16::MAX)
    }

    /// Draws the fields. Gives where the cursor stands.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, look: &Look) -> Option<Position> {
        let label = self.fields.iter().map(|field| draw::width(field.label)).max().unwrap_or(0) + 2;
        let mut cursor = None;
        // The field with the focus is always in sight.
        let room = usize::from(area.height.saturating_sub(3)).max(1);
        let first = (self.focus + 1).saturating_sub(room);
        let mut y = 0;
        for (index, field) in self.fields.iter().enumerate().skip(first) {
            if y + 2 > area.height {
                break;
            }
            let focused = index == self.focus;
            let place = Rect { y: area.y + y, height: 1, ..area };
            let tone = if focused { Tone::Accent } else { Tone::Dim };
            draw::put(buffer, place, 0, 0, if focused { "▸" } else { " " }, look.style(Tone::Accent));
            draw::put(buffer, place, 1, 0, field.label, look.style(tone));
            let room = Rect { x: place.x + label, width: place.width.saturating_sub(label), ..place };
            cursor = field.draw(buffer, room, focused, look).filter(|_| focused).or(cursor);
            y += 1;
            if let Some(complaint) = &field.complaint {
                let under = Rect { y: area.y + y, ..room };
                draw::put(buffer, under, 0, 0, &format!("✗ {complaint}"), look.style(Tone::Bad));
                y += 1;
            }
        }
        let under = Rect { y: area.y + y, height: area.height.saturating_sub(y), ..area };
        match (&self.complaint, self.fields.get(self.focus)) {
            (Some(complaint), _) => {
                draw::wrapped(buffer, under, 0, &format!("✗ {complaint}"), look.style(Tone::Bad));
            }
            (None, Some(field)) => {
                draw::wrapped(buffer, under, 0, field.hint, look.style(Tone::Dim));
            }
            (None, None) => {}
        }
        cursor
    }
}

impl Field {
    fn draw(&self, buffer: &mut Buffer, room: Rect, focused: bool, look: &Look) -> Option<Position> {
        if let Kind::Choice(all) = self.kind {
            let mut x = 0;
            for one in all {
                let mine = *one == self.value;
                let text = if mine { format!("(•) {one}") } else { format!("( ) {one}") };
                let tone = if mine { Tone::Plain } else { Tone::Dim };
                x = draw::put(buffer, room, x, 0, &text, look.style(tone)) + 2;
            }
            return None;
        }
        let shown: Vec<&str> = match self.kind {
            Kind::Secret => self.value.graphemes(true).map(|_| "•").collect(),
            _ => self.value.graphemes(true).collect(),
        };
        if !focused {
            let tone = if self.kind == Kind::Fixed { Tone::Dim } else { Tone::Plain };
            draw::put(buffer, room, 0, 0, &shown.concat(), look.style(tone));
            return None;
        }
        buffer.set_style(room, look.theme.selected());
        // The part around the cursor, where the value is longer than the room.
        let mut start = 0;
        while draw::width(&shown[start..self.cursor].concat()) + 1 > room.width && start < self.cursor {
            start += 1;
        }
        draw::put(buffer, room, 0, 0, &shown[start..].concat(), look.style(Tone::Plain));
        let x = room.x + draw::width(&shown[start..self.cursor].concat());
        Some(Position::new(x.min(room.right().saturating_sub(1)), room.y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form::new(
            "t",
            vec![
                Field::new("Name", "Name", Kind::Text, ""),
                Field::new("Type", "Type", Kind::Choice(&["chatbot", "zgStorage"]), "").with("chatbot"),
            ],
        )
    }

    fn press(form: &mut Form, code: KeyCode) -> Did {
        form.key(KeyEvent::from(code))
    }

    #[test]
    fn a_secret_is_in_no_debug_output() {
        let field = |kind| Field::new("upstreamHeaders", "Headers", kind, "").with("authorization: canary");
        let form = Form::new("Register", vec![field(Kind::Secret)]);
        assert!(!format!("{form:?}").contains("canary"));
        assert!(format!("{:?}", field(Kind::Text)).contains("canary"));
    }

    #[test]
    fn letters_are_typed_and_removed_by_graphemes() {
        let mut form = form();
        for letter in "aé大".chars() {
            press(&mut form, KeyCode::Char(letter));
        }
        press(&mut form, KeyCode::Left);
        press(&mut form, KeyCode::Backspace);
        form.paste("x\ny\u{1b}");
        assert_eq!(form.value("Name"), "axy大");
    }

    #[test]
    fn enter_goes_on_and_submits_at_the_end() {
        let mut form = form();
        assert_eq!(press(&mut form, KeyCode::Enter), Did::Edited);
        assert_eq!(press(&mut form, KeyCode::Right), Did::Edited);
        assert_eq!(form.value("Type"), "zgStorage");
        assert_eq!(press(&mut form, KeyCode::Enter), Did::Submit);
        form.complain(Some("name"), "it is empty".to_owned());
        assert_eq!(form.focus, 0);
        assert_eq!(form.value("Type"), "zgStorage", "nothing is lost by a complaint");
        assert_eq!(press(&mut form, KeyCode::Esc), Did::Leave);
    }
}
