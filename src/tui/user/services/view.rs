//! The picture: caption, table, details beside it or over it, services side by side.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::row::prices_in_words;
use super::{Services, compare, facts};
use crate::tui::kit::{draw, facts as kit_facts, moment};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::beside::{Areas, Division};
use crate::tui::user::shared::{Link, Shared};

const DIVISION: Division = Division { from: 108, detail: 54 };

pub fn areas(part: &Services, body: Rect) -> Areas {
    DIVISION.areas(body, part.pane.is_open(), part.pane.is_zoomed())
}

impl Services {
    /// Whether details stand over the table, so that keys are theirs.
    pub(super) fn covers(&self, shared: &Shared) -> bool {
        self.pane.is_open() && (self.pane.is_zoomed() || shared.size.0.saturating_sub(2) < DIVISION.from)
    }
}

pub fn draw(part: &Services, buffer: &mut Buffer, body: Rect, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    if let Some(from) = part.compare {
        compare::draw(part, from, buffer, body, shared);
        return None;
    }
    let areas = areas(part, body);
    let mut cursor = None;
    if areas.detail != Some(body) {
        cursor = list(part, buffer, &areas, shared);
    }
    if let Some(area) = areas.detail {
        if area != body {
            DIVISION.rule(buffer, area, part.pane.is_focused(), look);
        }
        if let Some(offer) = part.table.selected() {
            kit_facts::draw(buffer, area, &facts::facts(part, offer, shared), part.pane.top(), look);
        }
    }
    cursor
}

fn list(part: &Services, buffer: &mut Buffer, areas: &Areas, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    let (shown, all) = (part.table.shown(), part.table.rows().len());
    let count = if shown == all {
        texts::numbers::services(all)
    } else {
        texts::services::services_shown(shown, all)
    };
    let mut pieces = vec![(count, Tone::Title)];
    if part.comparing {
        pieces.push((texts::shared::READING_LIST.to_owned(), Tone::Pending));
    }
    pieces.extend(part.table.marked_in_words().map(|text| (text, Tone::Accent)));
    pieces.push((prices_in_words(look).to_owned(), Tone::Dim));
    // What has no room is left out whole.
    let mut x = 0;
    for (text, tone) in pieces {
        if x + draw::width(&text) > areas.caption.width {
            break;
        }
        x = draw::put(buffer, areas.caption, x, 0, &text, look.style(tone)) + 2;
    }
    let cursor = filter(part, buffer, areas.filter, shared);
    if shown == 0 {
        let room = Rect { y: areas.table.y + 1.min(areas.table.height), ..areas.table };
        let room = Rect { height: areas.table.height.saturating_sub(1), ..room };
        draw::wrapped(buffer, room, 0, &empty(part, shared), look.style(Tone::Plain));
    } else {
        part.table.draw(buffer, areas.table, look);
    }
    cursor
}

fn filter(part: &Services, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    let typed = &part.table.filter;
    let mut x = 0;
    if part.typing || !typed.is_empty() {
        x = draw::put(buffer, area, 0, 0, "/", look.style(Tone::Accent));
        x = draw::put(buffer, area, x, 0, typed, look.style(Tone::Plain));
    }
    let rest = Rect { x: area.x + x, width: area.width.saturating_sub(x), ..area };
    if let Some(complaint) = part.table.complaint() {
        draw::put_right(buffer, rest, 0, &format!("  ! {complaint}"), look.style(Tone::Warn));
    } else if part.typing {
        let help = texts::services::FILTER_HINT;
        if draw::width(help) <= rest.width {
            draw::put_right(buffer, rest, 0, help, look.style(Tone::Dim));
        }
    }
    part.typing.then(|| Position::new((area.x + x).min(area.right().saturating_sub(1)), area.y))
}

/// What to do where there is nothing to see.
fn empty(part: &Services, shared: &Shared) -> String {
    if !part.table.rows().is_empty() {
        return texts::services::NOTHING_FITS.to_owned();
    }
    match &shared.link {
        Link::Starting { what } => format!("… {what}"),
        Link::Waiting { why, again } => {
            texts::services::chain_cannot_be_read(why, moment::until(shared.now(), *again))
        }
        Link::Failed { why } => format!("✗ {why}"),
        Link::Ready if part.comparing || !part.listed => texts::services::READING_SERVICES.to_owned(),
        Link::Ready => texts::services::NONE_LISTED.to_owned(),
    }
}
