//! Spans into rows of at most so many cells.
//!
//! Rows break at spaces and around wide characters (scripts that have no spaces); a word that is wider than a row is cut
//! between graphemes. Everything is counted in cells, so that combining marks take none and wide characters two.

use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::block::Span;
use super::{Line, Piece};
use crate::tui::theme::Theme;

/// Where tabs in program text stop. Cells.
const TAB: usize = 4;

pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// Sentences: runs of spaces are one, and none begins a row.
pub(super) fn words(spans: &[Span], room: usize, theme: Theme) -> Vec<Line> {
    let mut rows = Rows::new(room);
    for span in spans {
        let style = span.ink.style(theme);
        for chunk in span.text.split_inclusive([' ', '\n']) {
            let word = chunk.trim_end_matches([' ', '\n']);
            if word.is_ascii() {
                rows.join(word, word.len(), style);
            } else {
                for piece in word.graphemes(true) {
                    let wide = piece.width();
                    if wide > 1 {
                        rows.settle();
                    }
                    rows.join(piece, wide, style);
                    if wide > 1 {
                        rows.settle();
                    }
                }
            }
            match chunk.as_bytes().last() {
                Some(b' ') => {
                    rows.settle();
                    rows.space = Some(style);
                }
                Some(b'\n') => {
                    rows.settle();
                    rows.turn();
                }
                _ => {}
            }
        }
    }
    rows.settle();
    rows.end()
}

/// A line of a program: every space counts.
pub(super) fn verbatim(spans: &[Span], room: usize, theme: Theme) -> Vec<Line> {
    let mut rows = Rows::new(room);
    let mut column = 0;
    for span in spans {
        let style = span.ink.style(theme);
        for (index, part) in span.text.split('\t').enumerate() {
            if index > 0 {
                let stop = TAB - column % TAB;
                rows.cut(&" ".repeat(stop), style);
                column += stop;
            }
            rows.cut(part, style);
            column += width(part);
        }
    }
    rows.end()
}

struct Rows {
    room: usize,
    done: Vec<Line>,
    row: Line,
    used: usize,
    /// What has to stay together, with its cells.
    word: Vec<Piece>,
    wide: usize,
    /// A space before it, if it stays on this row.
    space: Option<Style>,
}

impl Rows {
    fn new(room: usize) -> Rows {
        Rows {
            room: room.max(1),
            done: Vec::new(),
            row: Line::default(),
            used: 0,
            word: Vec::new(),
            wide: 0,
            space: None,
        }
    }

    fn join(&mut self, text: &str, wide: usize, style: Style) {
        if text.is_empty() {
            return;
        }
        self.wide += wide;
        match self.word.last_mut() {
            Some(last) if last.style == style => last.text.push_str(text),
            _ => self.word.push(Piece { text: text.to_owned(), style }),
        }
    }

    /// Puts the word where it goes.
    fn settle(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let word = std::mem::take(&mut self.word);
        let wide = std::mem::take(&mut self.wide);
        let space = self.space.take().filter(|_| self.used > 0);
        let gap = usize::from(space.is_some());
        if self.used > 0 && self.used + gap + wide > self.room {
            self.turn();
        } else if let Some(style) = space {
            self.row.add(" ", style);
            self.used += 1;
        }
        for piece in word {
            self.cut(&piece.text, piece.style);
        }
    }

    /// Adds to the row, and to the next ones where it has no room.
    fn cut(&mut self, text: &str, style: Style) {
        let wide = width(text);
        if self.used + wide <= self.room {
            self.row.add(text, style);
            self.used += wide;
            return;
        }
        for piece in text.graphemes(true) {
            let wide = width(piece);
            if self.used > 0 && self.used + wide > self.room {
                self.turn();
            }
            // A wide character in a single column.
            let (piece, wide) = if wide > self.room { ("…", 1) } else { (piece, wide) };
            self.row.add(piece, style);
            self.used += wide;
        }
    }

    fn turn(&mut self) {
        self.done.push(std::mem::take(&mut self.row));
        self.used = 0;
        self.space = None;
    }

    /// At least one row.
    fn end(mut self) -> Vec<Line> {
        self.done.push(self.row);
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::Ink;
    use super::*;
    use crate::tui::theme::Shade;

    fn rows(text: &str, room: usize) -> Vec<String> {
        let spans = [Span::new(text, Ink::default())];
        words(&spans, room, Theme::new(Shade::Dark, true)).iter().map(Line::text).collect()
    }

    #[test]
    fn rows_are_as_wide_as_there_is_room_in_cells() {
        assert_eq!(rows("one two  three", 7), ["one two", "three"]);
        assert_eq!(rows("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(rows("大模型ab 大", 4), ["大模", "型ab", "大"]);
        assert_eq!(rows("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
        assert_eq!(rows("大", 1), ["…"]);
        assert_eq!(rows("a\nb", 9), ["a", "b"]);
        assert_eq!(rows("", 9), [""]);
    }

    #[test]
    fn programs_keep_their_spaces() {
        let spans = [Span::new("\tif  x", Ink::default())];
        let lines = verbatim(&spans, 6, Theme::new(Shade::Dark, true));
        assert_eq!(lines.iter().map(Line::text).collect::<Vec<_>>(), ["    if", "  x"]);
    }
}
