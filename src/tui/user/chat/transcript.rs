//! The messages of the open conversation, and where one looks. Only what is in sight is laid out, however much there is above.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::entry::Entry;
use crate::broker::user::library::Message;
use crate::domain::{MessageId, RequestId};
use crate::tui::user::shared::Shared;

/// What the first row in sight is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    /// The end is in sight and stays so as more comes.
    #[default]
    End,
    From {
        entry: usize,
        row: usize,
    },
}

#[derive(Debug, Default)]
pub struct Transcript {
    pub entries: Vec<Entry>,
    /// The message that keys act on.
    pub selected: Option<usize>,
    view: View,
    /// The first row in sight, once it is known.
    top: (usize, usize),
    width: u16,
    height: u16,
}

impl Transcript {
    pub fn of(messages: Vec<Message>) -> Transcript {
        Transcript { entries: messages.into_iter().map(Entry::new).collect(), ..Transcript::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn find(&self, id: MessageId) -> Option<usize> {
        // What is looked for is mostly new.
        self.entries.iter().rposition(|entry| entry.message.id == id)
    }

    pub fn get_mut(&mut self, id: MessageId) -> Option<&mut Entry> {
        let at = self.find(id)?;
        self.entries.get_mut(at)
    }

    pub fn of_request(&mut self, request: RequestId) -> Option<&mut Entry> {
        self.entries.iter_mut().rev().find(|entry| entry.message.request == Some(request))
    }

    /// The selected message, or the last answer, or the last message.
    pub fn current(&self) -> Option<usize> {
        let last = self.entries.iter().rposition(|entry| !entry.is_prompt());
        self.selected.filter(|at| *at < self.entries.len()).or(last).or(self.entries.len().checked_sub(1))
    }

    /// Selects the message before or after. Past the last one nothing is selected.
    pub fn step(&mut self, by: isize) {
        let Some(last) = self.entries.len().checked_sub(1) else { return };
        let next = match self.selected {
            None if by < 0 => Some(last),
            None => return,
            Some(at) => at.saturating_add_signed(by).min(last + 1).checked_add(0).filter(|at| *at <= last),
        };
        self.select(next);
    }

    pub fn select(&mut self, at: Option<usize>) {
        self.selected = at;
        self.view = match at {
            Some(entry) => View::From { entry, row: 0 },
            None => View::End,
        };
    }

    pub fn show_end(&mut self) {
        self.view = View::End;
        self.selected = None;
    }

    pub fn at_end(&self) -> bool {
        self.view == View::End
    }

    pub fn page(&self) -> isize {
        isize::try_from(self.height).unwrap_or(1).saturating_sub(2).max(1)
    }

    /// Looks `by` rows further down, or up.
    pub fn scroll(&mut self, by: isize, shared: &Shared) {
        let (mut entry, mut row) = self.top;
        if by < 0 {
            let mut left = by.unsigned_abs();
            while left > row {
                if entry == 0 {
                    left = row;
                    break;
                }
                left -= row + 1;
                entry -= 1;
                row = self.lay_out(entry, shared).saturating_sub(1);
            }
            row -= left.min(row);
        } else {
            let mut left = by.unsigned_abs();
            loop {
                let rows = self.lay_out(entry, shared);
                if row + left < rows {
                    row += left;
                    break;
                }
                left -= rows.saturating_sub(row).min(left);
                if entry + 1 >= self.entries.len() {
                    row = rows.saturating_sub(1);
                    break;
                }
                entry += 1;
                row = 0;
            }
        }
        self.view = View::From { entry, row };
        self.settle_view(shared);
    }

    /// Lays out what is in sight in so much room.
    pub fn settle(&mut self, width: u16, height: u16, shared: &Shared) {
        (self.width, self.height) = (width, height);
        self.settle_view(shared);
    }

    fn settle_view(&mut self, shared: &Shared) {
        let height = usize::from(self.height);
        if let View::From { entry, row } = self.view {
            let entry = entry.min(self.entries.len().saturating_sub(1));
            let row = row.min(self.lay_out(entry, shared).saturating_sub(1));
            let mut rows = self.lay_out(entry, shared).saturating_sub(row);
            let mut next = entry + 1;
            while rows < height && next < self.entries.len() {
                rows += self.lay_out(next, shared);
                next += 1;
            }
            if rows > height {
                self.top = (entry, row);
                return;
            }
            // Below the end there is nothing to see.
            self.view = View::End;
        }
        let mut rows = 0;
        for entry in (0..self.entries.len()).rev() {
            rows += self.lay_out(entry, shared);
            if rows >= height {
                self.top = (entry, rows - height);
                return;
            }
        }
        self.top = (0, 0);
    }

    fn lay_out(&mut self, entry: usize, shared: &Shared) -> usize {
        let width = self.width;
        self.entries.get_mut(entry).map_or(0, |entry| entry.lay_out(width, shared))
    }

    /// The message at a row that was clicked.
    pub fn at(&self, y: u16) -> Option<usize> {
        let (first, row) = self.top;
        let mut left = usize::from(y) + row;
        for (index, entry) in self.entries.iter().enumerate().skip(first) {
            let rows = entry.rows();
            if left < rows {
                return Some(index);
            }
            left -= rows;
        }
        None
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, focused: bool, shared: &Shared) {
        let (first, skip) = self.top;
        let (mut y, mut row) = (0, skip);
        for (index, entry) in self.entries.iter().enumerate().skip(first) {
            let selected = focused && self.selected == Some(index);
            while row < entry.rows() {
                if y >= area.height {
                    return;
                }
                entry.draw(row, buffer, area, y, selected, shared);
                row += 1;
                y += 1;
            }
            row = 0;
        }
    }
}
