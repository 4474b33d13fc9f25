//! Rows with sort, filter, marks and selection, a hundred thousand as quick as a hundred.
//!
//! | file | holds |
//! |---|---|
//! | `row` | what a row is: columns, cells, order, words, named fields |
//! | `keep` | rows taken in, sorted and filtered: what is worked out once and kept |
//! | `draw` | the picture |
//!
//! New rows are compared with what is there; only those that changed have their search text and their sort key made, and
//! are sorted into the others. A filter looks at prepared texts and picks from rows that are sorted already; where it only
//! grew, from those that are left. Drawing lays out the visible rows only. Selection and marks stick to their rows, by
//! key, wherever new data moves them.

mod draw;
mod keep;
mod row;

use std::collections::{HashMap, HashSet};

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

pub use self::keep::Change;
pub use self::row::{Cell, Column, Row, beginning};

use self::keep::Kept;
use super::filter::{Filter, filter_key, filter_paste};
use super::look::Look;
use crate::domain::{Neuron, Timestamp};
use crate::tui::texts;

/// Two clicks on one row within so many microseconds open it.
const DOUBLE: i64 = 500_000;

/// A table's rows and what the person did to them.
#[derive(Debug)]
pub struct Table<R: Row> {
    rows: Vec<R>,
    /// What was worked out of each row, beside `rows`.
    kept: Vec<Kept>,
    /// Where each key is in `rows`, once somebody asked.
    places: Option<HashMap<R::Key, usize>>,
    /// All indices into `rows`, sorted.
    sorted: Vec<usize>,
    /// Those that the filter lets through.
    order: Vec<usize>,
    /// The largest amount of each column.
    peaks: Vec<Neuron>,
    chosen: Option<R::Key>,
    /// Where the chosen row is in `rows`.
    chosen_row: Option<usize>,
    /// Where the selection is in `order`.
    at: usize,
    /// The first visible row.
    top: usize,
    /// Visible rows at the last layout.
    height: usize,
    sort: usize,
    largest_first: bool,
    /// Whether the person chose how it is sorted.
    sort_is_chosen: bool,
    /// As it was typed.
    pub filter: String,
    terms: Filter,
    marks: HashSet<R::Key>,
    /// Marked rows that the filter hides.
    hidden: usize,
    clicked: Option<(R::Key, Timestamp)>,
    version: u64,
}

/// Where a click landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Click {
    /// On nothing.
    Beside,
    /// On a title: it is sorted by that column now, or the other way round.
    Sorted,
    /// On a row, which is selected now.
    Selected,
    /// On a row for the second time: it is to be opened.
    Opened,
}

impl<R: Row> Table<R> {
    pub fn new(sort: usize) -> Table<R> {
        let largest_first = R::COLUMNS.get(sort).is_some_and(|column| column.largest_first);
        Table {
            rows: Vec::new(),
            kept: Vec::new(),
            places: None,
            sorted: Vec::new(),
            order: Vec::new(),
            peaks: vec![Neuron::ZERO; R::COLUMNS.len()],
            chosen: None,
            chosen_row: None,
            at: 0,
            top: 0,
            height: 1,
            sort,
            largest_first,
            sort_is_chosen: false,
            filter: String::new(),
            terms: Filter::default(),
            marks: HashSet::new(),
            hidden: 0,
            clicked: None,
            version: 0,
        }
    }

    /// As they came.
    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// Grows whenever rows change, so that what others worked out of them can be kept until then.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many rows the filter lets through.
    pub fn shown(&self) -> usize {
        self.order.len()
    }

    pub fn selected(&self) -> Option<&R> {
        self.order.get(self.at).and_then(|index| self.rows.get(*index))
    }

    /// What is wrong with the filter, in a sentence.
    pub fn complaint(&self) -> Option<&str> {
        self.terms.complaint()
    }

    /// The rows in sight, as they are sorted.
    pub fn visible(&self) -> impl Iterator<Item = &R> {
        self.order.iter().skip(self.top).take(self.height).filter_map(|index| self.rows.get(*index))
    }

    /// The column that it is sorted by, and whether the largest comes first.
    pub fn sorting(&self) -> (usize, bool) {
        (self.sort, self.largest_first)
    }

    /// Sorts as somebody chose before.
    pub fn restore_sorting(&mut self, column: usize, largest_first: bool) {
        if column < R::COLUMNS.len() && (column, largest_first) != self.sorting() {
            (self.sort, self.largest_first, self.sort_is_chosen) = (column, largest_first, true);
            self.sort_anew();
        }
    }

    /// Where the selection is on the list.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The rows that the filter lets through, as they are sorted.
    pub fn listed(&self) -> impl Iterator<Item = &R> {
        self.order.iter().filter_map(|index| self.rows.get(*index))
    }

    /// Sorts by the next column.
    pub fn next_sort(&mut self) {
        self.sort_by((self.sort + 1) % R::COLUMNS.len().max(1));
    }

    /// Sorts by a column; by the same one again the other way round.
    pub fn sort_by(&mut self, column: usize) {
        self.sort_is_chosen = true;
        if column == self.sort {
            self.largest_first = !self.largest_first;
            self.turn_around();
        } else if let Some(spec) = R::COLUMNS.get(column) {
            self.sort = column;
            self.largest_first = spec.largest_first;
            self.sort_anew();
        }
    }

