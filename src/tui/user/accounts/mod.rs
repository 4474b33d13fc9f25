//! Accounts: where is my money?
//!
//! ```text
//! snapshot ─▶ rows, flow          figures (spending, caps, runway) ─ asked when opened and after requests
//! details of the selected account ─▶ its runway; on demand its books held against the chain
//! ```

mod detail;
mod flow;
mod row;
mod runner;
mod view;

#[cfg(test)]
mod tests;

pub use self::runner::perform;

use std::collections::BTreeMap;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::{Value, json};

use self::flow::Flow;
use self::row::AccountRow;
use super::money::{Kind, Wish};
use super::part::{Cx, Intent, News, Order, Part};
use super::shared::Shared;
use crate::broker::user::{CapUse, DaySpend, Event, Reconciliation, Runway};
use crate::domain::Address;
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::facts;
use crate::tui::kit::filter::filter_kept;
use crate::tui::kit::pane::Pane;
use crate::tui::kit::table::{Click, Table};
use crate::tui::texts;
use crate::tui::theme::Tone;

/// Seconds between two looks at what was spent, however many requests end meanwhile.
const EVERY: u64 = 5;

#[derive(Debug)]
pub enum Ask {
    /// What was spent lately, what is used of the caps, how long all the money lasts.
    Figures,
    /// How long the money with one provider lasts.
    Runway(Address),
    /// Read an account, or all, again from the chain.
    Sync(Option<Address>),
    /// Hold the books of an account against the chain.
    Reconcile(Address),
}

#[derive(Debug)]
pub enum Answer {
    Figures(Result<Box<Figures>, String>),
    Runway(Address, Result<Runway, String>),
    Synced(Option<Address>, Result<(), String>),
    Reconciled(Address, Result<Box<Reconciliation>, String>),
}

/// What was spent by day, by provider, and what follows from it.
#[derive(Debug, Default)]
pub struct Figures {
    /// In order of days.
    pub days: BTreeMap<Address, Vec<DaySpend>>,
    /// The first day that was looked at.
    pub from: u64,
    pub caps: Vec<CapUse>,
    pub runway: Runway,
}

/// The books of one account held against the chain.
#[derive(Debug)]
enum Books {
    Asked,
    Known(Box<Reconciliation>),
    Failed(String),
}

#[derive(Debug)]
pub struct Accounts {
    table: Table<AccountRow>,
    flow: Flow,
    figures: Figures,
    /// Requests have ended since the figures were asked for.
    outdated: bool,
    /// When they were asked for last, in seconds; while asked, nothing else is.
    asked_at: u64,
    asking: bool,
    runway: Option<(Address, Runway)>,
    runway_asked: Option<Address>,
    books: Option<(Address, Books)>,
    typing: bool,
    /// The details of the selected account.
    pane: Pane,
    /// An account to select once it is there.
    wanted: Option<Address>,
}

impl Default for Accounts {
    fn default() -> Self {
        Accounts {
            table: Table::new(row::SPENDABLE),
            flow: Flow::default(),
            figures: Figures::default(),
            outdated: true,
            asked_at: 0,
            asking: false,
            runway: None,
            runway_asked: None,
            books: None,
            typing: false,
            pane: Pane::default(),
            wanted: None,
        }
    }
}

impl Accounts {
    fn selected(&self) -> Option<Address> {
        self.table.selected().map(|row| row.account.provider)
    }

    /// Takes the accounts of the snapshot.
    fn take(&mut self, shared: &Shared) -> bool {
        let of = |account: &crate::broker::user::AccountView| AccountRow {
            account: account.clone(),
            alias: shared.aliases.get(&account.provider).cloned(),
            doing: shared
                .snapshot
                .operations
                .iter()
                .find(|operation| operation.provider == Some(account.provider))
                .map(|operation| operation.kind),
            used: self.figures.days.get(&account.provider).and_then(|days| days.last()).map(|last| last.day),
        };
        let rows = shared.snapshot.accounts.iter().map(of).collect();
        let flow = Flow::of(&shared.snapshot);
        let changed = self.table.set(rows) || flow != self.flow;
        self.flow = flow;
        if let Some(wanted) = self.wanted
            && self.table.choose(&wanted)
        {
            self.wanted = None;
        }
        changed
    }

    /// Asks for figures unless they were asked for a moment ago.
    fn refresh(&mut self, cx: &mut Cx<'_, Ask>) {
        let now = cx.shared.now().as_seconds();
        if self.asking || !self.outdated || now.saturating_sub(self.asked_at) < EVERY {
            return;
        }
        (self.asking, self.outdated, self.asked_at) = (true, false, now);
        cx.ask(Ask::Figures);
    }

    /// Asks how long the money of the account lasts whose details are open.
    fn ask_runway(&mut self, cx: &mut Cx<'_, Ask>) {
        let Some(provider) = self.selected().filter(|_| self.pane.is_open()) else { return };
        let known = self.runway.as_ref().is_some_and(|(known, _)| *known == provider);
        if !known && self.runway_asked.is_none() {
            self.runway_asked = Some(provider);
            cx.ask(Ask::Runway(provider));
        }
    }

    fn wish(&self, kind: Kind, cx: &mut Cx<'_, Ask>) {
        let Some(provider) = self.selected() else {
            return cx.toast(Tone::Plain, texts::accounts::NONE_TO_ACT_ON);
        };
        cx.order(Order::Money(Wish { kind, provider, amount: None, then: None }));
    }

    /// Whether keys move the details instead of the list.
    fn in_details(&self, shared: &Shared) -> bool {
        let pane = &self.pane;
        pane.is_open() && (pane.is_focused() || pane.is_zoomed() || !view::beside(shared.size))
    }

    fn move_by(&mut self, rows: isize, cx: &mut Cx<'_, Ask>) {
        if self.in_details(cx.shared) {
            self.pane.scroll(rows);
        } else {
            self.table.step(rows);
            self.moved(cx);
        }
    }

    /// Another account is selected.
    fn moved(&mut self, cx: &mut Cx<'_, Ask>) {
        self.pane.to_start();
        self.wanted = None;
        self.ask_runway(cx);
    }

    fn reconcile(&mut self, cx: &mut Cx<'_, Ask>) {
        let Some(provider) = self.selected() else { return };
        if cx.shared.link != super::shared::Link::Ready {
            return cx.toast(Tone::Warn, texts::shared::BROKER_NOT_READY);
        }
        self.books = Some((provider, Books::Asked));
        self.pane.open();
        self.pane.to_start();
        cx.ask(Ask::Reconcile(provider));
        self.ask_runway(cx);
    }
}

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
                if cx.shared.link == super::shared::Link::Ready {
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
        self.typing = self.table.filter_key(key);
        self.ask_runway(cx);
    }

    fn paste(&mut self, text: &str, _cx: &mut Cx<'_, Ask>) {
        if self.typing {
            self.table.filter_paste(text);
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
            News::Beat if cx.shared.link == super::shared::Link::Ready && !self.table.rows().is_empty() => {
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

    fn intent(&mut self, intent: Intent, cx: &mut Cx<'_, Ask>) {
        if let Intent::Account(provider) = intent {
            self.table.set_filter(String::new());
            self.typing = false;
            self.pane.open();
            if self.table.choose(&provider) {
                self.moved(cx);
            } else {
                self.wanted = Some(provider);
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
        self.typing.then(|| {
            vec![("enter", texts::hints::KEEP), ("tab", texts::hints::COMPLETE), ("esc", texts::hints::ALL)]
        })
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
