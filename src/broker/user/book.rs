//! The book of what is owed, promised and held: one position per account, and the one gate to spending.
//!
//! Plain synchronous values; the broker keeps the book behind a short lock and rebuilds it from the store and the
//! chain at every start. All faces promise money through [`Book::reserve`], so two callers can never promise the same
//! neuron. What the book grants counts only after the store has it on disk; [`Book::written`] says so, and only
//! up to that mark are vouchers signed (invariant I15).
//!
//! For one account, with everything all-time and in neuron:
//!
//! ```text
//! owed        fees of answers so far            held        highest fees of requests in flight
//! authorized  highest voucher ever signed       coverage    settled + balance − pending refund (chain)
//! available = coverage − owed − held
//! voucher   = max(authorized, owed, owed + held by live requests − credit limit)
//! ```
//!
//! While a voucher for what is owed is on its way by itself (`push`), a request does not bring the same promise a second
//! time: it carries the last voucher again, as far as the credit limit allows, and nothing is signed for it.
//!
//! A request whose end is not known holds money but earns no voucher: a provider that keeps its receipts back would
//! else be promised the highest fee of every request. Nor does a settlement make anything owed. What a provider took
//! under a voucher that ran ahead is its next answers' pay.

use super::caps::{Cap, Caps};
use super::positions::{Hold, Holds, Position, Positions};
use super::view::Totals;
use crate::domain::{Address, ChainAccount, Neuron, RequestId};

/// What a request wants to spend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub provider: Address,
    pub request: RequestId,
    /// The highest fee that it could come to.
    pub wanted: Neuron,
    /// The least that makes it worth sending.
    pub least: Neuron,
    /// What this provider lends, by its terms.
    pub credit_limit: Neuron,
    pub caps: Caps,
    pub max_exposure: Option<Neuron>,
    /// The UTC day, for the daily cap.
    pub day: u64,
}

/// Leave to spend up to `max_fee`, under a voucher of `voucher` in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub max_fee: Neuron,
    pub voucher: Neuron,
}

/// Why a request cannot be paid now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Denied {
    pub reason: DeniedReason,
    /// What the request needs at least.
    pub needed: Neuron,
    /// What it could have.
    pub available: Neuron,
    /// Whether it could pass once requests in flight have ended.
    pub later: bool,
    /// The deposit that would let it pass; nothing where money does not help.
    pub missing: Neuron,
}

/// What a request would be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub max_fee: Neuron,
    /// What ends the room, and the room.
    pub limit: (DeniedReason, Neuron),
}

/// What becomes of a promise that a provider calls too low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raise {
    /// It is so high now.
    To(Neuron),
    /// More is needed than may be promised: so much.
    Beyond(Neuron),
    /// The request itself has no room.
    Denied,
}

/// The room for a request: what the account has, and what the tightest of the other limits leaves.
#[derive(Clone, Copy, Debug)]
struct Room {
    account: bool,
    balance: Neuron,
    other: Option<(DeniedReason, Neuron)>,
}

impl Room {
    fn tightest(&self) -> (DeniedReason, Neuron) {
        match self.other {
            _ if !self.account => (DeniedReason::NoAccount, Neuron::ZERO),
            Some((reason, room)) if room < self.balance => (reason, room),
            _ => (DeniedReason::Balance, self.balance),
        }
    }

