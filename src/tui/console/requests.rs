//! Requests: what is being served, what was, and what it cost.

use std::cmp::Ordering;

use super::detail::{Fact, is};
use crate::domain::{Neuron, ProviderRequestState, RequestId};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::kit::look::{Look, shorten};
use crate::tui::kit::table::{Cell, Column, Row, beginning};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::wire::admin::RequestItem;

pub const TIME: usize = 0;
const STATUS: usize = 1;
const USER: usize = 2;
const SERVICE: usize = 3;
const INPUT: usize = 4;
const OUTPUT: usize = 5;
const FEE: usize = 6;
const ID: usize = 7;

impl Row for RequestItem {
    type Key = RequestId;
    const FIELDS: &'static [Field] = &[
        Field::text("service"),
        Field::text("user"),
        Field::text("status"),
        Field::amount("fee"),
        Field::number("in"),
        Field::number("out"),
    ];
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::TIME, right: true, rank: 1, largest_first: true },
        Column { title: texts::labels::STATUS, right: false, rank: 2, largest_first: false },
        Column { title: texts::labels::USER, right: false, rank: 0, largest_first: false },
        Column { title: texts::labels::SERVICE, right: false, rank: 4, largest_first: false },
        Column { title: texts::labels::IN, right: true, rank: 5, largest_first: true },
        Column { title: texts::labels::OUT, right: true, rank: 6, largest_first: true },
        Column { title: texts::labels::FEE, right: true, rank: 3, largest_first: true },
        Column { title: texts::labels::REQUEST, right: false, rank: 7, largest_first: false },
    ];

    fn key(&self) -> RequestId {
        self.request_id
    }

    fn order(&self, column: usize) -> u128 {
        match column {
            TIME => u128::try_from(self.created_at.as_micros()).unwrap_or(0),
            STATUS => beginning(&self.status),
            USER => beginning(self.user_address),
            SERVICE => beginning(self.service_name.as_str()),
            INPUT => self.input_units.into(),
            OUTPUT => self.output_units.into(),
            _ => self.amount(column).map_or(0, Neuron::get),
        }
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        Some(match name {
            "user" => FieldValue::Text(format!("{:#x}", self.user_address).into()),
            "service" => FieldValue::Text(self.service_name.as_str().into()),
            "status" => FieldValue::Text(self.status.as_str().into()),
            "in" => FieldValue::Number(self.input_units.into()),
            "out" => FieldValue::Number(self.output_units.into()),
            "fee" => FieldValue::Amount(self.fee),
            _ => return None,
        })
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        let live = is_live(self);
        let units = |units: u64| match units {
            0 if live => Cell::Text("…".to_owned(), Tone::Pending),
            0 => Cell::Text("0".to_owned(), Tone::Dim),
            units => Cell::Text(grouped(units.into()), Tone::Plain),
        };
        match column {
            TIME => Cell::Text(look.time(self.created_at), Tone::Dim),
            STATUS if live => Cell::Text(
                texts::console_money::live_for(look.now.seconds_since(self.created_at)),
                Tone::Pending,
            ),
            STATUS => {
                let (tone, text) = status(&self.status);
                Cell::Text(text, tone)
            }
            USER => Cell::Text(look.short(self.user_address), Tone::Plain),
            SERVICE => Cell::Text(self.service_name.to_string(), Tone::Plain),
            INPUT => units(self.input_units),
            OUTPUT => units(self.output_units),
            FEE if live => Cell::Text("…".to_owned(), Tone::Pending),
            FEE => Cell::Amount(Some(self.fee), Tone::Plain),
            _ => Cell::Text(shorten(&self.request_id.to_string(), 0, 8), Tone::Dim),
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            STATUS => self.status.cmp(&other.status),
            USER => self.user_address.cmp(&other.user_address),
            SERVICE => self.service_name.as_str().cmp(other.service_name.as_str()),
            INPUT => self.input_units.cmp(&other.input_units),
            OUTPUT => self.output_units.cmp(&other.output_units),
            FEE => self.fee.cmp(&other.fee),
            ID => self.request_id.cmp(&other.request_id),
            _ => Ordering::Equal,
        }
        .then(self.created_at.cmp(&other.created_at))
    }

    fn words(&self) -> String {
        let live = if is_live(self) { "live" } else { "" };
        format!("{} {} {:#x} {} {live}", self.service_name, self.status, self.user_address, self.request_id)
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        (column == FEE).then_some(self.fee)
    }
}

pub fn is_live(request: &RequestItem) -> bool {
    request.status.parse() == Ok(ProviderRequestState::Admitted)
}

fn status(status: &str) -> (Tone, String) {
    match status.parse() {
        Ok(ProviderRequestState::Admitted) => (Tone::Pending, "… live".to_owned()),
        Ok(ProviderRequestState::Charged) => (Tone::Good, "✓ charged".to_owned()),
        Ok(ProviderRequestState::Failed) => (Tone::Warn, "! failed".to_owned()),
        Ok(ProviderRequestState::Lost) => (Tone::Bad, "✗ lost".to_owned()),
        // A newer broker may know more states.
        Err(_) => (Tone::Plain, status.to_owned()),
    }
}

pub fn facts(request: &RequestItem, look: &Look) -> Vec<Fact> {
    let (tone, word) = status(&request.status);
    let line = |units: u64, price: Neuron, fee: Neuron| {
        let fee = look.in_full(fee);
        texts::console_money::units_cost(units, grouped(price.get()), &fee)
    };
    let mut facts = vec![
        Fact::Head(texts::labels::REQUEST.to_owned()),
        is(texts::labels::REQUEST, request.request_id.to_string()),
        Fact::Is(texts::labels::STATUS, word, tone),
        is(texts::labels::USER, look.address(request.user_address)),
        is(texts::labels::SERVICE, request.service_name.to_string()),
        is(texts::labels::MADE, look.time_in_full(request.created_at)),
        is(texts::labels::ENDED, request.finished_at.map_or("-".to_owned(), |at| look.time_in_full(at))),
        Fact::Gap,
        Fact::Head(texts::labels::FEE.to_owned()),
    ];
    if is_live(request) {
        facts.push(is(texts::shared::AT_MOST, look.in_full(request.max_fee)));
    } else {
        facts.extend([
            is(texts::labels::INPUT, line(request.input_units, request.input_price, request.input_fee)),
            is(texts::labels::OUTPUT, line(request.output_units, request.output_price, request.output_fee)),
            is(texts::labels::FEE, look.in_full(request.fee)),
            is(texts::console_money::RESERVED_WAS, look.in_full(request.max_fee)),
        ]);
    }
    facts.push(is(texts::console_money::PRICE_VERSION, request.price_version.to_string()));
    let why = match request.status.parse() {
        Ok(ProviderRequestState::Lost) => Some(texts::console_money::LOST),
        Ok(ProviderRequestState::Failed) => Some(texts::console_money::FAILED),
        Ok(ProviderRequestState::Admitted | ProviderRequestState::Charged) | Err(_) => None,
    };
    if let Some(why) = why {
        facts.extend([Fact::Gap, Fact::Note(why.to_owned(), Tone::Dim)]);
    }
    facts
}
