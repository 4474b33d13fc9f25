//! What makes a debt urgent: the rules, one user at a time. Pure.
//!
//! A debt is in danger when something with a date can take the money away: a refund that leaves less in the account
//! than is owed, or a change of delegate that voids the voucher. Between such a thing being asked for and taking effect
//! lies the contract's lock time. The window is cut like this, so that it survives a node that cannot be reached for
//! up to half of it (I21), and a transaction that is slow to be mined:
//!
//! ```text
//! asked            begin                       by     last = unlock
//!   ├────────────────┼──────────────────────────┼────────┤
//!   │ may still grow │ settle; bids climb       │ margin │
//!   └─ lock/2 − m ───┴──── lock/2 ──────────────┴── m ───┘
//! ```

use serde::{Deserialize, Serialize};

use crate::chain::Hurry;
use crate::domain::{Address, Neuron, Timestamp};

use super::super::settings::SettlementSettings;
use super::super::vouchers::{Page, Threat};

/// A rule that asks for a settlement now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// A person asked for it.
    Asked,
    /// `user` can take a refund out at `at`.
    Refund { user: Address, at: Timestamp },
    /// The user's vouchers of this epoch stop counting at `at`.
    Rotation { user: Address, at: Timestamp },
    /// The user's unsettled debt is close to what is left in the account.
    Balance { user: Address },
    /// The user's unsettled debt is above the risk limit.
    Risk { user: Address },
    /// The transaction costs little of what it brings.
    Worth,
    /// The oldest debt is older than it should get.
    Age { since: Timestamp },
}

impl Reason {
    pub const fn code(&self) -> &'static str {
        match self {
            Reason::Asked => "asked",
            Reason::Refund { .. } => "refund_deadline",
            Reason::Rotation { .. } => "delegate_change",
            Reason::Balance { .. } => "balance_low",
            Reason::Risk { .. } => "risk_limit",
            Reason::Worth => "worth_its_gas",
            Reason::Age { .. } => "oldest_debt",
        }
    }

    /// Whether waiting any longer can lose the debt.
    pub const fn is_urgent(&self) -> bool {
        matches!(self, Reason::Refund { .. } | Reason::Rotation { .. })
    }

    /// The user in danger, for the rules that are about one.
    pub const fn user(&self) -> Option<Address> {
        match self {
            Reason::Refund { user, .. }
            | Reason::Rotation { user, .. }
            | Reason::Balance { user }
            | Reason::Risk { user } => Some(*user),
            Reason::Asked | Reason::Worth | Reason::Age { .. } => None,
        }
    }

    /// The moment that it is about.
    pub const fn at(&self) -> Option<Timestamp> {
        match self {
            Reason::Refund { at, .. } | Reason::Rotation { at, .. } => Some(*at),
            Reason::Age { since } => Some(*since),
            Reason::Asked | Reason::Balance { .. } | Reason::Risk { .. } | Reason::Worth => None,
        }
    }

    /// The same in a sentence, without the user.
    pub const fn text(&self) -> &'static str {
        match self {
            Reason::Asked => "somebody asked for it",
            Reason::Refund { .. } => "a refund would take the debt out",
            Reason::Rotation { .. } => "a new delegate would void the voucher",
            Reason::Balance { .. } => "the debt is close to what is left in the account",
            Reason::Risk { .. } => "one user owes more than the risk limit",
            Reason::Worth => "the gas is a small share of what it brings",
            Reason::Age { .. } => "the oldest debt is older than it should get",
        }
    }
}

impl Reason {
    /// What is waited for, after "waits until".
    pub const fn text_until(&self) -> &'static str {
        match self {
            Reason::Refund { .. } => "half the lock is left of a refund that would take a debt out",
            Reason::Rotation { .. } => {
                "half the lock is left of a change of delegate that would void a voucher"
            }
            Reason::Age { .. } => "the oldest debt is old and gas is cheap, or it is worth its gas",
            Reason::Asked | Reason::Balance { .. } | Reason::Risk { .. } | Reason::Worth => {
                "it is worth its gas"
            }
        }
    }
}

