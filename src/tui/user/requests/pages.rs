//! A window of pages over a list that may be too long to hold: a few pages around the selection, the next one asked
//! for as one scrolls towards it, the furthest one let go.
//!
//! The broker sorts and filters; rows stand here as they came. What runs at the moment stands above the first page.

use std::collections::VecDeque;

use crate::domain::Neuron;
use crate::tui::kit::table::{Row, Table};

/// Rows of a page.
pub const PAGE: u32 = 200;
/// Pages that are held.
const HELD: usize = 6;
/// So many rows before the end of what is held the next page is asked for.
const AHEAD: u64 = 60;
/// Rows have their places by number; no column sorts them.
const AS_THEY_CAME: usize = usize::MAX;

/// A row that knows its place on the whole list.
pub trait Placed: Row + Clone + PartialEq {
    fn place(&self) -> u64;
    #[must_use]
    fn at(self, place: u64) -> Self;
}

/// A page as it came.
#[derive(Clone, Debug)]
pub struct Page<R> {
    pub items: Vec<R>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<String>,
    /// What the filter covers in all.
    pub total: u64,
    /// What that cost, in neuron.
    pub fee: Neuron,
    /// What runs now, for the top of the list. Of the first page only.
    pub live: Vec<R>,
}

/// A page that is to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Answers to older ones are of a list that is not shown any more.
    pub generation: u64,
    pub page: usize,
    pub cursor: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// The list from its start.
    Anew {
        /// Rows of the last filter are still there.
        other: bool,
    },
    /// Sums only; the rows stay.
    Sums,
    Page(usize),
}

#[derive(Debug)]
pub struct Pages<R: Placed> {
    pub table: Table<R>,
    live: Vec<R>,
    held: VecDeque<Vec<R>>,
    /// The number of the first page that is held.
    first: usize,
    /// Where each page that is known begins.
    starts: Vec<Option<String>>,
    pub total: u64,
    pub fee: Neuron,
    /// Something was answered.
    pub known: bool,
    /// Why the last question brought no answer.
    pub trouble: Option<String>,
    generation: u64,
    asked: Asked,
    /// It is to be asked for anew once the answer is there.
    again: Option<bool>,
}

impl<R: Placed> Default for Pages<R> {
    fn default() -> Self {
        Pages {
            table: Table::new(AS_THEY_CAME),
            live: Vec::new(),
            held: VecDeque::new(),
            first: 0,
            starts: vec![None],
            total: 0,
            fee: Neuron::ZERO,
            known: false,
            trouble: None,
            generation: 0,
            asked: Asked::Nothing,
            again: None,
        }
    }
}

impl<R: Placed> Pages<R> {
    /// The list from its start, by another filter or order (`other`), or because something changed. One question at a
    /// time is under way: `None` then, and it follows.
    pub fn anew(&mut self, other: bool) -> Option<Wanted> {
        if self.asked != Asked::Nothing {
            self.again = Some(other || self.again == Some(true));
            return None;
        }
        // Whoever reads further below keeps what is read; only the sums are new.
        self.asked = if other || self.is_at_the_start() { Asked::Anew { other } } else { Asked::Sums };
        self.generation += 1;
        Some(Wanted { generation: self.generation, page: 0, cursor: None })
    }

    /// Whether the first page is the one that is read.
    pub fn is_at_the_start(&self) -> bool {
        self.first == 0 && self.table.selected().is_none_or(|row| row.place() < u64::from(PAGE))
    }

    /// The page that is needed next, as far as the selection tells.
    pub fn wanted(&mut self) -> Option<Wanted> {
        if self.asked != Asked::Nothing {
            return None;
        }
        if let Some(other) = self.again.take() {
            return self.anew(other);
        }
        let place = self.table.selected()?.place();
        let size = u64::from(PAGE);
        let begin = u64::try_from(self.first).unwrap_or(u64::MAX).saturating_mul(size);
        let end = self.first + self.held.len();
        let last = u64::try_from(end).unwrap_or(u64::MAX).saturating_mul(size);
        let page = if place.saturating_add(AHEAD) >= last && self.starts.len() > end {
            end
        } else if self.first > 0 && place < begin.saturating_add(AHEAD) {
            self.first - 1
        } else {
            return None;
        };
        let cursor = self.starts.get(page)?.clone();
        self.asked = Asked::Page(page);
        Some(Wanted { generation: self.generation, page, cursor })
    }

    /// Takes an answer; gives whether it was the one that is waited for.
    pub fn take(&mut self, generation: u64, page: Result<Page<R>, String>) -> bool {
        if generation != self.generation || self.asked == Asked::Nothing {
            return false;
        }
        let asked = std::mem::replace(&mut self.asked, Asked::Nothing);
        let page = match page {
            Ok(page) => page,
            Err(trouble) => {
                self.trouble = Some(trouble);
                return true;
            }
        };
        self.trouble = None;
        let number = match asked {
            Asked::Nothing => return false,
            Asked::Sums => {
                (self.total, self.fee) = (page.total, page.fee);
                return true;
            }
            Asked::Anew { .. } => {
                self.held.clear();
                self.starts = vec![None];
                (self.first, self.total, self.fee) = (0, page.total, page.fee);
                (self.known, self.live) = (true, page.live);
                0
            }
            Asked::Page(number) => number,
        };
        if self.starts.len() == number + 1
            && let Some(next) = page.next
        {
            self.starts.push(Some(next));
        }
        if number == self.first + self.held.len() {
            self.held.push_back(page.items);
            if self.held.len() > HELD {
                self.held.pop_front();
                self.first += 1;
            }
        } else if number + 1 == self.first {
            self.held.push_front(page.items);
            self.first = number;
            self.held.truncate(HELD);
        }
        self.lay();
        if let Asked::Anew { other: true } = asked {
            self.table.select(0);
        }
        true
    }

    fn lay(&mut self) {
        let begin = self.first.saturating_mul(usize::try_from(PAGE).unwrap_or(0));
        let live: &[R] = if self.first == 0 { &self.live } else { &[] };
        let running: Vec<R::Key> = live.iter().map(Row::key).collect();
        let rows = self.held.iter().flatten().filter(|row| !running.contains(&row.key()));
        let rows: Vec<R> = live
            .iter()
            .chain(rows)
            .zip(begin..)
            .map(|(row, place)| row.clone().at(u64::try_from(place).unwrap_or(u64::MAX)))
            .collect();
        self.table.set(rows);
    }

    /// Whether an answer is waited for.
    pub fn waits(&self) -> bool {
        self.asked != Asked::Nothing
    }

    /// Whether something in the list runs at the moment.
    pub fn runs(&self) -> bool {
        !self.live.is_empty()
    }

    /// Rows that are held, and the place of the first.
    #[cfg(test)]
    pub fn holds(&self) -> (usize, usize) {
        (self.first, self.table.rows().len())
    }
}
