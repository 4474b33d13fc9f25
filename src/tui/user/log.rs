//! Log: every toast, operation and trouble, and the lines of the broker's own log.

use std::cmp::Ordering;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::part::{Cx, Part};
use super::runner::{At, Reply};
use super::shared::Shared;
use crate::domain::{Neuron, Timestamp};
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::draw;
use crate::tui::kit::look::Look;
use crate::tui::kit::table::{Cell, Column, Row, Table};
use crate::tui::kit::toast::sign;
use crate::tui::theme::Tone;

/// Lines that are kept.
const MOST: usize = 2000;
const TIME: usize = 0;

#[derive(Debug)]
pub enum Ask {}

#[derive(Debug)]
pub enum Answer {}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    number: u64,
    at: Timestamp,
    tone: Tone,
    text: String,
}

#[derive(Debug)]
pub struct Log {
    table: Table<Line>,
    lines: Vec<Line>,
    typing: bool,
}

impl Default for Log {
    fn default() -> Self {
        Log { table: Table::new(TIME), lines: Vec::new(), typing: false }
    }
}

impl Log {
    pub fn note(&mut self, at: Timestamp, tone: Tone, text: String) {
        let number = self.lines.last().map_or(0, |line| line.number + 1);
        self.lines.push(Line { number, at, tone, text });
        if self.lines.len() > MOST {
            self.lines.remove(0);
        }
        self.table.set(self.lines.clone());
    }
}

impl Part for Log {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Lists]
    }

    fn typing(&self) -> bool {
        self.typing
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_, Ask>) {
        match action {
            Action::Up => self.table.step(-1),
            Action::Down => self.table.step(1),
            Action::PageUp => self.table.step(-self.table.page()),
            Action::PageDown => self.table.step(self.table.page()),
            Action::First => self.table.select(0),
            Action::Last => self.table.last(),
            Action::Sort => self.table.next_sort(),
            Action::TurnSort => self.table.turn_sort(),
            Action::Filter => self.typing = true,
            Action::Copy => {
                if let Some(line) = self.table.selected() {
                    cx.copy(line.text.clone(), "the line");
                }
            }
            Action::CopyAll => {
                let lines = self.lines.iter().map(|line| format!("{} {}", line.at, line.text));
                cx.copy(lines.collect::<Vec<_>>().join("\n"), "the log");
            }
            _ => {}
        }
    }

    fn key(&mut self, key: KeyEvent, _cx: &mut Cx<'_, Ask>) {
        let mut text = self.table.filter.clone();
        match key.code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Backspace => {
                text.pop();
                self.table.set_filter(text);
            }
            KeyCode::Char(letter) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                text.push(letter);
                self.table.set_filter(text);
            }
            _ => {}
        }
    }

    fn back(&mut self, _cx: &mut Cx<'_, Ask>) -> bool {
        let filtered = self.typing || !self.table.filter.is_empty();
        self.typing = false;
        self.table.set_filter(String::new());
        filtered
    }

    fn click(&mut self, at: Position, area: Rect, cx: &mut Cx<'_, Ask>) {
        let table = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        self.table.click(at.x, at.y, table, &cx.shared.look, cx.shared.pressed);
    }

    fn wheel(&mut self, rows: i16, _cx: &mut Cx<'_, Ask>) {
        self.table.step(rows.into());
    }

    fn answer(&mut self, answer: Answer, _cx: &mut Cx<'_, Ask>) {
        match answer {}
    }

    fn settle(&mut self, area: Rect, _shared: &Shared) {
        self.table.set_height(area.height.saturating_sub(1));
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        let look = &shared.look;
        let (shown, all) = (self.table.shown(), self.lines.len());
        let text = if shown == all { format!("{all} lines") } else { format!("{shown} of {all} lines") };
        let mut x = draw::put(buffer, area, 0, 0, &text, look.style(Tone::Title)) + 2;
        if self.typing || !self.table.filter.is_empty() {
            x = draw::put(buffer, area, x, 0, "/", look.style(Tone::Accent));
            x = draw::put(buffer, area, x, 0, &self.table.filter, look.style(Tone::Plain));
        }
        let table = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        self.table.draw(buffer, table, look);
        self.typing.then(|| Position::new((area.x + x).min(area.right().saturating_sub(1)), area.y))
    }

    fn hints(&self, _shared: &Shared) -> Vec<(Action, &'static str)> {
        vec![(Action::Filter, "filter"), (Action::Copy, "copy")]
    }
}

impl Row for Line {
    type Key = u64;
    const COLUMNS: &'static [Column] = &[
        Column { title: "Time", right: true, rank: 0, largest_first: true },
        Column { title: "What happened", right: false, rank: 1, largest_first: false },
    ];

    fn key(&self) -> u64 {
        self.number
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        match column {
            TIME => Cell::Text(look.time(self.at), Tone::Dim),
            _ => Cell::Text(format!("{} {}", sign(self.tone), self.text), self.tone),
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

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, _at: &At, _reply: Reply<Answer>) {
    match ask {}
}
