//! Requests and operations as rows.

use std::cmp::Ordering;
use std::sync::Arc;

use super::pages::Placed;
use crate::broker::user::{OperationView, RequestView};
use crate::domain::{Address, Neuron, OperationId, OperationState, RequestId, UserRequestState};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::look::{Look, shorten};
use crate::tui::kit::table::{Cell, Column, Row};
use crate::tui::texts;
use crate::tui::theme::Tone;

const MADE: usize = 0;
const STATE: usize = 1;

/// A request on the list.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestRow {
    place: u64,
    pub view: Arc<RequestView>,
    /// The user's own name for the provider.
    pub alias: Option<String>,
}

impl RequestRow {
    pub fn new(view: RequestView, alias: Option<String>) -> RequestRow {
        RequestRow { place: 0, view: Arc::new(view), alias }
    }
}

impl Placed for RequestRow {
    fn place(&self) -> u64 {
        self.place
    }

    fn at(self, place: u64) -> Self {
        RequestRow { place, ..self }
    }
}

impl Row for RequestRow {
    type Key = RequestId;
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::MADE, right: true, rank: 0, largest_first: true },
        Column { title: texts::labels::STATE, right: false, rank: 1, largest_first: false },
        Column { title: texts::labels::SERVICE, right: false, rank: 2, largest_first: false },
        Column { title: texts::labels::PROVIDER, right: false, rank: 4, largest_first: false },
        Column { title: texts::labels::IN, right: true, rank: 5, largest_first: true },
        Column { title: texts::labels::OUT, right: true, rank: 6, largest_first: true },
        Column { title: texts::labels::FEE, right: true, rank: 3, largest_first: true },
        Column { title: texts::labels::REQUEST, right: false, rank: 7, largest_first: false },
    ];

    fn key(&self) -> RequestId {
        self.view.request
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        let view = &self.view;
        let over = view.state.has_ended();
        let units = |units: u64| match units {
            0 if !over => Cell::Text("…".to_owned(), Tone::Pending),
            0 if view.state == UserRequestState::Failed => Cell::Text("-".to_owned(), Tone::Dim),
            units => Cell::Text(grouped(units.into()), if units == 0 { Tone::Dim } else { Tone::Plain }),
        };
        match column {
            MADE => Cell::Text(look.time(view.created_at), Tone::Dim),
            STATE => {
                let (tone, text) = running(view, look);
                Cell::Text(text, tone)
            }
            2 => Cell::Text(view.service.to_string(), Tone::Plain),
            3 => provider(view.provider, self.alias.as_deref(), look),
            4 => units(view.input.0),
            5 => units(view.output.0),
            6 if !over => Cell::Text("…".to_owned(), Tone::Pending),
            6 => Cell::Amount(Some(view.fee.total()), Tone::Plain),
            _ => Cell::Text(look.request(view.request), Tone::Dim),
        }
    }

    fn compare(&self, other: &Self, _column: usize) -> Ordering {
        self.place.cmp(&other.place)
    }

    fn order(&self, _column: usize) -> u128 {
        self.place.into()
    }

    /// The broker filters.
    fn words(&self) -> String {
        String::new()
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        (column == 6).then(|| self.view.fee.total())
    }
}

fn provider(provider: Address, alias: Option<&str>, look: &Look) -> Cell {
    match alias {
        Some(alias) => Cell::Text(format!("@{alias}"), Tone::Accent),
        None => Cell::Text(look.short(provider), Tone::Plain),
    }
}

/// A state with its sign; of what runs also for how long.
fn running(view: &RequestView, look: &Look) -> (Tone, String) {
    let (tone, word) = state_of_request(view);
    let seconds = look.now.seconds_since(view.created_at);
    match view.state {
        UserRequestState::Reserved | UserRequestState::Sent if seconds < 3600 => {
            (tone, format!("{word} {seconds} s"))
        }
        _ => (tone, word.to_owned()),
    }
}

