//! Which users a settlement takes and how much it claims from each. Pure.
//!
//! The claim is `min(owed, best voucher)` and never more (I12); what it brings is that less what is settled
//! already, held to the balance. A pending refund does not shield the balance: settlement goes first.

use serde::{Deserialize, Serialize};

use super::book::Page;
use crate::domain::{Address, Neuron, SignedVoucher, Timestamp};

/// The most rows of one transaction: about 3 million gas.
pub const MOST_ROWS: usize = 200;

/// Gas of a settlement transaction with one row, and of each further row, with a delegate's signature.
const FIRST_ROW_GAS: u64 = 45_000;
const ROW_GAS: u64 = 15_500;

/// One row to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimRow {
    pub voucher: SignedVoucher,
    /// All-time sum that is claimed; at most the voucher's.
    pub claim: Neuron,
    /// Paid before.
    pub settled: Neuron,
    /// What the row brings if nothing changes until it is mined.
    pub pays: Neuron,
}

impl ClaimRow {
    pub fn user(&self) -> Address {
        self.voucher.voucher.account.user
    }
}

/// Why a user in debt is not in a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LeftOut {
    /// The user has signed nothing yet.
    NoVoucher,
    /// The best voucher is of an epoch that is over; the contract would not take it.
    OldEpoch,
    /// All that was promised is paid; the rest of the debt awaits a voucher.
    NothingPromised,
    /// There is nothing left in the account.
    Empty,
    /// Its row would cost more gas than it brings.
    NotWorthItsGas,
    /// Its row's gas would be too large a share of what it brings; it waits until more is owed.
    NotYet,
    /// A settlement with this user is under way.
    UnderWay,
    /// The contract did not pay the same row a short while ago.
    JustTried,
    /// More transactions are needed than may be under way at once; settling again takes it.
    NextRound,
}

impl LeftOut {
    pub const fn as_str(self) -> &'static str {
        match self {
            LeftOut::NoVoucher => "no_voucher",
            LeftOut::OldEpoch => "old_epoch",
            LeftOut::NothingPromised => "nothing_promised",
            LeftOut::Empty => "empty",
            LeftOut::NotWorthItsGas => "not_worth_its_gas",
            LeftOut::NotYet => "not_yet",
            LeftOut::UnderWay => "under_way",
            LeftOut::JustTried => "just_tried",
            LeftOut::NextRound => "next_round",
        }
    }

    /// The same in a sentence, after the user whom it is about.
    pub const fn text(self) -> &'static str {
        match self {
            LeftOut::NoVoucher => "has signed no voucher yet; the next request brings one",
            LeftOut::OldEpoch => {
                "has a new delegate, so the contract takes the last voucher no more; the next request brings one"
            }
            LeftOut::NothingPromised => "all that was promised is paid; the rest waits for the next voucher",
            LeftOut::Empty => "there is nothing left in the account",
            LeftOut::NotWorthItsGas => "this row would cost more gas than it brings",
            LeftOut::NotYet => {
                "gas would take too large a share of it; it waits until more is owed or it is old"
            }
            LeftOut::UnderWay => "is in a settlement that is under way",
            LeftOut::JustTried => {
                "the contract did not pay the same a short while ago; it is tried again later"
            }
            LeftOut::NextRound => {
                "more transactions are needed than may be under way; settle again to take it"
            }
        }
    }
}

/// The row for one user, why there is none although something is unsettled, or `None` when nothing is.
pub fn row(page: &Page, now: Timestamp) -> Option<Result<ClaimRow, LeftOut>> {
    if page.unsettled().is_zero() {
        return None;
    }
    let Some(best) = page.best else { return Some(Err(LeftOut::NoVoucher)) };
    let Some(voucher) = page.voucher(now) else { return Some(Err(LeftOut::OldEpoch)) };
    debug_assert_eq!(best, voucher);
    let settled = page.account.settled;
    let claim = page.claim(now);
    if claim <= settled {
        return Some(Err(LeftOut::NothingPromised));
    }
    let pays = claim.above(settled).min(page.account.balance);
    if pays.is_zero() {
        return Some(Err(LeftOut::Empty));
    }
    Some(Ok(ClaimRow { voucher, claim, settled, pays }))
}

