//! Refunds: when do I get it back?
//!
//! ```text
//! snapshot ─▶ locks, the next to open first, one gauge each         history ─ asked when opened and when one ends
//! beat ─▶ a lock opens: a notice, once
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `history` | a refund that is over, as a row |
//! | `part` | the screen's keys, answers and news |
//! | `runner`, `view` | what is asked of the broker; the picture |

mod history;
mod part;
mod runner;
mod view;

#[cfg(test)]
mod tests;

pub use self::runner::perform;

use std::collections::BTreeSet;

use super::money::{Kind, Wish};
use super::part::{Cx, Order};
use super::shared::{Link, Shared};
use crate::broker::user::RefundView;
use crate::domain::{Address, Neuron, OperationKind, PendingRefund, Timestamp};
use crate::tui::kit::facts::{Fact, is};
use crate::tui::kit::moment;
use crate::tui::kit::table::Table;
use crate::tui::texts;
use crate::tui::theme::Tone;

#[derive(Debug)]
pub enum Ask {
    /// Refunds that are over, and whether due ones are taken by themselves.
    History,
}

#[derive(Debug)]
pub enum Answer {
    History(Result<(Vec<RefundView>, bool), String>),
}

/// A refund that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    pub provider: Address,
    pub refund: PendingRefund,
    /// What comes of it; settlements may have eaten into what was asked for.
    pub amount: Neuron,
    /// What is being done about it on the chain.
    pub doing: Option<&'static str>,
}

impl Lock {
    fn due(&self, now: Timestamp) -> bool {
        self.refund.unlock_at <= now
    }
}

#[derive(Debug)]
pub struct Refunds {
    /// The next to open first.
    locks: Vec<Lock>,
    chosen: Option<Address>,
    /// The first lock in sight, and how many are.
    top: usize,
    height: usize,
    history: Table<RefundView>,
    /// Whether the history has the keys.
    focused: bool,
    typing: bool,
    open: bool,
    /// The details are scrolled so far.
    detail_top: u16,
    /// Whether due ones are taken by themselves, once that is known.
    by_itself: Option<bool>,
    asking: bool,
    outdated: bool,
    /// Locks of which it was said that they are open; none before the first snapshot.
    told: Option<BTreeSet<(Address, u32)>>,
}

impl Default for Refunds {
    fn default() -> Self {
        Refunds {
            locks: Vec::new(),
            chosen: None,
            top: 0,
            height: 1,
            history: Table::new(history::ASKED),
            focused: false,
            typing: false,
            open: false,
            detail_top: 0,
            by_itself: None,
            asking: false,
            outdated: true,
            told: None,
        }
    }
}

impl Refunds {
    /// Takes the locks of the snapshot.
    fn take(&mut self, cx: &mut Cx<'_, Ask>) -> bool {
        let snapshot = &cx.shared.snapshot;
        let doing = |provider: Address| {
            snapshot.operations.iter().find_map(|operation| match operation.kind {
                _ if operation.provider != Some(provider) => None,
                OperationKind::ProcessRefund => Some(texts::refunds::BEING_TAKEN),
                OperationKind::CancelRefund => Some(texts::refunds::BEING_CANCELLED),
                OperationKind::RequestRefund => Some(texts::refunds::BEING_CHANGED),
                _ => None,
            })
        };
        let lock = |account: &crate::broker::user::AccountView| {
            let (provider, amount) = (account.provider, account.pending_refund);
            account.refund.map(|refund| Lock { provider, refund, amount, doing: doing(provider) })
        };
        let mut locks: Vec<Lock> = snapshot.accounts.iter().filter_map(lock).collect();
        locks.sort_by_key(|lock| (lock.refund.unlock_at, lock.provider));
        let changed = locks != self.locks;
        self.locks = locks;
        if changed {
            self.outdated = true;
            self.scroll();
        }
        changed
    }

    /// Says once of each lock that it is open.
    fn notice(&mut self, cx: &mut Cx<'_, Ask>) {
        let now = cx.shared.now();
        let open = |lock: &&Lock| lock.due(now);
        let keys = |lock: &Lock| (lock.provider, lock.refund.index);
        let Some(told) = &mut self.told else {
            // Those that were open before anybody looked are no news.
            if cx.shared.link == Link::Ready && cx.shared.snapshot.version > 0 {
                self.told = Some(self.locks.iter().filter(open).map(keys).collect());
            }
            return;
        };
        for lock in self.locks.iter().filter(open) {
            if !told.insert(keys(lock)) {
                continue;
            }
            let whom = cx.shared.provider(lock.provider);
            let amount = cx.shared.look.amount(lock.amount);
            let next = match self.by_itself {
                Some(true) => texts::refunds::TAKEN_BY_ITSELF,
                _ => texts::refunds::P_TAKES_IT,
            };
            let text = texts::refunds::unlocked(&amount, &whom, next);
            cx.orders.push(Order::Notify(Tone::Good, text));
        }
        // What is gone may come again under the same number only on another chain.
        told.retain(|told| self.locks.iter().any(|lock| keys(lock) == *told));
    }

