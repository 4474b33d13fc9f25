//! Users: who owes what, what it is covered by, and what threatens it.

use std::cmp::Ordering;

use super::detail::{Fact, is};
use crate::domain::{Address, Neuron, Timestamp};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::kit::look::Look;
use crate::tui::kit::table::{Cell, Column, Row, beginning};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::wire::admin::UserItem;

const USER: usize = 0;
pub const UNSETTLED: usize = 1;
const CLAIMABLE: usize = 2;
const VOUCHER: usize = 3;
const BALANCE: usize = 4;
const REFUND: usize = 5;
const LIVE: usize = 6;
const RISK: usize = 7;

const fn amount(title: &'static str, rank: u8) -> Column {
    Column { title, right: true, rank, largest_first: true }
}

impl Row for UserItem {
    type Key = Address;
    const FIELDS: &'static [Field] = &[
        Field::text("user"),
        Field::text("risk"),
        Field::amount("unsettled"),
        Field::amount("claimable"),
        Field::amount("voucher"),
        Field::amount("balance"),
        Field::amount("refund"),
        Field::number("live"),
    ];
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::USER, right: false, rank: 0, largest_first: false },
        amount(texts::labels::UNSETTLED, 1),
        amount(texts::labels::CLAIMABLE, 4),
        amount(texts::labels::VOUCHER, 5),
        amount(texts::labels::BALANCE, 3),
        amount(texts::labels::REFUND, 6),
        amount(texts::labels::LIVE, 7),
        Column { title: texts::labels::RISK, right: false, rank: 2, largest_first: true },
    ];

    fn key(&self) -> Address {
        self.user
    }

    fn order(&self, column: usize) -> u128 {
        match column {
            USER => beginning(self.user),
            LIVE => self.in_flight.try_into().unwrap_or(u128::MAX),
            RISK => weight(self).into(),
            _ => self.amount(column).map_or(0, Neuron::get),
        }
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        Some(match name {
            "user" => FieldValue::Text(format!("{:#x}", self.user).into()),
            "risk" => FieldValue::Text(self.risk.as_str().into()),
            "live" => FieldValue::Number(self.in_flight.try_into().unwrap_or(u128::MAX)),
            "unsettled" => FieldValue::Amount(self.unsettled),
            "claimable" => FieldValue::Amount(self.claimable),
            "voucher" => FieldValue::Amount(self.voucher),
            "balance" => FieldValue::Amount(self.balance),
            "refund" => FieldValue::Amount(self.pending_refund),
            _ => return None,
        })
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        match column {
            USER => Cell::Text(look.short(self.user), if leaving(self) { Tone::Bad } else { Tone::Plain }),
            LIVE if self.in_flight == 0 => Cell::Text("0".to_owned(), Tone::Dim),
            LIVE => Cell::Text(self.in_flight.to_string(), Tone::Pending),
            RISK => {
                let (tone, text) = risk(self, look.now);
                Cell::Text(text, tone)
            }
            _ => Cell::Amount(self.amount(column), Tone::Plain),
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            USER => self.user.cmp(&other.user),
            LIVE => self.in_flight.cmp(&other.in_flight),
            RISK => weight(self).cmp(&weight(other)).then(self.unsettled.cmp(&other.unsettled)),
            _ => self.amount(column).cmp(&other.amount(column)).then_with(|| other.user.cmp(&self.user)),
        }
    }

    fn words(&self) -> String {
        let refund = if leaving(self) { "refund" } else { "" };
        // Without the capitals of its checksum, which cost a hash.
        format!("{:#x} {} {refund}", self.user, self.risk)
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        Some(match column {
            UNSETTLED => self.unsettled,
            CLAIMABLE => self.claimable,
            VOUCHER => self.voucher,
            BALANCE => self.balance,
            REFUND => self.pending_refund,
            _ => return None,
        })
    }
}

/// Whether a refund is pending.
pub fn leaving(user: &UserItem) -> bool {
    !user.pending_refund.is_zero()
}

/// Whether a wait of this user is counted on the screen.
pub fn counts(user: &UserItem, now: Timestamp) -> bool {
    leaving(user) && user.refund_unlock_at.is_some_and(|at| at.plus_seconds(1) > now)
}

/// Whether somebody should look at this user now: a refund of one who owes nothing takes nothing away.
pub fn is_bad(user: &UserItem) -> bool {
    (leaving(user) && !user.unsettled.is_zero()) || user.risk == "lost"
}

