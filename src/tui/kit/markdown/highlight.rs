//! Program text in few colours: syntect reads it with the grammars of two-face, and the meanings of [`CodeTone`] are
//! all that is kept.
//!
//! Grammars are unpacked once, at the first block of code or when [`warm`] is called, and a grammar's expressions are
//! compiled at its first use. What is too long to be read within a frame or two stays plain.

use std::sync::OnceLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use super::block::{Ink, Span};
use crate::tui::theme::CodeTone;

/// A longer block stays plain: the slowest grammars (C++, TypeScript) take some 10 ms for 1 kB. Bytes.
const MOST: usize = 8 << 10;
/// A block with a longer line stays plain: it was not written by hand, and expressions take their time over it. Bytes.
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

/// Lines in colour, if the language is known and there is not too much of it.
pub(super) fn lines(text: &str, language: &str) -> Vec<Vec<Span>> {
    if language.is_empty() || text.len() > MOST || text.lines().any(|line| line.len() > LINE) {
        return plain(text);
    }
    let grammars = grammars();
    match grammars.set.find_syntax_by_token(alias(language)) {
        Some(syntax) if syntax.name != "Plain Text" => coloured(text, syntax, grammars),
        _ => plain(text),
    }
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

pub(super) fn plain(text: &str) -> Vec<Vec<Span>> {
    text.lines().map(plain_line).collect()
}

pub(super) fn plain_line(line: &str) -> Vec<Span> {
    if line.is_empty() { Vec::new() } else { vec![Span::new(line, Ink::code(CodeTone::Plain))] }
}

fn coloured(text: &str, syntax: &SyntaxReference, grammars: &Grammars) -> Vec<Vec<Span>> {
    let mut state = ParseState::new(syntax);
    let mut stack = ScopeStack::new();
    let mut lines = Vec::new();
    let mut broken = false;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        // The newline is part of what grammars expect.
        let whole = if bare.len() == line.len() { format!("{line}\n") } else { line.to_owned() };
        let operations = if broken { Ok(Vec::new()) } else { state.parse_line(&whole, &grammars.set) };
        let Ok(operations) = operations else {
            broken = true;
            lines.push(plain_line(bare));
            continue;
        };
        if broken {
            lines.push(plain_line(bare));
            continue;
        }
        let mut spans = Vec::new();
        let mut from = 0;
        for (at, operation) in operations {
            let at = at.min(bare.len());
            add(&mut spans, bare.get(from..at), &stack, grammars);
            from = at.max(from);
            broken |= stack.apply(&operation).is_err();
        }
        add(&mut spans, bare.get(from..), &stack, grammars);
        lines.push(spans);
    }
    lines
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
mod tests {
    use super::*;

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
    fn text_survives_and_what_is_too_long_stays_plain() {
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
        assert!(tones(&"let a = 1;\n".repeat(9000), "rust").iter().all(|(_, tone)| *tone == CodeTone::Plain));
    }
}