    fn at(&self) -> usize {
        let chosen =
            self.chosen.and_then(|chosen| self.locks.iter().position(|lock| lock.provider == chosen));
        chosen.unwrap_or(0)
    }

    fn selected(&self) -> Option<&Lock> {
        self.locks.get(self.at())
    }

    fn select(&mut self, at: usize) {
        let at = at.min(self.locks.len().saturating_sub(1));
        self.chosen = self.locks.get(at).map(|lock| lock.provider);
        self.detail_top = 0;
        self.scroll();
    }

    fn scroll(&mut self) {
        let (at, height) = (self.at(), self.height.max(1));
        let most = self.locks.len().saturating_sub(height);
        self.top = self.top.min(at).max((at + 1).saturating_sub(height)).min(most);
    }

    fn move_by(&mut self, rows: isize) {
        if self.open {
            let rows = i16::try_from(rows).unwrap_or(if rows < 0 { i16::MIN } else { i16::MAX });
            self.detail_top = self.detail_top.saturating_add_signed(rows);
        } else if self.in_history() {
            self.history.step(rows);
        } else {
            self.select(self.at().saturating_add_signed(rows));
        }
    }

    fn in_history(&self) -> bool {
        self.focused || self.locks.is_empty()
    }

    fn refresh(&mut self, cx: &mut Cx<'_, Ask>) {
        if self.outdated && !self.asking && cx.shared.link == Link::Ready {
            (self.outdated, self.asking) = (false, true);
            cx.ask(Ask::History);
        }
    }

    fn wish(&self, kind: Kind, cx: &mut Cx<'_, Ask>) {
        match self.provider() {
            Some(provider) => cx.order(Order::Money(Wish { kind, provider, amount: None, then: None })),
            None => cx.toast(Tone::Plain, texts::refunds::NONE_TO_ASK_FOR),
        }
    }

    /// Whom the selected row is about.
    fn provider(&self) -> Option<Address> {
        if self.in_history() {
            self.history.selected().map(|refund| refund.provider)
        } else {
            self.selected().map(|lock| lock.provider)
        }
    }

    fn take_due(&self, cx: &mut Cx<'_, Ask>) {
        let now = cx.shared.now();
        let due: Vec<Address> =
            self.locks.iter().filter(|lock| lock.due(now)).map(|lock| lock.provider).collect();
        match (&due[..], self.locks.first()) {
            ([], None) => cx.toast(Tone::Plain, texts::refunds::NONE_UNDER_WAY),
            ([], Some(next)) => {
                let left = moment::until(now, next.refund.unlock_at);
                cx.toast(Tone::Plain, texts::refunds::nothing_due(&left));
            }
            _ => cx.order(Order::MoneyOfMany(Kind::TakeRefund, due)),
        }
    }

    /// All about the selected lock, or about what is over.
    fn facts(&self, shared: &Shared) -> Vec<Fact> {
        let look = &shared.look;
        if self.in_history() {
            let Some(refund) = self.history.selected() else { return Vec::new() };
            let (word, tone) = history::state(refund.state);
            return vec![
                is(texts::labels::PROVIDER, look.address(refund.provider)),
                is(texts::labels::NAME, shared.provider(refund.provider)),
                is(texts::labels::AMOUNT, look.in_full(refund.amount)),
                is(texts::refunds::ASKED_FOR, look.time_in_full(refund.created_at)),
                is(texts::labels::UNLOCKED, moment::in_full(refund.unlock_at)),
                Fact::Is(texts::labels::STATE, word.to_owned(), tone),
                is(texts::labels::NUMBER, refund.index.to_string()),
            ];
        }
        let Some(lock) = self.selected() else { return Vec::new() };
        let mut facts = vec![
            is(texts::labels::PROVIDER, look.address(lock.provider)),
            is(texts::labels::NAME, shared.provider(lock.provider)),
            is(texts::refunds::ASKED_FOR, look.in_full(lock.refund.amount)),
        ];
        if lock.amount != lock.refund.amount {
            let text = texts::refunds::settled_a_part(look.in_full(lock.amount));
            facts.push(Fact::Is(texts::refunds::LEFT_OF_IT, text, Tone::Warn));
        }
        facts.push(is(texts::labels::SINCE, look.time_in_full(lock.refund.created_at)));
        facts.push(is(texts::labels::UNLOCKED, moment::in_full(lock.refund.unlock_at)));
        facts.push(match lock.due(shared.now()) {
            true => Fact::Is(texts::labels::STATE, texts::refunds::DUE.to_owned(), Tone::Good),
            false => {
                let left = moment::until(shared.now(), lock.refund.unlock_at);
                Fact::Is(texts::labels::STATE, texts::refunds::locked(&left), Tone::Pending)
            }
        });
        if let Some(doing) = lock.doing {
            facts.push(Fact::Is(texts::shared::UNDER_WAY, doing.to_owned(), Tone::Pending));
        }
        facts.push(Fact::Gap);
        facts.push(Fact::Note(texts::refunds::WHY_THE_WAIT.to_owned(), Tone::Dim));
        facts
    }
}
