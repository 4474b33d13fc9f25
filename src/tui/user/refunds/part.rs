//! The screen's keys, answers and news.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::{Value, json};

use super::{Answer, Ask, Refunds, view};
use crate::broker::user::{Event, RefundState};
use crate::domain::OperationKind;
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::facts;
use crate::tui::kit::filter::{filter_hints, filter_kept};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::money::{Kind, Wish};
use crate::tui::user::part::{Cx, News, Order, Part};
use crate::tui::user::shared::Shared;

impl Part for Refunds {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Refunds, Place::Lists]
    }

    fn typing(&self) -> bool {
        self.typing
    }

    fn takes(&self, action: Action, _shared: &Shared) -> bool {
        !(action == Action::Mark)
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_, Ask>) {
        let page = if self.in_history() {
            self.history.page()
        } else {
            isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(1)
        };
        match action {
            Action::Up => self.move_by(-1),
            Action::Down => self.move_by(1),
            Action::PageUp => self.move_by(-page),
            Action::PageDown => self.move_by(page),
            Action::First => self.move_by(isize::MIN),
            Action::Last => self.move_by(isize::MAX),
            Action::Open | Action::Zoom => {
                self.open = !self.open && self.provider().is_some();
                self.detail_top = 0;
            }
            Action::Focus | Action::FocusBack => {
                self.focused = !self.focused && !self.locks.is_empty();
                self.detail_top = 0;
            }
            Action::Filter => (self.typing, self.focused, self.open) = (true, true, false),
            Action::Sort => self.history.next_sort(),
            Action::TurnSort => self.history.turn_sort(),
            Action::TakeRefund => self.take_due(cx),
            Action::CancelRefund if !self.locks.is_empty() => {
                // The history has nothing to cancel; what is meant is among the locks.
                if let Some(provider) = self.selected().map(|lock| lock.provider) {
                    let kind = Kind::CancelRefund;
                    cx.order(Order::Money(Wish { kind, provider, amount: None, then: None }));
                }
            }
            Action::CancelRefund => cx.toast(Tone::Plain, texts::refunds::NONE_UNDER_WAY),
            Action::Refund => self.wish(Kind::Refund, cx),
            Action::Deposit | Action::OpenAccount => self.wish(Kind::Deposit, cx),
            Action::Refresh => {
                self.outdated = true;
                self.refresh(cx);
            }
            Action::Alias => {
                if let Some(provider) = self.provider() {
                    cx.order(Order::Alias(provider));
                }
            }
            Action::Copy => {
                if let Some(provider) = self.provider() {
                    cx.copy(provider.to_string(), texts::shared::PROVIDERS_ADDRESS);
                }
            }
            Action::CopyAll if self.provider().is_some() => {
                cx.copy(facts::text(&self.facts(cx.shared)), texts::refunds::ALL_ABOUT);
            }
            _ => {}
        }
    }

    fn key(&mut self, key: KeyEvent, _cx: &mut Cx<'_, Ask>) {
        self.typing = self.history.filter_key(key);
    }

    fn paste(&mut self, text: &str, _cx: &mut Cx<'_, Ask>) {
        if self.typing {
            self.history.filter_paste(text);
        }
    }

    fn back(&mut self, _cx: &mut Cx<'_, Ask>) -> bool {
        if self.open {
            (self.open, self.detail_top) = (false, 0);
        } else if self.typing || !self.history.filter.is_empty() {
            self.typing = false;
            self.history.set_filter(String::new());
        } else {
            return std::mem::take(&mut self.focused);
        }
        true
    }

    fn click(&mut self, at: Position, area: Rect, cx: &mut Cx<'_, Ask>) {
        let places = view::places(self, area);
        if places.locks.contains(at) {
            self.focused = false;
            self.select(self.top + usize::from(at.y - places.locks.y));
        } else if places.history.contains(at) {
            self.focused = true;
            self.history.click(at.x, at.y, places.history, &cx.shared.look, cx.shared.pressed);
        }
    }

    fn wheel(&mut self, rows: i16, _cx: &mut Cx<'_, Ask>) {
        self.move_by(rows.into());
    }

    fn open(&mut self, cx: &mut Cx<'_, Ask>) {
        self.take(cx);
        self.outdated = true;
        self.refresh(cx);
    }

    fn news(&mut self, news: &News, cx: &mut Cx<'_, Ask>) -> bool {
        match news {
            News::Snapshot => {
                let changed = self.take(cx);
                self.notice(cx);
                self.refresh(cx);
                return changed;
            }
            News::Ready => {
                self.outdated = true;
                self.refresh(cx);
            }
            News::Event(Event::OperationChanged { kind, state, .. }) if state.is_settled() => {
                use OperationKind::{CancelRefund, ProcessRefund, RequestRefund};
                self.outdated |= matches!(kind, CancelRefund | ProcessRefund | RequestRefund);
            }
            News::Beat => {
                self.notice(cx);
                self.refresh(cx);
            }
            News::Services | News::Event(_) => {}
        }
        false
    }

    fn answer(&mut self, answer: Answer, _cx: &mut Cx<'_, Ask>) {
        let Answer::History(answer) = answer;
        self.asking = false;
        if let Ok((refunds, by_itself)) = answer {
            self.by_itself = Some(by_itself);
            self.history.set(refunds.into_iter().filter(|one| one.state != RefundState::Pending).collect());
        }
    }

    fn settle(&mut self, area: Rect, shared: &Shared) {
        let places = view::places(self, area);
        self.height = usize::from(places.locks.height);
        self.history.set_height(places.history.height);
        self.scroll();
        if self.open && self.detail_top > 0 {
            let furthest = facts::furthest(&self.facts(shared), view::detail(area));
            self.detail_top = self.detail_top.min(furthest);
        }
    }

    fn counting(&self, shared: &Shared) -> bool {
        self.locks.iter().any(|lock| lock.refund.unlock_at.plus_seconds(1) > shared.now())
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        view::draw(self, buffer, area, shared)
    }

    fn hints(&self, shared: &Shared) -> Vec<(Action, &'static str)> {
        let mut hints = Vec::new();
        if self.locks.iter().any(|lock| lock.due(shared.now())) {
            hints.push((Action::TakeRefund, texts::refunds::TAKE_DUE));
        }
        if self.locks.is_empty() {
            hints.push((Action::Screen('4'), texts::hints::ACCOUNTS));
        } else {
            hints.extend([
                (Action::CancelRefund, texts::hints::CANCEL),
                (Action::Refund, texts::hints::CHANGE),
                (Action::Focus, texts::hints::HISTORY),
            ]);
        }
        if self.provider().is_some() {
            hints.push((Action::Open, if self.open { "close" } else { "details" }));
        }
        hints
    }

    fn own_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        self.typing.then(|| filter_hints(true))
    }

    fn alarm(&self, shared: &Shared) -> bool {
        self.locks.iter().any(|lock| lock.due(shared.now()))
    }

    fn remember(&self) -> Value {
        let (column, largest_first) = self.history.sorted();
        json!({
            "sort": column,
            "largest_first": largest_first,
            "filter": self.history.filter,
            "selected": self.chosen,
        })
    }

    fn recall(&mut self, kept: &Value) {
        let column = kept["sort"].as_u64().and_then(|column| usize::try_from(column).ok());
        if let (Some(column), Some(largest)) = (column, kept["largest_first"].as_bool()) {
            self.history.sort_as(column, largest);
        }
        self.history.set_filter(filter_kept(kept["filter"].as_str().unwrap_or_default()));
        self.chosen = kept["selected"].as_str().and_then(|text| text.parse().ok());
    }
}
