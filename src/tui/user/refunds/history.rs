//! A row of what is over: taken, or given up.

use std::cmp::Ordering;

use crate::broker::user::{RefundState, RefundView};
use crate::domain::{Address, Neuron};
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::kit::look::Look;
use crate::tui::kit::table::{Cell, Column, Row, beginning};
use crate::tui::texts;
use crate::tui::theme::Tone;

pub const ASKED: usize = 0;
const PROVIDER: usize = 1;
const AMOUNT: usize = 2;
const STATE: usize = 3;
const UNLOCKED: usize = 4;

pub fn state(state: RefundState) -> (&'static str, Tone) {
    match state {
        RefundState::Pending => ("pending", Tone::Pending),
        RefundState::Processed => ("✓ taken", Tone::Good),
        RefundState::Cancelled => (texts::refunds::CANCELLED_OR_REPLACED, Tone::Dim),
    }
}

impl Row for RefundView {
    type Key = (Address, u32);
    const FIELDS: &'static [Field] =
        &[Field::text("provider"), Field::text("state"), Field::amount("amount")];
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::refunds::ASKED_FOR, right: true, rank: 3, largest_first: true },
        Column { title: texts::labels::PROVIDER, right: false, rank: 0, largest_first: false },
        Column { title: texts::labels::AMOUNT, right: true, rank: 1, largest_first: true },
        Column { title: texts::labels::STATE, right: false, rank: 2, largest_first: false },
        Column { title: texts::labels::UNLOCKED, right: true, rank: 4, largest_first: true },
    ];

    fn key(&self) -> (Address, u32) {
        (self.provider, self.index)
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        match column {
            ASKED => Cell::Text(look.time(self.created_at), Tone::Dim),
            PROVIDER => Cell::Text(look.short(self.provider), Tone::Plain),
            STATE => {
                let (word, tone) = state(self.state);
                Cell::Text(word.to_owned(), tone)
            }
            UNLOCKED => Cell::Text(look.time(self.unlock_at), Tone::Dim),
            _ => Cell::Amount(Some(self.amount), Tone::Plain),
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let order = match column {
            ASKED => self.created_at.cmp(&other.created_at),
            PROVIDER => self.provider.cmp(&other.provider),
            AMOUNT => self.amount.cmp(&other.amount),
            UNLOCKED => self.unlock_at.cmp(&other.unlock_at),
            _ => state(self.state).0.cmp(state(other.state).0),
        };
        order.then_with(|| self.key().cmp(&other.key()))
    }

    fn order(&self, column: usize) -> u128 {
        match column {
            ASKED => self.created_at.as_seconds().into(),
            PROVIDER => beginning(self.provider),
            AMOUNT => self.amount.get(),
            UNLOCKED => self.unlock_at.as_seconds().into(),
            _ => 0,
        }
    }

    fn words(&self) -> String {
        format!("{:#x} {}", self.provider, state(self.state).0)
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        (column == AMOUNT).then_some(self.amount)
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        Some(match name {
            "provider" => FieldValue::Text(format!("{:#x}", self.provider).into()),
            "state" => FieldValue::Text(state(self.state).0.into()),
            "amount" => FieldValue::Amount(self.amount),
            _ => return None,
        })
    }
}
