//! The screen's keys, answers and news.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::{Value, json};

use super::row::AccountRow;
use super::{Accounts, Answer, Ask, Books, detail, view};
use crate::broker::user::Event;
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::facts;
use crate::tui::kit::filter::{filter_hints, filter_kept};
use crate::tui::kit::table::Click;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::money::Kind;
use crate::tui::user::part::{Cx, News, Order, Part};
use crate::tui::user::shared::{Link, Shared};

impl Part for Accounts {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Accounts, Place::Lists]
    }

    fn typing(&self) -> bool {
        self.typing
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_, Ask>) {
        let page = self.table.page();
        match action {
            Action::Up => self.move_by(-1, cx),
            Action::Down => self.move_by(1, cx),
            Action::PageUp => self.move_by(-page, cx),
            Action::PageDown => self.move_by(page, cx),
            Action::First if self.in_details(cx.shared) => self.pane.to_start(),
            Action::Last if self.in_details(cx.shared) => self.pane.to_end(),
            Action::First => {
                self.table.select(0);
                self.moved(cx);
            }
            Action::Last => {
                self.table.last();
                self.moved(cx);
            }
            Action::Open => {
                self.pane.toggle(self.table.selected().is_some());
                self.ask_runway(cx);
            }
            Action::Focus | Action::FocusBack => self.pane.focus(!self.pane.is_focused()),
            Action::Zoom => {
                self.pane.zoom(self.table.selected().is_some());
                self.pane.to_start();
                self.ask_runway(cx);
            }
            Action::Mark => self.table.mark(),
            Action::Sort => self.table.next_sort(),
            Action::TurnSort => self.table.turn_sort(),
            Action::Filter => self.typing = true,
            Action::OpenAccount => self.wish(Kind::OpenAccount, cx),
            Action::Deposit => self.wish(Kind::Deposit, cx),
            Action::Refund if self.table.marks() > 0 => {
                let marked = self.table.marked().map(|row| row.account.provider).collect();
                cx.order(Order::MoneyOfMany(Kind::Refund, marked));
            }
            Action::Refund => self.wish(Kind::Refund, cx),
            Action::TakeOver => match self.table.selected() {
                Some(row) if row.account.can_sign => {
                    cx.toast(Tone::Plain, texts::accounts::HAS_KEY_ALREADY);
                }
                _ => self.wish(Kind::TakeOver, cx),
            },
            Action::Sync => {
                let one = self.selected();
                if cx.shared.link == Link::Ready {
                    cx.ask(Ask::Sync(one));
                }
            }
            Action::Refresh => {
                self.outdated = true;
                self.asked_at = 0;
                self.refresh(cx);
                cx.ask(Ask::Sync(None));
            }
            Action::Reconcile | Action::Verify => self.reconcile(cx),
            Action::Alias => {
                if let Some(provider) = self.selected() {
                    cx.order(Order::Alias(provider));
                }
            }
            Action::Copy => match self.table.marks() {
                0 => {
                    if let Some(provider) = self.selected() {
                        cx.copy(provider.to_string(), texts::shared::PROVIDERS_ADDRESS);
                    }
                }
                marks => {
                    let all: Vec<_> =
                        self.table.marked().map(|row| row.account.provider.to_string()).collect();
                    cx.copy(all.join("\n"), texts::accounts::addresses(marks));
                }
            },
            Action::CopyAll if self.table.selected().is_some() => {
                cx.copy(facts::text(&self.facts(cx.shared)), texts::accounts::ALL_ABOUT);
            }
            _ => {}
        }
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
        let before = self.selected();
        self.typing = self.table.filter_key(key);
        // Arrows and pages move the list meanwhile.
        if self.selected() != before {
            self.moved(cx);
        }
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Ask>) {
        if self.typing {
            let before = self.selected();
            self.table.filter_paste(text);
            if self.selected() != before {
                self.moved(cx);
            }
        }
    }

    fn back(&mut self, _cx: &mut Cx<'_, Ask>) -> bool {
        // Whoever types leaves the filter first, unless the details stand over it.
        if (self.pane.is_zoomed() || !self.typing) && self.pane.back() {
            self.pane.to_start();
        } else if self.typing || !self.table.filter.is_empty() {
            self.typing = false;
            self.table.set_filter(String::new());
        } else {
            return self.table.unmark();
        }
        true
    }

    fn click(&mut self, at: Position, area: Rect, cx: &mut Cx<'_, Ask>) {
        let places = view::places(self, area, cx.shared.size);
        if !places.table.contains(at) {
            self.pane.focus(places.detail.is_some_and(|detail| detail.contains(at)));
            return;
        }
        self.pane.focus(false);
        match self.table.click(at.x, at.y, places.table, &cx.shared.look, cx.shared.pressed) {
            Click::Opened => self.pane.open(),
            Click::Beside | Click::Sorted | Click::Selected => {}
        }
        self.moved(cx);
    }

    fn wheel(&mut self, rows: i16, cx: &mut Cx<'_, Ask>) {
        self.move_by(rows.into(), cx);
    }

    fn open(&mut self, cx: &mut Cx<'_, Ask>) {
        self.take(cx.shared);
        self.outdated = true;
        self.refresh(cx);
    }

    fn news(&mut self, news: &News, cx: &mut Cx<'_, Ask>) -> bool {
        match news {
            News::Snapshot => return self.take(cx.shared),
            News::Ready => self.outdated = true,
            News::Event(Event::RequestEnded { .. } | Event::AccountChanged { .. }) => {
                (self.outdated, self.runway) = (true, None);
            }
            // Only who looks at it needs it; what is not in sight is asked for when it is opened.
            News::Beat if cx.shared.link == Link::Ready && !self.table.rows().is_empty() => {
                self.refresh(cx);
                self.ask_runway(cx);
                // A name that was just given is seen at once.
                let named =
                    |row: &AccountRow| cx.shared.aliases.get(&row.account.provider) != row.alias.as_ref();
                if self.table.selected().is_some_and(named) {
                    return self.take(cx.shared);
                }
            }
            News::Beat | News::Services | News::Event(_) => {}
        }
        false
    }

    fn answer(&mut self, answer: Answer, cx: &mut Cx<'_, Ask>) {
        match answer {
            Answer::Figures(figures) => {
                self.asking = false;
                if let Ok(figures) = figures {
                    self.figures = *figures;
                    self.take(cx.shared);
                }
            }
            Answer::Runway(provider, runway) => {
                self.runway_asked = None;
                if let Ok(runway) = runway {
                    self.runway = Some((provider, runway));
                }
                // Somebody moved on meanwhile.
                if self.selected() != Some(provider) {
                    self.ask_runway(cx);
                }
            }
            Answer::Synced(one, Ok(())) => {
                let what =
                    one.map_or(texts::accounts::ALL_ACCOUNTS.to_owned(), |one| cx.shared.provider(one));
                cx.toast(Tone::Good, texts::accounts::read_again(&what));
            }
            Answer::Synced(_, Err(why)) => {
                cx.toast(Tone::Bad, texts::accounts::not_read(&why));
            }
            Answer::Reconciled(provider, result) => {
                let books = match result {
                    Ok(found) => Books::Known(found),
                    Err(why) => Books::Failed(why),
                };
                self.books = Some((provider, books));
            }
        }
    }

    fn settle(&mut self, area: Rect, shared: &Shared) {
        let places = view::places(self, area, shared.size);
        self.table.set_height(places.table.height);
        if let Some(detail) = places.detail.filter(|_| self.pane.top() > 0) {
            self.pane.limit(detail::furthest(&self.facts(shared), detail));
        }
    }

    fn counting(&self, shared: &Shared) -> bool {
        let now = shared.now();
        let waits =
            |row: &AccountRow| row.account.refund.is_some_and(|at| at.unlock_at.plus_seconds(1) > now);
        self.table.rows().iter().any(waits)
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        view::draw(self, buffer, area, shared)
    }

    fn hints(&self, _shared: &Shared) -> Vec<(Action, &'static str)> {
        let mut hints =
            vec![(Action::Deposit, texts::hints::DEPOSIT), (Action::Refund, texts::hints::REFUND)];
        match self.table.selected() {
            None => hints = vec![(Action::Screen('2'), texts::hints::SERVICES)],
            Some(row) if !row.account.can_sign => {
                hints.insert(0, (Action::TakeOver, texts::accounts::TAKE_OVER))
            }
            Some(_) => {}
        }
        if self.table.selected().is_some() {
            let open = if self.pane.is_open() { "close" } else { "details" };
            hints.extend([
                (Action::Open, open),
                (Action::Reconcile, texts::accounts::CHECK_BOOKS),
                (Action::Filter, texts::hints::FILTER),
            ]);
        }
        hints
    }

    fn own_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        self.typing.then(|| filter_hints(true))
    }

    fn alarm(&self, shared: &Shared) -> bool {
        shared.snapshot.accounts.iter().any(|account| !account.can_sign)
    }

    fn remember(&self) -> Value {
        let (column, largest_first) = self.table.sorted();
        json!({
            "sort": column,
            "largest_first": largest_first,
            "filter": self.table.filter,
            "selected": self.selected(),
            "open": self.pane.is_open(),
        })
    }

    fn recall(&mut self, kept: &Value) {
        let column = kept["sort"].as_u64().and_then(|column| usize::try_from(column).ok());
        if let (Some(column), Some(largest)) = (column, kept["largest_first"].as_bool()) {
            self.table.sort_as(column, largest);
        }
        self.table.set_filter(filter_kept(kept["filter"].as_str().unwrap_or_default()));
        self.wanted = kept["selected"].as_str().and_then(|text| text.parse().ok());
        if kept["open"].as_bool() == Some(true) {
            self.pane.open();
        }
        if let Some(wanted) = self.wanted
            && self.table.choose(&wanted)
        {
            self.wanted = None;
        }
    }
}
