//! Markdown that grows: answers of models as they arrive, drawn as lines of styled pieces.
//!
//! ```text
//! push → clean → cut into pieces that are complete, and a tail → read (blocks, code in colour) → lay out (width, theme)
//! ```
//!
//! A piece that is complete is read once, and laid out once for a width and a theme. Only the tail is read again when
//! something comes: a paragraph, a list or a table, or the last line of an open block of code. How the text arrived
//! makes no difference to what it looks like in the end.
//!
//! | file | holds |
//! |---|---|
//! | `segment` | where the text may be cut |
//! | `block` | what a piece says |
//! | `highlight` | program text in few colours |
//! | `layout`, `table`, `wrap` | blocks as rows of cells |
//! | `line` | a row of cells |

mod block;
mod highlight;
mod layout;
mod line;
mod segment;
mod table;
#[cfg(test)]
mod tests;
mod wrap;

pub use self::block::CodeBlock;
use self::block::{Block, Definitions};
use self::highlight::Painter;
pub use self::highlight::warm;
pub use self::line::{Line, Piece};
use self::segment::{Cutter, Kind, Segment};
use crate::domain::clean::clean_lines;
use crate::tui::theme::{Shade, Theme};

/// A piece of the text that is complete and read.
#[derive(Debug)]
struct Part {
    segment: Segment,
    blocks: Vec<Block>,
    codes: usize,
    unresolved: bool,
    /// What was left for colours before it.
    left: usize,
}

/// What is laid out of a block of code that is still open.
#[derive(Clone, Copy, Debug)]
struct OpenCode {
    /// So many lines of the block are laid out and do not change.
    at: usize,
    /// So many lines of all were there then.
    lines: usize,
}

/// A text in Markdown and its lines.
#[derive(Debug)]
pub struct Markdown {
    /// What was pushed, cleaned.
    source: String,
    /// A carriage return that may be half of a line end.
    held: bool,
    finished: bool,
    /// `finish` added the last line feed.
    closed: bool,
    cutter: Cutter,
    parts: Vec<Part>,
    parts_read: usize,
    tail: Vec<Block>,
    /// How much of the source `tail` and `codes` know. Bytes.
    read: usize,
    definitions: Definitions,
    /// Those of `parts` come first.
    codes: Vec<CodeBlock>,
    codes_complete: usize,
    /// How much of the source the code of an open block already holds.
    code_read: Option<usize>,
    /// Of the blocks of code in what is not complete.
    painters: Vec<Painter>,
    /// What `parts` leave for colours. Bytes.
    left: usize,
    lines: Vec<Line>,
    /// Width and theme of `lines`.
    laid: (u16, Theme),
    parts_laid: usize,
    lines_complete: usize,
    open: Option<OpenCode>,
    /// Bytes of the source when `lines` were made; none if they have to be made again.
    drawn: Option<usize>,
    /// Bytes that were read or laid out, again or for the first time.
    #[cfg(test)]
    work: usize,
}

impl Default for Markdown {
    fn default() -> Markdown {
        Markdown {
            source: String::new(),
            held: false,
            finished: false,
            closed: false,
            cutter: Cutter::default(),
            parts: Vec::new(),
            parts_read: 0,
            tail: Vec::new(),
            read: 0,
            definitions: Definitions::new(),
            codes: Vec::new(),
            codes_complete: 0,
            code_read: None,
            painters: Vec::new(),
            left: highlight::MOST_OF_TEXT,
            lines: Vec::new(),
            laid: (0, Theme::new(Shade::Dark, true)),
            parts_laid: 0,
            lines_complete: 0,
            open: None,
            drawn: None,
            #[cfg(test)]
            work: 0,
        }
    }
}

impl Markdown {
    /// Adds what has come. Nothing is read before somebody asks for lines.
    pub fn push(&mut self, text: &str) {
        let text = tidy(text, &mut self.held);
        self.add(&text);
    }

    /// Makes this the whole text. If it begins with what is there, only the rest costs anything.
    pub fn set(&mut self, text: &str) {
        let mut held = false;
        let text = tidy(text, &mut held);
        let known = if self.closed { self.source.strip_suffix('\n') } else { Some(self.source.as_str()) };
        match known.and_then(|known| text.strip_prefix(known)) {
            Some("") => {}
            Some(rest) if !self.finished => self.add(rest),
            _ => {
                *self = Markdown { laid: self.laid, ..Markdown::default() };
                self.add(&text);
            }
        }
        self.held = held;
    }

