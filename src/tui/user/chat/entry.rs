//! A message as it is shown: its words laid out once for a width, and under them what they cost.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use unicode_segmentation::UnicodeSegmentation;

use super::footer;
use crate::broker::user::library::{Message, MessageRole};
use crate::broker::user::{Cost, Message as Said, Role};
use crate::domain::clean::clean_lines;
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::draw;
use crate::tui::kit::markdown::{CodeBlock, Markdown};
use crate::tui::texts;
use crate::tui::theme::{Theme, Tone};
use crate::tui::user::shared::Shared;

/// A prompt with more rows is shown folded.
const LONG: usize = 20;
/// So many of them stay in sight.
const FOLDED: usize = 8;
/// Rows of one prompt that are laid out; nobody scrolls through more.
const MOST: usize = 20_000;
/// Columns left of the words.
const MARGIN: u16 = 2;

/// What one row of it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Head,
    /// The line that stands for folded reasoning.
    Fold,
    Thought(usize),
    Body(usize),
    /// How many rows of a prompt are hidden.
    Rest,
    Foot(usize),
    Blank,
}

/// A message.
#[derive(Debug)]
pub struct Entry {
    pub message: Message,
    /// What the books say of its request.
    pub cost: Option<Cost>,
    /// Why it is not on disk, where that failed.
    pub unkept: Option<String>,
    /// It still grows.
    pub growing: bool,
    /// Whether reasoning, or all of a long prompt, is shown.
    pub unfolded: bool,
    body: Option<Markdown>,
    thoughts: Option<Markdown>,
    words: usize,
    /// A prompt's rows, for the width below.
    plain: Vec<String>,
    laid: Option<(u16, Theme)>,
    foot: Vec<(String, Tone)>,
    /// The text as it is shared with what is sent.
    sent: Option<Arc<str>>,
    /// How often its words were laid out, for tests that count work.
    #[cfg(test)]
    pub work: usize,
}

impl Entry {
    pub fn new(message: Message) -> Entry {
        Entry {
            message,
            cost: None,
            unkept: None,
            growing: false,
            unfolded: false,
            body: None,
            thoughts: None,
            words: 0,
            plain: Vec::new(),
            laid: None,
            foot: Vec::new(),
            sent: None,
            #[cfg(test)]
            work: 0,
        }
    }

    pub fn is_prompt(&self) -> bool {
        self.message.role != MessageRole::Assistant
    }

    /// What has come meanwhile.
    pub fn grow(&mut self, content: &str, reasoning: &str) {
        if let Some(body) = &mut self.body {
            body.push(content);
        }
        if let Some(thoughts) = &mut self.thoughts {
            thoughts.push(reasoning);
        }
        self.message.text.push_str(content);
        self.message.reasoning.push_str(reasoning);
        self.words += reasoning.split_whitespace().count();
        self.laid = None;
    }

    /// As it is sent along with later prompts.
    pub fn said(&mut self) -> Said {
        let role = match self.message.role {
            MessageRole::System => Role::System,
            MessageRole::User => Role::User,
            MessageRole::Assistant => Role::Assistant,
        };
        let text = match &self.sent {
            Some(text) if text.len() == self.message.text.len() => Arc::clone(text),
            _ => Arc::from(self.message.text.as_str()),
        };
        self.sent = Some(Arc::clone(&text));
        Said::new(role, text)
    }

    /// Nothing more comes.
    pub fn finish(&mut self) {
        self.growing = false;
        self.body.iter_mut().chain(&mut self.thoughts).for_each(Markdown::finish);
        self.laid = None;
    }

    /// The blocks of code, by the numbers that stand beside them.
    pub fn code_blocks(&mut self) -> &[CodeBlock] {
        if self.is_prompt() {
            return &[];
        }
        self.markdown().code_blocks()
    }

    fn markdown(&mut self) -> &mut Markdown {
        let (text, growing) = (&self.message.text, self.growing);
        self.body.get_or_insert_with(|| read(text, growing))
    }

    /// Lays it out. Gives how many rows it has. What was laid out before for this width costs nothing again.
    pub fn lay_out(&mut self, width: u16, shared: &Shared) -> usize {
        let theme = shared.look.theme;
        let room = width.saturating_sub(MARGIN).max(1);
        if self.laid != Some((width, theme)) {
            #[cfg(test)]
            {
                self.work += 1;
            }
            if self.is_prompt() {
                self.plain = plain(&self.message.text, room);
            } else {
                self.markdown().lines(room, theme);
                if !self.message.reasoning.is_empty() {
                    if self.words == 0 {
                        self.words = self.message.reasoning.split_whitespace().count();
                    }
                    let (text, growing) = (&self.message.reasoning, self.growing);
                    let thoughts = self.thoughts.get_or_insert_with(|| read(text, growing));
                    thoughts.lines(room.saturating_sub(2).max(1), theme);
                }
            }
            self.laid = Some((width, theme));
        }
        self.foot = footer::of(self, room, shared);
        self.rows()
    }

    /// As it was laid out last.
    pub fn rows(&self) -> usize {
        let (fold, thoughts, body, rest) = self.parts();
        1 + fold + thoughts + body + rest + self.foot.len() + 1
    }

