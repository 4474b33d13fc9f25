//! Where things are. Drawing, clicks and scrolling ask the same functions.

use ratatui::layout::Rect;

pub use crate::tui::kit::strip::{LEAST, areas};

use super::model::{Model, Over, Screen};

/// From this width on details stand beside the list.
const BESIDE: u16 = 110;

/// The parts of a list's screen.
#[derive(Clone, Copy, Debug)]
pub struct ListAreas {
    /// Above the list: the next settlement.
    pub above: Option<Rect>,
    /// How many rows, how sorted, the filter.
    pub caption: Rect,
    pub table: Rect,
    pub below: Option<Rect>,
    pub detail: Option<Rect>,
}

pub fn list(model: &Model) -> ListAreas {
    let body = areas(model.size).body;
    let (mut left, mut detail) = (body, None);
    if model.pane.is_open() {
        if body.width >= BESIDE && !model.pane.is_zoomed() {
            // A label and a whole address fit.
            let width = (body.width * 2 / 5).max(60);
            left.width = body.width - width - 3;
            detail = Some(Rect { x: left.right() + 3, width, ..body });
        } else {
            detail = Some(body);
        }
    }
    let (mut above, mut below) = (None, None);
    if model.screen == Screen::Settlements {
        let rows = if left.height >= 18 { 6 } else { 4 };
        above = Some(Rect { height: rows, ..left });
        left = Rect { y: left.y + rows + 1, height: left.height.saturating_sub(rows + 1), ..left };
        if left.height >= 14 {
            let rows = (left.height / 3).min(10);
            below = Some(Rect { y: left.bottom() - rows, height: rows, ..left });
            left.height -= rows + 1;
        }
    }
    let caption = Rect { height: 1.min(left.height), ..left };
    let table = Rect { y: left.y + caption.height, height: left.height.saturating_sub(1), ..left };
    ListAreas { above, caption, table, below, detail }
}

/// Tells each table how many rows are in sight, and keeps details from being scrolled past their end.
pub fn settle_heights(model: &mut Model) {
    let height = list(model).table.height;
    match model.screen {
        Screen::Users => model.users.set_height(height),
        Screen::Requests => model.requests.set_height(height),
        Screen::Services => model.services.set_height(height),
        Screen::Settlements => model.settlements.set_height(height),
        Screen::Log => model.log.set_height(height),
        Screen::Overview | Screen::Settings => {}
    }
    let furthest = match (model.screen, list(model).detail) {
        (Screen::Settings, _) => {
            super::detail::furthest(&super::settings::facts(model), areas(model.size).body)
        }
        (_, Some(area)) if model.pane.top() > 0 => {
            super::detail::furthest(&super::detail::facts(model), area)
        }
        _ => 0,
    };
    model.pane.limit(furthest);
    let body = areas(model.size).body;
    match &mut model.over {
        Over::Help(help) => help.settle(body, &model.keymap, super::view::WORDS),
        Over::Settle(settle) => settle.settle(Rect { x: 0, width: model.size.0, ..body }, &model.look),
        _ => {}
    }
}
