//! Spend: how much, by day, provider and service? What is used of the caps, and how long the money lasts.
//!
//! | file | holds |
//! |---|---|
//! | `caps_form` | the caps of one's own, being changed |
//! | `figures` | everything that is shown, added up from the broker's sums by day |
//! | `rows` | a day, week or month as a row |
//! | `runner`, `view` | what is asked of the broker; the picture |

mod caps_form;
mod figures;
mod rows;
mod runner;
mod view;

#[cfg(test)]
mod tests;

pub use self::runner::{Answer, Ask, perform};

use std::sync::Arc;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::{Value, json};

use self::caps_form::CapsForm;
use self::figures::{Figures, Group, Range};
use self::rows::{StretchRow, TIME};
use crate::broker::user::Event;
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::form::Did;
use crate::tui::kit::table::{Click, Table};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::part::{Cx, Intent, News, Order, Part, is_money};
use crate::tui::user::screen::Screen;
use crate::tui::user::shared::{Link, Shared};

/// Beats between two reads while requests end all the time.
const PACE: u8 = 3;

#[derive(Debug)]
pub struct Spend {
    range: Range,
    group: Group,
    figures: Option<Arc<Figures>>,
    trouble: Option<String>,
    table: Table<StretchRow>,
    /// The list over the whole screen.
    zoomed: bool,
    asked: bool,
    /// It is to be read anew.
    outdated: bool,
    waits: u8,
    in_sight: bool,
    /// The caps that are being changed.
    form: Option<CapsForm>,
}

impl Default for Spend {
    fn default() -> Self {
        Spend {
            range: Range::default(),
            group: Group::default(),
            figures: None,
            trouble: None,
            table: Table::new(TIME),
            zoomed: false,
            asked: false,
            outdated: false,
            waits: 0,
            in_sight: false,
            form: None,
        }
    }
}

impl Spend {
    fn read(&mut self, cx: &mut Cx<'_, Ask>) {
        self.outdated = self.asked || cx.shared.link != Link::Ready;
        if !self.outdated {
            self.asked = true;
            self.waits = PACE;
            cx.ask(Ask::Read { range: self.range, group: self.group });
        }
    }

    fn open_requests(&self, cx: &mut Cx<'_, Ask>) {
        if let Some(row) = self.table.selected() {
            cx.order(Order::Tell(Screen::Requests, Intent::Requests(row.filter())));
        }
    }
}

