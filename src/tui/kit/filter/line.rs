//! A filter while it is typed: the same keys and the same bound wherever one is.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::texts;

/// Nobody types a longer filter. Bytes.
const LONGEST: usize = 300;

/// A key of the line itself: letters, backspace, `ctrl+u` for all of it, `ctrl+w` for its last word. Gives whether the text
/// is another one now.
pub fn filter_key(text: &mut String, key: KeyEvent) -> bool {
    let before = text.len();
    let held = key.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT);
    match key.code {
        KeyCode::Backspace => drop(text.pop()),
        KeyCode::Char('u') if held == KeyModifiers::CONTROL => text.clear(),
        KeyCode::Char('w') if held == KeyModifiers::CONTROL => {
            text.truncate(text.trim_end().rfind(' ').map_or(0, |at| at + 1));
        }
        KeyCode::Char(letter) if held.is_empty() && before + letter.len_utf8() <= LONGEST => {
            text.push(letter)
        }
        _ => {}
    }
    text.len() != before
}

/// What keys do while a filter is typed, for hints: it is kept or it is cleared, wherever it is typed. `completes`:
/// whether `tab` knows the names of columns.
pub fn filter_hints(completes: bool) -> Vec<(&'static str, &'static str)> {
    let mut hints = vec![("enter", texts::hints::KEEP), ("esc", texts::hints::CLEAR)];
    if completes {
        hints.insert(1, ("tab", texts::hints::COMPLETE));
    }
    hints
}

/// What is pasted goes to the end, as one line, as far as there is room. Terminals send the ends of lines as they like:
/// `\r`, `\n` or both.
pub fn filter_paste(text: &mut String, pasted: &str) {
    let blank = |letter: char| if matches!(letter, '\r' | '\n' | '\t') { ' ' } else { letter };
    let lines = pasted.trim_end_matches(['\r', '\n']).replace("\r\n", "\n");
    let line = lines.chars().map(blank);
    for letter in line.filter(|letter| !letter.is_control()) {
        if text.len() + letter.len_utf8() > LONGEST {
            return;
        }
        text.push(letter);
    }
}

/// A filter that was kept, as if it were typed now.
pub fn filter_kept(kept: &str) -> String {
    let mut text = String::new();
    filter_paste(&mut text, kept);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, code: KeyCode, modifiers: KeyModifiers) -> (String, bool) {
        let mut text = text.to_owned();
        let changed = filter_key(&mut text, KeyEvent::new(code, modifiers));
        (text, changed)
    }

    #[test]
    fn keys_that_are_held_write_nothing() {
        let (none, control, alt) = (KeyModifiers::NONE, KeyModifiers::CONTROL, KeyModifiers::ALT);
        let x = KeyCode::Char('x');
        assert_eq!(after("a", x, none), ("ax".to_owned(), true));
        assert_eq!(after("a", KeyCode::Char('X'), KeyModifiers::SHIFT), ("aX".to_owned(), true));
        for held in [control, alt, control | alt] {
            assert_eq!(after("a", x, held), ("a".to_owned(), false));
        }
        assert_eq!(after("a b c", KeyCode::Char('w'), control), ("a b ".to_owned(), true));
        assert_eq!(after("a b ", KeyCode::Char('w'), control), ("a ".to_owned(), true));
        assert_eq!(after("a b", KeyCode::Char('u'), control), (String::new(), true));
        assert_eq!(after("a b", KeyCode::Char('u'), control | alt), ("a b".to_owned(), false));
        assert_eq!(after("aé", KeyCode::Backspace, none), ("a".to_owned(), true));
        assert_eq!(after("", KeyCode::Backspace, none), (String::new(), false));
        assert_eq!(after("a", KeyCode::Enter, none), ("a".to_owned(), false));
    }

    #[test]
    fn what_is_pasted_is_one_line_and_bounded() {
        let mut text = "a".to_owned();
        filter_paste(&mut text, "b\u{1b}\r\nc\td\n");
        assert_eq!(text, "ab c d");
        for ends in ["a\rb", "a\nb", "a\r\nb\r\n", "a\rb\r"] {
            assert_eq!(filter_kept(ends), "a b", "{ends:?}");
        }
        filter_paste(&mut text, &"é".repeat(1000));
        assert_eq!(text.len(), LONGEST);
        assert_eq!(after(&text, KeyCode::Char('x'), KeyModifiers::NONE), (text.clone(), false));
        assert_eq!(filter_kept(&"x".repeat(1000)).len(), LONGEST);
    }
}
