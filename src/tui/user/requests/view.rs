//! The picture: caption, list, details beside it or over it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::pages::{Pages, Placed};
use super::part::sort_in_words;
use super::{List, Requests};
use crate::tui::keymap::Action;
use crate::tui::kit::amount::grouped;
use crate::tui::kit::look::Look;
use crate::tui::kit::{draw, facts};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::beside::{Areas, Division};
use crate::tui::user::shared::{Link, Shared};

const DIVISION: Division = Division { from: 110, detail: 60 };
/// ` Requests  Operations `, and where the second begins.
pub const LISTS: u16 = 22;
pub const FIRST_LIST: u16 = 10;

pub fn areas(part: &Requests, body: Rect) -> Areas {
    DIVISION.areas(body, part.pane.is_open(), part.pane.is_zoomed())
}

impl Requests {
    /// Whether details stand over the list, so that keys are theirs.
    pub(super) fn covers(&self, shared: &Shared) -> bool {
        self.pane.is_zoomed() || shared.size.0.saturating_sub(2) < DIVISION.from
    }
}

pub fn draw(part: &Requests, buffer: &mut Buffer, body: Rect, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    let areas = areas(part, body);
    let mut cursor = None;
    if areas.detail != Some(body) {
        cursor = list(part, buffer, &areas, shared);
    }
    if let Some(area) = areas.detail {
        if area != body {
            DIVISION.rule(buffer, area, part.pane.is_focused(), look);
        }
        facts::draw(buffer, area, &part.facts(shared), part.pane.top(), look);
    }
    if let Some(open) = &part.accept {
        let place = Rect { x: 0, width: buffer.area.width, ..body };
        return open.money.draw(buffer, place, look);
    }
    if let Some(form) = &part.export {
        let place = Rect { x: 0, width: buffer.area.width, ..body };
        let height = (form.height() + 2).min(place.height);
        let inside = draw::boxed(buffer, draw::middle(place, 70, height), &form.title, Tone::Accent, look);
        cursor = form.draw(buffer, inside, look);
    }
    cursor
}

fn list(part: &Requests, buffer: &mut Buffer, areas: &Areas, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    let tab = |open: bool| if open { look.theme.focused() } else { look.style(Tone::Dim) };
    let requests = part.list == List::Requests;
    draw::put(buffer, areas.caption, 0, 0, " Requests ", tab(requests));
    let x = draw::put(buffer, areas.caption, FIRST_LIST, 0, " Operations ", tab(!requests));
    let rest = Rect {
        x: areas.caption.x + x + 1,
        width: areas.caption.width.saturating_sub(x + 1),
        ..areas.caption
    };
    let pieces = match part.list {
        List::Requests => sums(&part.requests, texts::numbers::requests, true, look),
        List::Operations => sums(&part.operations, texts::numbers::operations, false, look),
    };
    // What has no room is left out whole.
    let mut x = 1;
    for (text, tone) in pieces {
        if x + draw::width(&text) > rest.width {
            break;
        }
        x = draw::put(buffer, rest, x, 0, &text, look.style(tone)) + 2;
    }
    let cursor = filter(part, buffer, areas.filter, look);
    match part.list {
        List::Requests => table(part, &part.requests, buffer, areas.table, shared),
        List::Operations => table(part, &part.operations, buffer, areas.table, shared),
    }
    cursor
}

/// How many the filter covers and what they cost.
fn sums<R: Placed>(
    pages: &Pages<R>,
    counted: fn(u64) -> String,
    cost: bool,
    look: &Look,
) -> Vec<(String, Tone)> {
    if !pages.known {
        return Vec::new();
    }
    let mut pieces = vec![(counted(pages.total), Tone::Title)];
    if cost {
        pieces.push((texts::requests::fees(look.amount(pages.fee)), Tone::Plain));
    }
    if pages.waits() {
        pieces.push(("…".to_owned(), Tone::Pending));
    }
    pieces
}

