//! Tables: as wide as their cells if there is room, with wrapped cells if there is some, and as a list of names and
//! values if there is little.

use pulldown_cmark::Alignment;
use ratatui::style::Modifier;

use super::block::{Ink, Span, Table};
use super::{Line, wrap};
use crate::tui::theme::{Theme, Tone};

/// A column is not made narrower than this by others. Cells.
const LEAST: usize = 8;
/// Between two columns.
const GAP: &str = " │ ";

pub(super) fn lay(table: &Table, room: usize, theme: Theme) -> Vec<Line> {
    match widths(table, room) {
        Some(widths) => grid(table, &widths, theme),
        None => pairs(table, room, theme),
    }
}

fn cells(spans: &[Span]) -> usize {
    let text: String = spans.iter().map(|span| span.text.as_str()).collect();
    text.split('\n').map(wrap::width).max().unwrap_or(0)
}

/// Widths that fit, the narrow columns as they are and the rest in equal shares. None if a share would be too small.
fn widths(table: &Table, room: usize) -> Option<Vec<usize>> {
    let columns = table.head.len();
    let mut natural: Vec<usize> = table.head.iter().map(|cell| cells(cell).max(1)).collect();
    for row in &table.rows {
        for (width, cell) in natural.iter_mut().zip(row) {
            *width = cells(cell).max(*width);
        }
    }
    let mut left = room.checked_sub(GAP.chars().count() * columns.saturating_sub(1))?;
    let mut order: Vec<usize> = (0..columns).collect();
    order.sort_by_key(|column| natural.get(*column).copied());
    let mut widths = vec![0; columns];
    for (index, column) in order.iter().enumerate() {
        let share = left / (columns - index);
        let natural = natural.get(*column).copied().unwrap_or(0);
        let width = natural.min(share);
        if width < natural.min(LEAST) {
            return None;
        }
        *widths.get_mut(*column)? = width;
        left -= width;
    }
    Some(widths)
}

fn grid(table: &Table, widths: &[usize], theme: Theme) -> Vec<Line> {
    let dim = theme.style(Tone::Dim);
    let head: Vec<Vec<Span>> = table.head.iter().map(|cell| bold(cell)).collect();
    let mut lines = grid_row(&head, table, widths, theme);
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    lines.push(Line::of(&rule.join("─┼─"), dim));
    // Where cells have several rows, only a rule tells them apart.
    let rows: Vec<Vec<Line>> = table.rows.iter().map(|row| grid_row(row, table, widths, theme)).collect();
    let tall = rows.iter().any(|row| row.len() > 1);
    let rule: Vec<String> = widths.iter().map(|width| "╌".repeat(*width)).collect();
    for (index, row) in rows.into_iter().enumerate() {
        if tall && index > 0 {
            lines.push(Line::of(&rule.join("╌┼╌"), dim));
        }
        lines.extend(row);
    }
    lines
}

fn grid_row(row: &[Vec<Span>], table: &Table, widths: &[usize], theme: Theme) -> Vec<Line> {
    let columns: Vec<Vec<Line>> =
        row.iter().zip(widths).map(|(cell, width)| wrap::words(cell, *width, theme)).collect();
    let high = columns.iter().map(Vec::len).max().unwrap_or(0);
    let plain = theme.style(Tone::Plain);
    let mut lines = Vec::new();
    for y in 0..high {
        let mut line = Line::default();
        for (x, width) in widths.iter().enumerate() {
            if x > 0 {
                line.add(GAP, theme.style(Tone::Dim));
            }
            let cell = columns.get(x).and_then(|rows| rows.get(y));
            let left = width.saturating_sub(cell.map_or(0, Line::width));
            let before = match table.aligned.get(x) {
                Some(Alignment::Right) => left,
                Some(Alignment::Center) => left / 2,
                _ => 0,
            };
            line.add(&" ".repeat(before), plain);
            for piece in cell.into_iter().flat_map(Line::pieces) {
                line.add(&piece.text, piece.style);
            }
            line.add(&" ".repeat(left - before), plain);
        }
        line.trim_end();
        lines.push(line);
    }
    lines
}

/// Each row as names and values, a rule between the rows.
fn pairs(table: &Table, room: usize, theme: Theme) -> Vec<Line> {
    let mut lines = Vec::new();
    for row in &table.rows {
        if !lines.is_empty() {
            lines.push(Line::of(&"╌".repeat(room), theme.style(Tone::Dim)));
        }
        for (name, value) in table.head.iter().zip(row).filter(|(_, value)| !value.is_empty()) {
            let mut spans = bold(name);
            if !spans.is_empty() {
                spans.push(Span::new(": ", Ink::tone(Tone::Dim)));
            }
            spans.extend(value.iter().cloned());
            lines.extend(wrap::words(&spans, room, theme));
        }
    }
    if table.rows.is_empty() {
        lines.extend(table.head.iter().flat_map(|cell| wrap::words(&bold(cell), room, theme)));
    }
    lines
}

fn bold(cell: &[Span]) -> Vec<Span> {
    let strong = |span: &Span| {
        let weight = span.ink.weight | Modifier::BOLD;
        Span { ink: Ink { weight, ..span.ink }, ..span.clone() }
    };
    cell.iter().map(strong).collect()
}