pub fn state_of_request(view: &RequestView) -> (Tone, &'static str) {
    match view.state {
        UserRequestState::Done if view.accepted_at.is_some() => (Tone::Good, "✓ accepted"),
        UserRequestState::Reserved => (Tone::Pending, "… reserved"),
        UserRequestState::Sent => (Tone::Pending, "… running"),
        UserRequestState::Done => (Tone::Good, "✓ done"),
        UserRequestState::Disputed => (Tone::Warn, "! disputed"),
        UserRequestState::Unconfirmed => (Tone::Warn, "? unconfirmed"),
        UserRequestState::Failed => (Tone::Bad, "✗ failed"),
    }
}

/// An operation on the list.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationRow {
    place: u64,
    pub view: Arc<OperationView>,
    pub alias: Option<String>,
}

impl OperationRow {
    pub fn new(view: OperationView, alias: Option<String>) -> OperationRow {
        OperationRow { place: 0, view: Arc::new(view), alias }
    }
}

impl Placed for OperationRow {
    fn place(&self) -> u64 {
        self.place
    }

    fn at(self, place: u64) -> Self {
        OperationRow { place, ..self }
    }
}

impl Row for OperationRow {
    type Key = OperationId;
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::MADE, right: true, rank: 0, largest_first: true },
        Column { title: texts::labels::STATE, right: false, rank: 1, largest_first: false },
        Column { title: texts::labels::WHAT, right: false, rank: 2, largest_first: false },
        Column { title: texts::labels::PROVIDER, right: false, rank: 4, largest_first: false },
        Column { title: texts::labels::AMOUNT, right: true, rank: 3, largest_first: true },
        Column { title: texts::requests::GAS_PAID, right: true, rank: 5, largest_first: true },
        Column { title: texts::labels::BLOCK, right: true, rank: 6, largest_first: true },
        Column { title: texts::labels::TRANSACTION, right: false, rank: 7, largest_first: false },
    ];

    fn key(&self) -> OperationId {
        self.view.id
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        let view = &self.view;
        let open = !view.state.is_settled();
        let waits = || Cell::Text(if open { "…" } else { "-" }.to_owned(), Tone::Dim);
        match column {
            MADE => Cell::Text(look.time(view.created_at), Tone::Dim),
            STATE => {
                let (tone, text) = state_of_operation(view.state);
                Cell::Text(text.to_owned(), tone)
            }
            2 => Cell::Text(view.kind.as_str().replace('_', " "), Tone::Plain),
            3 => view.provider.map_or_else(
                || Cell::Text("-".to_owned(), Tone::Dim),
                |whom| provider(whom, self.alias.as_deref(), look),
            ),
            4 => Cell::Amount(view.amount, Tone::Plain),
            5 => match view.gas_paid {
                Some(paid) => Cell::Amount(Some(paid), Tone::Plain),
                None => waits(),
            },
            6 => match view.block {
                Some(block) => Cell::Text(grouped(block.into()), Tone::Plain),
                None => waits(),
            },
            _ => match view.hash {
                Some(hash) => Cell::Text(shorten(&hash.to_string(), 10, 0), Tone::Dim),
                None => waits(),
            },
        }
    }

    fn compare(&self, other: &Self, _column: usize) -> Ordering {
        self.place.cmp(&other.place)
    }

    fn order(&self, _column: usize) -> u128 {
        self.place.into()
    }

    fn words(&self) -> String {
        String::new()
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        match column {
            4 => self.view.amount,
            5 => self.view.gas_paid,
            _ => None,
        }
    }
}

pub fn state_of_operation(state: OperationState) -> (Tone, &'static str) {
    match state {
        OperationState::Prepared => (Tone::Pending, "… prepared"),
        OperationState::Sent => (Tone::Pending, "… sent"),
        OperationState::Mined => (Tone::Good, "✓ mined"),
        OperationState::Reverted => (Tone::Bad, "✗ reverted"),
        OperationState::Unknown => (Tone::Warn, "? unknown"),
        OperationState::Refused => (Tone::Bad, "✗ refused"),
    }
}
