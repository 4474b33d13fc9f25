//! Markdown as a tree of blocks: what a piece of text says, whatever the width and the colours.
//!
//! Reading is pulldown-cmark's; this turns its events into as few kinds of blocks as a terminal can tell apart. Every
//! text is cleaned here once more, because `&#27;` becomes a control character only in reading.

use std::cell::Cell;
use std::collections::BTreeMap;

use pulldown_cmark::{
    Alignment, BrokenLink, CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd,
};
use ratatui::style::Modifier;

use super::highlight::Painter;
use super::segment::Fence;
use crate::domain::clean::{clean, clean_lines};
use crate::tui::theme::{CodeTone, Theme, Tone};

/// Lists and quotes that are nested deeper are drawn like the one around them.
const DEEPEST: usize = 16;
/// Longer names of languages are cut. Characters.
const LANGUAGE: usize = 24;

/// What a piece of text looks like, before the theme has its say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ink {
    pub(super) hue: Hue,
    pub(super) weight: Modifier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hue {
    Tone(Tone),
    Code(CodeTone),
}

impl Default for Hue {
    fn default() -> Hue {
        Hue::Tone(Tone::Plain)
    }
}

impl Ink {
    pub(super) const fn tone(tone: Tone) -> Ink {
        Ink { hue: Hue::Tone(tone), weight: Modifier::empty() }
    }

    pub(super) const fn code(tone: CodeTone) -> Ink {
        Ink { hue: Hue::Code(tone), weight: Modifier::empty() }
    }

    pub(super) fn style(self, theme: Theme) -> ratatui::style::Style {
        let style = match self.hue {
            Hue::Tone(tone) => theme.style(tone),
            Hue::Code(tone) => theme.code(tone),
        };
        style.add_modifier(self.weight)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) ink: Ink,
}

impl Span {
    pub(super) fn new(text: impl Into<String>, ink: Ink) -> Span {
        Span { text: text.into(), ink }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    /// Paragraphs and headings; line feeds inside are kept.
    Text(Vec<Span>),
    Code {
        /// Counted from 1 through the whole text.
        number: usize,
        language: String,
        lines: Vec<Vec<Span>>,
    },
    Rule,
    List {
        first: Option<u64>,
        /// Blank lines between the items.
        loose: bool,
        items: Vec<Item>,
    },
    Quote(Vec<Block>),
    Table(Table),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Item {
    /// Done or not, in a list of tasks.
    pub(super) task: Option<bool>,
    pub(super) blocks: Vec<Block>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) aligned: Vec<Alignment>,
    pub(super) head: Vec<Vec<Span>>,
    pub(super) rows: Vec<Vec<Vec<Span>>>,
}

/// A block of code as it was written, for copying.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeBlock {
    /// As the answer names it; empty if it does not.
    pub language: String,
    pub text: String,
}

/// Addresses that links refer to by name.
pub(super) type Definitions = BTreeMap<String, String>;

/// What was found in a piece of text.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) blocks: Vec<Block>,
    pub(super) codes: Vec<CodeBlock>,
    pub(super) definitions: Definitions,
    /// It has names in brackets that nothing before defines.
    pub(super) unresolved: bool,
    /// What went into the colours of its code. Bytes.
    pub(super) spent: usize,
}

/// Reads a piece of prose. `codes_before` is how many blocks of code there were; the last line of what is
/// not `complete` has no colours yet. `painters` are those of the blocks of code in it, which go on where they were;
/// `left` is what the text has left for them.
pub(super) fn read(
    text: &str,
    known: &Definitions,
    codes_before: usize,
    complete: bool,
    left: usize,
    painters: &mut Vec<Painter>,
) -> Read {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let unresolved = Cell::new(false);
    let resolve = |link: BrokenLink<'_>| match known.get(&label(&link.reference)) {
        Some(address) => Some((CowStr::from(address.clone()), CowStr::from(""))),
        None => {
            unresolved.set(true);
            None
        }
    };
    let parser = Parser::new_with_broken_link_callback(text, options, Some(resolve));
    let definitions =
        parser.reference_definitions().iter().map(|(name, found)| (label(name), tidy(&found.dest))).collect();
    let mut reader = Reader::new(codes_before, complete, left);
    reader.painters = std::mem::take(painters);
    for event in parser {
        reader.event(event);
    }
    *painters = std::mem::take(&mut reader.painters);
    let spent = left.saturating_sub(reader.left);
    let (blocks, codes) = reader.end();
    Read { blocks, codes, definitions, unresolved: unresolved.get(), spent }
}

/// Reads what stands between two fences.
pub(super) fn read_code(
    text: &str,
    fence: &Fence,
    number: usize,
    left: usize,
    painter: &mut Painter,
) -> (Block, CodeBlock) {
    let code = CodeBlock { language: language(&fence.info), text: dedent(text, fence.indent) };
    let lines = painter.paint(&code.text, &code.language, true, left);
    (Block::Code { number, language: code.language.clone(), lines }, code)
}

