//! The screen drawn: the flow, the caps, the list, and the details beside it or in its place.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Accounts, flow};
use crate::broker::user::{Cap, CapUse};
use crate::tui::kit::draw;
use crate::tui::kit::gauge::percent;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// Days from which on nobody counts them.
const LONG: u64 = 1_000;
/// From this width on details stand beside the list.
const WIDE: u16 = 118;

pub struct Places {
    pub flow: Option<Rect>,
    pub caps: Option<u16>,
    pub table: Rect,
    pub detail: Option<Rect>,
}

/// Whether there is room for both.
pub fn beside(size: (u16, u16)) -> bool {
    size.0 >= WIDE
}

/// Details need the room more than the picture does.
fn tall(accounts: &Accounts, area: Rect) -> bool {
    area.height >= flow::TALL && !accounts.pane.is_open()
}

pub fn places(accounts: &Accounts, area: Rect, size: (u16, u16)) -> Places {
    let nothing = Rect { height: 0, ..area };
    if accounts.pane.is_open() && (accounts.pane.is_zoomed() || !beside(size)) {
        return Places { flow: None, caps: None, table: nothing, detail: Some(area) };
    }
    let rows = if tall(accounts, area) { flow::TALL_ROWS } else { flow::SHORT_ROWS };
    let flow = Rect { height: rows.min(area.height), ..area };
    let above = flow.height.saturating_add(2);
    let rest = Rect { y: area.y.saturating_add(above), height: area.height.saturating_sub(above), ..area };
    let caps = Some(area.y.saturating_add(flow.height));
    if !accounts.pane.is_open() {
        return Places { flow: Some(flow), caps, table: rest, detail: None };
    }
    let left = rest.width / 2;
    let table = Rect { width: left.saturating_sub(1), ..rest };
    let detail = Rect { x: rest.x + left + 1, width: rest.width.saturating_sub(left + 1), ..rest };
    Places { flow: Some(flow), caps, table, detail: Some(detail) }
}

pub fn draw(accounts: &Accounts, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    if accounts.table.rows().is_empty() {
        empty(accounts, buffer, area, shared);
        return None;
    }
    let places = places(accounts, area, shared.size);
    if let Some(place) = places.flow {
        accounts.flow.draw(buffer, place, tall(accounts, area), look);
    }
    if let Some(y) = places.caps {
        caps(accounts, buffer, Rect { y, height: 1, ..area }, shared);
    }
    let mut cursor = None;
    if places.table.height > 0 {
        let line = Rect { y: places.table.y.saturating_sub(1), height: 1, ..places.table };
        cursor = above_table(accounts, buffer, line, shared);
        accounts.table.draw(buffer, places.table, look);
    }
    if let Some(detail) = places.detail {
        let zoomed = places.table.height == 0;
        let title = accounts.table.selected().map(|row| shared.provider(row.account.provider));
        if !zoomed {
            let tone = if accounts.pane.is_focused() { Tone::Accent } else { Tone::Dim };
            for y in 0..detail.height {
                let bar = Rect { x: detail.x.saturating_sub(1), width: 1, ..detail };
                draw::put(buffer, bar, 0, y, "│", look.style(tone));
            }
        }
        let inside = Rect { x: detail.x + 1, width: detail.width.saturating_sub(1), ..detail };
        draw::heading(buffer, Rect { height: 1, ..inside }, 0, &title.unwrap_or_default(), look);
        let below = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
        accounts.draw_detail(buffer, below, shared);
    }
    cursor
}

/// What to do next, where there is nothing yet.
fn empty(accounts: &Accounts, buffer: &mut Buffer, area: Rect, shared: &Shared) {
    let look = &shared.look;
    let wallet = accounts.flow.wallet.map_or("-".to_owned(), |wallet| look.amount(wallet));
    draw::line(buffer, area, 0, 0, &[("wallet ", Tone::Dim), (&wallet, Tone::Title)], look);
    let text = match shared.stale() {
        Some(why) => texts::accounts::not_known_yet(why),
        None => texts::accounts::NONE_YET.to_owned(),
    };
    draw::wrapped(buffer, area, 2, &text, look.style(Tone::Plain));
}

/// The filter, the marks, how it is sorted.
fn above_table(accounts: &Accounts, buffer: &mut Buffer, line: Rect, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    let table = &accounts.table;
    let (shown, all) = (table.shown(), table.rows().len());
    let count = if shown == all {
        texts::numbers::accounts(all)
    } else {
        texts::accounts::accounts_shown(shown, all)
    };
    let mut x = draw::put(buffer, line, 0, 0, &count, look.style(Tone::Title)) + 2;
    if let Some(marked) = table.marked_in_words() {
        x = draw::put(buffer, line, x, 0, &format!("◆ {marked}"), look.style(Tone::Accent)) + 2;
    }
    if accounts.typing || !table.filter.is_empty() {
        x = draw::put(buffer, line, x, 0, "/", look.style(Tone::Accent));
        x = draw::put(buffer, line, x, 0, &table.filter, look.style(Tone::Plain));
        let end = x;
        if let Some(complaint) = table.complaint() {
            draw::put(buffer, line, x + 2, 0, complaint, look.style(Tone::Warn));
        }
        return accounts
            .typing
            .then(|| Position::new((line.x + end).min(line.right().saturating_sub(1)), line.y));
    }
    draw::put_right(buffer, line, 0, &table.sorted_by(), look.style(Tone::Dim));
    None
}

/// What is used of the caps, and how long the money lasts.
fn caps(accounts: &Accounts, buffer: &mut Buffer, line: Rect, shared: &Shared) {
    let look = &shared.look;
    let caps = &accounts.figures.caps;
    let mut x = 0;
    let whole = caps.iter().filter(|cap| cap.provider.is_none());
    for cap in whole {
        let CapUse { cap: which, used, limit, .. } = *cap;
        let text = match which {
            Cap::Request => texts::accounts::cap_a_request(look.amount(limit)),
            Cap::Day => texts::shared::today_of_cap(look.part_of(used, limit)),
            Cap::Total => texts::accounts::promised_of(look.part_of(used, limit)),
            Cap::Provider => continue,
        };
        let share = share(cap);
        let tone = match share {
            95.. => Tone::Bad,
            80.. => Tone::Warn,
            _ => Tone::Dim,
        };
        let text = if which == Cap::Request || look.masked { text } else { format!("{text} ({share} %)") };
        if x + draw::width(&text) > line.width {
            return;
        }
        x = draw::put(buffer, line, x, 0, &text, look.style(tone)) + 2;
    }
    if let Some(days) = accounts.figures.runway.days {
        let text = match days {
            LONG.. => texts::accounts::LASTS_YEARS.to_owned(),
            1 => texts::accounts::LASTS_A_DAY.to_owned(),
            _ => texts::accounts::lasts_days(days),
        };
        if x + draw::width(&text) <= line.width {
            x = draw::put(buffer, line, x, 0, &text, look.style(Tone::Dim)) + 2;
        }
    }
    if caps.is_empty() && x + 20 <= line.width && accounts.figures.from > 0 {
        draw::put(buffer, line, x, 0, texts::accounts::NO_CAPS, look.style(Tone::Dim));
    }
}

fn share(cap: &CapUse) -> u64 {
    let scale = |amount: u128, by: u128| u64::try_from(amount / by).unwrap_or(u64::MAX);
    let by = (cap.limit.get() >> 60).max(1);
    percent(scale(cap.used.get(), by), scale(cap.limit.get(), by)).unwrap_or(100)
}
