//! One key as it is pressed, and its name: `ctrl+p`, `alt+enter`, `F1`, `space`.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with what is held down beside it. Shift is part of a letter, and of `shift+tab` and `shift+enter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: KeyCode,
    pub control: bool,
    pub alt: bool,
    pub shift: bool,
}

pub const fn key(code: KeyCode) -> Key {
    Key { code, control: false, alt: false, shift: false }
}

pub const fn letter(letter: char) -> Key {
    key(KeyCode::Char(letter))
}

pub const fn control(letter: char) -> Key {
    Key { control: true, ..key(KeyCode::Char(letter)) }
}

pub const fn with_alt(code: KeyCode) -> Key {
    Key { alt: true, ..key(code) }
}

impl Key {
    /// As settings write it: `ctrl+p`, `pagedown`. Reading it gives the same key.
    pub fn name(self) -> String {
        match NAMES.iter().find(|(_, code)| *code == self.code) {
            Some((name, _)) => {
                let held = [(self.control, "ctrl+"), (self.alt, "alt+"), (self.shift, "shift+")];
                let held: String = held.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
                held + name
            }
            None => self.to_string(),
        }
    }

    pub const fn shifted(self) -> Key {
        Key { shift: true, ..self }
    }

    /// Whether it types something where text is written.
    pub fn prints(self) -> bool {
        matches!(self.code, KeyCode::Char(_)) && !self.control && !self.alt
    }
}

impl From<KeyEvent> for Key {
    /// Terminals disagree about what shift does to a letter: some send `A`, some `a` with shift, some both.
    fn from(event: KeyEvent) -> Key {
        let shift = event.modifiers.contains(KeyModifiers::SHIFT);
        let code = match event.code {
            KeyCode::Char(letter) if shift && letter.is_ascii_lowercase() => {
                KeyCode::Char(letter.to_ascii_uppercase())
            }
            KeyCode::Tab if shift => KeyCode::BackTab,
            code => code,
        };
        Key {
            code,
            control: event.modifiers.contains(KeyModifiers::CONTROL),
            alt: event.modifiers.contains(KeyModifiers::ALT),
            shift: shift && !matches!(code, KeyCode::Char(_) | KeyCode::BackTab),
        }
    }
}

/// Names of keys that are no letters, as read and as written.
const NAMES: &[(&str, KeyCode)] = &[
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("enter", KeyCode::Enter),
    ("tab", KeyCode::Tab),
    ("esc", KeyCode::Esc),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
];

impl fmt::Display for Key {
    /// As people read them in help: `ctrl+p`, `↑`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.control, "ctrl+"), (self.alt, "alt+"), (self.shift, "shift+")] {
            if held {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("space"),
            KeyCode::Char(letter) => write!(f, "{letter}"),
            KeyCode::F(number) => write!(f, "F{number}"),
            KeyCode::Up => f.write_str("↑"),
            KeyCode::Down => f.write_str("↓"),
            KeyCode::Left => f.write_str("←"),
            KeyCode::Right => f.write_str("→"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::Home => f.write_str("Home"),
            KeyCode::End => f.write_str("End"),
            KeyCode::BackTab => f.write_str("shift+tab"),
            code => {
                let found = NAMES.iter().find(|(_, other)| *other == code);
                f.write_str(found.map_or("?", |(name, _)| name))
            }
        }
    }
}

/// What a text should have been to name a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no key; write for example p, P, ctrl+p, alt+enter, F1, space or pagedown")]
pub struct NoKey(pub String);

impl FromStr for Key {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Key, NoKey> {
        let wrong = || NoKey(text.to_owned());
        let mut rest = text;
        let mut held = key(KeyCode::Null);
        loop {
            let lower = rest.to_ascii_lowercase();
            let cut = |prefixes: [&str; 2]| {
                let found = prefixes.into_iter().find(|prefix| lower.starts_with(prefix));
                found.map(str::len).filter(|length| rest.len() > *length)
            };
            if let Some(length) = cut(["ctrl+", "ctrl-"]) {
                (held.control, rest) = (true, &rest[length..]);
            } else if let Some(length) = cut(["alt+", "alt-"]) {
                (held.alt, rest) = (true, &rest[length..]);
            } else if let Some(length) = cut(["shift+", "shift-"]) {
                (held.shift, rest) = (true, &rest[length..]);
            } else {
                break;
            }
        }
        let mut letters = rest.chars();
        let code = match (letters.next(), letters.next()) {
            (Some(letter), None) if !letter.is_control() => KeyCode::Char(letter),
            _ => {
                let lower = rest.to_ascii_lowercase();
                let number = lower.strip_prefix('f').and_then(|digits| digits.parse().ok());
                match (NAMES.iter().find(|(name, _)| *name == lower), number) {
                    (Some((_, code)), _) => *code,
                    (None, Some(number @ 1..=24)) => KeyCode::F(number),
                    (None, _) => return Err(wrong()),
                }
            }
        };
        let modifiers = [
            (held.control, KeyModifiers::CONTROL),
            (held.alt, KeyModifiers::ALT),
            (held.shift, KeyModifiers::SHIFT),
        ];
        let modifiers = modifiers
            .into_iter()
            .filter(|(held, _)| *held)
            .fold(KeyModifiers::NONE, |all, (_, one)| all | one);
        Ok(Key::from(KeyEvent::new(code, modifiers)))
    }
}

/// Several keys in a row.
pub fn named(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn keys_are_read_by_their_names() {
        for (text, expected) in [
            ("p", letter('p')),
            ("P", letter('P')),
            ("shift+p", letter('P')),
            ("+", letter('+')),
            ("ctrl++", control('+')),
            ("Ctrl-P", Key { control: true, ..letter('P') }),
            ("alt+Enter", with_alt(KeyCode::Enter)),
            ("shift+tab", key(KeyCode::BackTab)),
            ("shift+enter", key(KeyCode::Enter).shifted()),
            ("f12", key(KeyCode::F(12))),
            ("space", letter(' ')),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "ctrl+", "pq", "f0", "f25", "shift+", "\u{1b}"] {
            assert!(text.parse::<Key>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_are_read_again() {
        use crate::tui::{console, user};
        let tables = user::TABLES.iter().chain(console::TABLES).copied().flatten();
        for key in tables.flat_map(|binding| binding.keys).copied() {
            assert_eq!(key.name().parse(), Ok(key), "{}", key.name());
        }
        assert_eq!(key(KeyCode::PageDown).name(), "pagedown");
    }

    #[test]
    fn shift_is_part_of_a_letter_whatever_the_terminal_sends() {
        let pressed = |code, modifiers| Key::from(KeyEvent::new(code, modifiers));
        assert_eq!(pressed(KeyCode::Char('a'), KeyModifiers::SHIFT), letter('A'));
        assert_eq!(pressed(KeyCode::Char('A'), KeyModifiers::SHIFT), letter('A'));
        assert_eq!(pressed(KeyCode::Char('A'), KeyModifiers::NONE), letter('A'));
        assert_eq!(pressed(KeyCode::Tab, KeyModifiers::SHIFT), key(KeyCode::BackTab));
    }
}
