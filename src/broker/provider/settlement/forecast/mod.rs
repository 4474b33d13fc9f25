//! What a settlement would do at this moment, and whether it is time for one. Pure: books, clock and gas price go in, a
//! forecast comes out.
//!
//! Two things pull against each other: every transaction costs gas, and a debt that waits too long can be lost. So a row
//! has to earn its place, and the more so the less it is in danger:
//!
//! | the debt | goes along when its own gas is at most | and asks for a settlement |
//! |---|---|---|
//! | in danger, its time has come | what it brings | if the whole brings more than it costs |
//! | above the risk limit | what it brings | the same |
//! | close to the balance | `oldGasShareBasisPoints` of it | if that holds for the whole too |
//! | `maxAge` old or older | the same share, growing with its age | in a cheap hour, if it holds for the whole too |
//! | half as old | the same share, growing with its age | no |
//! | in danger later | a tenth of it | no |
//! | any other | `gasShareBasisPoints` of it | if that holds for the whole too |
//!
//! The shares are small because nothing is lost by waiting: the deposit backs a debt until a refund is asked for, and
//! then half a lock is enough. What gas costs is decided by how often each user has a row, and by the hour.
//!
//! No rule but a person's order ever spends more on gas than it brings. Whoever is left out is named with the reason.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::super::settings::SettlementSettings;
use super::super::vouchers::{ClaimRow, LeftOut, Page, claim};
use super::record::Verdict;
use super::rules::{Reason, Rules};
use crate::chain::{Bid, Hurry};
use crate::domain::{Address, Neuron, Timestamp};

/// All of it, in basis points.
const ALL: u32 = 10_000;
const WHOLE: u128 = 10_000;
/// What gas may be of a debt that is in danger later on, and of one that is very old, in basis points.
const TENTH: u32 = 1_000;
/// A person who orders a settlement has seen a price; it may be this many times as high when it is sent.
const ORDER_HEADROOM: u128 = 3;

/// What the decision is made from.
#[derive(Debug)]
pub struct Books<'a> {
    pub pages: &'a [Page],
    pub rules: Rules<'a>,
    /// Neuron for one unit of gas as it would be paid now.
    pub gas_price: u128,
    /// The price of a cheap hour of the last day; `None` while nobody can tell.
    pub cheap_gas: Option<u128>,
    /// Claims that were sent and not paid, and when.
    pub tried: &'a HashMap<Address, Tried>,
    /// Users with a settlement under way.
    pub under_way: &'a HashSet<Address>,
}

/// A claim that a settlement carried although the contract paid nothing for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Of the voucher that was sent.
    pub epoch: u32,
    pub cumulative: Neuron,
    pub claim: Neuron,
    pub balance: Neuron,
    pub at: Timestamp,
}

/// What a settlement would do at this moment, and whether it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    pub at: Timestamp,
    /// Those in danger first, then those that bring most, in transactions of at most [`claim::MOST_ROWS`].
    pub rows: Vec<ClaimRow>,
    pub left_out: Vec<Left>,
    /// What the rows bring, and what the transactions would cost, in neuron.
    pub brings: Neuron,
    pub costs: Neuron,
    /// Neuron for one unit of gas.
    pub gas_price: Neuron,
    /// Why now. Empty: not yet.
    pub reasons: Vec<Reason>,
    /// The nearest moment at which a rule will ask for it, as things stand, and which one.
    pub next: Option<(Timestamp, Reason)>,
    /// What it must bring to be worth its gas.
    pub worth_from: Neuron,
}

/// A user in debt who is not in the settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub user: Address,
    pub why: LeftOut,
    pub unsettled: Neuron,
}

impl Forecast {
    /// Users whose debt may be lost if it waits any longer.
    pub fn in_danger(&self) -> HashSet<Address> {
        self.reasons.iter().filter(|reason| reason.is_urgent()).filter_map(Reason::user).collect()
    }

    /// Whether the engine would begin what a forecast describes.
    pub fn verdict(&self) -> Verdict {
        let left = |why: LeftOut| self.left_out.iter().any(|left| left.why == why);
        if !self.reasons.is_empty() {
            Verdict::Settle(self.reasons.clone())
        } else if self.rows.is_empty() && left(LeftOut::UnderWay) {
            Verdict::Busy
        } else if !self.rows.is_empty() && self.brings > self.costs || left(LeftOut::NotYet) {
            Verdict::Wait { next: self.next }
        } else if !self.rows.is_empty() || left(LeftOut::NotWorthItsGas) {
            Verdict::CostsMoreThanItBrings
        } else {
            Verdict::NothingToClaim
        }
    }
}

