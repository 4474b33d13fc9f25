//! Text that strangers wrote, made fit for a terminal, a log line and a JSON answer.
//!
//! Applied once, where foreign text enters (names, models, URLs, error texts from the chain or a provider).
//! Answers of models are passed on byte for byte to the application that asked; only what we show is cleaned.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// So many marks may sit on one letter; Tibetan and pointed Hebrew need five or six. More of them would be drawn over the
/// lines above and below.
pub const MOST_MARKS: u8 = 8;

/// Replaces what could steer a terminal or mislead a reader by `�` and cuts the text at `max` characters.
///
/// Gone are control characters (C0, C1, DEL), which start every escape sequence, line and paragraph
/// separators, bidirectional and zero-width format characters, private use and non-characters, and marks piled up on one
/// letter. Cleaning a clean text changes nothing.
pub fn clean(text: &str, max: usize) -> Cow<'_, str> {
    let fits = text.len() <= max || text.chars().count() <= max;
    if fits && is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut cleaned: String = harmless(text.chars().take(max), is_hostile, &mut 0).collect();
    if !fits {
        cleaned.pop();
        cleaned.push('…');
    }
    Cow::Owned(cleaned)
}

/// [`clean`], for texts of several lines: line feeds and tabs stay.
pub fn clean_lines(text: &str, max: usize) -> String {
    harmless(text.chars().take(max), is_hostile_in_lines, &mut 0).collect()
}

/// [`clean_lines`], for a text that comes in pieces: marks that are few in each piece must not pile up either.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pieces {
    marks: u8,
}

impl Pieces {
    pub fn clean(&mut self, piece: &str) -> String {
        harmless(piece.chars(), is_hostile_in_lines, &mut self.marks).collect()
    }
}

fn is_hostile_in_lines(c: char) -> bool {
    is_hostile(c) && c != '\n' && c != '\t'
}

/// Whether there is certainly nothing to clean.
fn is_plain(text: &str) -> bool {
    let ascii = |byte: u8| byte.is_ascii() && !byte.is_ascii_control();
    text.bytes().all(ascii) || !text.chars().any(|c| is_hostile(c) || is_mark(c))
}

fn harmless(
    text: impl Iterator<Item = char>,
    hostile: impl Fn(char) -> bool,
    marks: &mut u8,
) -> impl Iterator<Item = char> {
    text.filter_map(move |c| {
        if hostile(c) {
            *marks = 0;
            return Some(char::REPLACEMENT_CHARACTER);
        }
        *marks = if is_mark(c) { marks.saturating_add(1) } else { 0 };
        match marks.checked_sub(MOST_MARKS) {
            None | Some(0) => Some(c),
            // One sign stands for all that follow.
            Some(1) => Some(char::REPLACEMENT_CHARACTER),
            Some(_) => None,
        }
    })
}

/// Takes no room of its own: it is drawn on the letter before it.
pub fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.width() == Some(0)
}

/// [`clean`], for the reason of a failed connection or file: the system's number says nothing to people and goes.
pub fn clean_reason(text: &str, max: usize) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (os error ") {
        kept.push_str(before);
        rest = after.split_once(')').map_or("", |(_, behind)| behind);
    }
    kept.push_str(rest);
    clean(&kept, max).into_owned()
}

/// Whether a character may not reach a terminal or a reader by its own effect.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        // The last two of every plane are no characters.
        || u32::from(c) & 0xfffe == 0xfffe
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{E000}'..='\u{F8FF}' | '\u{FDD0}'..='\u{FDEF}'
            | '\u{13430}'..='\u{1343F}' | '\u{16FE4}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' | '\u{F0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::{attacks, found};

    #[test]
    fn harmless_text_is_untouched() {
        for text in ["llama7b", "Größe 大 模型", "a b"] {
            assert!(matches!(clean(text, 64), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn reasons_lose_the_systems_number() {
        for (text, reason) in [
            ("Connection refused (os error 111)", "Connection refused"),
            ("a (os error 2): b (os error 3) c", "a: b c"),
            ("a (os error", "a (os error"),
            ("a (os error 1", "a"),
            ("x\u{1b}[2J (os error 5)", "x\u{fffd}[2J"),
        ] {
            assert_eq!(clean_reason(text, 99), reason);
        }
    }

    #[test]
    fn nothing_of_the_corpus_steers_a_terminal() {
        for attack in attacks() {
            for max in [1, 7, 64, usize::MAX] {
                let text = clean(&attack.text, max);
                assert_eq!(found(&text).or(text.contains('\n').then(String::new)), None, "{}", attack.name);
                assert!(text.chars().count() <= max, "{}", attack.name);
                assert_eq!(clean(&text, max), text, "{}: cleaned twice is cleaned once", attack.name);
            }
            let lines = clean_lines(&attack.text, usize::MAX);
            assert_eq!(found(&lines.replace('\t', " ")), None, "{}", attack.name);
            assert_eq!(clean_lines(&lines, usize::MAX), lines, "{}", attack.name);
            assert_eq!(found(&clean_reason(&attack.text, 200)), None, "{}", attack.name);
            if attack.text.len() < 5_000 {
                let mut pieces = Pieces::default();
                let letters = attack.text.chars().map(|c| pieces.clean(c.encode_utf8(&mut [0; 4])));
                assert_eq!(letters.collect::<String>(), lines, "{}", attack.name);
            }
        }
    }

    #[test]
    fn writing_systems_with_marks_are_left_whole() {
        for text in ["Việt Nam", "e\u{301}\u{323}", "שָׁלוֹם", "हिन्दी", "བསྒྲུབས", "ภาษาไทย", "각"]
        {
            assert_eq!(clean(text, 64), text);
        }
        let flood = clean_lines(&format!("e{}x", "\u{301}".repeat(500)), usize::MAX);
        assert_eq!(flood, format!("e{}\u{fffd}x", "\u{301}".repeat(8)));
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        assert_eq!(clean(&"大".repeat(10), 4), "大大大…");
        assert_eq!(clean(&"a".repeat(4), 4), "aaaa");
    }
}
