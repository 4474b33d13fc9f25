//! Program text in few colours: syntect reads it with the grammars of two-face, and the meanings of [`CodeTone`] are
//! all that is kept.
//!
//! Grammars are unpacked once, at the first block of code or when [`warm`] is called, and a grammar's expressions are
//! compiled at its first use. A [`Painter`] goes on where it was when more lines come; what is too long for colours is
//! plain from there on, in a block and in a text of many blocks.

use std::sync::OnceLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

use super::block::{Ink, Span};
use crate::tui::theme::CodeTone;

/// What comes after so much of a block stays plain: the slowest grammars (C++, TypeScript) take some 10 ms for 1 kB. Bytes.
const MOST: usize = 8 << 10;
/// All blocks of a text together have so much in colour, so that no answer, however long, holds up the thread that
/// draws. Bytes.
pub(super) const MOST_OF_TEXT: usize = 64 << 10;
/// What finding the grammar of a block counts for; a text of tiny blocks does little else. Bytes.
const LOOK_UP: usize = 64;
/// A block stays plain from a longer line on: it was not written by hand, and expressions take their time over it. Bytes.
const LINE: usize = 2000;

/// What scopes mean; the first that fits, from the innermost scope outwards.
const MEANINGS: &[(&str, CodeTone)] = &[
    ("comment", CodeTone::Comment),
    ("string", CodeTone::String),
    ("punctuation.definition.comment", CodeTone::Comment),
    ("punctuation.definition.string", CodeTone::String),
    ("constant.character.escape", CodeTone::Number),
    ("constant.other.symbol", CodeTone::String),
    ("constant", CodeTone::Number),
    ("keyword.operator.word", CodeTone::Keyword),
    ("keyword.operator", CodeTone::Plain),
    ("keyword", CodeTone::Keyword),
    ("storage", CodeTone::Keyword),
    ("variable.language", CodeTone::Keyword),
    ("entity.name", CodeTone::Function),
    ("entity.other.attribute-name", CodeTone::Number),
    ("support.function", CodeTone::Function),
    ("variable.function", CodeTone::Function),
    ("support.type", CodeTone::Function),
    ("markup.inserted", CodeTone::String),
    ("markup.deleted", CodeTone::Number),
    ("markup.heading", CodeTone::Keyword),
];

struct Grammars {
    set: SyntaxSet,
    meanings: Vec<(Scope, CodeTone)>,
}

fn grammars() -> &'static Grammars {
    static GRAMMARS: OnceLock<Grammars> = OnceLock::new();
    GRAMMARS.get_or_init(|| {
        let meaning = |(name, tone): &(&str, CodeTone)| Some((Scope::new(name).ok()?, *tone));
        Grammars {
            set: two_face::syntax::extra_newlines(),
            meanings: MEANINGS.iter().filter_map(meaning).collect(),
        }
    })
}

/// Unpacks the grammars, so that the first block of code does not have to wait for it. Takes some milliseconds: not
/// for the thread that draws.
pub fn warm() {
    grammars();
}

/// Names that models use and grammars do not.
fn alias(language: &str) -> &str {
    match language {
        "shell" | "console" | "shell-session" | "zsh" => "bash",
        "jsonc" | "json5" => "json",
        "golang" => "go",
        "sol" => "solidity",
        "docker" => "dockerfile",
        "jsx" => "js",
        language => language,
    }
}

pub(super) fn plain_line(line: &str) -> Vec<Span> {
    if line.is_empty() { Vec::new() } else { vec![Span::new(line, Ink::code(CodeTone::Plain))] }
}

/// A block of code in colour, line by line as it comes: no line is read twice, so that the end of a block costs nothing.
#[derive(Debug, Default)]
pub(super) struct Painter {
    language: String,
    /// What was painted.
    text: String,
    lines: Vec<Vec<Span>>,
    /// None if the language is unknown, or there has been too much.
    brush: Option<Brush>,
    /// A line came in pieces because nobody knew where it would end.
    pieces: bool,
    /// What the text had left for colours when the block began, and what of it went into this block. Bytes.
    left: usize,
    spent: usize,
}

#[derive(Debug)]
struct Brush {
    state: ParseState,
    stack: ScopeStack,
}

impl Painter {
    /// `left` is what the text has left for colours.
    pub(super) fn new(language: &str, left: usize) -> Painter {
        let brush = || {
            let syntax = grammars().set.find_syntax_by_token(alias(language))?;
            let known = syntax.name != "Plain Text";
            known.then(|| Brush { state: ParseState::new(syntax), stack: ScopeStack::new() })
        };
        let (brush, spent) = match (language, left) {
            ("", _) => (None, 0),
            (_, ..LOOK_UP) => (None, left),
            _ => (brush(), LOOK_UP),
        };
        Painter { language: language.to_owned(), brush, left, spent, ..Painter::default() }
    }

    /// What of the text's colours went into this block.
    pub(super) fn spent(&self) -> usize {
        self.spent
    }

    pub(super) fn lines(&self) -> &[Vec<Span>] {
        &self.lines
    }

