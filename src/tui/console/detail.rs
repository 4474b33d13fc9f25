//! One row in full.

use super::model::{Model, Screen};
use super::{requests, services, settlements, users};
pub use crate::tui::kit::facts::{Fact, draw, furthest, is, text};
use crate::tui::texts;

/// What the selected row says in full.
pub fn facts(model: &Model) -> Vec<Fact> {
    let look = &model.look;
    match model.screen {
        Screen::Users => model.users.selected().map(|user| users::facts(user, look)),
        Screen::Requests => model.requests.selected().map(|request| requests::facts(request, look)),
        Screen::Services => model.services.selected().map(|service| services::facts(service, look)),
        Screen::Settlements => model.settlements.selected().map(|one| settlements::facts(one, look)),
        Screen::Log => model.log.selected().map(|line| {
            vec![
                Fact::Note(line.text.clone(), line.tone),
                Fact::Gap,
                is(texts::labels::AT, look.time_in_full(line.at)),
            ]
        }),
        Screen::Overview | Screen::Settings => None,
    }
    .unwrap_or_default()
}
