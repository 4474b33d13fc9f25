//! Which rows a typed text lets through.
//!
//! | typed | lets through |
//! |---|---|
//! | `llama chat` | what has both words, fuzzy, see `words` |
//! | `!word` | what does not have it; it must be named exactly, or too much would go |
//! | `type:chatbot`, `name=eliza` | what has it in that field; `=` wants the whole of it |
//! | `price<100000`, `fee>=1A0GI`, `latency<200ms` | comparisons: `<` `<=` `>` `>=` `=` `:` |
//!
//! A term that cannot be read hides no row; [`Filter::complaint`] says what is wrong with it.

mod field;
mod line;
mod words;

pub use self::field::{Field, FieldKind, FieldValue};
pub use self::line::{filter_hints, filter_kept, filter_key, filter_paste};
pub use self::words::Words;

use self::field::Test;
use self::words::{Found, Word};

/// A filter as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
    complaint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    what: What,
    without: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Word(Word),
    Field(Test),
}

/// What a filter says of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is hidden.
    Out,
    /// A word was found letter by letter.
    Nearly,
    #[default]
    Exactly,
}

impl Filter {
    /// A filter of words only.
    pub fn parse(text: &str) -> Filter {
        Filter::with_fields(text, &[])
    }

    /// A filter of words and of named fields. Without fields everything is a word.
    pub fn with_fields(text: &str, fields: &[Field]) -> Filter {
        let mut filter = Filter::default();
        for part in text.split_whitespace() {
            let (without, part) = match part.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, part),
            };
            let what = match field::read(part, fields) {
                Some(Ok(test)) => test.map(What::Field),
                Some(Err(complaint)) => {
                    filter.complaint.get_or_insert(complaint);
                    None
                }
                None => (!part.is_empty()).then(|| What::Word(Word::new(part))),
            };
            filter.terms.extend(what.map(|what| Term { what, without }));
        }
        filter
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether it looks for words, so that some rows have them better than others.
    pub fn has_words(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.what, What::Word(_)) && !term.without)
    }

    /// What is wrong with the first term that cannot be read, in a sentence.
    pub fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// Whether a text is let through.
    pub fn lets(&self, text: &str) -> bool {
        self.verdict(&Words::new(text.to_owned()), |_| None) != Verdict::Out
    }

    /// What it says of a row with these words and fields.
    pub fn verdict<'a>(
        &self,
        words: &Words,
        mut field: impl FnMut(&str) -> Option<FieldValue<'a>>,
    ) -> Verdict {
        let mut verdict = Verdict::Exactly;
        for term in &self.terms {
            let found = match &term.what {
                What::Word(word) if term.without => !word.is_in(words),
                What::Word(word) => {
                    let found = word.found(words);
                    if found == Found::Nearly {
                        verdict = Verdict::Nearly;
                    }
                    found != Found::Not
                }
                What::Field(test) => test.holds(field(test.name())) != term.without,
            };
            if !found {
                return Verdict::Out;
            }
        }
        verdict
    }

    /// Whether it lets through nothing that the other one hides.
    pub fn narrows(&self, other: &Filter) -> bool {
        other.terms.iter().enumerate().all(|(at, old)| {
            self.terms.get(at).is_some_and(|new| match (&new.what, &old.what) {
                _ if new == old => true,
                _ if new.without || old.without => false,
                (What::Word(new), What::Word(old)) => new.narrows(old),
                (What::Field(new), What::Field(old)) => new.narrows(old),
                _ => false,
            })
        })
    }
}

/// The text with the field's name that its last word begins, for `tab`: the first one that fits.
pub fn completed(text: &str, fields: &[Field]) -> Option<String> {
    let begun = text.rsplit(char::is_whitespace).next().unwrap_or_default();
    let begun = begun.strip_prefix('!').unwrap_or(begun);
    let found = fields.iter().find(|field| {
        !begun.is_empty() && field.name.len() > begun.len() && field.name.starts_with(&begun.to_lowercase())
    })?;
    let kept = text.get(..text.len() - begun.len())?;
    Some(format!("{kept}{}{}", found.name, if found.kind == FieldKind::Text { ":" } else { "" }))
}

#[cfg(test)]
mod tests;
