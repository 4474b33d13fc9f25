//! Whether it is time to settle, and why. Pure: books, clock and gas price go in, a decision comes out.
//!
//! Two things pull against each other: every transaction costs gas, and a debt that waits too long can be lost.
//! So a settlement happens now when a debt is in danger (a refund or a change of delegate comes due, a balance is
//! nearly used up, one user owes too much), when what it brings is worth its gas many times over, or when the oldest
//! debt is old. No rule but a person's order ever spends more on gas than it brings.

use std::collections::HashMap;

use super::settings::SettlementSettings;
use super::vouchers::Page;
use super::vouchers::claim;
use super::vouchers::{ClaimRow, LeftOut};
use crate::domain::{Address, Neuron, Timestamp};

/// A rule that asks for a settlement now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// What the decision is made from.
#[derive(Debug)]
pub struct Books<'a> {
    pub pages: &'a [Page],
    /// The chain's present moment.
    pub now: Timestamp,
    /// Neuron for one unit of gas as it would be paid now.
    pub gas_price: u128,
    /// The contract's lock time in seconds.
    pub lock_time: u64,
    pub settings: &'a SettlementSettings,
    /// Claims that were sent and not paid, and when.
    pub tried: &'a HashMap<Address, Tried>,
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
    /// Best rows first, in transactions of at most [`claim::MOST_ROWS`].
    pub rows: Vec<ClaimRow>,
    pub left_out: Vec<(Address, LeftOut)>,
    /// What the rows bring, and what the transactions would cost, in neuron.
    pub brings: Neuron,
    pub costs: Neuron,
    /// Why now. Empty: not yet.
    pub reasons: Vec<Reason>,
    /// The nearest moment at which a rule will ask for it, as things stand.
    pub next_deadline: Option<Timestamp>,
    /// What it must bring to be worth its gas.
    pub worth_from: Neuron,
}

/// Decides. `asked`: a person wants it now, so every row that pays anything is taken.
pub fn forecast(books: &Books<'_>, asked: bool) -> Forecast {
    let row_cost = claim::row_cost(books.gas_price);
    let mut rows: Vec<ClaimRow> = Vec::new();
    let mut left_out = Vec::new();
    for page in books.pages {
        match claim::row(page, books.now) {
            None => {}
            Some(Err(why)) => left_out.push((page.account.id.user, why)),
            Some(Ok(row)) if !asked && just_tried(books, page, &row) => {
                left_out.push((row.user(), LeftOut::JustTried));
            }
            Some(Ok(row)) if !asked && row.pays <= row_cost => {
                left_out.push((row.user(), LeftOut::NotWorthItsGas));
            }
            Some(Ok(row)) => rows.push(row),
        }
    }
    rows.sort_by(|a, b| b.pays.cmp(&a.pays).then_with(|| a.user().cmp(&b.user())));
    left_out.sort_by_key(|(user, _)| *user);
    let brings = rows.iter().fold(Neuron::ZERO, |sum, row| sum.saturating_add(row.pays));
    let costs = rows
        .chunks(claim::MOST_ROWS)
        .fold(Neuron::ZERO, |sum, chunk| sum.saturating_add(claim::cost(chunk.len(), books.gas_price)));
    let worth_from = match u128::from(books.settings.gas_share_percent) {
        // A share of nothing: the rule is off.
        0 => Neuron::new(u128::MAX),
        share => Neuron::new(costs.get().saturating_mul(100) / share),
    };
    let mut forecast = Forecast {
        at: books.now,
        rows,
        left_out,
        brings,
        costs,
        reasons: Vec::new(),
        next_deadline: None,
        worth_from,
    };
    forecast.reasons = reasons(books, &forecast, asked);
    forecast.next_deadline = next_deadline(books, &forecast);
    forecast
}

/// The same row went out a short while ago and was not paid; sending it again would burn gas.
fn just_tried(books: &Books<'_>, page: &Page, row: &ClaimRow) -> bool {
    books.tried.get(&row.user()).is_some_and(|tried| {
        let voucher = row.voucher.voucher;
        (tried.epoch, tried.cumulative, tried.claim) == (voucher.epoch, voucher.cumulative, row.claim)
            && tried.balance == page.account.balance
            && books.now.seconds_since(tried.at) < books.settings.retry_after
    })
}