    /// Nothing more will come: what was left open ends here. What is pushed later all the same begins a line.
    pub fn finish(&mut self) {
        self.held = false;
        self.finished = true;
        if !self.source.is_empty() && !self.source.ends_with('\n') {
            self.source.push('\n');
            self.closed = true;
        }
        let mut done = Vec::new();
        self.cutter.end(&self.source, &mut done);
        self.keep(done);
        self.tail.clear();
        self.read = self.source.len();
        self.resolve();
    }

    /// The text as lines that are at most `width` cells wide.
    pub fn lines(&mut self, width: u16, theme: Theme) -> &[Line] {
        if self.laid != (width, theme) {
            self.laid = (width, theme);
            self.forget_lines();
        }
        if self.drawn != Some(self.source.len()) || self.parts_laid != self.parts.len() {
            self.read_tail();
            self.lay_out();
            self.drawn = Some(self.source.len());
        }
        &self.lines
    }

    /// What [`Markdown::lines`] gave the last time, for drawing what nobody may change.
    pub fn laid_out(&self) -> &[Line] {
        &self.lines
    }

    /// How many lines there are at this width, in the theme of the last time.
    pub fn height(&mut self, width: u16) -> usize {
        self.lines(width, self.laid.1).len()
    }

    /// The blocks of code; `[1]` on screen is the first.
    pub fn code_blocks(&mut self) -> &[CodeBlock] {
        self.read_tail();
        &self.codes
    }

    /// The text, cleaned, as far as it has come.
    pub fn source(&self) -> &str {
        &self.source
    }

    fn add(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.closed = false;
        self.source.push_str(text);
        let mut done = Vec::new();
        self.cutter.advance(&self.source, &mut done);
        self.keep(done);
    }

    /// Remembers pieces that are complete; they are read when lines are asked for.
    fn keep(&mut self, done: Vec<Segment>) {
        let part = |segment| Part { segment, blocks: Vec::new(), codes: 0, unresolved: false, left: 0 };
        self.parts.extend(done.into_iter().map(part));
    }

    /// Reads the pieces that were completed since the last time.
    fn read_parts(&mut self) {
        for part in self.parts.iter_mut().skip(self.parts_read) {
            self.codes.truncate(self.codes_complete);
            self.code_read = None;
            let text = self.source.get(part.segment.text.clone()).unwrap_or_default();
            #[cfg(test)]
            {
                self.work += text.len();
            }
            part.left = self.left;
            let spent = match &part.segment.kind {
                Kind::Prose => {
                    let (codes, left) = (self.codes_complete, self.left);
                    let found = block::read(text, &self.definitions, codes, true, left, &mut self.painters);
                    (part.blocks, part.unresolved) = (found.blocks, found.unresolved);
                    self.codes.extend(found.codes);
                    for (name, address) in found.definitions {
                        self.definitions.entry(name).or_insert(address);
                    }
                    found.spent
                }
                Kind::Code(fence) => {
                    let mut painter =
                        std::mem::take(&mut self.painters).into_iter().next().unwrap_or_default();
                    let number = self.codes_complete + 1;
                    let (block, code) = block::read_code(text, fence, number, self.left, &mut painter);
                    part.blocks = vec![block];
                    self.codes.push(code);
                    painter.spent()
                }
            };
            self.left = self.left.saturating_sub(spent);
            part.codes = self.codes.len() - self.codes_complete;
            self.codes_complete = self.codes.len();
            self.painters.clear();
        }
        self.parts_read = self.parts.len();
    }