    /// The room that any deposit could give.
    fn beyond_balance(&self) -> Neuron {
        self.other.map_or(Neuron::MAX, |(_, room)| room)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeniedReason {
    NoAccount,
    Balance,
    Exposure,
    Cap(Cap, Neuron),
}

impl Position {
    /// The voucher that covers everything owed and held beyond what the provider lends.
    fn voucher(&self, credit_limit: Neuron) -> Neuron {
        let owed = self.owed();
        let promised = if self.bringing { self.authorized } else { self.authorized.max(owed) };
        promised.max(owed.saturating_add(self.live()).above(credit_limit))
    }
}

/// All positions, and what was spent today.
#[derive(Debug, Default)]
pub(super) struct Book {
    positions: Positions,
    /// The latest day ever seen: a clock set back does not open the daily budget again.
    day: u64,
    spent_today: Neuron,
}

impl Book {
    pub fn position(&self, provider: Address) -> Option<&Position> {
        self.positions.get(provider)
    }

    pub fn positions(&self) -> impl Iterator<Item = (&Address, &Position)> {
        self.positions.iter()
    }

    /// Those behind a provider, or all.
    pub fn positions_after(&self, after: Option<Address>) -> impl Iterator<Item = (&Address, &Position)> {
        self.positions.after(after)
    }

    /// Accounts that the chain knows, those first whose answers have cost most.
    pub fn dearest(&self) -> impl Iterator<Item = (&Address, &Position)> {
        self.positions.dearest()
    }

    /// Sums over the accounts that the chain knows.
    pub fn totals(&self) -> Totals {
        self.positions.totals()
    }

    /// Begins with the accounts that the store remembers, each with its provider, once.
    pub fn begin(&mut self, accounts: Vec<(Address, Position)>) {
        self.positions = Positions::of(accounts);
    }

    /// Takes what the store remembers of an account.
    pub fn restore(&mut self, provider: Address, authorized: Neuron, owed: Neuron) {
        self.positions.change_or_begin(provider, |position| {
            position.authorized = position.authorized.max(authorized);
            position.durable = position.durable.max(authorized);
            position.owed = position.owed.max(owed);
        });
    }

    /// Takes over what the store has adopted: `more` is owed than it knew. An end that is on disk and not booked here yet is no
    /// part of that.
    pub fn adopt(&mut self, provider: Address, authorized: Neuron, more: Neuron) {
        self.positions.change_or_begin(provider, |position| {
            position.authorized = position.authorized.max(authorized);
            position.durable = position.durable.max(authorized);
            position.owed = position.owed.saturating_add(more);
        });
    }

    /// Takes what was spent on a day. A later call with an earlier day changes nothing.
    pub fn restore_day(&mut self, day: u64, spent: Neuron) {
        if day >= self.day {
            self.day = day;
            self.spent_today = spent;
        }
    }

    /// Puts back the hold of a request whose end is not known.
    pub fn restore_hold(&mut self, provider: Address, request: RequestId, amount: Neuron) {
        let hold = Hold { amount, live: false, unwritten: None };
        self.positions.change_or_begin(provider, |position| position.hold(request, hold));
    }

    /// Takes an account as read from the chain at a block; `None` when there is none (any more).
    pub fn set_chain(&mut self, provider: Address, account: Option<ChainAccount>, block: u64) {
        if account.is_some() || self.positions.get(provider).is_some() {
            self.positions.change_or_begin(provider, |position| {
                (position.chain, position.block) = (account, block);
            });
        }
    }

    /// Whether an account is known as it was after this block: answers may come in another order than they were asked for.
    pub fn knows_newer(&self, provider: Address, block: u64) -> bool {
        self.positions.get(provider).is_some_and(|position| position.block > block)
    }

    /// From now on any reading counts, whatever its block: numbers say nothing after a reorg.
    pub fn forget_blocks(&mut self) {
        self.positions.forget_blocks();
    }

    /// Today, as far as budgets are concerned, and what was spent in it.
    pub fn today(&mut self, day: u64) -> (u64, Neuron) {
        if day > self.day {
            self.day = day;
            self.spent_today = Neuron::ZERO;
        }
        (self.day, self.spent_today)
    }

    /// What all requests in flight hold.
    pub fn held(&self) -> Neuron {
        self.positions.held(Holds::All)
    }

    /// The most that is promised or may come to be owed, over all accounts.
    pub fn committed(&self) -> Neuron {
        self.positions.committed()
    }

    /// Holds the highest fee of a request and says which voucher must go with it.
    ///
    /// The fee granted is `wanted`, or less where the deposit or a cap is less, but never below `least`.
    pub fn reserve(&mut self, ask: &Ask) -> Result<Grant, Denied> {
        let max_fee = self.look(ask)?.max_fee;
        let mut voucher = Neuron::ZERO;
        self.positions.change_or_begin(ask.provider, |position| {
            position.hold(ask.request, Hold { amount: max_fee, live: true, unwritten: None });
            voucher = position.voucher(ask.credit_limit);
            position.granted(ask.request, voucher);
        });
        Ok(Grant { max_fee, voucher })
    }

    /// What [`Book::reserve`] would say. Nothing is held.
    pub fn look(&self, ask: &Ask) -> Result<Look, Denied> {
        let room = self.room(ask, Holds::All);
        let limit = room.tightest();
        let max_fee = ask.wanted.min(limit.1);
        if room.account && max_fee >= ask.least {
            return Ok(Look { max_fee, limit });
        }
        let later = room.account && self.room(ask, Holds::Lasting).tightest().1 >= ask.least;
        // Where a deposit alone would not help, what stands behind it is named.
        let (reason, available) = match room.other {
            Some(other) if limit.0 == DeniedReason::Balance && other.1 < ask.least => other,
            _ => limit,
        };
        let money = matches!(reason, DeniedReason::NoAccount | DeniedReason::Balance);
        let missing = if money { self.missing(ask.provider, ask.least) } else { Neuron::ZERO };
        Err(Denied { reason, needed: ask.least, available, later, missing })
    }

    /// The deposit after which a request could have so much, as far as deposits decide it.
    pub fn missing(&self, provider: Address, wanted: Neuron) -> Neuron {
        let position = self.positions.get(provider);
        let Some((position, chain)) = position.and_then(|position| Some((position, position.chain?))) else {
            return wanted;
        };
        chain.missing(position.owed().saturating_add(position.held()).saturating_add(wanted))
    }

    /// The room that caps and exposure leave, whatever is deposited.
    pub fn room_beyond_balance(&self, ask: &Ask) -> Neuron {
        self.room(ask, Holds::All).beyond_balance()
    }

    /// What deposit, exposure and caps leave.
    fn room(&self, ask: &Ask, holds: Holds) -> Room {
        let none = Position::default();
        let position = self.positions.get(ask.provider).unwrap_or(&none);
        let (owed, counted) = (position.owed(), position.counted(holds));
        let used = owed.saturating_add(counted);
        let balance = position.chain.map_or(Neuron::ZERO, |chain| chain.available(owed, counted));
        let mut other: Option<(DeniedReason, Neuron)> = None;
        let mut limit = |reason, room: Neuron| {
            if other.is_none_or(|(_, tightest)| room < tightest) {
                other = Some((reason, room));
            }
        };

        if let Some(exposure) = ask.max_exposure {
            let may_sign = position.authorized.max(owed.saturating_add(exposure));
            limit(DeniedReason::Exposure, may_sign.saturating_add(ask.credit_limit).above(used));
        }
        if let Some(cap) = ask.caps.per_request {
            limit(DeniedReason::Cap(Cap::Request, cap), cap);
        }
        if let Some(cap) = ask.caps.per_day {
            let today = if ask.day > self.day { Neuron::ZERO } else { self.spent_today };
            let held = self.positions.held(holds);
            limit(DeniedReason::Cap(Cap::Day, cap), cap.above(today.saturating_add(held)));
        }
        // A voucher once signed can be claimed, so what was promised counts as spent.
        let under = |cap: Neuron| if position.authorized > cap { Neuron::ZERO } else { cap.above(used) };
        if let Some(cap) = ask.caps.per_provider {
            limit(DeniedReason::Cap(Cap::Provider, cap), under(cap));
        }
        if let Some(cap) = ask.caps.total {
            let others = self.positions.committed_to_others(position, holds);
            limit(DeniedReason::Cap(Cap::Total, cap), under(cap.above(others)));
        }
        Room { account: position.chain.is_some(), balance, other }
    }

    /// The store has a request on disk, with the voucher that was granted with it.
    pub fn written(&mut self, provider: Address, request: RequestId, voucher: Neuron) {
        self.positions.change(provider, |position| {
            position.written(request);
            position.made_durable(voucher);
        });
    }

    /// The same of a raise, which holds nothing.
    pub fn raised(&mut self, provider: Address, request: RequestId, authorized: Neuron) {
        self.positions.change(provider, |position| {
            position.let_go(request);
            position.made_durable(authorized);
        });
    }

    /// The store has `authorized` on disk.
    pub fn made_durable(&mut self, provider: Address, authorized: Neuron) {
        self.positions.change(provider, |position| position.made_durable(authorized));
    }

    /// A voucher of this amount is on its way, so that none need be brought for less.
    pub fn carried(&mut self, provider: Address, cumulative: Neuron) {
        self.positions.change(provider, |position| position.carried = position.carried.max(cumulative));
    }

    /// Whether somebody brings what is owed by itself; then requests need not.
    pub fn bringing(&mut self, provider: Address, at_it: bool) {
        self.positions.change(provider, |position| position.bringing = at_it);
    }

    /// A voucher did not arrive after all.
    pub fn not_carried(&mut self, provider: Address) {
        self.positions.change(provider, |position| position.carried = Neuron::ZERO);
    }

    /// Lets go of a request, or of a raise, that was not written down, and of the voucher that was granted with it.
    pub fn not_written(&mut self, provider: Address, request: RequestId) {
        self.positions.change(provider, |position| position.not_written(request));
    }

    /// A request whose end is not known goes on holding, maybe for long; no more than it can still come to.
    pub fn unconfirmed(&mut self, provider: Address, request: RequestId, at_most: Neuron) {
        self.positions.change(provider, |position| {
            if let Some(Hold { amount, .. }) = position.let_go(request) {
                position.hold(request, Hold { amount: amount.min(at_most), live: false, unwritten: None });
            }
        });
    }

    /// Requests to one provider whose end is not known.
    pub fn waiting_of(&self, provider: Address) -> Vec<RequestId> {
        self.positions.get(provider).into_iter().flat_map(Position::waiting).collect()
    }

    /// Requests whose end is not known.
    pub fn waiting(&self) -> Vec<RequestId> {
        self.positions.iter().flat_map(|(_, position)| position.waiting()).collect()
    }

    /// What `owed` will be when this fee is booked; vouchers must be able to follow.
    pub fn owed_after(&self, provider: Address, fee: Neuron) -> Neuron {
        self.positions.get(provider).map_or(Neuron::ZERO, Position::owed).saturating_add(fee)
    }

    /// Ends a request that cost `fee`, once the store has it. Its hold goes with that, so whoever finds the end on disk may tell
    /// it here, and only the first counts. What may be signed for it is told apart, by [`Book::made_durable`]: of several
    /// ends at once none knows the sum of all.
    pub fn finish(&mut self, provider: Address, request: RequestId, fee: Neuron, day: u64) {
        let (today, _) = self.today(day);
        let ended = self.positions.change(provider, |position| {
            position.let_go(request)?;
            position.owed = position.owed.saturating_add(fee);
            Some(())
        });
        // A fee counts for the day on which its request was made.
        if ended.flatten().is_some() && day >= today {
            self.spent_today = self.spent_today.saturating_add(fee);
        }
    }

    /// Ends the hold of a receipt that was accepted: `amount` more is owed for a request of that day.
    pub fn accept(&mut self, provider: Address, hold: RequestId, amount: Neuron, day: u64) {
        if day >= self.day {
            self.spent_today = self.spent_today.saturating_add(amount);
        }
        self.positions.change_or_begin(provider, |position| {
            position.let_go(hold);
            position.owed = position.owed.saturating_add(amount);
        });
    }

    /// Promises a provider that says it holds `taken` as much as a request needs to pass there.
    ///
    /// Never beyond what is owed by our own count plus the exposure, nor beyond deposit and caps: without a setting the
    /// exposure is what live requests hold and what this one would be granted. Raised here and now, so that nobody else
    /// promises the same room meanwhile; like a grant it counts once it is on disk, of which [`Book::raised`] or
    /// [`Book::not_written`] tells under the request that it was asked for.
    pub fn raise(&mut self, ask: &Ask, taken: Neuron) -> Raise {
        let Ok(Look { max_fee, .. }) = self.look(ask) else { return Raise::Denied };
        let required = taken.saturating_add(max_fee).above(ask.credit_limit);
        let Some(position) = self.positions.get(ask.provider) else { return Raise::Denied };
        let Some(chain) = position.chain else { return Raise::Denied };
        let others = self.positions.committed_to_others(position, Holds::All);
        let exposure = ask.max_exposure.unwrap_or(position.live().saturating_add(max_fee));
        let most = position
            .owed()
            .saturating_add(exposure)
            .min(chain.coverage())
            .min(ask.caps.per_provider.unwrap_or(Neuron::MAX))
            .min(ask.caps.total.map_or(Neuron::MAX, |cap| cap.above(others)))
            .max(position.authorized);
        if required > most {
            return Raise::Beyond(most);
        }
        let raised = position.authorized.max(required);
        self.positions.change(ask.provider, |position| {
            position.hold(ask.request, Hold { amount: Neuron::ZERO, live: true, unwritten: None });
            position.granted(ask.request, raised);
        });
        Raise::To(raised)
    }

    #[cfg(test)]
    pub fn holds_together(&self) -> bool {
        self.positions.holds_together()
    }
}