/// Whether nothing that is owed is in danger.
pub fn is_well(user: &UserItem) -> bool {
    weight(user) == 0 || (user.unsettled.is_zero() && user.reserved.is_zero() && user.risk != "lost")
}

/// What threatens the debt, worst first.
fn weight(user: &UserItem) -> u8 {
    let refund = u8::from(leaving(user));
    match user.risk.as_str() {
        "lost" => 8,
        "refund" => 6 + refund,
        "balance" => 4 + refund,
        "unpaid" => 2 + refund,
        _ => refund,
    }
}

/// Sign and word of it, so that it does not hang on colour.
pub fn risk(user: &UserItem, now: Timestamp) -> (Tone, String) {
    if user.risk == "lost" {
        return (Tone::Bad, "✗ lost".to_owned());
    }
    if leaving(user) {
        let wait = user.refund_unlock_at.map(|at| crate::tui::kit::moment::until(now, at));
        let wait = wait.map(|wait| if wait == "due" { "unlocked".to_owned() } else { wait });
        return (
            Tone::Bad,
            texts::console_money::refund_until(wait.unwrap_or_default()).trim_end().to_owned(),
        );
    }
    if user.settling {
        return (Tone::Pending, "… settling".to_owned());
    }
    match user.risk.as_str() {
        "none" | "" => (Tone::Dim, "none".to_owned()),
        "unpaid" => (Tone::Warn, texts::console_money::NO_VOUCHER.to_owned()),
        "balance" => (Tone::Warn, texts::console_money::BALANCE_LOW.to_owned()),
        other => (Tone::Warn, format!("! {other}")),
    }
}

/// The same in a sentence.
fn risk_sentence(user: &UserItem) -> &'static str {
    match user.risk.as_str() {
        "none" => texts::console_money::RISK_NONE,
        "unpaid" => texts::console_money::RISK_NOT_COVERED,
        "balance" => texts::console_money::RISK_BALANCE_LOW,
        "refund" => texts::console_money::RISK_REFUND,
        "lost" => texts::console_money::RISK_TOO_LITTLE,
        _ => "",
    }
}

pub fn facts(user: &UserItem, look: &Look) -> Vec<Fact> {
    let (tone, word) = risk(user, look.now);
    let mut facts = vec![
        Fact::Head(texts::labels::USER.to_owned()),
        is(texts::labels::ADDRESS, look.address(user.user)),
        Fact::Is(texts::labels::RISK, word, tone),
    ];
    if !risk_sentence(user).is_empty() {
        facts.push(is("", risk_sentence(user)));
    }
    facts.extend([
        Fact::Gap,
        Fact::Head(texts::labels::DEBT.to_owned()),
        is(texts::labels::OWED, look.in_full(user.owed)),
        is(texts::labels::SETTLED, look.in_full(user.settled)),
        is(texts::labels::UNSETTLED, look.in_full(user.unsettled)),
        is(texts::labels::CLAIMABLE, look.in_full(user.claimable)),
        is(texts::console_money::BEST_VOUCHER, look.in_full(user.voucher)),
        is(
            texts::labels::RESERVED,
            texts::console_money::reserved_for(look.in_full(user.reserved), user.in_flight),
        ),
        is(
            texts::console_money::IN_DEBT_SINCE,
            user.debt_since.map_or("-".to_owned(), |at| look.time_in_full(at)),
        ),
        Fact::Gap,
        Fact::Head(texts::console_money::account_at_block(grouped(user.block.into()))),
        is(texts::labels::BALANCE, look.in_full(user.balance)),
    ]);
    if leaving(user) {
        facts.push(Fact::Is(
            texts::console_money::PENDING_REFUND,
            look.in_full(user.pending_refund),
            Tone::Bad,
        ));
        if let Some(at) = user.refund_unlock_at {
            facts.push(Fact::Is(texts::labels::UNLOCKS, wait(at, look), Tone::Bad));
        }
        if let Some(at) = user.settle_by {
            facts.push(is(texts::console_money::SETTLES_BY, wait(at, look)));
        }
    } else {
        facts.push(is(texts::console_money::PENDING_REFUND, "none"));
    }
    facts.push(is(
        texts::labels::DELEGATE,
        user.delegate.map_or("none".to_owned(), |address| look.address(address)),
    ));
    facts
}

/// A moment with the wait for it, or with its age once it has come.
fn wait(at: Timestamp, look: &Look) -> String {
    let moment = crate::tui::kit::moment::in_full(at);
    if at > look.now {
        texts::console_money::moment_and_wait(&moment, look.until(at))
    } else {
        look.time_in_full(at)
    }
}
