//! Accounts: where is my money?
//!
//! ```text
//! snapshot ─▶ rows, flow          figures (spending, caps, runway) ─ asked when opened and after requests
//! details of the selected account ─▶ its runway; on demand its books held against the chain
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `row`, `flow` | an account as a row; what the money of all of them does |
//! | `part` | the screen's keys, answers and news |
//! | `detail` | one account in full |
//! | `runner`, `view` | what is asked of the broker; the picture |

mod detail;
mod flow;
mod part;
mod row;
mod runner;
mod view;

#[cfg(test)]
mod tests;

pub use self::runner::perform;

use std::collections::BTreeMap;

use self::flow::Flow;
use self::row::AccountRow;
use super::money::{Kind, Wish};
use super::part::{Cx, Order};
use super::shared::Shared;
use crate::broker::user::{CapUse, DaySpend, Reconciliation, Runway};
use crate::domain::Address;
use crate::tui::kit::pane::Pane;
use crate::tui::kit::table::Table;
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