/// The worst that threatens one user's debt, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Risk {
    /// Nothing is owed, or all of it is promised and covered.
    #[default]
    None,
    /// A part is not promised by a voucher yet; at most the credit limit.
    Unpaid,
    /// The debt is close to what is left in the account.
    Balance,
    /// A refund or a change of delegate comes due.
    Deadline,
    /// The account does not hold what is owed, or the contract would not take the voucher.
    Lost,
}

impl Risk {
    pub const fn as_str(self) -> &'static str {
        match self {
            Risk::None => "none",
            Risk::Unpaid => "unpaid",
            Risk::Balance => "balance",
            Risk::Deadline => "refund",
            Risk::Lost => "lost",
        }
    }
}

/// Clock, lock time and settings that the rules are applied with.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The chain's present moment.
    pub now: Timestamp,
    /// The contract's lock time in seconds.
    pub lock_time: u64,
    /// Seconds within which nearly all transactions of late were mined.
    pub inclusion: u64,
    pub settings: &'a SettlementSettings,
}

/// Something with a date that endangers a debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Danger {
    pub reason: Reason,
    /// From here on it must be settled.
    pub begin: Timestamp,
    /// It should be in a block by then.
    pub by: Timestamp,
    /// The moment at which the money can be gone.
    pub last: Timestamp,
}

impl Danger {
    /// The deadline of a transaction that carries `stake` of it.
    pub fn hurry(&self, stake: Neuron) -> Hurry {
        Hurry { stake, begin: self.begin, by: self.by, last: self.last }
    }
}

impl Rules<'_> {
    /// Seconds that are kept free before a deadline: the operator's margin or five times what transactions take to be
    /// mined, but an eighth of the lock time at most.
    pub fn margin(&self) -> u64 {
        self.settings.refund_margin.max(self.inclusion.saturating_mul(5)).min(self.lock_time / 8)
    }

    /// What endangers a user's debt, whether or not its time has come.
    pub fn danger(&self, page: &Page) -> Option<Danger> {
        let (user, threat) = (page.account.id.user, page.threat(self.now)?);
        let (last, reason) = (
            threat.at(),
            match threat {
                Threat::Refund(at) => Reason::Refund { user, at },
                Threat::Rotation(at) => Reason::Rotation { user, at },
            },
        );
        let before = |seconds: u64| Timestamp::from_seconds(last.as_seconds().saturating_sub(seconds));
        let margin = self.margin();
        Some(Danger { reason, begin: before(self.lock_time / 2 + margin), by: before(margin), last })
    }

    /// Whether a user's debt is close to what is in the account. A pending refund still backs it: settlement goes first.
    pub fn balance_is_low(&self, page: &Page) -> bool {
        let balance = page.account.balance.get();
        let share = u128::from(self.settings.balance_share_percent);
        // Below a hundredth of the balance percentages are of no matter, so dividing first is exact enough.
        let line = (balance / 100).saturating_mul(share).saturating_add(balance % 100 * share / 100);
        !page.unsettled().is_zero() && page.unsettled().get() >= line
    }

    /// Whether one user owes more than the operator wants at risk.
    pub fn is_risky(&self, page: &Page) -> bool {
        let limit = self.settings.risk_limit;
        !limit.is_zero() && page.unsettled() > limit
    }

    /// The worst that threatens a user's debt.
    pub fn risk(&self, page: &Page) -> Risk {
        if page.unsettled().is_zero() {
            return Risk::None;
        }
        if page.is_lost(self.now) {
            Risk::Lost
        } else if self.danger(page).is_some() {
            Risk::Deadline
        } else if self.balance_is_low(page) {
            Risk::Balance
        } else if page.claim(self.now) < page.owed {
            Risk::Unpaid
        } else {
            Risk::None
        }
    }
}