    /// Reads what is complete, then what is not.
    fn read_tail(&mut self) {
        if self.read == self.source.len() && self.parts_read == self.parts.len() {
            return;
        }
        self.read_parts();
        self.read = self.source.len();
        let (start, kind, _) = self.cutter.open();
        match kind {
            Kind::Prose => {
                let text = self.source.get(start..).unwrap_or_default();
                let (codes, left) = (self.codes_complete, self.left);
                let found = block::read(text, &self.definitions, codes, false, left, &mut self.painters);
                self.tail = found.blocks;
                self.codes.truncate(self.codes_complete);
                self.codes.extend(found.codes);
                self.code_read = None;
                #[cfg(test)]
                {
                    self.work += text.len();
                }
            }
            // A line that is not complete may turn out to be the closing fence.
            Kind::Code(fence) => {
                self.tail.clear();
                let from = self.code_read.unwrap_or_else(|| {
                    let language = block::language(&fence.info);
                    self.painters = vec![Painter::new(&language, self.left)];
                    self.codes.truncate(self.codes_complete);
                    self.codes.push(CodeBlock { language, text: String::new() });
                    start
                });
                let text = self.source.get(from..self.cutter.scanned()).unwrap_or_default();
                let text = block::dedent(text, fence.indent);
                if let (Some(code), Some(painter)) = (self.codes.last_mut(), self.painters.first_mut()) {
                    code.text.push_str(&text);
                    painter.push(&text);
                }
                self.code_read = Some(self.cutter.scanned());
            }
        }
    }

    fn lay_out(&mut self) {
        let (width, theme) = (usize::from(self.laid.0), self.laid.1);
        if self.parts_laid < self.parts.len() {
            self.lines.truncate(self.lines_complete);
            self.open = None;
            for part in self.parts.iter().skip(self.parts_laid) {
                let rows = layout::blocks(&part.blocks, width, theme);
                append(&mut self.lines, rows, part.segment.apart);
            }
            self.parts_laid = self.parts.len();
            self.lines_complete = self.lines.len();
        }
        let (_, kind, apart) = self.cutter.open();
        let Kind::Code(fence) = kind else {
            self.lines.truncate(self.lines_complete);
            self.open = None;
            append(&mut self.lines, layout::blocks(&self.tail, width, theme), apart);
            return;
        };
        let number = self.codes_complete + 1;
        let open = self.open.unwrap_or_else(|| {
            self.lines.truncate(self.lines_complete);
            let heading = layout::code_heading(number, &block::language(&fence.info), width, theme);
            append(&mut self.lines, heading, true);
            OpenCode { at: 0, lines: self.lines.len() }
        });
        self.lines.truncate(open.lines);
        let scanned = self.cutter.scanned();
        let painted = self.painters.first().map(Painter::lines).unwrap_or_default();
        for line in painted.iter().skip(open.at) {
            self.lines.extend(layout::code_line(line, number, width, theme));
        }
        self.open = Some(OpenCode { at: painted.len(), lines: self.lines.len() });
        let last = block::dedent(self.source.get(scanned..).unwrap_or_default(), fence.indent);
        if !last.is_empty() && !fence.may_be_closed_by(&last) {
            self.lines.extend(layout::code_line(&highlight::plain_line(&last), number, width, theme));
        }
        #[cfg(test)]
        {
            let whole = painted.iter().skip(open.at).flatten().map(|span| span.text.len()).sum::<usize>();
            self.work += whole + last.len();
        }
    }

    /// Reads again what refers to addresses that only came later.
    fn resolve(&mut self) {
        self.read_parts();
        if self.definitions.is_empty() {
            return;
        }
        let mut codes = 0;
        let mut changed = false;
        for part in &mut self.parts {
            if part.unresolved {
                let text = self.source.get(part.segment.text.clone()).unwrap_or_default();
                let found = block::read(text, &self.definitions, codes, true, part.left, &mut Vec::new());
                changed |= found.blocks != part.blocks;
                (part.blocks, part.unresolved) = (found.blocks, false);
            }
            codes += part.codes;
        }
        if changed {
            self.forget_lines();
        }
    }

    fn forget_lines(&mut self) {
        self.lines.clear();
        self.parts_laid = 0;
        self.lines_complete = 0;
        self.open = None;
        self.drawn = None;
    }
}

/// Adds rows, after a blank line if they stand apart.
fn append(lines: &mut Vec<Line>, rows: Vec<Line>, apart: bool) {
    if apart && !lines.is_empty() && !rows.is_empty() {
        lines.push(Line::default());
    }
    lines.extend(rows);
}

/// Cleans a text and keeps its lines: carriage returns before a line feed go, and so do the invisible signs that
/// honest texts hold (the parts of emoji, joiners, soft hyphens). Everything else that could steer is marked.
fn tidy(text: &str, held: &mut bool) -> String {
    let mut kept = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if std::mem::take(held) && c != '\n' {
            kept.push('\r');
        }
        match c {
            '\r' => *held = true,
            '\u{AD}' | '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}' => {}
            c => kept.push(c),
        }
    }
    clean_lines(&kept, usize::MAX)
}
