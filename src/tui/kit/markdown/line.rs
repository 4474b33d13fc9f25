//! A row of styled pieces, ready to be put on a buffer.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::wrap;
use crate::tui::kit::draw;

/// A piece of a line in one style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub style: Style,
}

/// A row on screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pieces: Vec<Piece>,
    /// The number of the block of code that it belongs to, its heading included. Counted from 1.
    pub code: Option<usize>,
}

impl Line {
    pub(super) fn of(text: &str, style: Style) -> Line {
        let mut line = Line::default();
        line.add(text, style);
        line
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Without its styles.
    pub fn text(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    /// In cells.
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|piece| wrap::width(&piece.text)).sum()
    }

    /// Draws it into a row of `area`, `x` and `y` counted from its corner. Gives where it ends.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, x: u16, y: u16) -> u16 {
        self.pieces.iter().fold(x, |x, piece| draw::put(buffer, area, x, y, &piece.text, piece.style))
    }

    pub(super) fn add(&mut self, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(last) if last.style == style => last.text.push_str(text),
            _ => self.pieces.push(Piece { text: text.to_owned(), style }),
        }
    }

    pub(super) fn put_before(&mut self, text: &str, style: Style) {
        match self.pieces.first_mut() {
            _ if text.is_empty() => {}
            // Nothing to see.
            None if text.trim().is_empty() => {}
            Some(first) if first.style == style => first.text.insert_str(0, text),
            _ => self.pieces.insert(0, Piece { text: text.to_owned(), style }),
        }
    }

    pub(super) fn trim_end(&mut self) {
        while let Some(last) = self.pieces.last_mut() {
            last.text.truncate(last.text.trim_end_matches(' ').len());
            if !last.text.is_empty() {
                return;
            }
            self.pieces.pop();
        }
    }
}