    fn parts(&self) -> (usize, usize, usize, usize) {
        if self.is_prompt() {
            let all = self.plain.len();
            return if all > LONG && !self.unfolded { (0, 0, FOLDED, 1) } else { (0, 0, all, 0) };
        }
        let thoughts = self.thoughts.as_ref().map_or(0, |thoughts| thoughts.laid_out().len());
        let body = self.body.as_ref().map_or(0, |body| body.laid_out().len());
        // While nothing but thoughts has come they are what there is to see.
        let shown = self.unfolded || (self.growing && body == 0);
        (usize::from(thoughts > 0), if shown { thoughts } else { 0 }, body, 0)
    }

    fn row(&self, at: usize) -> Row {
        let (fold, thoughts, body, rest) = self.parts();
        let mut at = at;
        let mut within = |count: usize| {
            let inside = at < count;
            if !inside {
                at -= count;
            }
            inside.then_some(at)
        };
        if within(1).is_some() {
            Row::Head
        } else if within(fold).is_some() {
            Row::Fold
        } else if let Some(row) = within(thoughts) {
            Row::Thought(row)
        } else if let Some(row) = within(body) {
            Row::Body(row)
        } else if within(rest).is_some() {
            Row::Rest
        } else {
            within(self.foot.len()).map_or(Row::Blank, Row::Foot)
        }
    }

    /// Draws one of its rows into row `y` of `area`.
    pub fn draw(&self, row: usize, buffer: &mut Buffer, area: Rect, y: u16, selected: bool, shared: &Shared) {
        let look = &shared.look;
        let what = self.row(row);
        let style = |tone| look.style(tone);
        if selected && what != Row::Blank {
            draw::put(buffer, area, 0, y, "▌", style(Tone::Accent));
        } else if self.is_prompt() && matches!(what, Row::Body(_) | Row::Rest) {
            draw::put(buffer, area, 0, y, "│", style(Tone::Dim));
        }
        match what {
            Row::Head => {
                let (who, tone, when) = footer::head(self, shared);
                let x = draw::put(buffer, area, MARGIN, y, &who, style(tone).add_modifier(Modifier::BOLD));
                draw::put(buffer, area, x, y, &when, style(Tone::Dim));
            }
            Row::Fold => {
                let sign = if self.parts().1 > 0 { "▾" } else { "▸" };
                let key = shared.keymap.first_key(Action::Fold, &[Place::Chat]);
                let doing = if self.growing && self.message.text.is_empty() { "thinking" } else { "thought" };
                let text = texts::chat::reasoning(sign, doing, self.words, &key);
                draw::put(buffer, area, MARGIN, y, &text, style(Tone::Dim));
            }
            Row::Thought(row) => {
                let line = self.thoughts.as_ref().and_then(|thoughts| thoughts.laid_out().get(row));
                draw::put(buffer, area, MARGIN, y, "┊", style(Tone::Dim));
                if let Some(line) = line {
                    let end = line.draw(buffer, area, MARGIN + 2, y);
                    let drawn = Rect::new(area.x, area.y + y, end.min(area.width), 1);
                    buffer.set_style(drawn.intersection(*buffer.area()), style(Tone::Dim));
                }
            }
            Row::Body(row) if self.is_prompt() => {
                let text = self.plain.get(row).map_or("", String::as_str);
                draw::put(buffer, area, MARGIN, y, text, style(Tone::Plain));
            }
            Row::Body(row) => {
                if let Some(line) = self.body.as_ref().and_then(|body| body.laid_out().get(row)) {
                    line.draw(buffer, area, MARGIN, y);
                }
            }
            Row::Rest => {
                let hidden = self.plain.len().saturating_sub(FOLDED);
                let key = shared.keymap.first_key(Action::Fold, &[Place::Chat]);
                let text = texts::chat::more_lines(hidden, &key);
                draw::put(buffer, area, MARGIN, y, &text, style(Tone::Dim));
            }
            Row::Foot(row) => {
                if let Some((text, tone)) = self.foot.get(row) {
                    draw::put(buffer, area, MARGIN, y, text, style(*tone));
                }
            }
            Row::Blank => {}
        }
    }
}

fn read(text: &str, growing: bool) -> Markdown {
    let mut markdown = Markdown::default();
    markdown.push(text);
    if !growing {
        markdown.finish();
    }
    markdown
}

/// A text as it was written, in rows of at most `room` cells; spaces at the start of lines stay.
fn plain(text: &str, room: u16) -> Vec<String> {
    let text = clean_lines(text, usize::MAX).replace('\t', "    ");
    let mut rows = Vec::new();
    for line in text.trim_end().lines() {
        if rows.len() >= MOST {
            break;
        }
        let (mut row, mut used) = (String::new(), 0u16);
        for word in line.split_word_bounds() {
            let wide = draw::width(word);
            if used.saturating_add(wide) > room && used > 0 {
                rows.push(std::mem::take(&mut row));
                used = 0;
                if word.trim().is_empty() {
                    continue;
                }
            }
            if wide <= room {
                row.push_str(word);
                used = used.saturating_add(wide);
                continue;
            }
            for piece in word.graphemes(true) {
                let wide = draw::width(piece);
                if used.saturating_add(wide) > room && used > 0 {
                    rows.push(std::mem::take(&mut row));
                    used = 0;
                }
                row.push_str(piece);
                used = used.saturating_add(wide);
            }
        }
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_keep_their_lines() {
        assert_eq!(plain("one two three\n  four\n", 7), ["one two", "three", "  four"]);
        assert_eq!(plain("abcdefgh\n\nx", 3), ["abc", "def", "gh", "", "x"]);
        assert_eq!(plain("a\u{1b}[2J", 20), ["a\u{fffd}[2J"]);
        assert!(plain("", 5).is_empty());
    }
}
