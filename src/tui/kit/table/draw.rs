//! The picture of a table: widths, header, visible rows, and where a click lands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Cell, Row, Table};
use crate::domain::Neuron;
use crate::tui::kit::amount::{Scale, Unit};
use crate::tui::kit::draw;
use crate::tui::kit::look::{Look, MASK};
use crate::tui::theme::Tone;

impl<R: Row> Table<R> {
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
        let Laid { titles, cells, marked, widths } = self.laid(area, look);
        let header = Rect { height: 1, ..area };
        self.row(buffer, header, &widths, |column| (titles[column].as_str(), Tone::Dim), look);
        for (index, cells) in cells.iter().enumerate() {
            let Ok(y) = u16::try_from(index + 1) else { return };
            let place = Rect { y: area.y + y, height: 1, ..area };
            let selected = self.top + index == self.at;
            if selected {
                buffer.set_style(place, look.theme.selected());
            }
            // A marked row that is selected too keeps its mark: the selection is seen by its ground.
            let sign = match (marked.get(index), selected) {
                (Some(true), _) => "◆",
                (_, true) => "▌",
                _ => "",
            };
            draw::put(buffer, place, 0, 0, sign, look.style(Tone::Accent));
            self.row(buffer, place, &widths, |column| (cells[column].0.as_str(), cells[column].1), look);
        }
        self.scroll_bar(buffer, area, high, look);
    }

    /// Texts and widths of what is visible in an area.
    fn laid(&self, area: Rect, look: &Look) -> Laid {
        let high = usize::from(area.height.saturating_sub(1));
        let visible = self.order.iter().skip(self.top).take(high).filter_map(|index| self.rows.get(*index));
        let (mut cells, mut marked) = (Vec::with_capacity(high), Vec::with_capacity(high));
        for row in visible {
            cells.push((0..R::COLUMNS.len()).map(|column| self.text(row, column, look)).collect());
            marked.push(self.is_marked(row));
        }
        let titles: Vec<String> = (0..R::COLUMNS.len()).map(|column| self.title(column, look)).collect();
        let widths = widths::<R>(&titles, &cells, area.width.saturating_sub(2));
        Laid { titles, cells, marked, widths }
    }

    /// The column whose title is at `x`, counted from the table's left edge.
    pub(super) fn column_at(&self, x: u16, area: Rect, look: &Look) -> Option<usize> {
        let mut start = 1;
        self.laid(area, look).widths.iter().enumerate().find_map(|(column, width)| {
            let from = start;
            start += (*width)? + 2;
            // Blanks between two titles belong to the left one.
            (from..start).contains(&x).then_some(column)
        })
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

/// What is visible, as texts.
struct Laid {
    titles: Vec<String>,
    cells: Vec<Vec<(String, Tone)>>,
    marked: Vec<bool>,
    /// Of the columns that have room.
    widths: Vec<Option<u16>>,
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