fn reasons(books: &Books<'_>, forecast: &Forecast, asked: bool) -> Vec<Reason> {
    if forecast.rows.is_empty() {
        return Vec::new();
    }
    if asked {
        return vec![Reason::Asked];
    }
    // Nothing below may spend more than it brings.
    if forecast.brings <= forecast.costs {
        return Vec::new();
    }
    let mut reasons: Vec<Reason> =
        forecast.rows.iter().filter_map(|row| danger(books, page_of(books, row)?)).collect();
    if forecast.brings >= forecast.worth_from {
        reasons.push(Reason::Worth);
    }
    if let Some(since) = oldest(books, forecast)
        && books.now.seconds_since(since) >= books.settings.max_age
    {
        reasons.push(Reason::Age { since });
    }
    reasons
}

/// Why one user's debt cannot wait.
fn danger(books: &Books<'_>, page: &Page) -> Option<Reason> {
    let user = page.account.id.user;
    let margin = margin(books);
    if let Some(refund) = page.account.refund
        && books.now.plus_seconds(margin) >= refund.unlock_at
        // What stays in the account after the refund may be enough for the debt.
        && page.unsettled() > page.account.balance.above(page.account.pending_refund())
    {
        return Some(Reason::Refund { user, at: refund.unlock_at });
    }
    if let Some(rotation) = page.account.rotation
        && rotation.active_at > books.now
        && books.now.plus_seconds(margin) >= rotation.active_at
    {
        return Some(Reason::Rotation { user, at: rotation.active_at });
    }
    let limit = books.settings.risk_limit;
    if !limit.is_zero() && page.unsettled() > limit {
        return Some(Reason::Risk { user });
    }
    // Below a hundredth of the balance percentages are of no matter, so dividing first is exact enough.
    let free = page.account.balance.above(page.account.pending_refund());
    let share = u128::from(books.settings.balance_share_percent);
    let line = (free.get() / 100).saturating_mul(share).saturating_add(free.get() % 100 * share / 100);
    (page.unsettled().get() >= line).then_some(Reason::Balance { user })
}

/// Seconds before a deadline at which it counts as near.
fn margin(books: &Books<'_>) -> u64 {
    books.settings.refund_margin.min(books.lock_time / 2)
}

fn page_of<'a>(books: &Books<'a>, row: &ClaimRow) -> Option<&'a Page> {
    books.pages.iter().find(|page| page.account.id.user == row.user())
}

fn oldest(books: &Books<'_>, forecast: &Forecast) -> Option<Timestamp> {
    forecast.rows.iter().filter_map(|row| page_of(books, row)?.debt_since).min()
}

fn next_deadline(books: &Books<'_>, forecast: &Forecast) -> Option<Timestamp> {
    let margin = margin(books);
    let before = |moment: Timestamp| Timestamp::from_seconds(moment.as_seconds().saturating_sub(margin));
    let per_user = forecast.rows.iter().filter_map(|row| {
        let account = page_of(books, row)?.account;
        let refund = account.refund.map(|refund| before(refund.unlock_at));
        let rotation = account.rotation.map(|rotation| before(rotation.active_at));
        refund.into_iter().chain(rotation).min()
    });
    let age = oldest(books, forecast).map(|since| since.plus_seconds(books.settings.max_age));
    per_user.chain(age).filter(|moment| *moment > books.now).min()
}

#[cfg(test)]
mod tests {
    use super::super::test_values::{page, voucher};
    use super::*;
    use crate::domain::{PendingRefund, Rotation};

    const GAS: u128 = 1_000;

    fn debt(user: u8, balance: u128, owed: u128) -> Page {
        let mut page = page(user, balance, 0);
        page.owed = Neuron::new(owed);
        page.best = Some(voucher(user, 0, owed));
        page.debt_since = Some(Timestamp::from_seconds(100_000));
        page
    }

    fn decide(pages: &[Page], now: u64, tried: &HashMap<Address, Tried>) -> Forecast {
        let settings =
            SettlementSettings { risk_limit: Neuron::new(1 << 60), ..SettlementSettings::default() };
        let books = Books {
            pages,
            now: Timestamp::from_seconds(now),
            gas_price: GAS,
            lock_time: 86_400,
            settings: &settings,
            tried,
        };
        forecast(&books, false)
    }