/// A row of a forecast with what speaks for it.
struct Candidate {
    row: ClaimRow,
    /// The rule that this row alone invokes, and how much of what it brings the gas may be then, in basis points.
    asks: Option<(Reason, u32)>,
}

impl Candidate {
    fn is_urgent(&self) -> bool {
        self.asks.is_some_and(|(reason, _)| reason.is_urgent())
    }
}

/// Decides. `asked`: a person wants it now, so every row that pays anything is taken.
pub fn forecast(books: &Books<'_>, asked: bool) -> Forecast {
    let mut taken: Vec<Candidate> = Vec::new();
    let mut left_out = Vec::new();
    let mut next: Vec<(Timestamp, Reason)> = Vec::new();
    for page in books.pages {
        let Some(row) = claim::row(page, books.rules.now) else { continue };
        match row.and_then(|row| judge(books, page, row, asked, &mut next)) {
            Ok(candidate) => taken.push(candidate),
            Err(why) => {
                left_out.push(Left { user: page.account.id.user, why, unsettled: page.unsettled() });
            }
        }
    }
    // Should they not all fit: those in danger first, then what brings most.
    let order = |one: &Candidate| (!one.is_urgent(), std::cmp::Reverse(one.row.pays), one.row.user());
    taken.sort_by_cached_key(order);
    left_out.sort_by_key(|left| left.user);
    let brings = taken.iter().fold(Neuron::ZERO, |sum, one| sum.saturating_add(one.row.pays));
    let costs = claim::cost_of_all(taken.len(), books.gas_price);
    let settings = books.rules.settings;
    let worth_from = match u128::from(settings.gas_share_basis_points) {
        // A share of nothing: the rule is off.
        0 => Neuron::new(u128::MAX),
        share => Neuron::new(
            claim::cost_of_all(taken.len().max(1), books.gas_price).get().saturating_mul(WHOLE) / share,
        ),
    };
    let mut reasons = Vec::new();
    // The sender offers for a fifth more gas than the node estimates, and what cannot be offered is not sent.
    if asked {
        reasons.extend((!taken.is_empty()).then_some(Reason::Asked));
    } else if brings.get() > costs.get().saturating_add(costs.get() / 5) {
        let invoked = taken.iter().filter_map(|one| one.asks);
        reasons.extend(invoked.filter(|(_, share)| within(costs, brings, *share)).map(|(reason, _)| reason));
        // One sentence about age is enough, and the oldest says it.
        let oldest = reasons.iter().filter_map(|reason| match reason {
            Reason::Age { since } => Some(*since),
            _ => None,
        });
        let oldest = oldest.min();
        reasons.retain(|reason| !matches!(reason, Reason::Age { .. }));
        if within(costs, brings, settings.gas_share_basis_points) {
            reasons.push(Reason::Worth);
        }
        reasons.extend(oldest.map(|since| Reason::Age { since }));
    }
    let next = next.into_iter().filter(|(at, _)| *at > books.rules.now).min_by_key(|(at, _)| *at);
    let rows = taken.iter().map(|one| one.row).collect();
    let gas_price = Neuron::new(books.gas_price);
    Forecast { at: books.rules.now, rows, left_out, brings, costs, gas_price, reasons, next, worth_from }
}

/// Whether one user's row goes along, what it asks for, and when it will ask.
fn judge(
    books: &Books<'_>,
    page: &Page,
    row: ClaimRow,
    asked: bool,
    next: &mut Vec<(Timestamp, Reason)>,
) -> Result<Candidate, LeftOut> {
    let (rules, settings) = (&books.rules, books.rules.settings);
    let user = row.user();
    if books.under_way.contains(&user) {
        return Err(LeftOut::UnderWay);
    }
    let danger = rules.danger(page);
    let candidate = |asks| Ok(Candidate { row, asks });
    if asked {
        return candidate(None);
    }
    if just_tried(books, page, &row) {
        return Err(LeftOut::JustTried);
    }
    let gas = claim::row_cost(books.gas_price);
    if row.pays <= gas {
        return Err(LeftOut::NotWorthItsGas);
    }
    if let Some(danger) = danger {
        if rules.now >= danger.begin {
            return candidate(Some((danger.reason, ALL)));
        }
        next.push((danger.begin, danger.reason));
    }
    if rules.is_risky(page) {
        return candidate(Some((Reason::Risk { user }, ALL)));
    }
    let old_share = settings.old_gas_share_basis_points;
    if rules.balance_is_low(page) && within(gas, row.pays, old_share) {
        return candidate(Some((Reason::Balance { user }, old_share)));
    }
    if let Some(since) = page.debt_since {
        let age = rules.now.seconds_since(since);
        let share = share_at(age, settings);
        if within(gas, row.pays, share) {
            let (old, late) = (settings.max_age, settings.max_age.saturating_add(settings.max_age / 2));
            let cheap = books.cheap_gas.is_none_or(|cheap| books.gas_price <= cheap);
            if age >= late || (age >= old && cheap) {
                return candidate(Some((Reason::Age { since }, share)));
            }
            let due = if age >= old { late } else { old };
            next.push((since.plus_seconds(due), Reason::Age { since }));
            if age >= old / 2 {
                return candidate(None);
            }
        }
    }
    // What is in danger later will have to be settled anyhow, so it comes along where others pay for the transaction.
    let goes_along = (danger.is_some() && within(gas, row.pays, TENTH))
        || within(gas, row.pays, settings.gas_share_basis_points);
    if goes_along { candidate(None) } else { Err(LeftOut::NotYet) }
}