/// How it is sorted, and where the selection is: `newest first, 61 of 1,204`.
fn order(part: &Requests) -> String {
    let place = |place: Option<u64>, total: u64, sort: &str| match place {
        Some(place) if total > 1 => {
            texts::requests::sorted(sort, grouped((place + 1).into()), grouped(total.into()))
        }
        _ => String::new(),
    };
    match part.list {
        List::Requests => {
            let pages = &part.requests;
            place(pages.table.selected().map(Placed::place), pages.total, sort_in_words(part.sort))
        }
        List::Operations => {
            let pages = &part.operations;
            place(pages.table.selected().map(Placed::place), pages.total, "newest")
        }
    }
}

fn filter(part: &Requests, buffer: &mut Buffer, area: Rect, look: &Look) -> Option<Position> {
    let typed = part.typed();
    let mut x = 0;
    if part.typing || !typed.is_empty() {
        x = draw::put(buffer, area, 0, 0, "/", look.style(Tone::Accent));
        x = draw::put(buffer, area, x, 0, typed, look.style(Tone::Plain));
    }
    let cursor = part.typing.then(|| Position::new((area.x + x).min(area.right().saturating_sub(1)), area.y));
    let rest = Rect { x: area.x + x, width: area.width.saturating_sub(x), ..area };
    if let Some(running) = &part.exporting {
        let text = texts::requests::writing(running.what, running.progress.bytes());
        draw::put_right(buffer, rest, 0, &text, look.style(Tone::Pending));
    } else if let Some(complaint) = &part.complaint {
        draw::put_right(buffer, rest, 0, &format!("  ! {complaint}"), look.style(Tone::Warn));
    } else if part.typing {
        let help = match part.list {
            List::Requests => texts::requests::REQUEST_FILTERS,
            List::Operations => texts::requests::OPERATION_FILTERS,
        };
        draw::put_right(buffer, rest, 0, help, look.style(Tone::Dim));
    } else if let Some(exported) = part.exported.as_ref().filter(|_| typed.is_empty()) {
        draw::put(buffer, rest, 0, 0, &format!("✓ {exported}"), look.style(Tone::Dim));
    } else {
        let order = order(part);
        let free = rest.width.saturating_sub(2) >= draw::width(&order);
        let text = if free { order.as_str() } else { "" };
        draw::put_right(buffer, rest, 0, text, look.style(Tone::Dim));
    }
    cursor
}

fn table<R: Placed>(part: &Requests, pages: &Pages<R>, buffer: &mut Buffer, area: Rect, shared: &Shared) {
    let look = &shared.look;
    let room = Rect { y: area.y + 1.min(area.height), height: area.height.saturating_sub(1), ..area };
    if let Some(trouble) = pages.trouble.as_ref().filter(|_| pages.table.rows().is_empty()) {
        let key = shared.keymap.first_key(Action::Refresh, &[]);
        draw::wrapped(buffer, room, 0, &texts::shared::asks_again(trouble, key), look.style(Tone::Bad));
    } else if pages.table.rows().is_empty() {
        let text = empty(part, pages.known, shared);
        draw::wrapped(buffer, room, 0, &text, look.style(Tone::Dim));
    } else {
        pages.table.draw(buffer, area, look);
    }
}

fn empty(part: &Requests, known: bool, shared: &Shared) -> String {
    let text = match (part.list, &shared.link) {
        _ if !part.typed().is_empty() && known => texts::requests::NOTHING_FITS,
        (_, Link::Failed { why } | Link::Waiting { why, .. }) if !known => {
            return texts::shared::cannot_be_read(why);
        }
        _ if !known => texts::shared::BEING_READ,
        (List::Requests, _) => texts::requests::NO_REQUESTS_YET,
        (List::Operations, _) => texts::requests::NO_OPERATIONS_YET,
    };
    text.to_owned()
}