    pub fn turn_sort(&mut self) {
        self.sort_by(self.sort);
    }

    /// The column that it is sorted by, and whether the largest comes first.
    pub fn sorted(&self) -> (usize, bool) {
        (self.sort, self.largest_first)
    }

    /// Sorts as somebody had it sorted before.
    pub fn sort_as(&mut self, column: usize, largest_first: bool) {
        if column != self.sort {
            self.sort_by(column);
        }
        if largest_first != self.largest_first {
            self.turn_sort();
        }
    }

    /// How it is sorted, in words.
    pub fn sorted_by(&self) -> String {
        let title = R::COLUMNS.get(self.sort).map_or("", |column| column.title);
        format!("{title} {}", if self.largest_first { "▼" } else { "▲" })
    }

    /// Selects a row by its place on the list.
    pub fn select(&mut self, at: usize) {
        self.at = at.min(self.order.len().saturating_sub(1));
        self.chosen = self.selected().map(Row::key);
        self.chosen_row = self.order.get(self.at).copied();
        self.scroll();
    }

    /// Selects a row by its key, if the filter lets it through; gives whether it does.
    pub fn choose(&mut self, key: &R::Key) -> bool {
        let is = |index: &usize| self.rows.get(*index).is_some_and(|row| row.key() == *key);
        let at = self.order.iter().position(is);
        at.map(|at| self.select(at)).is_some()
    }

    pub fn step(&mut self, by: isize) {
        self.select(self.at.saturating_add_signed(by));
    }

    pub fn page(&self) -> isize {
        isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(1)
    }

    pub fn last(&mut self) {
        self.select(usize::MAX);
    }

    /// Tells how many rows are visible, which decides how far it is scrolled.
    pub fn set_height(&mut self, height: u16) {
        self.height = usize::from(height.saturating_sub(1)).max(1);
        self.scroll();
    }

    /// Sorts by the title that was clicked, or selects the row; twice on one row opens it. `x` and `y` are those of the
    /// screen, `area` and `look` those with which it is drawn.
    pub fn click(&mut self, x: u16, y: u16, area: Rect, look: &Look, now: Timestamp) -> Click {
        if x < area.x || x >= area.right() || y < area.y || y >= area.bottom() {
            return Click::Beside;
        }
        let row = usize::from(y - area.y);
        if row == 0 {
            self.clicked = None;
            let Some(column) = self.column_at(x - area.x, area, look) else { return Click::Beside };
            self.sort_by(column);
            return Click::Sorted;
        }
        if self.top + row > self.order.len() {
            self.clicked = None;
            return Click::Beside;
        }
        self.select(self.top + row - 1);
        let Some(key) = self.chosen.clone() else { return Click::Beside };
        let before = self.clicked.take().filter(|(last, at)| {
            *last == key && (0..=DOUBLE).contains(&now.as_micros().saturating_sub(at.as_micros()))
        });
        if before.is_some() {
            return Click::Opened;
        }
        self.clicked = Some((key, now));
        Click::Selected
    }

    fn scroll(&mut self) {
        let most = self.order.len().saturating_sub(self.height);
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(self.height)).min(most);
    }

    /// A key while the filter is typed. Gives whether it goes on; `enter` keeps what stands there.
    pub fn filter_key(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Enter => return false,
            KeyCode::Tab => drop(self.complete()),
            KeyCode::Down => self.step(1),
            KeyCode::Up => self.step(-1),
            KeyCode::PageDown => self.step(self.page()),
            KeyCode::PageUp => self.step(-self.page()),
            _ => {
                let mut text = self.filter.clone();
                if filter_key(&mut text, key) {
                    self.set_filter(text);
                }
            }
        }
        true
    }

    /// Puts what is pasted behind what is typed.
    pub fn filter_paste(&mut self, pasted: &str) {
        let mut text = self.filter.clone();
        filter_paste(&mut text, pasted);
        self.set_filter(text);
    }

    /// Marks the selected row, or takes its mark away, and goes to the next one.
    pub fn mark(&mut self) {
        let Some(key) = self.selected().map(Row::key) else { return };
        if !self.marks.remove(&key) {
            self.marks.insert(key);
        }
        self.step(1);
    }

    /// Takes all marks away; gives whether there were any.
    pub fn unmark(&mut self) -> bool {
        self.hidden = 0;
        !std::mem::take(&mut self.marks).is_empty()
    }

    pub fn is_marked(&self, row: &R) -> bool {
        !self.marks.is_empty() && self.marks.contains(&row.key())
    }

    /// The marked rows as they are sorted, those too that the filter hides.
    pub fn marked(&self) -> impl Iterator<Item = &R> {
        // Nobody marks anything most of the time.
        let all: &[usize] = if self.marks.is_empty() { &[] } else { &self.sorted };
        all.iter().filter_map(|index| self.rows.get(*index)).filter(|row| self.is_marked(row))
    }

    /// How many rows are marked.
    pub fn marks(&self) -> usize {
        self.marks.len()
    }

    /// What is said of the marks: `3 marked`, `3 marked, 1 of them hidden`.
    pub fn marked_in_words(&self) -> Option<String> {
        let all = self.marks.len();
        if all == 0 {
            return None;
        }
        let hidden = self.hidden;
        Some(if hidden == 0 { texts::kit::marked(all) } else { texts::kit::marked_and_hidden(all, hidden) })
    }
}

#[cfg(test)]
mod tests;
