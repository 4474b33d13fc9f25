//! Rows with sort, filter and selection.
//!
//! Order and filter are worked out when rows, sort or filter change, never while drawing; drawing measures and lays
//! out the visible rows only, so that ten thousand rows cost what thirty do. The selection sticks to its row, by key,
//! wherever new data moves it.

use std::cmp::Ordering;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::amount::{Scale, Unit};
use super::draw;
use super::filter::Filter;
use super::look::{Look, MASK};
use crate::domain::Neuron;
use crate::tui::theme::Tone;

/// A column as it is titled and sorted.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    /// Against the right edge, as figures are.
    pub right: bool,
    /// Columns with the highest number go first when there is no room.
    pub rank: u8,
    /// Whether the largest comes first when it is sorted by this column.
    pub largest_first: bool,
}

/// A cell of a row.
#[derive(Clone, Debug)]
pub enum Cell {
    Text(String, Tone),
    /// Written in the column's unit; `None` is unknown.
    Amount(Option<Neuron>, Tone),
}

/// Something that is a row of a table.
pub trait Row {
    type Key: Clone + PartialEq + std::fmt::Debug;
    const COLUMNS: &'static [Column];
    /// Whether its amounts are prices of one unit: far below an A0GI, and compared in neuron.
    const PRICES: bool = false;

    fn key(&self) -> Self::Key;
    fn cell(&self, column: usize, look: &Look) -> Cell;
    fn compare(&self, other: &Self, column: usize) -> Ordering;
    /// What a filter looks through.
    fn words(&self) -> String;
    /// The amount in a column, where it holds amounts.
    fn amount(&self, column: usize) -> Option<Neuron>;
}

/// A table's rows and what the person did to them.
#[derive(Debug)]
pub struct Table<R: Row> {
    rows: Vec<R>,
    /// Indices into `rows`, filtered and sorted.
    order: Vec<usize>,
    /// The largest amount of each column.
    peaks: Vec<Neuron>,
    chosen: Option<R::Key>,
    /// Where the selection is in `order`.
    at: usize,
    /// The first visible row.
    top: usize,
    /// Visible rows at the last layout.
    height: usize,
    sort: usize,
    largest_first: bool,
    pub filter: String,
}

impl<R: Row> Table<R> {
    pub fn new(sort: usize) -> Table<R> {
        let largest_first = R::COLUMNS.get(sort).is_some_and(|column| column.largest_first);
        Table {
            rows: Vec::new(),
            order: Vec::new(),
            peaks: vec![Neuron::ZERO; R::COLUMNS.len()],
            chosen: None,
            at: 0,
            top: 0,
            height: 1,
            sort,
            largest_first,
            filter: String::new(),
        }
    }

    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// How many rows the filter lets through.
    pub fn shown(&self) -> usize {
        self.order.len()
    }

    pub fn selected(&self) -> Option<&R> {
        self.order.get(self.at).and_then(|index| self.rows.get(*index))
    }

    /// Takes new rows; gives whether anything differs.
    pub fn set(&mut self, rows: Vec<R>) -> bool
    where
        R: PartialEq,
    {
        if rows == self.rows {
            return false;
        }
        self.rows = rows;
        for (column, peak) in self.peaks.iter_mut().enumerate() {
            *peak = self.rows.iter().filter_map(|row| row.amount(column)).max().unwrap_or(Neuron::ZERO);
        }
        self.arrange();
        true
    }

    pub fn set_filter(&mut self, text: String) {
        self.filter = text;
        self.arrange();
    }

    /// Sorts by the next column.
    pub fn next_sort(&mut self) {
        self.sort_by((self.sort + 1) % R::COLUMNS.len());
    }

    pub fn sort_by(&mut self, column: usize) {
        if column == self.sort {
            self.largest_first = !self.largest_first;
        } else if let Some(spec) = R::COLUMNS.get(column) {
            self.sort = column;
            self.largest_first = spec.largest_first;
        }
        self.arrange();
    }

    pub fn turn_sort(&mut self) {
        self.largest_first = !self.largest_first;
        self.arrange();
    }

    /// How it is sorted, in words.
    pub fn sorted_by(&self) -> String {
        let title = R::COLUMNS.get(self.sort).map_or("", |column| column.title);
        format!("{title} {}", if self.largest_first { "▼" } else { "▲" })
    }

