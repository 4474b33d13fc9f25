//! The log: every toast, every transaction seen, every silence of the broker.

use std::cmp::Ordering;

use crate::domain::{Neuron, Timestamp};
use crate::tui::kit::look::Look;
use crate::tui::kit::table::{Cell, Column, Row};
use crate::tui::kit::toast::sign;
use crate::tui::texts;
use crate::tui::theme::Tone;

pub const TIME: usize = 0;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub number: u64,
    pub at: Timestamp,
    pub tone: Tone,
    pub text: String,
}

impl Row for Line {
    type Key = u64;
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::TIME, right: true, rank: 0, largest_first: true },
        Column { title: texts::log::WHAT_HAPPENED, right: false, rank: 1, largest_first: false },
    ];

    fn key(&self) -> u64 {
        self.number
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        match column {
            TIME => Cell::Text(look.time(self.at), Tone::Dim),
            _ => Cell::Text(format!("{} {}", sign(self.tone), look.said(&self.text)), self.tone),
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let time = self.at.cmp(&other.at).then(self.number.cmp(&other.number));
        if column == TIME { time } else { self.text.cmp(&other.text).then(time) }
    }

    fn words(&self) -> String {
        self.text.clone()
    }

    fn amount(&self, _column: usize) -> Option<Neuron> {
        None
    }
}