/// Takes away what the fence was indented by.
pub(super) fn dedent(text: &str, indent: usize) -> String {
    if indent == 0 {
        return text.to_owned();
    }
    let line = |line: &str| {
        let spaces = line.bytes().take(indent).take_while(|byte| *byte == b' ').count();
        line.get(spaces..).unwrap_or_default().to_owned()
    };
    text.split_inclusive('\n').map(line).collect()
}

/// `rust,ignore` and `{.rust}` are `rust`.
pub(super) fn language(info: &str) -> String {
    let is_edge = |c: char| c.is_whitespace() || matches!(c, ',' | '{' | '}' | '.' | ':');
    let word = info.trim_start_matches(is_edge).split(is_edge).next().unwrap_or_default();
    clean(word, LANGUAGE).into_owned()
}

/// How labels are compared.
fn label(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn tidy(text: &str) -> String {
    clean(text, usize::MAX).into_owned()
}

/// What is open around the text that comes next.
#[derive(Debug)]
enum Frame {
    List { first: Option<u64>, loose: bool, items: Vec<Item> },
    Item(Item),
    Quote(Vec<Block>),
}

#[derive(Debug)]
struct Reader {
    root: Vec<Block>,
    frames: Vec<Frame>,
    /// Open containers that got no frame, because they are too deep.
    skipped: usize,
    spans: Vec<Span>,
    strong: usize,
    emphasis: usize,
    struck: usize,
    heading: Option<HeadingLevel>,
    /// Addresses of open links and images, with where their text begins.
    links: Vec<(String, usize)>,
    code: Option<CodeBlock>,
    table: Option<(Table, Vec<Vec<Span>>)>,
    codes: Vec<CodeBlock>,
    codes_before: usize,
    complete: bool,
    painters: Vec<Painter>,
    left: usize,
}

impl Reader {
    const fn new(codes_before: usize, complete: bool, left: usize) -> Reader {
        Reader {
            root: Vec::new(),
            frames: Vec::new(),
            skipped: 0,
            spans: Vec::new(),
            strong: 0,
            emphasis: 0,
            struck: 0,
            heading: None,
            links: Vec::new(),
            code: None,
            table: None,
            codes: Vec::new(),
            codes_before,
            complete,
            painters: Vec::new(),
            left,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.finish(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.text.push_str(&text),
                None => self.say(&text, self.ink()),
            },
            Event::Code(text) => {
                let weight = self.ink().weight;
                self.say(&text, Ink { weight, ..Ink::code(CodeTone::Inline) });
            }
            Event::InlineHtml(html) if is_break(&html) => self.line_feed(),
            Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text) => {
                for (index, line) in text.split('\n').enumerate() {
                    if index > 0 {
                        self.line_feed();
                    }
                    self.say(line, self.ink());
                }
            }
            // What the model wrote as lines stays lines: verses and addresses are more common than hard wraps.
            Event::SoftBreak | Event::HardBreak => self.line_feed(),
            Event::Rule => self.block(Block::Rule),
            Event::TaskListMarker(done) => {
                if let (0, Some(Frame::Item(item))) = (self.skipped, self.frames.last_mut()) {
                    item.task = Some(done);
                }
            }
            Event::FootnoteReference(name) => self.say(&format!("[^{name}]"), self.ink()),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => {
                self.flush();
                if let (0, [.., Frame::List { loose, .. }, Frame::Item(_)]) =
                    (self.skipped, &mut *self.frames)
                {
                    *loose = true;
                }
            }
            Tag::Heading { level, .. } => {
                self.flush();
                self.heading = Some(level);
            }
            Tag::BlockQuote(_) => self.open(Frame::Quote(Vec::new())),
            Tag::List(first) => self.open(Frame::List { first, loose: false, items: Vec::new() }),
            Tag::Item => self.open(Frame::Item(Item::default())),
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => language(&info),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some(CodeBlock { language, text: String::new() });
            }
            Tag::Table(aligned) => {
                self.flush();
                self.table = Some((Table { aligned, ..Table::default() }, Vec::new()));
            }
            Tag::TableCell => self.spans.clear(),
            Tag::Emphasis => self.emphasis += 1,
            Tag::Strong => self.strong += 1,
            Tag::Strikethrough => self.struck += 1,
            Tag::Link { dest_url, .. } => self.links.push((tidy(&dest_url), self.spans.len())),
            Tag::Image { dest_url, .. } => {
                self.links.push((tidy(&dest_url), self.spans.len()));
                self.emphasis += 1;
            }
            _ => {}
        }
    }

    fn finish(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::HtmlBlock => self.flush(),
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item => self.close(),
            TagEnd::CodeBlock => {
                let Some(mut code) = self.code.take() else { return };
                // An entity in a fence stays as written; what is left to clean came with its escapes.
                code.text = clean_lines(&code.text, usize::MAX);
                let number = self.codes_before + self.codes.len() + 1;
                let at = self.codes.len();
                if self.painters.len() <= at {
                    self.painters.resize_with(at + 1, Painter::default);
                }
                let mut lines = Vec::new();
                if let Some(painter) = self.painters.get_mut(at) {
                    lines = painter.paint(&code.text, &code.language, self.complete, self.left);
                    self.left = self.left.saturating_sub(painter.spent());
                }
                self.block(Block::Code { number, language: code.language.clone(), lines });
                self.codes.push(code);
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.spans);
                if let Some((_, row)) = &mut self.table {
                    row.push(cell);
                }
            }
            TagEnd::TableHead => {
                if let Some((table, row)) = &mut self.table {
                    table.head = std::mem::take(row);
                }
            }
            TagEnd::TableRow => {
                if let Some((table, row)) = &mut self.table {
                    table.rows.push(std::mem::take(row));
                }
            }
            TagEnd::Table => {
                if let Some((table, _)) = self.table.take() {
                    self.block(Block::Table(table));
                }
            }
            TagEnd::Emphasis => self.emphasis = self.emphasis.saturating_sub(1),
            TagEnd::Strong => self.strong = self.strong.saturating_sub(1),
            TagEnd::Strikethrough => self.struck = self.struck.saturating_sub(1),
            TagEnd::Link => {
                let Some((address, from)) = self.links.pop() else { return };
                let said: String = self.spans.iter().skip(from).map(|span| span.text.as_str()).collect();
                let bare = address.strip_prefix("mailto:").unwrap_or(&address);
                if said.trim().is_empty() {
                    self.say(&address, Ink::tone(Tone::Accent));
                } else if said != bare && said != address {
                    self.say(&format!(" ({address})"), Ink::tone(Tone::Dim));
                }
            }
            TagEnd::Image => {
                let Some((address, from)) = self.links.pop() else { return };
                if self.spans.len() == from {
                    self.say(&address, self.ink());
                }
                self.emphasis = self.emphasis.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// How text looks here.
    fn ink(&self) -> Ink {
        let mut weight = Modifier::empty();
        weight.set(Modifier::BOLD, self.strong > 0);
        weight.set(Modifier::ITALIC, self.emphasis > 0);
        weight.set(Modifier::CROSSED_OUT, self.struck > 0);
        let tone = match self.heading {
            _ if !self.links.is_empty() => {
                weight |= Modifier::UNDERLINED;
                Tone::Accent
            }
            Some(level) => {
                weight.set(Modifier::UNDERLINED, level <= HeadingLevel::H2);
                if level == HeadingLevel::H1 { Tone::Accent } else { Tone::Title }
            }
            None => Tone::Plain,
        };
        if self.heading.is_some() {
            weight |= Modifier::BOLD;
        }
        Ink { hue: Hue::Tone(tone), weight }
    }

    fn say(&mut self, text: &str, ink: Ink) {
        if text.is_empty() {
            return;
        }
        let text = tidy(&text.replace('\t', " "));
        match self.spans.last_mut() {
            // Not across the beginning of a link, whose text is compared with its address.
            Some(last) if last.ink == ink && self.links.is_empty() => last.text.push_str(&text),
            _ => self.spans.push(Span::new(text, ink)),
        }
    }

    fn line_feed(&mut self) {
        self.spans.push(Span::new("\n", Ink::default()));
    }

    /// Ends the paragraph that is being written.
    fn flush(&mut self) {
        while self.spans.last().is_some_and(|span| span.text == "\n") {
            self.spans.pop();
        }
        let spans = std::mem::take(&mut self.spans);
        self.heading = None;
        self.links.clear();
        if !spans.is_empty() {
            self.add(Block::Text(spans));
        }
    }

    fn block(&mut self, block: Block) {
        self.flush();
        self.add(block);
    }

    fn add(&mut self, block: Block) {
        let blocks = match self.frames.last_mut() {
            Some(Frame::Item(item)) => &mut item.blocks,
            Some(Frame::Quote(blocks)) => blocks,
            // Nothing stands between the items of a list, unless it was nested too deep for items.
            Some(Frame::List { items, .. }) => {
                items.push(Item::default());
                match items.last_mut() {
                    Some(item) => &mut item.blocks,
                    None => return,
                }
            }
            None => &mut self.root,
        };
        blocks.push(block);
    }

    fn open(&mut self, frame: Frame) {
        self.flush();
        if self.skipped > 0 || self.frames.len() >= DEEPEST {
            self.skipped += 1;
        } else {
            self.frames.push(frame);
        }
    }

    fn close(&mut self) {
        self.flush();
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        match self.frames.pop() {
            Some(Frame::Item(item)) => match self.frames.last_mut() {
                Some(Frame::List { items, .. }) => items.push(item),
                _ => self.root.extend(item.blocks),
            },
            Some(Frame::List { first, loose, items }) => self.add(Block::List { first, loose, items }),
            Some(Frame::Quote(blocks)) => self.add(Block::Quote(blocks)),
            None => {}
        }
    }

    fn end(mut self) -> (Vec<Block>, Vec<CodeBlock>) {
        self.flush();
        (self.root, self.codes)
    }
}

/// `<br>` is the one tag that models use in tables.
fn is_break(html: &str) -> bool {
    let tag = html.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/');
    tag.trim().eq_ignore_ascii_case("br")
}
