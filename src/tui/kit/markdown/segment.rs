//! Where a growing text may be cut: what lies before a cut never changes its looks, whatever is still to come.
//!
//! A cut is made before a line that is not indented and follows a blank one, unless a list may go on there, and
//! around fences. Lines are looked at once, in order, and only by what they hold: how the text arrived (byte by byte,
//! or at once) makes no difference. In doubt nothing is cut and the piece is read again with its continuation.
//! A piece that grows beyond all measure is cut anyway, so that nothing that is pushed ever costs more than that.

use std::ops::Range;

/// A piece longer than this is cut at the next line that is not indented. Bytes.
const SOFT: usize = 8 << 10;
/// A piece longer than this is cut wherever it is. Bytes.
pub(super) const HARD: usize = 32 << 10;
/// So much of a line says what it is. Bytes.
const HEAD: usize = 512;

/// A piece of the text that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Without the fences.
    pub(super) text: Range<usize>,
    pub(super) kind: Kind,
    /// Whether it stands apart from what is before it.
    pub(super) apart: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Prose,
    /// What stands between two fences, or after one.
    Code(Fence),
}

/// The line that begins a block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    mark: char,
    count: usize,
    pub(super) indent: usize,
    /// What follows the mark.
    pub(super) info: String,
}

impl Fence {
    /// `line` without its indentation.
    fn open(line: &str, indent: usize) -> Option<Fence> {
        let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let info = line.trim_start_matches(mark);
        let count = line.len() - info.len();
        if count < 3 || (mark == '`' && info.contains('`')) {
            return None;
        }
        Some(Fence { mark, count, indent, info: info.trim().to_owned() })
    }

    /// Whether a line ends the block. `line` without its indentation.
    fn is_closed_by(&self, line: &str, indent: usize) -> bool {
        let rest = line.trim_start_matches(self.mark);
        indent < self.indent + 4 && line.len() - rest.len() >= self.count && rest.trim().is_empty()
    }

    /// Whether a line that is still being written may become the end of the block.
    pub(super) fn may_be_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        !line.is_empty() && line.chars().all(|c| c == self.mark)
    }
}

/// Follows a text to its end.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// Where the piece begins that is not complete.
    start: usize,
    /// Everything before has been looked at.
    scanned: usize,
    /// There is no line feed between `scanned` and here.
    searched: usize,
    kind: Kind,
    apart: bool,
    /// The line before was blank.
    blank: bool,
    /// A list may be open.
    list: bool,
    /// A fence inside a list or a quote.
    inner: Option<Fence>,
}

impl Cutter {
    /// The piece that is not complete: where it begins, and what it is.
    pub(super) const fn open(&self) -> (usize, &Kind, bool) {
        (self.start, &self.kind, self.apart)
    }

    /// Everything before has been looked at and is whole lines (or too long to wait for the end of).
    pub(super) const fn scanned(&self) -> usize {
        self.scanned
    }

    /// Looks at what came since the last time. `source` is the whole text.
    pub(super) fn advance(&mut self, source: &str, done: &mut Vec<Segment>) {
        loop {
            let from = self.searched.max(self.scanned);
            let feed = source.as_bytes().get(from..).and_then(|rest| rest.iter().position(|b| *b == b'\n'));
            self.searched = feed.map_or(source.len(), |at| from + at);
            let end = match feed {
                Some(at) => from + at + 1,
                None if source.len() - self.scanned.min(source.len()) > HARD => {
                    // Nobody knows where this line will end: it is taken for several.
                    break_near(source, self.scanned)
                }
                None => return,
            };
            self.look(source, end, done);
        }
    }

    /// The text has ended, with a line feed.
    pub(super) fn end(&mut self, source: &str, done: &mut Vec<Segment>) {
        self.advance(source, done);
        self.cut(source, self.scanned, self.scanned, done);
        self.kind = Kind::Prose;
        self.inner = None;
    }

    /// Looks at the line from `scanned` to `end`.
    fn look(&mut self, source: &str, end: usize, done: &mut Vec<Segment>) {
        let begin = self.scanned;
        // A line without end is cut into pieces of the same length, however it arrived.
        let end = if end - begin > HARD { break_near(source, begin).min(end) } else { end };
        self.scanned = end;
        let head = head(source, begin, end);
        let line = head.trim_start_matches([' ', '\t']);
        let indent = cells(head, line);
        let blank = line.trim().is_empty();

        if let Kind::Code(fence) = &self.kind {
            if fence.is_closed_by(line, indent) {
                self.cut(source, begin, end, done);
                self.kind = Kind::Prose;
                self.apart = true;
            }
            return;
        }
        let flush = !blank && indent == 0;
        if let Some(fence) = &self.inner {
            let (bare, bare_indent) = uncontained(line, false);
            if fence.is_closed_by(bare, bare_indent) {
                self.inner = None;
                self.blank = false;
                return;
            }
            if !flush || line.starts_with('>') {
                if end - self.start > HARD {
                    let fence = fence.clone();
                    self.cut(source, begin, begin, done);
                    self.kind = Kind::Code(fence);
                    self.inner = None;
                }
                return;
            }
            // Nothing that stands at the edge belongs to a list.
            self.inner = None;
        }

        let item = is_item(line);
        let fence = Fence::open(line, indent).filter(|_| indent == 0 || (indent < 4 && !self.list));
        let size = begin - self.start;
        if fence.is_some() {
            self.cut(source, begin, end, done);
            self.apart = true;
        } else if flush && self.blank && !(self.list && item) {
            self.cut(source, begin, begin, done);
            self.apart = true;
        } else if size > 0 && ((flush && size > SOFT && !line.starts_with('|')) || end - self.start > HARD) {
            let apart = self.blank;
            self.cut(source, begin, begin, done);
            self.apart = apart;
        }
        if let Some(fence) = fence {
            self.kind = Kind::Code(fence);
            return;
        }
        self.list |= item;
        self.blank = blank;
        let (bare, bare_indent) = uncontained(line, true);
        // What is indented by four may be code that shows a fence; the next line at the edge tells.
        self.inner = Fence::open(bare, bare_indent.max(indent));
    }

