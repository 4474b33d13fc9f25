//! A row of the list: one account with what is at risk and when it was last used.

use std::cmp::Ordering;

use crate::broker::user::AccountView;
use crate::domain::{Address, Neuron, OperationKind, Timestamp};
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::kit::look::Look;
use crate::tui::kit::table::{Cell, Column, Row, beginning};
use crate::tui::texts;
use crate::tui::theme::Tone;

pub const PROVIDER: usize = 0;
pub const SPENDABLE: usize = 1;
const BALANCE: usize = 2;
const STATE: usize = 3;
const OWED: usize = 4;
const PROMISED: usize = 5;
const AT_RISK: usize = 6;
const REFUND: usize = 7;
const SETTLED: usize = 8;
const USED: usize = 9;

/// An account as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    pub account: AccountView,
    /// The user's own name for the provider.
    pub alias: Option<String>,
    /// The last day with a request, of those that were looked at.
    pub used: Option<u64>,
    /// What is on its way to the chain about it.
    pub doing: Option<OperationKind>,
}

impl AccountRow {
    /// What a dishonest provider could take beyond what is owed.
    pub fn at_risk(&self) -> Neuron {
        at_risk(&self.account)
    }

    pub fn due(&self, now: Timestamp) -> bool {
        self.account.refund.is_some_and(|refund| refund.unlock_at <= now)
    }
}

pub fn at_risk(account: &AccountView) -> Neuron {
    account.promised.above(account.owed.max(account.settled))
}

/// A day as people say it: `today`, `3 days ago`.
pub fn day(used: u64, now: Timestamp) -> String {
    match now.day().saturating_sub(used) {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => texts::accounts::days_ago(days),
    }
}

/// What somebody should know of it first, worst first.
pub fn state(row: &AccountRow, now: Timestamp) -> (u8, Tone, &'static str) {
    let account = &row.account;
    if let Some(kind) = row.doing {
        return (5, Tone::Pending, doing(kind));
    }
    if !account.can_sign {
        return (4, Tone::Bad, texts::accounts::NO_KEY_HERE);
    }
    match account.refund {
        Some(_) if row.due(now) => (3, Tone::Good, texts::accounts::REFUND_DUE),
        Some(_) => (2, Tone::Pending, "refund"),
        None if account.available.is_zero() => (1, Tone::Warn, "empty"),
        None => (0, Tone::Dim, "ok"),
    }
}

/// Something under way in a word or two.
pub const fn doing(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::CreateAccount => "… opening",
        OperationKind::Deposit => "… deposit",
        OperationKind::SetDelegate => texts::accounts::NEW_KEY,
        OperationKind::RequestRefund => texts::accounts::ASKING_BACK,
        OperationKind::CancelRefund => "… cancelling",
        OperationKind::ProcessRefund => texts::accounts::TAKING_BACK,
        _ => "… pending",
    }
}

const fn amount(title: &'static str, rank: u8) -> Column {
    Column { title, right: true, rank, largest_first: true }
}

impl Row for AccountRow {
    type Key = Address;
    const FIELDS: &'static [Field] = &[
        Field::text("provider"),
        Field::text("state"),
        Field::amount("spendable"),
        Field::amount("balance"),
        Field::amount("owed"),
        Field::amount("promised"),
        Field::amount("risk"),
        Field::amount("refund"),
        Field::amount("settled"),
    ];
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::PROVIDER, right: false, rank: 0, largest_first: false },
        amount(texts::labels::SPENDABLE, 1),
        amount(texts::labels::BALANCE, 3),
        Column { title: texts::labels::STATE, right: false, rank: 2, largest_first: true },
        amount(texts::labels::OWED, 4),
        amount(texts::labels::PROMISED, 8),
        amount(texts::accounts::AT_RISK, 5),
        amount(texts::labels::REFUND, 6),
        amount(texts::labels::SETTLED, 9),
        Column { title: texts::labels::USED, right: true, rank: 7, largest_first: true },
    ];

    fn key(&self) -> Address {
        self.account.provider
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        match column {
            PROVIDER => {
                let name = self.alias.as_ref().map(|alias| format!("@{alias}"));
                Cell::Text(name.unwrap_or_else(|| look.short(self.account.provider)), Tone::Plain)
            }
            STATE => {
                let (_, tone, word) = state(self, look.now);
                match self.account.refund.filter(|refund| word == "refund" && refund.unlock_at > look.now) {
                    Some(refund) => {
                        Cell::Text(texts::accounts::refund_until(look.until(refund.unlock_at)), tone)
                    }
                    None => Cell::Text(word.to_owned(), tone),
                }
            }
            USED => match self.used {
                Some(used) => Cell::Text(day(used, look.now), Tone::Plain),
                None => Cell::Text("-".to_owned(), Tone::Dim),
            },
            AT_RISK if !self.at_risk().is_zero() => Cell::Amount(self.amount(column), Tone::Warn),
            _ => Cell::Amount(self.amount(column), Tone::Plain),
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let zero = Timestamp::from_seconds(0);
        let by_name = || self.account.provider.cmp(&other.account.provider);
        match column {
            PROVIDER => match (&self.alias, &other.alias) {
                (Some(one), Some(two)) => one.cmp(two).then_with(by_name),
                // Those that have a name first.
                (one, two) => two.is_some().cmp(&one.is_some()).then_with(by_name),
            },
            // The clock is not at hand: a refund that is due sorts beside one that is not.
            STATE => state(self, zero).0.cmp(&state(other, zero).0).then_with(by_name),
            USED => self.used.cmp(&other.used).then_with(by_name),
            _ => self.amount(column).cmp(&other.amount(column)).then_with(|| by_name().reverse()),
        }
    }

    fn order(&self, column: usize) -> u128 {
        match column {
            PROVIDER if self.alias.is_some() => 0,
            PROVIDER => beginning(self.account.provider).max(1),
            STATE => state(self, Timestamp::from_seconds(0)).0.into(),
            USED => self.used.map_or(0, |used| u128::from(used) + 1),
            _ => self.amount(column).map_or(0, Neuron::get),
        }
    }

    fn words(&self) -> String {
        let alias = self.alias.as_deref().unwrap_or_default();
        let refund = if self.account.refund.is_some() { "refund" } else { "" };
        format!("{:#x} @{alias} {refund}", self.account.provider)
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        let account = &self.account;
        Some(match column {
            SPENDABLE => account.available,
            BALANCE => account.balance,
            OWED => account.owed,
            PROMISED => account.promised,
            AT_RISK => self.at_risk(),
            REFUND => account.pending_refund,
            SETTLED => account.settled,
            _ => return None,
        })
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        let column = match name {
            "provider" => return Some(FieldValue::Text(format!("{:#x}", self.account.provider).into())),
            "state" => return Some(FieldValue::Text(state(self, Timestamp::from_seconds(0)).2.into())),
            "spendable" => SPENDABLE,
            "balance" => BALANCE,
            "owed" => OWED,
            "promised" => PROMISED,
            "risk" => AT_RISK,
            "refund" => REFUND,
            "settled" => SETTLED,
            _ => return None,
        };
        self.amount(column).map(FieldValue::Amount)
    }
}