    /// Adds whole lines.
    pub(super) fn push(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            self.pieces |= !line.ends_with('\n');
            self.text.push_str(line);
            let painted = self.line(line);
            self.lines.push(painted);
        }
    }

    /// The lines of a block that was painted up to somewhere before. What is not `complete` may end within a line,
    /// which stays plain.
    pub(super) fn paint(
        &mut self,
        text: &str,
        language: &str,
        complete: bool,
        left: usize,
    ) -> Vec<Vec<Span>> {
        let other = (self.language.as_str(), self.left) != (language, left);
        if self.pieces || other || !text.starts_with(&self.text) {
            *self = Painter::new(language, left);
        }
        let new = text.get(self.text.len()..).unwrap_or_default();
        let (whole, last) = new.split_at(new.rfind('\n').map_or(0, |at| at + 1));
        self.push(whole);
        let mut lines = self.lines.clone();
        if !last.is_empty() {
            lines.push(if complete { self.line(last) } else { plain_line(last) });
        }
        lines
    }

    fn line(&mut self, line: &str) -> Vec<Span> {
        let bare = line.trim_end_matches('\n');
        if line.len() > LINE || self.text.len() > MOST {
            self.brush = None;
        }
        if self.brush.is_some() && self.spent + line.len() > self.left {
            self.brush = None;
            self.spent = self.left;
        }
        let Some(brush) = &mut self.brush else { return plain_line(bare) };
        self.spent += line.len();
        #[cfg(test)]
        tests::PAINTED.with(|painted| painted.set(painted.get() + line.len()));
        match brush.line(bare) {
            Some(spans) => spans,
            None => {
                self.brush = None;
                plain_line(bare)
            }
        }
    }
}

impl Brush {
    fn line(&mut self, bare: &str) -> Option<Vec<Span>> {
        let grammars = grammars();
        // The newline is part of what grammars expect.
        let operations = self.state.parse_line(&format!("{bare}\n"), &grammars.set).ok()?;
        let mut spans = Vec::new();
        let mut from = 0;
        for (at, operation) in operations {
            let at = at.min(bare.len());
            add(&mut spans, bare.get(from..at), &self.stack, grammars);
            from = at.max(from);
            self.stack.apply(&operation).ok()?;
        }
        add(&mut spans, bare.get(from..), &self.stack, grammars);
        Some(spans)
    }
}

fn add(spans: &mut Vec<Span>, text: Option<&str>, stack: &ScopeStack, grammars: &Grammars) {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return };
    let ink = Ink::code(tone(stack, grammars));
    match spans.last_mut() {
        Some(last) if last.ink == ink => last.text.push_str(text),
        _ => spans.push(Span::new(text, ink)),
    }
}

fn tone(stack: &ScopeStack, grammars: &Grammars) -> CodeTone {
    let meaning = |scope: &Scope| {
        grammars.meanings.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope)).map(|(_, tone)| *tone)
    };
    stack.as_slice().iter().rev().find_map(meaning).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Bytes that grammars read.
        pub(in super::super) static PAINTED: Cell<usize> = const { Cell::new(0) };
    }

    fn lines(text: &str, language: &str) -> Vec<Vec<Span>> {
        Painter::default().paint(text, language, true, MOST_OF_TEXT)
    }

    fn tones(text: &str, language: &str) -> Vec<(String, CodeTone)> {
        let spans = lines(text, language).into_iter().flatten();
        spans
            .filter_map(|span| match span.ink.hue {
                super::super::block::Hue::Code(tone) => Some((span.text.trim().to_owned(), tone)),
                super::super::block::Hue::Tone(_) => None,
            })
            .filter(|(text, _)| !text.is_empty())
            .collect()
    }

    #[test]
    fn programs_have_their_meanings() {
        let found = tones("fn main() { // hi\n    let a = \"text\" ; 42 }\n", "rust");
        for (text, tone) in [
            ("fn", CodeTone::Keyword),
            ("main", CodeTone::Function),
            ("// hi", CodeTone::Comment),
            ("\"text\"", CodeTone::String),
            ("42", CodeTone::Number),
        ] {
            assert!(found.contains(&(text.to_owned(), tone)), "{text}: {found:?}");
        }
        for language in
            ["python", "ts", "typescript", "solidity", "toml", "bash", "sh", "go", "json", "dockerfile"]
        {
            assert!(
                grammars().set.find_syntax_by_token(alias(language)).is_some(),
                "{language} has no grammar"
            );
        }
    }

    #[test]
    fn text_survives_and_too_much_of_it_stays_plain() {
        for (text, language) in [
            ("let a = 1;\n\n\tb", "rust"),
            ("x", "no such language"),
            ("", "rust"),
            (&*"y = 'ü';\n".repeat(9000), "python"),
            (&*"z".repeat(LINE + 1), "js"),
        ] {
            let lines = lines(text, language);
            let back: Vec<String> =
                lines.iter().map(|line| line.iter().map(|span| span.text.as_str()).collect()).collect();
            assert_eq!(back, text.lines().collect::<Vec<_>>());
        }
        let tones = tones(&"let a = 1;\n".repeat(9000), "rust");
        assert!(tones.iter().take(300).any(|(_, tone)| *tone == CodeTone::Keyword));
        assert!(tones.iter().rev().take(8000).all(|(_, tone)| *tone == CodeTone::Plain));
    }
}