    fn reasons(pages: &[Page], now: u64) -> Vec<&'static str> {
        decide(pages, now, &HashMap::new()).reasons.iter().map(Reason::code).collect()
    }

    /// One row costs 45 million neuron at this price.
    const ROW: u128 = 45_000 * GAS;

    #[test]
    fn it_waits_until_the_gas_is_a_small_share() {
        let rich = 1 << 70;
        assert!(reasons(&[debt(1, rich, 2 * ROW)], 100_000).is_empty());
        assert!(reasons(&[debt(1, rich, 100 * ROW - 1)], 100_000).is_empty());
        assert_eq!(reasons(&[debt(1, rich, 100 * ROW)], 100_000), ["worth_its_gas"]);
    }

    #[test]
    fn an_old_debt_is_settled_unless_gas_would_eat_it() {
        let rich = 1 << 70;
        assert!(reasons(&[debt(1, rich, 2 * ROW)], 186_399).is_empty());
        assert_eq!(reasons(&[debt(1, rich, 2 * ROW)], 186_400), ["oldest_debt"]);
        assert!(reasons(&[debt(1, rich, ROW)], 186_400).is_empty());
        let waiting = decide(&[debt(1, rich, 2 * ROW)], 100_000, &HashMap::new());
        assert_eq!(waiting.next_deadline, Some(Timestamp::from_seconds(186_400)));
    }

    #[test]
    fn a_refund_near_its_end_forces_it() {
        let mut page = debt(1, 10 * ROW, 2 * ROW);
        let refund = |amount| PendingRefund {
            index: 1,
            amount: Neuron::new(amount),
            created_at: Timestamp::from_seconds(100_000),
            unlock_at: Timestamp::from_seconds(150_000),
        };
        page.account.refund = Some(refund(9 * ROW));
        // The debt is more than what stays, so it is also close to the balance that counts.
        assert_eq!(reasons(&[page], 149_399), ["balance_low"]);
        assert_eq!(reasons(&[page], 149_400), ["refund_deadline"]);
        page.account.refund = Some(refund(ROW));
        assert!(reasons(&[page], 149_400).is_empty(), "what stays is enough");
    }

    #[test]
    fn a_change_of_delegate_near_its_end_forces_it() {
        let mut page = debt(1, 1 << 70, 2 * ROW);
        page.account.rotation =
            Some(Rotation { delegate: None, active_at: Timestamp::from_seconds(150_000) });
        assert!(reasons(&[page], 149_399).is_empty());
        assert_eq!(reasons(&[page], 149_400), ["delegate_change"]);
        assert!(reasons(&[page], 150_000).is_empty(), "too late: the voucher is void");
    }

    #[test]
    fn a_user_who_could_run_out_is_charged_before() {
        assert!(reasons(&[debt(1, 10 * ROW, 7 * ROW)], 100_000).is_empty());
        assert_eq!(reasons(&[debt(1, 10 * ROW, 8 * ROW)], 100_000), ["balance_low"]);
        assert_eq!(reasons(&[debt(1, 1 << 70, (1 << 60) + 1)], 100_000), ["risk_limit", "worth_its_gas"]);
    }

    #[test]
    fn small_rows_are_left_out_and_an_order_takes_them_all() {
        let pages = [debt(1, 1_000, 10), debt(2, 1 << 70, 100 * ROW)];
        let found = decide(&pages, 100_000, &HashMap::new());
        assert_eq!(found.left_out, [(Address::repeat_byte(1), LeftOut::NotWorthItsGas)]);
        assert_eq!(found.rows.len(), 1);
        let settings = SettlementSettings::default();
        let tried = HashMap::new();
        let books = Books {
            pages: &pages,
            now: Timestamp::from_seconds(1),
            gas_price: GAS,
            lock_time: 0,
            settings: &settings,
            tried: &tried,
        };
        let asked = forecast(&books, true);
        assert_eq!((asked.rows.len(), asked.reasons), (2, vec![Reason::Asked]));
        assert_eq!(forecast(&Books { pages: &[], ..books }, true).reasons, []);
    }

    #[test]
    fn a_row_that_was_not_paid_is_not_sent_again_at_once() {
        let page = debt(1, 1 << 70, 200 * ROW);
        let last = Tried {
            epoch: 0,
            cumulative: page.owed,
            claim: page.owed,
            balance: page.account.balance,
            at: Timestamp::from_seconds(100_000),
        };
        let tried = HashMap::from([(page.account.id.user, last)]);
        assert_eq!(decide(&[page], 103_599, &tried).reasons, []);
        assert!(!decide(&[page], 103_600, &tried).reasons.is_empty());
        let more = debt(1, 1 << 70, 201 * ROW);
        assert!(!decide(&[more], 100_001, &tried).reasons.is_empty(), "a new claim is a new try");
        let mut renewed = page;
        renewed.account.epoch = 1;
        renewed.best = Some(voucher(1, 1, 200 * ROW));
        assert!(
            !decide(&[renewed], 100_001, &tried).reasons.is_empty(),
            "so is a new voucher for the same sum"
        );
    }
}
