//! Log: every toast, operation and trouble, and the lines of the process's own log.
//!
//! Both are bounded, each by itself, so that a talkative log never pushes out what was told. The newest line stays
//! selected until somebody goes to another one; going back to it follows again.

mod line;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::{Value, json};

use self::line::{Line, TIME};
use super::part::{Cx, News, Part, is_money};
use super::runner::{At, Reply};
use super::shared::Shared;
use crate::domain::Timestamp;
use crate::log_lines::{LogLine, LogLines};
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::filter::{filter_hints, filter_kept};
use crate::tui::kit::pane::Pane;
use crate::tui::kit::table::{Change, Click, Table};
use crate::tui::kit::{draw, moment};
use crate::tui::texts;
use crate::tui::theme::Tone;

/// Lines that are kept of the screens' own, and of the process's.
const NOTES: usize = 2000;
const TOLD: usize = 5000;
/// Between two looks at the process's log: a flood comes in a few large pieces.
const BETWEEN: Duration = Duration::from_millis(200);
/// Rows of the opened line, its heading included.
const OPENED: u16 = 7;

#[derive(Debug)]
pub enum Ask {
    /// Tell what the process logged so far, and what it logs from now on.
    Follow(LogLines),
}

#[derive(Debug)]
pub enum Answer {
    Lines(Vec<Arc<LogLine>>),
}

#[derive(Debug)]
pub struct Log {
    table: Table<Arc<Line>>,
    /// Numbers of lines that are kept, oldest first.
    notes: VecDeque<u64>,
    told: VecDeque<u64>,
    next: u64,
    asked: bool,
    /// The newest line stays selected.
    following: bool,
    typing: bool,
    /// The selected line below, in full.
    pane: Pane,
}

impl Default for Log {
    fn default() -> Self {
        Log {
            table: Table::new(TIME),
            notes: VecDeque::new(),
            told: VecDeque::new(),
            next: 0,
            asked: false,
            following: true,
            typing: false,
            pane: Pane::default(),
        }
    }
}

impl Log {
    pub fn note(&mut self, at: Timestamp, tone: Tone, text: String) {
        self.next += 1;
        let line = Line::note(self.next, at, tone, text);
        self.notes.push_back(line.number);
        let gone = if self.notes.len() > NOTES { self.notes.pop_front() } else { None };
        let gone = gone.map(|number| Change::Gone((line::From::Screens, number)));
        self.take(std::iter::once(Change::Put(Arc::new(line))).chain(gone));
    }

    fn told(&mut self, lines: &[Arc<LogLine>]) {
        let mut changes: Vec<Change<Arc<Line>>> = Vec::new();
        for line in lines.iter().skip(lines.len().saturating_sub(TOLD)) {
            self.told.push_back(line.number);
            changes.push(Change::Put(Arc::new(Line::of_process(line))));
        }
        while self.told.len() > TOLD {
            changes.extend(self.told.pop_front().map(|number| Change::Gone((line::From::Process, number))));
        }
        self.take(changes);
    }

    fn take(&mut self, changes: impl IntoIterator<Item = Change<Arc<Line>>>) {
        self.table.apply(changes);
        if self.following {
            self.follow_newest();
        }
    }

    /// Whether the newest line is the first of the list; it may be the last one, or anywhere.
    fn newest_first(&self) -> Option<bool> {
        let (column, largest_first) = self.table.sorting();
        (column == TIME).then_some(largest_first)
    }

    fn follow_newest(&mut self) {
        match self.newest_first() {
            Some(true) => self.table.select(0),
            Some(false) => self.table.last(),
            None => {}
        }
    }

    /// After somebody moved: the newest line is followed while it is the selected one.
    fn moved(&mut self) {
        let (at, shown) = (self.table.at(), self.table.shown());
        self.following = match self.newest_first() {
            Some(true) => at == 0,
            Some(false) => at + 1 >= shown,
            None => false,
        };
        self.pane.to_start();
    }

    fn filter(&mut self, text: String) {
        self.table.set_filter(text);
        if self.following {
            self.follow_newest();
        }
    }

