//! The screen's keys, answers and news.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::{Value, json};

use super::rows::named;
use super::runner::{Answer, Ask};
use super::{Services, compare, facts, view};
use crate::broker::user::Event;
use crate::domain::ServiceKind;
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::facts::furthest;
use crate::tui::kit::filter::{filter_hints, filter_kept};
use crate::tui::kit::table::Click;
use crate::tui::texts;
use crate::tui::user::part::{Cx, Intent, News, Order, Part, is_money};
use crate::tui::user::shared::{Link, Shared};

impl Part for Services {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Services, Place::Lists]
    }

    fn typing(&self) -> bool {
        self.typing
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_, Ask>) {
        match action {
            Action::Up => self.step(-1, cx.shared),
            Action::Down => self.step(1, cx.shared),
            Action::PageUp => self.step(-self.table.page(), cx.shared),
            Action::PageDown => self.step(self.table.page(), cx.shared),
            Action::First => self.step(isize::MIN, cx.shared),
            Action::Last => self.step(isize::MAX, cx.shared),
            Action::Open if self.compare.is_some() => {}
            Action::Open => self.show(!self.pane.is_open()),
            Action::Zoom => self.pane.zoom(self.selected().is_some()),
            Action::Focus | Action::FocusBack => self.turn(cx.shared),
            Action::Filter if self.compare.is_none() => {
                if self.covers(cx.shared) {
                    self.show(false);
                }
                self.typing = true;
            }
            Action::Sort => self.table.next_sort(),
            Action::TurnSort => self.table.turn_sort(),
            Action::Mark if self.compare.is_none() => self.mark(),
            Action::Refresh => {
                self.look_due = true;
                self.history = None;
                cx.ask(Ask::Usage);
            }
            Action::Million => Services::million(cx),
            Action::Talk => self.talk(cx),
            action if is_money(action) => self.money(action, cx),
            Action::Alias => {
                if let Some(offer) = self.selected() {
                    cx.order(Order::Alias(offer.service.provider));
                }
            }
            Action::Probe => self.probe(cx),
            Action::Compare => self.side_by_side(cx),
            Action::Copy => self.copy(false, cx),
            Action::CopyAll => self.copy(true, cx),
            Action::CopyCurl => self.copy_curl(cx),
            Action::CopyUrl => self.copy_url(cx),
            _ => {}
        }
        self.look_around(cx);
        self.follow(cx);
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
        self.typing = self.table.filter_key(key);
        self.follow(cx);
    }

    fn back(&mut self, _cx: &mut Cx<'_, Ask>) -> bool {
        if !self.typing && (self.compare.take().is_some() || self.pane.back() || self.table.unmark()) {
            return true;
        }
        if std::mem::take(&mut self.typing) {
            self.table.set_filter(String::new());
            return true;
        }
        let filtered = !self.table.filter.is_empty();
        self.table.set_filter(String::new());
        filtered
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Ask>) {
        if self.compare.is_some() || self.covers(cx.shared) {
            return;
        }
        self.typing = true;
        self.table.filter_paste(text);
        self.follow(cx);
    }

    fn click(&mut self, at: Position, area: Rect, cx: &mut Cx<'_, Ask>) {
        if self.compare.is_some() {
            return;
        }
        let areas = view::areas(self, area);
        if areas.detail.is_some_and(|detail| detail.contains(at)) {
            self.pane.focus(!self.covers(cx.shared));
            return;
        }
        self.pane.focus(false);
        let clicked = self.table.click(at.x, at.y, areas.table, &cx.shared.look, cx.shared.pressed);
        if clicked == Click::Opened {
            self.show(true);
        }
        self.follow(cx);
    }

    fn wheel(&mut self, rows: i16, cx: &mut Cx<'_, Ask>) {
        self.step(rows.into(), cx.shared);
        self.follow(cx);
    }

    fn open(&mut self, cx: &mut Cx<'_, Ask>) {
        // With the next beat: only then it is known what is in sight.
        self.look_due = true;
        if cx.shared.link == Link::Ready {
            cx.ask(Ask::Usage);
        }
        self.follow(cx);
    }

    fn news(&mut self, news: &News, cx: &mut Cx<'_, Ask>) -> bool {
        match news {
            News::Services => {
                self.follow_list(cx);
                true
            }
            News::Snapshot => self.follow_providers(cx.shared),
            News::Event(Event::RequestEnded { provider, service, .. }) => {
                self.used = true;
                self.measure(*provider, service, cx);
                false
            }
            News::Beat => {
                // Names come without news of their own.
                let changed = self.follow_providers(cx.shared);
                if std::mem::take(&mut self.in_sight) {
                    self.look_around(cx);
                    if std::mem::take(&mut self.used) {
                        cx.ask(Ask::Usage);
                    }
                }
                changed
            }
            News::Ready | News::Event(_) => false,
        }
    }

    fn answer(&mut self, answer: Answer, cx: &mut Cx<'_, Ask>) {
        match answer {
            Answer::Changes { version, changes, done } => {
                self.follow_providers(cx.shared);
                self.take(version, changes, done, cx);
                if done && self.in_sight {
                    self.look_around(cx);
                }
            }
            Answer::Looked(provider, name, looked) => self.looked(provider, &name, *looked),
            Answer::History(provider, name, history) => {
                let wanted = |(one, other, _): &(_, _, _)| *one == provider && *other == name;
                if self.history.as_ref().is_some_and(wanted) {
                    self.history = Some((provider, name, history));
                }
            }
            Answer::Usage(usage) => self.usage = usage,
        }
        self.follow(cx);
    }

    fn intent(&mut self, intent: Intent, cx: &mut Cx<'_, Ask>) {
        if let Intent::Service { provider, service } = intent {
            self.wanted = Some((provider, service));
            self.compare = None;
            self.table.set_filter(String::new());
            self.show(true);
            self.find_wanted();
            self.follow(cx);
        }
    }

    fn settle(&mut self, area: Rect, shared: &Shared) {
        self.in_sight = true;
        let areas = view::areas(self, area);
        self.table.set_height(areas.table.height);
        if let (Some(detail), Some(offer)) = (areas.detail, self.table.selected()) {
            let furthest = furthest(&facts::facts(self, offer, shared), detail);
            self.pane.limit(furthest);
        }
        if let Some(from) = &mut self.compare {
            *from = (*from).min(self.table.marks().saturating_sub(compare::fit(area.width)));
        }
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        view::draw(self, buffer, area, shared)
    }

    fn hints(&self, shared: &Shared) -> Vec<(Action, &'static str)> {
        if self.compare.is_some() {
            return vec![
                (Action::Back, texts::hints::BACK),
                (Action::Probe, texts::services::ASK_ALL),
                (Action::Million, texts::services::PER_MILLION),
            ];
        }
        let Some(offer) = self.selected() else { return vec![(Action::Filter, texts::hints::FILTER)] };
        let talk = match offer.service.kind {
            ServiceKind::Chatbot => "chat",
            ServiceKind::ZgStorage => "files",
        };
        let fund = match offer.available {
            Some(_) => (Action::Deposit, texts::hints::DEPOSIT),
            None => (Action::OpenAccount, texts::services::OPEN_ACCOUNT),
        };
        let mut hints = vec![(Action::Talk, talk), fund];
        if self.covers(shared) {
            hints.extend([
                (Action::Probe, texts::services::ASK_IT),
                (Action::CopyCurl, texts::services::COPY_CURL),
                (Action::Back, texts::hints::BACK),
            ]);
        } else if self.table.marks() > 1 {
            hints.extend([
                (Action::Compare, texts::hints::COMPARE),
                (Action::Probe, texts::services::ASK_THEM),
            ]);
        } else {
            hints.extend([
                (Action::Open, texts::hints::DETAILS),
                (Action::Filter, texts::hints::FILTER),
                (Action::Sort, texts::hints::SORT),
                (Action::Mark, texts::hints::MARK),
                (Action::Probe, texts::services::ASK_IT),
            ]);
        }
        hints
    }

    fn own_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        self.typing.then(|| filter_hints(true))
    }

    fn remember(&self) -> Value {
        let (sort, largest_first) = self.table.sorting();
        let (provider, service) = match (&self.wanted, self.selected().map(named)) {
            (Some((provider, name)), _) => (Some(*provider), Some(name.to_string())),
            (None, Some((provider, name))) => (Some(provider), Some(name.to_string())),
            (None, None) => (None, None),
        };
        json!({
            "sort": sort,
            "largestFirst": largest_first,
            "filter": self.table.filter,
            "detail": self.pane.is_open(),
            "provider": provider.map(|provider| provider.to_string()),
            "service": service,
        })
    }

    fn recall(&mut self, kept: &Value) {
        if let Some(sort) = kept["sort"].as_u64().and_then(|sort| usize::try_from(sort).ok()) {
            self.table.restore_sorting(sort, kept["largestFirst"].as_bool().unwrap_or(false));
        }
        self.table.set_filter(filter_kept(kept["filter"].as_str().unwrap_or_default()));
        if kept["detail"].as_bool() == Some(true) {
            self.pane.open();
        }
        let text = |name: &str| kept[name].as_str().unwrap_or_default();
        if let (Ok(provider), Ok(service)) = (text("provider").parse(), text("service").parse()) {
            self.wanted = Some((provider, service));
            self.find_wanted();
        }
    }
}

impl Services {
    /// Moves the selection, or the details where they have the keys.
    fn step(&mut self, by: isize, shared: &Shared) {
        if self.compare.is_some() {
            return;
        }
        if self.pane.is_focused() || self.covers(shared) {
            self.pane.scroll(by);
        } else {
            // Whoever moves has chosen.
            self.wanted = None;
            self.table.step(by);
            self.pane.to_start();
        }
    }

    /// Between table and details; the next ones side by side.
    fn turn(&mut self, shared: &Shared) {
        let fit = compare::fit(shared.size.0.saturating_sub(2));
        match &mut self.compare {
            Some(from) if *from + fit >= self.table.marks() => *from = 0,
            Some(from) => *from += 1,
            None => self.pane.focus(!self.pane.is_focused() && !self.covers(shared)),
        }
    }
}
