//! Which rows a typed text lets through.
//!
//! Words are joined by "and". A word is looked for as it is, then letter by letter in the same order and close
//! together (`stlmt` finds `settlement`); `!word` lets through what does not have it. Case does not matter.

/// A filter as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    word: String,
    without: bool,
}

impl Filter {
    pub fn parse(text: &str) -> Filter {
        let terms = text.split_whitespace().filter_map(|word| {
            let (without, word) = match word.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, word),
            };
            (!word.is_empty()).then(|| Term { word: word.to_lowercase(), without })
        });
        Filter { terms: terms.collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a row with this text is let through.
    pub fn lets(&self, text: &str) -> bool {
        if self.terms.is_empty() {
            return true;
        }
        let text = text.to_lowercase();
        self.terms.iter().all(|term| {
            // What is left out must be named exactly, or too much would go.
            if term.without { !text.contains(&term.word) } else { found(&text, &term.word) }
        })
    }
}

fn found(text: &str, word: &str) -> bool {
    // Hexadecimal digits in some order are in every address.
    let digits = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'x');
    text.contains(word)
        || (!digits && word.len() > 2 && text.split_whitespace().any(|part| close(part, word)))
}

/// The letters of `word` in order within twice its length.
fn close(text: &str, word: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let most = word.chars().count() * 2;
    (0..text.len()).any(|start| {
        let mut rest = text[start..].iter().take(most);
        word.chars().all(|letter| rest.any(|other| *other == letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_fuzzy_and_inverse_ones_exact() {
        let lets = |filter: &str, text: &str| Filter::parse(filter).lets(text);
        assert!(lets("", "anything"));
        assert!(lets("ELIZ", "eliza chatbot"));
        assert!(lets("elz chat", "eliza chatbot"));
        assert!(!lets("elz zg", "eliza chatbot"));
        assert!(!lets("!eliza", "eliza chatbot"));
        assert!(lets("!elz", "eliza chatbot"));
        assert!(!lets("abc", "0xa1b2c3"), "digits of an address only as they stand");
    }
}
