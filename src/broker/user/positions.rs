//! The positions of the book, one an account, with the sums over all of them.
//!
//! Positions change through one door, [`Positions::change`], which takes a position's figures out of the sums before and
//! puts them in after. So a cap over all accounts, and whoever asks for totals, costs the same with ten accounts and
//! with ten thousand.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::view::Totals;
use crate::domain::{Address, ChainAccount, Neuron, RequestId, RunningSum};

/// One account's figures.
#[derive(Clone, Debug, Default)]
pub(super) struct Position {
    pub(super) authorized: Neuron,
    /// Up to here `authorized` is on disk.
    pub(super) durable: Neuron,
    pub(super) owed: Neuron,
    holds: BTreeMap<RequestId, Hold>,
    held: Neuron,
    /// The part of `held` whose requests are being answered.
    live: Neuron,
    pub(super) chain: Option<ChainAccount>,
    /// The block at which `chain` was read.
    pub(super) block: u64,
    /// The highest voucher that was put on its way to the provider.
    pub(super) carried: Neuron,
    /// Somebody sees to it that a voucher for what is owed gets there.
    pub(super) bringing: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub amount: Neuron,
    /// Whether the request is being answered now; an unconfirmed one may hold for long.
    pub live: bool,
    /// The voucher that was granted with it, until that is on disk.
    pub unwritten: Option<Neuron>,
}

/// Which holds count when room is computed.
#[derive(Clone, Copy)]
pub(super) enum Holds {
    All,
    /// As if every request that is being answered had ended and cost nothing.
    Lasting,
}

impl Position {
    /// What the store remembers of an account: as of block 0, since the chain may be another one by now.
    pub fn remembered(authorized: Neuron, owed: Neuron, chain: Option<ChainAccount>) -> Self {
        Position { authorized, durable: authorized, owed, chain, ..Position::default() }
    }

    pub fn authorized(&self) -> Neuron {
        self.authorized
    }

    pub fn durable(&self) -> Neuron {
        self.durable
    }

    pub fn owed(&self) -> Neuron {
        self.owed
    }

    pub fn held(&self) -> Neuron {
        self.held
    }

    pub fn chain(&self) -> Option<&ChainAccount> {
        self.chain.as_ref()
    }

    /// Whether a voucher should be brought to the provider on its own.
    pub fn unpaid(&self) -> bool {
        self.owed > self.carried
    }

    /// The most that is promised or may come to be owed.
    pub fn committed(&self) -> Neuron {
        self.committed_with(Holds::All)
    }

    pub(super) fn committed_with(&self, holds: Holds) -> Neuron {
        self.authorized.max(self.owed.saturating_add(self.counted(holds)))
    }

    /// The holds that count.
    pub(super) fn counted(&self, holds: Holds) -> Neuron {
        match holds {
            Holds::All => self.held,
            Holds::Lasting => self.held.above(self.live),
        }
    }

    pub(super) fn live(&self) -> Neuron {
        self.live
    }

    /// What new requests may use, as far as the deposit decides it.
    fn available(&self) -> Neuron {
        self.chain.map_or(Neuron::ZERO, |chain| chain.available(self.owed, self.held))
    }

    /// Holds money for a request, in place of what it held before.
    pub(super) fn hold(&mut self, request: RequestId, hold: Hold) {
        self.let_go(request);
        self.holds.insert(request, hold);
        self.held = self.held.saturating_add(hold.amount);
        if hold.live {
            self.live = self.live.saturating_add(hold.amount);
        }
    }

    /// Gives back what a request holds.
    pub(super) fn let_go(&mut self, request: RequestId) -> Option<Hold> {
        let hold = self.holds.remove(&request)?;
        self.held = self.held.above(hold.amount);
        if hold.live {
            self.live = self.live.above(hold.amount);
        }
        Some(hold)
    }

    /// A voucher goes with a request as soon as it is on disk.
    pub(super) fn granted(&mut self, request: RequestId, voucher: Neuron) {
        if let Some(hold) = self.holds.get_mut(&request) {
            hold.unwritten = Some(voucher);
            self.authorized = voucher;
        }
    }

    pub(super) fn made_durable(&mut self, authorized: Neuron) {
        self.durable = self.durable.max(authorized);
        self.authorized = self.authorized.max(authorized);
    }

    /// What was granted with a request is on disk.
    pub(super) fn written(&mut self, request: RequestId) {
        if let Some(hold) = self.holds.get_mut(&request) {
            hold.unwritten = None;
        }
    }

    /// What was granted with a request is not on disk and is not signed. What is promised falls back to what is on disk, or on
    /// its way there for others.
    pub(super) fn not_written(&mut self, request: RequestId) {
        self.let_go(request);
        let others = self.holds.values().filter_map(|hold| hold.unwritten);
        self.authorized = others.fold(self.durable, Neuron::max);
    }

    /// Requests whose end is not known.
    pub(super) fn waiting(&self) -> impl Iterator<Item = RequestId> {
        self.holds.iter().filter(|(_, hold)| !hold.live).map(|(request, _)| *request)
    }
}

/// All positions, in order of their providers.
#[derive(Debug, Default)]
pub(super) struct Positions {
    all: BTreeMap<Address, Position>,
    /// Accounts that the chain knows, those first whose answers cost most.
    dearest: BTreeSet<(Reverse<Neuron>, Address)>,
    sums: Sums,
}

