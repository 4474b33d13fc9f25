//! Days, weeks or months as rows.

use std::cmp::Ordering;

use super::figures::{Step, Stretch};
use crate::broker::user::Spent;
use crate::domain::Neuron;
use crate::tui::kit::amount::grouped;
use crate::tui::kit::look::Look;
use crate::tui::kit::table::{Cell, Column, Row};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::requests::day_in_words;

pub const TIME: usize = 0;
const REQUESTS: usize = 1;
const FAILED: usize = 2;
const INPUT: usize = 3;
const OUTPUT: usize = 4;
const FEE: usize = 5;
const DISPUTED: usize = 6;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StretchRow {
    pub from: u64,
    pub to: u64,
    step: Step,
    spent: Spent,
}

impl StretchRow {
    pub fn new(stretch: &Stretch, step: Step) -> StretchRow {
        StretchRow { from: stretch.from, to: stretch.to, step, spent: stretch.spent }
    }

    /// `2024-08-22`, `2024-08-19 …`, `2024-08`.
    pub fn label(&self) -> String {
        let first = day_in_words(self.from);
        match self.step {
            Step::Day => first,
            Step::Week => texts::spend::week(&first),
            Step::Month => first.get(..7).unwrap_or(&first).to_owned(),
        }
    }

    /// The filter of its requests.
    pub fn filter(&self) -> String {
        match self.step {
            Step::Day => format!("day:{}", day_in_words(self.from)),
            Step::Week => format!("from:{} to:{}", day_in_words(self.from), day_in_words(self.to)),
            Step::Month => format!("month:{}", self.label()),
        }
    }
}

impl Row for StretchRow {
    type Key = u64;
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::WHEN, right: false, rank: 0, largest_first: true },
        Column { title: texts::labels::REQUESTS, right: true, rank: 2, largest_first: true },
        Column { title: texts::labels::FAILED, right: true, rank: 5, largest_first: true },
        Column { title: texts::spend::UNITS_IN, right: true, rank: 4, largest_first: true },
        Column { title: texts::spend::UNITS_OUT, right: true, rank: 3, largest_first: true },
        Column { title: texts::labels::FEES, right: true, rank: 1, largest_first: true },
        Column { title: texts::labels::DISPUTED, right: true, rank: 6, largest_first: true },
    ];

    fn key(&self) -> u64 {
        self.from
    }

    fn cell(&self, column: usize, _look: &Look) -> Cell {
        let count =
            |count: u64| Cell::Text(grouped(count.into()), if count == 0 { Tone::Dim } else { Tone::Plain });
        match column {
            TIME => Cell::Text(self.label(), Tone::Plain),
            REQUESTS => count(self.spent.requests),
            FAILED => count(self.spent.failed),
            INPUT => count(self.spent.input.0),
            OUTPUT => count(self.spent.output.0),
            FEE => Cell::Amount(Some(self.spent.fee.total()), Tone::Plain),
            _ => Cell::Amount(Some(self.spent.disputed), Tone::Warn),
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        self.order(column).cmp(&other.order(column)).then(self.from.cmp(&other.from))
    }

    fn order(&self, column: usize) -> u128 {
        match column {
            TIME => self.from.into(),
            REQUESTS => self.spent.requests.into(),
            FAILED => self.spent.failed.into(),
            INPUT => self.spent.input.0.into(),
            OUTPUT => self.spent.output.0.into(),
            _ => self.amount(column).map_or(0, Neuron::get),
        }
    }

    fn words(&self) -> String {
        day_in_words(self.from)
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        match column {
            FEE => Some(self.spent.fee.total()),
            DISPUTED => Some(self.spent.disputed),
            _ => None,
        }
    }
}