/// How much of a debt of this age its gas may be, in basis points.
fn share_at(age: u64, settings: &SettlementSettings) -> u32 {
    let old = u64::from(settings.old_gas_share_basis_points);
    // Before it is half as old as an old one, it is judged by what it will be allowed then.
    let grown = match settings.max_age {
        0 => old,
        max_age => old.saturating_mul(age.max(max_age / 2)) / max_age,
    };
    let most = settings.old_gas_share_basis_points.max(TENTH);
    u32::try_from(grown).unwrap_or(most).min(most)
}

/// Whether `gas` is at most `share` basis points of `pays`.
fn within(gas: Neuron, pays: Neuron, share: u32) -> bool {
    share != 0 && gas.get().saturating_mul(WHOLE) <= pays.get().saturating_mul(share.into())
}

/// The same row went out a short while ago and was not paid; sending it again would burn gas.
fn just_tried(books: &Books<'_>, page: &Page, row: &ClaimRow) -> bool {
    books.tried.get(&row.user()).is_some_and(|tried| {
        let voucher = row.voucher.voucher;
        (tried.epoch, tried.cumulative, tried.claim) == (voucher.epoch, voucher.cumulative, row.claim)
            && tried.balance == page.account.balance
            && books.rules.now.seconds_since(tried.at) < books.rules.settings.retry_after
    })
}

/// What one transaction with these rows may cost, and by when it should be mined.
///
/// In calm it may cost twice what it would now, or the share that old debts may; never more than it brings, unless a
/// person has seen the price and ordered it. What is in danger may be spent to save it, more of it as its time runs out.
///
/// Of several deadlines each has its own time: what is in danger tomorrow is not spent because something small is today.
/// The bid is the one of those that allows most now; it is put together anew at every look. What a row does not bring
/// any more, as when somebody else settled it or a refund took the balance, is not at stake either.
pub fn bid(books: &Books<'_>, rows: &[(Address, Neuron)], asked: bool) -> Bid {
    let pages: HashMap<Address, &Page> =
        books.pages.iter().map(|page| (page.account.id.user, page)).collect();
    let mut brings = Neuron::ZERO;
    let mut endangered: Vec<Hurry> = Vec::new();
    for (user, pays) in rows {
        let page = pages.get(user);
        let pays = page.map_or(*pays, |page| match claim::row(page, books.rules.now) {
            Some(Ok(row)) => row.pays.min(*pays),
            _ => Neuron::ZERO,
        });
        brings = brings.saturating_add(pays);
        endangered.extend(page.and_then(|page| books.rules.danger(page)).map(|danger| danger.hurry(pays)));
    }
    let cost = claim::cost(rows.len(), books.gas_price).get();
    let share = u128::from(books.rules.settings.old_gas_share_basis_points);
    let share = brings.get().saturating_mul(share) / WHOLE;
    let calm = Neuron::new(match asked {
        true => cost.saturating_mul(ORDER_HEADROOM).max(share),
        false => cost.saturating_mul(2).max(share).min(brings.get()),
    });
    endangered.sort_by_key(|hurry| hurry.last);
    let mut best = Bid { calm, hurry: None };
    let mut stake = Neuron::ZERO;
    for hurry in endangered {
        // All that is at least as urgent, with the time of the least urgent of it.
        stake = stake.saturating_add(hurry.stake);
        let bid = Bid { calm, hurry: Some(Hurry { stake, ..hurry }) };
        if best.hurry.is_none() || bid.most(books.rules.now) > best.most(books.rules.now) {
            best = bid;
        }
    }
    best
}

#[cfg(test)]
mod tests;
