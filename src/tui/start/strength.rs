//! How strong a passphrase is, told in words: by its length, its kinds of characters and how often they repeat.
//!
//! A hint, not a rule: the file's own slowness (about a second a guess) is what protects a middling one.

use std::collections::BTreeSet;

use crate::tui::texts;
use crate::tui::theme::Tone;

/// A tone and a sentence about a passphrase.
pub fn strength(text: &str) -> (Tone, &'static str) {
    let length = text.chars().count();
    let distinct = text.chars().collect::<BTreeSet<char>>().len();
    let kinds = [
        text.chars().any(char::is_lowercase),
        text.chars().any(char::is_uppercase),
        // Scripts without upper and lower case.
        text.chars().any(|c| c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase()),
        text.chars().any(char::is_numeric),
        text.chars().any(|c| !c.is_alphanumeric()),
    ];
    let kinds = kinds.iter().filter(|kind| **kind).count();
    if length == 0 {
        (Tone::Dim, texts::start::STRENGTH_ADVICE)
    } else if length < 8 || distinct < 5 {
        (Tone::Bad, texts::start::STRENGTH_WEAK)
    } else if length < 12 || distinct < 8 || (kinds < 2 && length < 20) {
        (Tone::Warn, texts::start::STRENGTH_FAIR)
    } else {
        (Tone::Good, texts::start::STRENGTH_STRONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_and_repetition_does_not() {
        for (text, tone) in [
            ("", Tone::Dim),
            ("secret", Tone::Bad),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", Tone::Bad),
            ("Tr0ub4dor", Tone::Warn),
            ("correcthorsebat", Tone::Warn),
            ("correct horse battery staple", Tone::Good),
            ("大きな馬 電池 ホチキス です", Tone::Good),
        ] {
            assert_eq!(strength(text).0, tone, "{text}");
        }
    }
}
