//! One line of the log: said by the screens, or by the rest of the process.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::domain::{Neuron, Timestamp};
use crate::log_lines::{LogLevel, LogLine};
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::kit::look::Look;
use crate::tui::kit::table::{Cell, Column, Row, beginning};
use crate::tui::kit::toast::sign;
use crate::tui::texts;
use crate::tui::theme::Tone;

pub const TIME: usize = 0;
const LEVEL: usize = 1;

/// Whose line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum From {
    /// What was shown as a toast, and what became of operations.
    Screens,
    /// What the process logs.
    Process,
}

impl From {
    pub const fn name(self) -> &'static str {
        match self {
            From::Screens => "screens",
            From::Process => "process",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub from: From,
    pub number: u64,
    pub at: Timestamp,
    pub level: LogLevel,
    tone: Tone,
    pub text: String,
}

impl Line {
    pub fn note(number: u64, at: Timestamp, tone: Tone, text: String) -> Line {
        let level = match tone {
            Tone::Bad => LogLevel::Error,
            Tone::Warn => LogLevel::Warn,
            _ => LogLevel::Info,
        };
        Line { from: From::Screens, number, at, level, tone, text }
    }

    pub fn of_process(line: &LogLine) -> Line {
        let tone = match line.level {
            LogLevel::Error => Tone::Bad,
            LogLevel::Warn => Tone::Warn,
            LogLevel::Info => Tone::Plain,
            LogLevel::Debug => Tone::Dim,
        };
        let (number, at, level) = (line.number, line.at, line.level);
        Line { from: From::Process, number, at, level, tone, text: line.text.clone() }
    }

    /// As it is copied: `2026-11-24T09:00:00Z warn the chain cannot be read`.
    pub fn written(&self) -> String {
        format!("{} {:<5} {}", self.at, self.level.name(), self.text)
    }

    pub const fn tone(&self) -> Tone {
        self.tone
    }
}

impl Row for Line {
    type Key = (From, u64);
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::TIME, right: true, rank: 0, largest_first: true },
        Column { title: texts::labels::LEVEL, right: false, rank: 2, largest_first: false },
        Column { title: texts::log::WHAT_HAPPENED, right: false, rank: 1, largest_first: false },
    ];
    const FIELDS: &'static [Field] = &[Field::text("level"), Field::text("from")];

    fn key(&self) -> (From, u64) {
        (self.from, self.number)
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        match column {
            TIME => Cell::Text(look.time(self.at), Tone::Dim),
            LEVEL => {
                let tone = if self.level <= LogLevel::Warn { self.tone } else { Tone::Dim };
                Cell::Text(self.level.name().to_owned(), tone)
            }
            _ => Cell::Text(format!("{} {}", sign(self.tone), look.said(&self.text)), self.tone),
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let time = self.at.cmp(&other.at).then_with(|| self.key().cmp(&other.key()));
        match column {
            TIME => time,
            LEVEL => self.level.cmp(&other.level).then(time.reverse()),
            _ => self.text.cmp(&other.text).then(time),
        }
    }

    fn order(&self, column: usize) -> u128 {
        match column {
            TIME => u128::try_from(self.at.as_micros()).unwrap_or(0),
            LEVEL => self.level as u128,
            _ => beginning(&self.text),
        }
    }

    fn words(&self) -> String {
        self.text.clone()
    }

    fn amount(&self, _column: usize) -> Option<Neuron> {
        None
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        let text = match name {
            "level" => self.level.name(),
            "from" => self.from.name(),
            _ => return None,
        };
        Some(FieldValue::Text(Cow::Borrowed(text)))
    }
}