    /// Ends the open piece at `end`; the next one begins at `next`.
    fn cut(&mut self, source: &str, end: usize, next: usize, done: &mut Vec<Segment>) {
        let kind = std::mem::take(&mut self.kind);
        let empty = source.get(self.start..end).is_none_or(|text| text.trim().is_empty());
        if kind != Kind::Prose || !empty {
            done.push(Segment { text: self.start..end, kind, apart: self.apart });
        }
        self.start = next;
        self.blank = false;
        self.list = false;
    }
}

/// The beginning of a line.
fn head(source: &str, begin: usize, end: usize) -> &str {
    let mut until = end.min(begin + HEAD);
    while !source.is_char_boundary(until) {
        until -= 1;
    }
    source.get(begin..until).unwrap_or_default()
}

/// Where a line without end is cut.
fn break_near(source: &str, begin: usize) -> usize {
    let mut until = (begin + HARD).min(source.len());
    while !source.is_char_boundary(until) {
        until -= 1;
    }
    until
}

/// How far a line is indented.
fn cells(line: &str, trimmed: &str) -> usize {
    let indent = line.len() - trimmed.len();
    line.get(..indent).unwrap_or_default().chars().map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

/// A bullet or a number, as lists have them.
fn is_item(line: &str) -> bool {
    marker(line).is_some()
}

/// What follows a bullet or a number.
fn marker(line: &str) -> Option<&str> {
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = match line.len() - digits.len() {
        0 => line.strip_prefix(['-', '+', '*']),
        1..=9 => digits.strip_prefix(['.', ')']),
        _ => None,
    }?;
    (rest.is_empty() || rest.starts_with([' ', '\t', '\n'])).then_some(rest)
}

/// A line without the signs of quotes (and, if told to, of lists) before it, and how far it is indented inside.
fn uncontained(line: &str, lists: bool) -> (&str, usize) {
    let mut rest = line;
    let mut indent = 0;
    loop {
        let inside = match rest.strip_prefix('>') {
            Some(inside) => inside,
            None if lists => match marker(rest) {
                Some(inside) => inside,
                None => return (rest, indent),
            },
            None => return (rest, indent),
        };
        rest = inside.trim_start_matches([' ', '\t']);
        indent = cells(inside, rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        let mut done = Vec::new();
        Cutter::default().advance(text, &mut done);
        done.into_iter().map(|segment| &text[segment.text]).collect()
    }

    #[test]
    fn paragraphs_are_complete_after_a_blank_line_and_fences_when_closed() {
        assert_eq!(cut("one\n\ntwo\n\nthree"), ["one\n\n"]);
        assert_eq!(cut("one\n\ntwo\n\nthree\n"), ["one\n\n", "two\n\n"]);
        assert_eq!(cut("text\n```rust\nlet a;\n\nlet b;\n```\nmore"), ["text\n", "let a;\n\nlet b;\n"]);
        assert_eq!(cut("````\n```\n````\n"), ["```\n"]);
        assert_eq!(cut("```a`b\n\nnot code\n"), ["```a`b\n\n"]);
    }

    #[test]
    fn lists_quotes_and_what_is_indented_stay_whole() {
        assert_eq!(cut("- a\n\n- b\n\n  more\n"), Vec::<&str>::new());
        assert_eq!(cut("- a\n\n- b\n\nafter\n"), ["- a\n\n- b\n\n"]);
        assert_eq!(cut("1. a\n\n   ```sh\n   ls\n\n   ls\n   ```\n\n2. b\n"), Vec::<&str>::new());
        assert_eq!(cut("> a\n>\n> b\n\n    code\n\n    code\n"), Vec::<&str>::new());
        assert_eq!(cut("- ```\n  open\n\nafter\n\nmore\n"), ["- ```\n  open\n\nafter\n\n"]);
    }

    #[test]
    fn nothing_grows_without_bound() {
        for text in
            ["x".repeat(300_000), "word ".repeat(60_000), "- item\n".repeat(50_000), "| a |\n".repeat(50_000)]
        {
            let mut done = Vec::new();
            let mut cutter = Cutter::default();
            cutter.advance(&text, &mut done);
            assert!(done.iter().all(|segment| segment.text.len() <= HARD), "{}", &text[..10]);
            assert!(text.len() - cutter.start <= 2 * HARD);
            assert_eq!(done.iter().map(|segment| segment.text.len()).sum::<usize>(), cutter.start);
        }
    }
}