/// Gas of a transaction with so many rows, rounded up.
pub fn gas(rows: usize) -> u64 {
    let further = u64::try_from(rows.saturating_sub(1)).unwrap_or(u64::MAX);
    FIRST_ROW_GAS.saturating_add(ROW_GAS.saturating_mul(further))
}

/// What one more row costs at this price of gas, in neuron.
pub fn row_cost(gas_price: u128) -> Neuron {
    Neuron::new(gas_price.saturating_mul(ROW_GAS.into()))
}

/// What a transaction with so many rows costs at this price of gas, in neuron.
pub fn cost(rows: usize, gas_price: u128) -> Neuron {
    Neuron::new(gas_price.saturating_mul(gas(rows).into()))
}

/// What settling so many rows costs in all, in transactions of at most [`MOST_ROWS`], in neuron.
pub fn cost_of_all(rows: usize, gas_price: u128) -> Neuron {
    let whole = u128::try_from(rows / MOST_ROWS).unwrap_or(u128::MAX);
    let full = cost(MOST_ROWS, gas_price).get().saturating_mul(whole);
    let rest = match rows % MOST_ROWS {
        0 => Neuron::ZERO,
        rest => cost(rest, gas_price),
    };
    Neuron::new(full).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::super::super::test_values::{page, voucher};
    use super::*;
    use crate::domain::Rotation;
    use proptest::prelude::*;

    const NOW: fn() -> Timestamp = || Timestamp::from_seconds(1_000);

    #[test]
    fn each_way_of_having_nothing_to_claim_has_its_name() {
        let n = Neuron::new;
        let base = page(1, 100, 0); // balance 100, nothing settled
        assert_eq!(row(&base, NOW()), None);
        let debt = Page { owed: n(60), ..base };
        assert_eq!(row(&debt, NOW()), Some(Err(LeftOut::NoVoucher)));
        let old = Page {
            best: Some(voucher(1, 0, 60)),
            account: crate::domain::ChainAccount { epoch: 1, ..debt.account },
            ..debt
        };
        assert_eq!(row(&old, NOW()), Some(Err(LeftOut::OldEpoch)));
        let promised = Page { best: Some(voucher(1, 0, 40)), ..debt };
        let found = row(&promised, NOW()).unwrap().unwrap();
        assert_eq!((found.claim, found.pays), (n(40), n(40)));
        let mut paid = promised;
        paid.account.settled = n(40);
        assert_eq!(row(&paid, NOW()), Some(Err(LeftOut::NothingPromised)));
        let mut empty = promised;
        empty.account.balance = n(0);
        assert_eq!(row(&empty, NOW()), Some(Err(LeftOut::Empty)));
        let mut short = promised;
        short.account.balance = n(15);
        assert_eq!(row(&short, NOW()).unwrap().unwrap().pays, n(15));
    }

    #[test]
    fn a_rotation_that_came_due_ends_the_epoch() {
        let mut debt = page(1, 100, 0);
        debt.owed = Neuron::new(60);
        debt.best = Some(voucher(1, 0, 60));
        debt.account.rotation = Some(Rotation { delegate: None, active_at: Timestamp::from_seconds(1_001) });
        assert!(row(&debt, NOW()).unwrap().is_ok());
        assert_eq!(row(&debt, Timestamp::from_seconds(1_001)), Some(Err(LeftOut::OldEpoch)));
    }

    proptest! {
        #[test]
        fn a_claim_is_never_above_what_is_owed_nor_promised(
            owed in 0u128..1 << 100, promised in 0u128..1 << 100, settled in 0u128..1 << 100, balance in 0u128..1 << 100,
        ) {
            let mut debt = page(1, balance, settled);
            debt.owed = Neuron::new(owed.max(settled));
            debt.best = Some(voucher(1, 0, promised));
            if let Some(Ok(row)) = row(&debt, NOW()) {
                prop_assert!(row.claim <= debt.owed && row.claim.get() <= promised);
                prop_assert!(row.claim.get() > settled && row.pays.get() > 0);
                prop_assert!(row.pays.get() <= balance && row.pays.get() <= row.claim.get() - settled);
            }
        }
    }
}