    /// Where the list is drawn, and where the opened line is.
    fn areas(&self, area: Rect) -> (Rect, Rect) {
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let below = match (self.pane.is_open(), self.pane.is_zoomed()) {
            (false, _) => 0,
            (true, true) => body.height,
            (true, false) => OPENED.max(body.height / 3).min(body.height / 2),
        };
        let table = Rect { height: body.height - below, ..body };
        (table, Rect { y: table.bottom(), height: below, ..body })
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

    fn open(&mut self, cx: &mut Cx<'_, Ask>) {
        if !std::mem::replace(&mut self.asked, true) {
            cx.ask(Ask::Follow(cx.shared.start.log.clone()));
        }
    }

    fn takes(&self, action: Action, _shared: &Shared) -> bool {
        !(is_money(action) || action == Action::Alias)
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_, Ask>) {
        match action {
            Action::Down if self.pane.is_zoomed() => self.pane.scroll(1),
            Action::Up if self.pane.is_zoomed() => self.pane.scroll(-1),
            Action::Up => self.table.step(-1),
            Action::Down => self.table.step(1),
            Action::PageUp => self.table.step(-self.table.page()),
            Action::PageDown => self.table.step(self.table.page()),
            Action::First => self.table.select(0),
            Action::Last => self.table.last(),
            Action::Sort => self.table.next_sort(),
            Action::TurnSort => self.table.turn_sort(),
            Action::Filter => self.typing = true,
            Action::Mark => self.table.mark(),
            Action::Open => self.pane.toggle(self.table.shown() > 0),
            Action::Zoom => self.pane.zoom(self.table.shown() > 0),
            Action::Copy if self.table.marks() > 0 => {
                let marked: Vec<String> = self.table.marked().map(|line| line.written()).collect();
                cx.copy(marked.join("\n"), texts::numbers::lines(marked.len()));
            }
            Action::Copy => {
                if let Some(line) = self.table.selected() {
                    cx.copy(line.text.clone(), texts::log::THE_LINE);
                }
            }
            Action::CopyAll => {
                let lines: Vec<String> = self.table.listed().map(|line| line.written()).collect();
                cx.copy(lines.join("\n"), texts::numbers::lines(lines.len()));
            }
            _ => return,
        }
        if !self.pane.is_zoomed() {
            self.moved();
        }
    }

    fn key(&mut self, key: KeyEvent, _cx: &mut Cx<'_, Ask>) {
        self.typing = self.table.filter_key(key);
        match key.code {
            KeyCode::Down | KeyCode::Up | KeyCode::PageDown | KeyCode::PageUp => self.moved(),
            _ if self.following => self.follow_newest(),
            _ => {}
        }
    }

    fn paste(&mut self, text: &str, _cx: &mut Cx<'_, Ask>) {
        if self.typing {
            self.table.filter_paste(text);
            if self.following {
                self.follow_newest();
            }
        }
    }

    fn back(&mut self, _cx: &mut Cx<'_, Ask>) -> bool {
        if self.pane.is_zoomed() {
            return self.pane.back();
        }
        if self.typing || !self.table.filter.is_empty() {
            self.typing = false;
            self.filter(String::new());
            return true;
        }
        self.pane.back() || self.table.unmark()
    }

    fn click(&mut self, at: Position, area: Rect, cx: &mut Cx<'_, Ask>) {
        let (table, _) = self.areas(area);
        if self.table.click(at.x, at.y, table, &cx.shared.look, cx.shared.pressed) == Click::Opened {
            self.pane.open();
        }
        self.moved();
    }

    fn wheel(&mut self, rows: i16, _cx: &mut Cx<'_, Ask>) {
        if self.pane.is_zoomed() {
            self.pane.scroll(rows.into());
        } else {
            self.table.step(rows.into());
            self.moved();
        }
    }

    fn answer(&mut self, answer: Answer, _cx: &mut Cx<'_, Ask>) {
        let Answer::Lines(lines) = answer;
        self.told(&lines);
    }

    fn news(&mut self, news: &News, _cx: &mut Cx<'_, Ask>) -> bool {
        // Toasts and operations are noted by the frame; here they only have to be seen.
        matches!(news, News::Event(_))
    }

    fn settle(&mut self, area: Rect, _shared: &Shared) {
        let (table, below) = self.areas(area);
        self.table.set_height(table.height);
        let rows = self.table.selected().map_or(0, |line| draw::wrap(&line.text, below.width).len());
        let most = rows.saturating_sub(usize::from(below.height.saturating_sub(1)));
        self.pane.limit(u16::try_from(most).unwrap_or(u16::MAX));
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        let look = &shared.look;
        let (shown, all) = (self.table.shown(), self.table.rows().len());
        let text = if shown == all {
            texts::numbers::lines(all)
        } else {
            texts::shared::part_of(grouped(shown as u128), texts::numbers::lines(all))
        };
        let mut x = draw::put(buffer, area, 0, 0, &text, look.style(Tone::Title)) + 2;
        let filtered = self.typing || !self.table.filter.is_empty();
        if filtered {
            x = draw::put(buffer, area, x, 0, "/", look.style(Tone::Accent));
            x = draw::put(buffer, area, x, 0, &self.table.filter, look.style(Tone::Plain));
        }
        let cursor =
            self.typing.then(|| Position::new((area.x + x).min(area.right().saturating_sub(1)), area.y));
        let words = match (self.table.complaint(), self.table.marked_in_words()) {
            (Some(complaint), _) => (complaint.to_owned(), Tone::Warn),
            (None, Some(marked)) => (marked, Tone::Accent),
            (None, None) if self.typing => (texts::log::FILTER_HINT.to_owned(), Tone::Dim),
            (None, None) if filtered => (String::new(), Tone::Dim),
            (None, None) if self.following => (texts::log::FOLLOWING.to_owned(), Tone::Dim),
            (None, None) if self.newest_first() == Some(false) => {
                (texts::log::LARGE_G_FOLLOWS.to_owned(), Tone::Dim)
            }
            (None, None) if self.newest_first() == Some(true) => {
                (texts::log::SMALL_G_FOLLOWS.to_owned(), Tone::Dim)
            }
            (None, None) => (String::new(), Tone::Dim),
        };
        let room = Rect { x: area.x + x.min(area.width), width: area.width.saturating_sub(x + 2), ..area };
        draw::put_right(buffer, Rect { x: room.x + 2, ..room }, 0, &words.0, look.style(words.1));
        let (table, below) = self.areas(area);
        if table.height > 0 {
            self.table.draw(buffer, table, look);
        }
        if shown == 0 {
            let text = match all {
                0 => texts::log::NOTHING_YET,
                _ => texts::log::NOTHING_FITS,
            };
            draw::put(buffer, table, 0, 1, text, look.style(Tone::Dim));
        }
        if let (true, Some(line)) = (self.pane.is_open() && below.height > 1, self.table.selected()) {
            let title =
                texts::log::level_from_at(line.level.name(), line.from.name(), moment::in_full(line.at));
            draw::heading(buffer, below, 0, &title, look);
            let rows = draw::wrap(&look.said(&line.text), below.width);
            for (y, row) in (1..below.height).zip(rows.iter().skip(usize::from(self.pane.top()))) {
                draw::put(buffer, below, 0, y, row, look.style(line.tone()));
            }
        }
        cursor
    }

    fn hints(&self, _shared: &Shared) -> Vec<(Action, &'static str)> {
        vec![
            (Action::Filter, texts::hints::FILTER),
            (Action::Open, texts::log::WHOLE_LINE),
            (Action::Copy, texts::hints::COPY),
            (Action::CopyAll, texts::log::COPY_LISTED),
        ]
    }

    fn own_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        self.typing.then(|| filter_hints(true))
    }

    fn remember(&self) -> Value {
        json!({ "filter": self.table.filter, "open": self.pane.is_open() })
    }

    fn recall(&mut self, kept: &Value) {
        self.filter(filter_kept(kept["filter"].as_str().unwrap_or_default()));
        if kept["open"].as_bool() == Some(true) {
            self.pane.open();
        }
    }
}

/// Does what was asked for, in a task of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let Ask::Follow(lines) = ask;
    at.tasks.spawn_until_stopped("screens: the log", async move {
        let (mut newest, mut seen) = (lines.watch(), 0);
        loop {
            let fresh = lines.since(seen);
            if let Some(last) = fresh.last() {
                seen = last.number;
                reply.send(Answer::Lines(fresh)).await;
            }
            if reply.is_closed() || newest.changed().await.is_err() {
                return;
            }
            tokio::time::sleep(BETWEEN).await;
        }
    });
}