    fn arrange(&mut self) {
        let filter = Filter::parse(&self.filter);
        let rows = &self.rows;
        self.order =
            (0..rows.len()).filter(|index| filter.is_empty() || filter.lets(&rows[*index].words())).collect();
        let (column, largest_first) = (self.sort, self.largest_first);
        self.order.sort_by(|a, b| {
            let order = rows[*a].compare(&rows[*b], column);
            if largest_first { order.reverse() } else { order }
        });
        // A row that was never chosen does not stick: the first one is selected until somebody moves.
        let kept = self.chosen.as_ref().and_then(|key| {
            self.order.iter().position(|index| rows.get(*index).is_some_and(|row| row.key() == *key))
        });
        self.at = kept.unwrap_or(self.at.min(self.order.len().saturating_sub(1)));
        if self.chosen.is_none() {
            self.at = 0;
        }
        self.scroll();
    }

    /// Selects a row by its place on the list.
    pub fn select(&mut self, at: usize) {
        self.at = at.min(self.order.len().saturating_sub(1));
        self.chosen = self.selected().map(Row::key);
        self.scroll();
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

    /// Selects what was clicked: a row of the table's area, the header counted.
    pub fn click(&mut self, row: u16) {
        if row > 0 && self.top + usize::from(row) <= self.order.len() {
            self.select(self.top + usize::from(row) - 1);
        }
    }

    fn scroll(&mut self) {
        let most = self.order.len().saturating_sub(self.height);
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(self.height)).min(most);
    }

    /// Whether there is an amount that is written in neuron.
    pub fn in_neuron(&self, look: &Look) -> bool {
        let row = self.rows.first();
        (0..R::COLUMNS.len()).any(|column| {
            row.is_some_and(|row| row.amount(column).is_some()) && self.scale(column, look) == Scale::Neuron
        })
    }

    /// Header and visible rows.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        if area.height == 0 || area.width < 4 {
            return;
        }
        let high = usize::from(area.height - 1);
        let visible: Vec<&R> =
            self.order.iter().skip(self.top).take(high).filter_map(|index| self.rows.get(*index)).collect();
        let cells: Vec<Vec<(String, Tone)>> = visible
            .iter()
            .map(|row| (0..R::COLUMNS.len()).map(|column| self.text(row, column, look)).collect())
            .collect();
        let titles: Vec<String> = (0..R::COLUMNS.len()).map(|column| self.title(column, look)).collect();
        let widths = widths::<R>(&titles, &cells, area.width - 2);
        let header = Rect { height: 1, ..area };
        self.row(buffer, header, &widths, |column| (titles[column].as_str(), Tone::Dim), look);
        for (index, cells) in cells.iter().enumerate() {
            let Ok(y) = u16::try_from(index + 1) else { return };
            let place = Rect { y: area.y + y, height: 1, ..area };
            let selected = self.top + index == self.at;
            if selected {
                buffer.set_style(place, look.theme.selected());
                draw::put(buffer, place, 0, 0, "▌", look.style(Tone::Accent));
            }
            self.row(buffer, place, &widths, |column| (cells[column].0.as_str(), cells[column].1), look);
        }
        self.scroll_bar(buffer, area, high, look);
    }

    fn row<'a>(
        &self,
        buffer: &mut Buffer,
        place: Rect,
        widths: &[Option<u16>],
        cell: impl Fn(usize) -> (&'a str, Tone),
        look: &Look,
    ) {
        let mut x = 1;
        for (column, (spec, width)) in R::COLUMNS.iter().zip(widths).enumerate() {
            let Some(width) = *width else { continue };
            let (text, tone) = cell(column);
            let room = Rect { x: place.x + x, width: width.min(place.width.saturating_sub(x)), ..place };
            if spec.right {
                draw::put_right(buffer, room, 0, text, look.style(tone));
            } else {
                draw::put(buffer, room, 0, 0, text, look.style(tone));
            }
            x += width + 2;
        }
    }

    fn scroll_bar(&self, buffer: &mut Buffer, area: Rect, high: usize, look: &Look) {
        let rows = self.order.len();
        if rows <= high || high == 0 {
            return;
        }
        let size = (high * high / rows).max(1);
        let start = self.top * (high - size) / (rows - high).max(1);
        for y in start..start + size {
            let Ok(y) = u16::try_from(y + 1) else { return };
            draw::put(buffer, area, area.width - 1, y, "▐", look.style(Tone::Dim));
        }
    }

    /// How the amounts of a column are written.
    fn scale(&self, column: usize, look: &Look) -> Scale {
        match look.unit {
            Unit::Auto if R::PRICES => Scale::Neuron,
            unit => unit.scale(self.peaks[column]),
        }
    }

    fn text(&self, row: &R, column: usize, look: &Look) -> (String, Tone) {
        match row.cell(column, look) {
            Cell::Text(text, tone) => (text, tone),
            Cell::Amount(_, tone) if look.masked => (MASK.to_owned(), tone),
            Cell::Amount(None, _) => ("-".to_owned(), Tone::Dim),
            Cell::Amount(Some(amount), tone) => {
                let tone = if amount.is_zero() { Tone::Dim } else { tone };
                (self.scale(column, look).write(amount), tone)
            }
        }
    }

    fn title(&self, column: usize, look: &Look) -> String {
        let spec = &R::COLUMNS[column];
        let sorted = match (column == self.sort, self.largest_first) {
            (false, _) => "",
            (true, true) => " ▼",
            (true, false) => " ▲",
        };
        // A column whose unit is not neuron says so.
        let a0gi = self
            .rows
            .first()
            .is_some_and(|row| row.amount(column).is_some() || self.peaks[column] > Neuron::ZERO)
            && self.scale(column, look).name() == "A0GI";
        format!("{}{}{sorted}", spec.title, if a0gi { " A0GI" } else { "" })
    }
}