/// Sums over all positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    held: RunningSum,
    committed: RunningSum,
    committed_lasting: RunningSum,
    lasting: RunningSum,
    // Of those that the chain knows.
    balance: RunningSum,
    available: RunningSum,
    owed: RunningSum,
    promised: RunningSum,
    settled: RunningSum,
    /// One for each that has nothing for new requests.
    empty: RunningSum,
}

impl Sums {
    fn apply(&mut self, position: &Position, step: fn(&mut RunningSum, Neuron)) {
        step(&mut self.held, position.held);
        step(&mut self.lasting, position.counted(Holds::Lasting));
        step(&mut self.committed, position.committed());
        step(&mut self.committed_lasting, position.committed_with(Holds::Lasting));
        let Some(chain) = position.chain() else { return };
        step(&mut self.balance, chain.balance);
        let available = position.available();
        step(&mut self.available, available);
        step(&mut self.empty, Neuron::new(u128::from(available.is_zero())));
        step(&mut self.owed, position.owed);
        step(&mut self.promised, position.authorized);
        step(&mut self.settled, chain.settled);
    }
}

impl Positions {
    /// All positions at a start. In the order of their providers, as the store gives them, they cost least.
    pub fn of(all: Vec<(Address, Position)>) -> Self {
        let mut sums = Sums::default();
        all.iter().for_each(|(_, position)| sums.apply(position, RunningSum::add));
        let known = all.iter().filter(|(_, position)| position.chain.is_some());
        let dearest = known.map(|(provider, position)| (Reverse(position.owed), *provider)).collect();
        Positions { all: all.into_iter().collect(), dearest, sums }
    }

    pub fn get(&self, provider: Address) -> Option<&Position> {
        self.all.get(&provider)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Address, &Position)> {
        self.all.iter()
    }

    /// Those behind a provider, or all.
    pub fn after(&self, after: Option<Address>) -> impl Iterator<Item = (&Address, &Position)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.all.range((from, Bound::Unbounded))
    }

    /// Accounts that the chain knows, those first whose answers have cost most.
    pub fn dearest(&self) -> impl Iterator<Item = (&Address, &Position)> {
        self.dearest.iter().filter_map(|(_, provider)| self.all.get_key_value(provider))
    }

    /// Changes a position, if there is one.
    pub fn change<T>(&mut self, provider: Address, change: impl FnOnce(&mut Position) -> T) -> Option<T> {
        let position = self.all.get_mut(&provider)?;
        let place = |position: &Position| position.chain.map(|_| (Reverse(position.owed), provider));
        let before = place(position);
        self.sums.apply(position, RunningSum::take);
        let changed = change(position);
        self.sums.apply(position, RunningSum::add);
        let after = place(position);
        if before != after {
            before.map(|place| self.dearest.remove(&place));
            after.map(|place| self.dearest.insert(place));
        }
        Some(changed)
    }

    /// Changes a position, or the one that now begins.
    pub fn change_or_begin(&mut self, provider: Address, change: impl FnOnce(&mut Position)) {
        self.all.entry(provider).or_default();
        self.change(provider, change);
    }

    /// From now on any reading counts, whatever its block: numbers say nothing after a reorg.
    pub fn forget_blocks(&mut self) {
        self.all.values_mut().for_each(|position| position.block = 0);
    }

    /// What all requests in flight hold.
    pub fn held(&self, holds: Holds) -> Neuron {
        match holds {
            Holds::All => self.sums.held.get(),
            Holds::Lasting => self.sums.lasting.get(),
        }
    }

    /// The most that is promised or may come to be owed, over all accounts.
    pub fn committed(&self) -> Neuron {
        self.sums.committed.get()
    }

    /// The same without one of them.
    pub fn committed_to_others(&self, position: &Position, holds: Holds) -> Neuron {
        let sum = match holds {
            Holds::All => self.sums.committed,
            Holds::Lasting => self.sums.committed_lasting,
        };
        sum.without(position.committed_with(holds))
    }

    /// Sums over the accounts that the chain knows.
    pub fn totals(&self) -> Totals {
        Totals {
            accounts: self.dearest.len(),
            empty: usize::try_from(self.sums.empty.get().get()).unwrap_or(usize::MAX),
            balance: self.sums.balance.get(),
            available: self.sums.available.get(),
            owed: self.sums.owed.get(),
            promised: self.sums.promised.get(),
            settled: self.sums.settled.get(),
        }
    }

    /// All of it added up again: what the sums have to be.
    #[cfg(test)]
    pub fn holds_together(&self) -> bool {
        let mut sums = Sums::default();
        self.all.values().for_each(|position| sums.apply(position, RunningSum::add));
        let known = self.all.iter().filter(|(_, position)| position.chain.is_some());
        let dearest = known.map(|(provider, position)| (Reverse(position.owed), *provider)).collect();
        let held = |position: &Position, live: bool| {
            let holds = position.holds.values().filter(|hold| hold.live || !live);
            holds.fold(Neuron::ZERO, |sum, hold| sum.saturating_add(hold.amount))
        };
        let each = |position: &Position| {
            position.held == held(position, false) && position.live == held(position, true)
        };
        self.sums == sums && self.dearest == dearest && self.all.values().all(each)
    }
}
