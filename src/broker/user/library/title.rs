//! What a conversation is called: by its user, or by its first prompt.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::domain::clean::clean;

/// Characters of a title that a person gives.
const LONGEST: usize = 200;

/// Terminal cells of a title that is derived.
const WIDEST: usize = 60;

/// How much of a prompt is looked at for a title, in characters.
const LOOKED_AT: usize = 4096;

/// A title that a person gave, on one line and cleaned.
pub(super) fn given(text: &str) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    clean(&line, LONGEST).into_owned()
}

/// The title that a first prompt gives: its first line with something in it.
pub(super) fn derived(prompt: &str) -> String {
    let beginning: String = prompt.chars().take(LOOKED_AT).collect();
    let line = beginning.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = clean(&words, LOOKED_AT);
    if words.width() <= WIDEST {
        return words.into_owned();
    }
    let mut title = String::new();
    let mut width = 0;
    for grapheme in words.graphemes(true) {
        width += grapheme.width();
        // One cell is for the mark that there was more.
        if width >= WIDEST {
            break;
        }
        title.push_str(grapheme);
    }
    title.truncate(title.trim_end().len());
    title.push('…');
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_gives_its_first_line() {
        assert_eq!(derived("\n\n  What is\t0G?  \nand more"), "What is 0G?");
        assert_eq!(derived(""), "");
        assert_eq!(derived(" \n\t\n"), "");
        assert_eq!(derived("red\u{1b}[31m"), "red\u{fffd}[31m");
        assert_eq!(derived(&"a".repeat(60)), "a".repeat(60));
        assert_eq!(derived(&"a".repeat(61)), format!("{}…", "a".repeat(59)));
    }

    #[test]
    fn a_title_is_measured_in_cells() {
        let title = derived(&"大".repeat(50));
        assert_eq!(title, format!("{}…", "大".repeat(29)));
        assert!(derived(&format!("x{}", "e\u{301}".repeat(500))).width() <= WIDEST);
    }

    #[test]
    fn a_given_title_is_one_cleaned_line() {
        assert_eq!(given("  a\nb\u{7}  "), "a b\u{fffd}");
        assert_eq!(given(&"x".repeat(300)).chars().count(), LONGEST);
    }
}