/// A column that is longer gives way to the others first.
const LONG: u16 = 40;

/// Widths of the columns that have room; what has none goes by rank.
fn widths<R: Row>(titles: &[String], cells: &[Vec<(String, Tone)>], room: u16) -> Vec<Option<u16>> {
    let natural: Vec<u16> = titles
        .iter()
        .enumerate()
        .map(|(column, title)| {
            let widest = cells.iter().map(|row| draw::width(&row[column].0)).max().unwrap_or(0);
            widest.max(draw::width(title))
        })
        .collect();
    let needed = |widths: &[Option<u16>]| {
        widths.iter().flatten().fold(0u16, |sum, width| sum.saturating_add(width + 2)).saturating_sub(2)
    };
    let mut widths: Vec<Option<u16>> = natural.iter().map(|width| Some((*width).min(LONG))).collect();
    while needed(&widths) > room && widths.iter().flatten().count() > 1 {
        let there = (0..widths.len()).filter(|column| widths[*column].is_some());
        let Some(out) = there.max_by_key(|column| R::COLUMNS[*column].rank) else { break };
        widths[out] = None;
    }
    // What is left goes to those that gave way.
    for (column, natural) in natural.iter().enumerate() {
        let left = room.saturating_sub(needed(&widths));
        if let Some(width) = &mut widths[column] {
            *width = (*width + left).min(*natural);
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Debt(u64, u128);

    impl Row for Debt {
        type Key = u64;
        const COLUMNS: &'static [Column] = &[
            Column { title: "Who", right: false, rank: 0, largest_first: false },
            Column { title: "Owed", right: true, rank: 1, largest_first: true },
        ];
        fn key(&self) -> u64 {
            self.0
        }
        fn cell(&self, column: usize, _look: &Look) -> Cell {
            match column {
                0 => Cell::Text(self.0.to_string(), Tone::Plain),
                _ => Cell::Amount(self.amount(1), Tone::Plain),
            }
        }
        fn compare(&self, other: &Self, column: usize) -> Ordering {
            if column == 0 { self.0.cmp(&other.0) } else { self.1.cmp(&other.1) }
        }
        fn words(&self) -> String {
            format!("user{}", self.0)
        }
        fn amount(&self, column: usize) -> Option<Neuron> {
            (column == 1).then(|| Neuron::new(self.1))
        }
    }

    #[test]
    fn the_selection_sticks_to_its_row() {
        let mut table = Table::new(1);
        assert!(table.set(vec![Debt(1, 5), Debt(2, 9), Debt(3, 7)]));
        assert_eq!(table.selected().map(Row::key), Some(2), "who owes most comes first");
        table.step(1);
        assert_eq!(table.selected().map(Row::key), Some(3));
        assert!(table.set(vec![Debt(1, 50), Debt(2, 9), Debt(3, 1), Debt(4, 2)]));
        assert_eq!(table.selected().map(Row::key), Some(3));
        assert!(!table.set(vec![Debt(1, 50), Debt(2, 9), Debt(3, 1), Debt(4, 2)]));
        table.set_filter("!user3".to_owned());
        assert_eq!(table.shown(), 3);
        table.turn_sort();
        table.select(0);
        assert_eq!(table.selected().map(Row::key), Some(4));
        assert!(table.set(Vec::new()));
        table.step(-1);
        table.last();
        table.click(7);
        assert_eq!(table.selected(), None);
    }

    #[test]
    fn scrolling_keeps_the_selection_in_sight() {
        let mut table = Table::new(0);
        table.set((0..100).map(|index| Debt(index, 0)).collect());
        table.set_height(11);
        table.step(50);
        assert_eq!((table.top, table.at), (41, 50));
        table.step(-1);
        assert_eq!(table.top, 41, "moving inside does not scroll");
        table.last();
        assert_eq!(table.top, 90);
        table.set_height(101);
        assert_eq!(table.top, 0, "a taller window is filled");
    }
}
