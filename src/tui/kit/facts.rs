//! One thing in full: labels, values, every digit of every amount.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::draw;
use super::look::Look;
use crate::tui::theme::Tone;

/// A line of details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Head(String),
    Is(&'static str, String, Tone),
    Note(String, Tone),
    Gap,
}

pub fn is(label: &'static str, text: impl Into<String>) -> Fact {
    Fact::Is(label, text.into(), Tone::Plain)
}

/// The same as text, for the clipboard.
pub fn text(facts: &[Fact]) -> String {
    let line = |fact: &Fact| match fact {
        Fact::Head(title) => title.clone(),
        Fact::Is(label, text, _) => format!("{label}: {text}"),
        Fact::Note(text, _) => text.clone(),
        Fact::Gap => String::new(),
    };
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A row of laid out facts.
struct Laid<'a> {
    heading: Option<&'a str>,
    label: &'a str,
    indent: u16,
    text: String,
    tone: Tone,
}

/// Facts laid out for a width.
fn rows(facts: &[Fact], width: u16) -> Vec<Laid<'_>> {
    let label = facts.iter().filter_map(|fact| match fact {
        Fact::Is(label, ..) => Some(draw::width(label)),
        _ => None,
    });
    let column = label.max().unwrap_or(0) + 2;
    let plain = |indent, text, tone| Laid { heading: None, label: "", indent, text, tone };
    let mut rows = Vec::new();
    for fact in facts {
        match fact {
            Fact::Head(title) => {
                rows.push(Laid { heading: Some(title), ..plain(0, String::new(), Tone::Title) })
            }
            Fact::Gap => rows.push(plain(0, String::new(), Tone::Plain)),
            Fact::Note(text, tone) => {
                rows.extend(draw::wrap(text, width).into_iter().map(|row| plain(0, row, *tone)));
            }
            Fact::Is(name, text, tone) => {
                let mut label = *name;
                let mut parts = draw::wrap(text, width.saturating_sub(column).max(8));
                if parts.is_empty() {
                    parts.push(String::new());
                }
                for part in parts {
                    rows.push(Laid { label: std::mem::take(&mut label), ..plain(column, part, *tone) });
                }
            }
        }
    }
    rows
}

/// Draws facts from row `top` on. Gives how many rows there are.
pub fn draw(buffer: &mut Buffer, area: Rect, facts: &[Fact], top: u16, look: &Look) -> u16 {
    let rows = rows(facts, area.width);
    for (y, row) in (0..area.height).zip(rows.iter().skip(usize::from(top))) {
        match row.heading {
            Some(title) => draw::heading(buffer, area, y, title, look),
            None => {
                draw::put(buffer, area, 0, y, row.label, look.style(Tone::Dim));
                draw::put(buffer, area, row.indent, y, &row.text, look.style(row.tone));
            }
        }
    }
    let total = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    if total > top.saturating_add(area.height) && area.height > 0 {
        draw::put_right(buffer, area, area.height - 1, " ▼ more ", look.style(Tone::Dim));
    }
    total
}

/// How far details can be scrolled in a room.
pub fn furthest(facts: &[Fact], area: Rect) -> u16 {
    let total = u16::try_from(rows(facts, area.width).len()).unwrap_or(u16::MAX);
    total.saturating_sub(area.height)
}