impl Part for Spend {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Spend, Place::Lists]
    }

    fn takes(&self, action: Action, _shared: &Shared) -> bool {
        !(is_money(action) || matches!(action, Action::Filter | Action::Mark | Action::Alias))
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
            Action::Zoom => self.zoomed = !self.zoomed,
            Action::Longer | Action::Shorter => {
                let range = if action == Action::Longer { self.range.longer() } else { self.range.shorter() };
                if range != self.range {
                    self.range = range;
                    self.read(cx);
                }
            }
            Action::Group | Action::Focus | Action::FocusBack => {
                self.group = self.group.next();
                self.read(cx);
            }
            Action::Refresh => self.read(cx),
            Action::Caps => cx.ask(Ask::OwnCaps),
            Action::Open => self.open_requests(cx),
            Action::Copy => {
                if let Some(row) = self.table.selected() {
                    cx.copy(row.label(), texts::spend::THE_DAY);
                }
            }
            Action::CopyAll => {
                if let Some(figures) = &self.figures {
                    cx.copy(view::as_text(figures, cx.shared), texts::spend::WHAT_WAS_SPENT);
                }
            }
            Action::Export => cx.toast(Tone::Plain, texts::spend::EXPORTED_ELSEWHERE),
            _ => {}
        }
    }

    fn typing(&self) -> bool {
        self.form.is_some()
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
        let Some(form) = &mut self.form else { return };
        match form.key(key) {
            Did::Edited => {}
            Did::Leave => self.form = None,
            Did::Submit => {
                if let Some(caps) = form.filled() {
                    cx.ask(Ask::SetCaps(caps));
                }
            }
        }
    }

    fn paste(&mut self, text: &str, _cx: &mut Cx<'_, Ask>) {
        if let Some(form) = &mut self.form {
            form.paste(text);
        }
    }

    fn back(&mut self, _cx: &mut Cx<'_, Ask>) -> bool {
        self.form.take().is_some() || std::mem::take(&mut self.zoomed)
    }

    fn click(&mut self, at: Position, area: Rect, cx: &mut Cx<'_, Ask>) {
        let table = view::areas(self, area, cx.shared).table;
        if self.table.click(at.x, at.y, table, &cx.shared.look, cx.shared.now()) == Click::Opened {
            self.open_requests(cx);
        }
    }

    fn wheel(&mut self, rows: i16, _cx: &mut Cx<'_, Ask>) {
        self.table.step(rows.into());
    }

    fn open(&mut self, cx: &mut Cx<'_, Ask>) {
        self.read(cx);
    }

    fn news(&mut self, news: &News, cx: &mut Cx<'_, Ask>) -> bool {
        match news {
            News::Event(Event::RequestEnded { .. } | Event::RequestSent { .. }) => self.outdated = true,
            News::Beat => {
                self.waits = self.waits.saturating_sub(1);
                let seen = std::mem::take(&mut self.in_sight);
                if seen && self.outdated && self.waits == 0 && !cx.shared.frozen {
                    self.read(cx);
                }
            }
            _ => {}
        }
        false
    }

    fn answer(&mut self, answer: Answer, cx: &mut Cx<'_, Ask>) {
        let read = match answer {
            Answer::OwnCaps(Ok(caps)) => {
                self.form = Some(CapsForm::new(caps));
                return;
            }
            Answer::CapsSet(Ok(())) => {
                self.form = None;
                cx.toast(Tone::Good, texts::spend::CAPS_HOLD);
                return self.read(cx);
            }
            Answer::OwnCaps(Err(why)) => return cx.toast(Tone::Bad, why),
            // What was typed stays.
            Answer::CapsSet(Err(why)) => return self.form.iter_mut().for_each(|form| form.refused(&why)),
            Answer::Figures(read) => read,
        };
        self.asked = false;
        match read {
            Ok(figures) => {
                let other = (figures.range, figures.group) != (self.range, self.group);
                let step = figures.range.step();
                let rows = figures.stretches.iter().map(|stretch| StretchRow::new(stretch, step));
                self.table.set(rows.collect());
                self.figures = Some(figures);
                self.trouble = None;
                // Another range was chosen meanwhile.
                if other {
                    self.read(cx);
                }
            }
            Err(reason) => self.trouble = Some(reason),
        }
    }

    fn settle(&mut self, area: Rect, shared: &Shared) {
        self.in_sight = true;
        self.table.set_height(view::areas(self, area, shared).table.height);
    }

    /// The cap of the day begins anew at midnight; its time is told.
    fn counting(&self, _shared: &Shared) -> bool {
        self.figures.as_ref().is_some_and(|figures| view::counts(figures))
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        view::draw(self, buffer, area, shared);
        self.form.as_ref().and_then(|form| form.draw(buffer, area, &shared.look))
    }

    fn own_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        self.form.as_ref().map(|_| {
            vec![
                ("ctrl+s", texts::spend::SET_THEM),
                ("tab", texts::shared::NEXT_FIELD),
                ("esc", texts::hints::LEAVE),
            ]
        })
    }

    fn hints(&self, _shared: &Shared) -> Vec<(Action, &'static str)> {
        vec![
            (Action::Caps, texts::hints::CAPS),
            (Action::Longer, texts::hints::LONGER),
            (Action::Shorter, texts::hints::SHORTER),
            (Action::Group, texts::spend::BY_WHAT),
            (Action::Open, texts::spend::ITS_REQUESTS),
            (Action::Zoom, texts::spend::LIST_ONLY),
        ]
    }

    fn remember(&self) -> Value {
        json!({ "range": self.range.name(), "group": self.group.name(), "zoomed": self.zoomed })
    }

    fn recall(&mut self, kept: &Value) {
        let text = |name: &str| kept[name].as_str().unwrap_or_default();
        let range = Range::ALL.into_iter().find(|range| range.name() == text("range"));
        self.range = range.unwrap_or(self.range);
        let groups = [Group::Provider, Group::Service, Group::Nothing];
        self.group = groups.into_iter().find(|one| one.name() == text("group")).unwrap_or(self.group);
        self.zoomed = kept["zoomed"].as_bool().unwrap_or(false);
    }
}
