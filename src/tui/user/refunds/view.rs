//! The screen drawn: one gauge a lock, and what is over below.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};

use super::{Lock, Refunds};
use crate::domain::Neuron;
use crate::tui::kit::gauge::Gauge;
use crate::tui::kit::look::MASK;
use crate::tui::kit::{draw, facts, moment};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// Rows of the history that are kept for it, its heading included.
const LEAST_HISTORY: u16 = 4;

pub struct Places {
    /// One row a lock.
    pub locks: Rect,
    /// The heading of the history is the row above.
    pub history: Rect,
}

/// Two rows of sums, the locks, the history.
pub fn places(refunds: &Refunds, area: Rect) -> Places {
    let head = 2.min(area.height);
    let room = area.height.saturating_sub(head);
    // Two rows say that there are none.
    let wanted = u16::try_from(refunds.locks.len().max(2)).unwrap_or(u16::MAX);
    let history = if refunds.history.rows().is_empty() { 0 } else { LEAST_HISTORY };
    let high = wanted.min(room.saturating_sub(history));
    let locks = Rect { y: area.y + head, height: high, ..area };
    let above = head.saturating_add(high).saturating_add(2);
    let history = Rect { y: area.y.saturating_add(above), height: area.height.saturating_sub(above), ..area };
    Places { locks, history }
}

/// Where details stand.
pub fn detail(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
}

pub fn draw(refunds: &Refunds, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    if refunds.open {
        draw::heading(buffer, area, 0, texts::labels::REFUND, look);
        facts::draw(buffer, detail(area), &refunds.facts(shared), refunds.detail_top, look);
        return None;
    }
    let places = places(refunds, area);
    head(refunds, buffer, area, shared);
    if refunds.locks.is_empty() {
        let text = match shared.stale() {
            Some(why) if shared.snapshot.version == 0 => texts::refunds::not_known_yet(why),
            _ => texts::refunds::NONE.to_owned(),
        };
        let room = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
        draw::wrapped(buffer, room, 0, &text, look.style(Tone::Plain));
    }
    locks(refunds, buffer, places.locks, shared);
    let below = refunds.locks.len().saturating_sub(refunds.top + usize::from(places.locks.height));
    if below > 0 {
        let line = Rect { y: area.y + 1, height: 1, ..area };
        draw::put_right(buffer, line, 0, &texts::refunds::more_below(below), look.style(Tone::Dim));
    }
    history(refunds, buffer, places.history, shared)
}

/// How much comes back, and when.
fn head(refunds: &Refunds, buffer: &mut Buffer, area: Rect, shared: &Shared) {
    let look = &shared.look;
    let now = shared.now();
    let sum = |locks: &mut dyn Iterator<Item = &Lock>| {
        locks.fold(Neuron::ZERO, |sum, lock| sum.saturating_add(lock.amount))
    };
    let due = sum(&mut refunds.locks.iter().filter(|lock| lock.due(now)));
    let waiting = sum(&mut refunds.locks.iter().filter(|lock| !lock.due(now)));
    let (waiting, shown) = (look.amount(waiting), look.amount(due));
    let tone = if due.is_zero() { Tone::Dim } else { Tone::Good };
    let pieces =
        [("locked ", Tone::Dim), (waiting.as_str(), Tone::Title), ("   due ", Tone::Dim), (&shown, tone)];
    let mut x = draw::line(buffer, area, 0, 0, &pieces, look);
    if let Some(next) = refunds.locks.iter().find(|lock| !lock.due(now)) {
        let text = texts::refunds::next_in(moment::until(now, next.refund.unlock_at));
        if x + draw::width(&text) <= area.width {
            x = draw::put(buffer, area, x, 0, &text, look.style(Tone::Pending));
        }
    }
    let says = match refunds.by_itself {
        Some(true) => texts::refunds::DUE_ARE_TAKEN,
        Some(false) => texts::refunds::DUE_WAIT,
        None => "",
    };
    if x + 3 + draw::width(says) <= area.width {
        draw::put_right(buffer, area, 0, says, look.style(Tone::Dim));
    } else {
        draw::put(buffer, area, 0, 1, says, look.style(Tone::Dim));
    }
}

fn locks(refunds: &Refunds, buffer: &mut Buffer, area: Rect, shared: &Shared) {
    let look = &shared.look;
    let peak = refunds.locks.iter().map(|lock| lock.amount).max().unwrap_or_default();
    let scale = look.unit.scale(peak);
    let visible = || refunds.locks.iter().skip(refunds.top).take(usize::from(area.height));
    let amount = |lock: &Lock| {
        if look.masked { MASK.to_owned() } else { format!("{} {}", scale.write(lock.amount), scale.name()) }
    };
    let name = |lock: &Lock| draw::fit(&shared.provider(lock.provider), 20);
    let names = visible().map(|lock| draw::width(&name(lock))).max().unwrap_or(0);
    let amounts = visible().map(|lock| draw::width(&amount(lock))).max().unwrap_or(0);
    let selected = refunds.at();
    for (index, lock) in visible().enumerate() {
        let Ok(y) = u16::try_from(index) else { return };
        let place = Rect { y: area.y + y, height: 1, ..area };
        let on = refunds.top + index == selected && !refunds.focused;
        if on {
            buffer.set_style(place, look.theme.selected());
            draw::put(buffer, place, 0, 0, "▌", look.style(Tone::Accent));
        }
        let sign = match (lock.doing, lock.due(shared.now())) {
            (Some(_), _) => "…",
            (None, true) => "✓",
            (None, false) => " ",
        };
        let doing = lock.doing.map(|doing| format!(" {doing}")).unwrap_or_default();
        let (name, amount) = (name(lock), amount(lock));
        let pad = |text: &str, to: u16| " ".repeat(usize::from(to.saturating_sub(draw::width(text))));
        let label = format!("{sign} {name}{}  {}{amount}{doing}", pad(&name, names), pad(&amount, amounts));
        let inside = Rect { x: place.x + 1, width: place.width.saturating_sub(1), ..place };
        let refund = &lock.refund;
        Gauge::wait(&label, refund.created_at, refund.unlock_at, shared.now()).draw(buffer, inside, 0, look);
    }
}

fn history(refunds: &Refunds, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    let table = &refunds.history;
    if table.rows().is_empty() || area.height < 2 {
        return None;
    }
    let line = Rect { y: area.y.saturating_sub(1), height: 1, ..area };
    let (shown, all) = (table.shown(), table.rows().len());
    let count = if shown == all { texts::refunds::over(all) } else { texts::refunds::over_shown(shown, all) };
    draw::heading(buffer, line, 0, &count, look);
    let mut cursor = None;
    if refunds.typing || !table.filter.is_empty() {
        let text = format!(" /{} ", table.filter);
        let x = draw::width(&count) + 2;
        let end = draw::put(buffer, line, x, 0, &text, look.style(Tone::Plain));
        cursor = refunds.typing.then(|| {
            Position::new((line.x + end).saturating_sub(1).min(line.right().saturating_sub(1)), line.y)
        });
    }
    table.draw(buffer, area, look);
    if !refunds.in_history() {
        // The row that keys act on is above.
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = buffer.cell_mut((x, y)) {
                    cell.modifier.remove(Modifier::REVERSED);
                    cell.bg = Color::Reset;
                    if cell.symbol() == "▌" {
                        cell.set_symbol(" ");
                    }
                }
            }
        }
    }
    cursor
}
