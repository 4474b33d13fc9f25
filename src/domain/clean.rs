//! Text that strangers wrote, made fit for a terminal, a log line and a JSON answer.
//!
//! Applied once, where foreign text enters (names, models, URLs, error texts from the chain or a provider).
//! Answers of models are passed on byte for byte to the application that asked; only what we show is cleaned.

use std::borrow::Cow;

/// Replaces what could steer a terminal or mislead a reader by `�` and cuts the text at `max` characters.
///
/// Gone are control characters (C0, C1, DEL), which start every escape sequence, line and paragraph
/// separators, bidirectional and zero-width format characters, private use and non-characters.
pub fn clean(text: &str, max: usize) -> Cow<'_, str> {
    let fits = text.len() <= max || text.chars().count() <= max;
    if fits && !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut cleaned: String =
        text.chars().take(max).map(|c| if is_hostile(c) { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if !fits {
        cleaned.pop();
        cleaned.push('…');
    }
    Cow::Owned(cleaned)
}

/// [`clean`], for texts of several lines: line feeds and tabs stay.
pub fn clean_lines(text: &str, max: usize) -> String {
    text.chars()
        .take(max)
        .map(|c| if is_hostile(c) && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
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

fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}' | '\u{E000}'..='\u{F8FF}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' | '\u{F0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn nothing_steers_the_terminal() {
        let corpus = [
            "\u{1b}[2J",
            "\u{9b}31m",
            "a\rb",
            "a\nb",
            "\u{7}",
            "\u{202e}gpj.exe",
            "a\u{200b}b",
            "\u{2066}x",
            "\u{1b}]52;c;aGk=\u{7}",
            "\u{feff}x",
            "\u{e0041}",
            "\u{85}",
            "\u{7f}",
            "\0",
        ];
        for text in corpus {
            assert!(!clean(text, 64).chars().any(is_hostile), "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        assert_eq!(clean(&"大".repeat(10), 4), "大大大…");
        assert_eq!(clean(&"a".repeat(4), 4), "aaaa");
    }
}
