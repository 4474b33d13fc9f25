//! Blocks into lines of a given width, in the colours of a theme.
//!
//! A container lays its content out in the room that its own sign leaves, then puts the sign before each row. Where
//! too little room would be left, the sign goes and the content stays.

use super::block::{Block, Ink, Item, Span};
use super::{Line, table, wrap};
use crate::tui::theme::{Theme, Tone};

/// Less room than this is not divided any further. Cells.
const LEAST: usize = 6;
/// What stands before a line of a quote.
const QUOTE: &str = "▌ ";
/// What stands before a line of code.
const CODE: &str = "  ";
const BULLETS: [&str; 3] = ["• ", "◦ ", "- "];

/// Blocks with a blank line between them.
pub(super) fn blocks(blocks: &[Block], room: usize, theme: Theme) -> Vec<Line> {
    stack(blocks, true, 0, room, theme)
}

fn stack(blocks: &[Block], apart: bool, depth: usize, room: usize, theme: Theme) -> Vec<Line> {
    let mut lines = Vec::new();
    for block in blocks {
        let rows = one(block, depth, room, theme);
        if apart && !lines.is_empty() && !rows.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(rows);
    }
    lines
}

fn one(block: &Block, depth: usize, room: usize, theme: Theme) -> Vec<Line> {
    match block {
        Block::Text(spans) => wrap::words(spans, room, theme),
        Block::Rule => vec![Line::of(&"─".repeat(room), theme.style(Tone::Dim))],
        Block::Code { number, language, lines } => {
            let mut rows = code_heading(*number, language, room, theme);
            for line in lines {
                rows.extend(code_line(line, *number, room, theme));
            }
            rows
        }
        Block::Quote(inside) => {
            let (sign, left) = shrink(QUOTE, room);
            let mut rows = stack(inside, true, depth, left, theme);
            for row in &mut rows {
                row.put_before(sign, theme.style(Tone::Dim));
            }
            rows
        }
        Block::List { first, loose, items } => list(*first, *loose, items, depth, room, theme),
        Block::Table(table) => table::lay(table, room, theme),
    }
}

/// A sign and the room that it leaves; no sign where that would be too little.
fn shrink(sign: &str, room: usize) -> (&str, usize) {
    match room.checked_sub(wrap::width(sign)) {
        Some(left) if left >= LEAST => (sign, left),
        _ => ("", room),
    }
}

fn list(
    first: Option<u64>,
    loose: bool,
    items: &[Item],
    depth: usize,
    room: usize,
    theme: Theme,
) -> Vec<Line> {
    let last = u64::try_from(items.len().saturating_sub(1)).unwrap_or(0);
    let digits = first.map_or(0, |first| first.saturating_add(last).to_string().len());
    let mut lines = Vec::new();
    for (number, item) in (first.unwrap_or(0)..).zip(items) {
        let task = match item.task {
            Some(true) => "[x] ",
            Some(false) => "[ ] ",
            None => "",
        };
        let sign = match first {
            Some(_) => format!("{number:>digits$}. {task}"),
            None if task.is_empty() => BULLETS.get(depth % BULLETS.len()).copied().unwrap_or("- ").to_owned(),
            None => task.to_owned(),
        };
        let style = theme.style(if item.task == Some(true) { Tone::Good } else { Tone::Accent });
        let (taken, left) = shrink(&sign, room);
        let mut rows = stack(&item.blocks, loose, depth + 1, left, theme);
        if taken.is_empty() {
            // On a row of its own: the number may be what matters.
            let ink = Ink::tone(Tone::Accent);
            let mut marked = wrap::words(&[Span::new(sign.trim_end(), ink)], room, theme);
            marked.append(&mut rows);
            rows = marked;
        } else {
            if rows.is_empty() {
                rows.push(Line::default());
            }
            let blank = " ".repeat(wrap::width(&sign));
            for (index, row) in rows.iter_mut().enumerate() {
                let (sign, style) =
                    if index == 0 { (&sign, style) } else { (&blank, theme.style(Tone::Plain)) };
                row.put_before(sign, style);
            }
        }
        if loose && !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(rows);
    }
    lines
}

/// `[1] rust ─────`: the number by which it is copied.
pub(super) fn code_heading(number: usize, language: &str, room: usize, theme: Theme) -> Vec<Line> {
    let mut spans = vec![Span::new(format!("[{number}]"), Ink::tone(Tone::Accent))];
    if !language.is_empty() {
        spans.push(Span::new(format!(" {language}"), Ink::tone(Tone::Dim)));
    }
    let mut rows = wrap::words(&spans, room, theme);
    if let [row] = rows.as_mut_slice() {
        let left = room.saturating_sub(row.width() + 1);
        if left > 0 {
            row.add(&format!(" {}", "─".repeat(left)), theme.style(Tone::Dim));
        }
    }
    for row in &mut rows {
        row.code = Some(number);
    }
    rows
}

pub(super) fn code_line(line: &[Span], number: usize, room: usize, theme: Theme) -> Vec<Line> {
    let (sign, left) = shrink(CODE, room);
    let mut rows = wrap::verbatim(line, left, theme);
    for row in &mut rows {
        row.put_before(sign, theme.style(Tone::Plain));
        row.code = Some(number);
    }
    rows
}
