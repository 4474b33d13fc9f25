//! The broker on one page: what it has earned, what is to be had, what is under way.
//!
//! Asked for again and again by whoever watches, so nothing here reads a table that grows: the day's figures are counted
//! as bookings come, and what the wallet holds is asked of the chain at most every few seconds.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::core::{Core, ProviderBroker};
use super::error::ProviderError;
use super::settlement::DecisionCounts;
use crate::domain::{Fee, Neuron, Timestamp};
use crate::store::Operation;
use crate::store::provider::ProviderRequestFilter;

/// What the wallet holds is asked again after this time.
const WALLET_FOR: Duration = Duration::from_secs(10);
/// Who watches is not kept waiting for the chain.
const WALLET_WAIT: Duration = Duration::from_millis(500);

/// Figures that no snapshot has.
#[derive(Clone, Debug)]
pub struct Overview {
    /// What a settlement of everybody could bring now.
    pub claimable: Neuron,
    /// Users with something unsettled, and those of them whose debt is in danger.
    pub debtors: usize,
    pub in_danger: usize,
    /// What the gas of all settlements has cost.
    pub gas_spent: Neuron,
    pub today: Day,
    /// What the provider's key owns outside the contract; `None` while the chain does not say.
    pub wallet: Option<Neuron>,
    pub settling: Vec<Operation>,
    pub decisions: DecisionCounts,
}

/// A UTC day so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970.
    pub day: u64,
    /// Charged requests.
    pub requests: u64,
    pub fee: Neuron,
}

/// What is kept so that an overview costs nothing.
#[derive(Debug, Default)]
pub(super) struct Tally {
    today: Mutex<Day>,
    wallet: Mutex<Option<(Instant, Neuron)>>,
    gas_spent: Mutex<Neuron>,
}

impl Tally {
    /// A request was booked.
    pub(super) fn booked(&self, fee: Fee, at: Timestamp) {
        let mut today = self.today.lock();
        if today.day != at.day() {
            *today = Day { day: at.day(), ..Day::default() };
        }
        if fee != Fee::NONE {
            today.requests += 1;
            today.fee = today.fee.saturating_add(fee.total());
        }
    }

    fn today(&self, now: Timestamp) -> Day {
        let today = *self.today.lock();
        if today.day == now.day() { today } else { Day { day: now.day(), ..Day::default() } }
    }
}

impl Core {
    /// Counts the day so far from the store, once, at the start.
    pub(super) async fn count_today(&self) -> Result<(), ProviderError> {
        let now = Timestamp::now();
        let midnight = Timestamp::from_seconds(now.day() * 86_400);
        let filter = ProviderRequestFilter {
            from: Some(midnight),
            state: Some(crate::domain::ProviderRequestState::Charged),
            ..ProviderRequestFilter::default()
        };
        let totals = self.store.request_totals(filter).await?;
        *self.tally.today.lock() = Day { day: now.day(), requests: totals.count, fee: totals.fee.total() };
        Ok(())
    }

    /// Counts the gas of all settlements: at the start, and when the outcome of one changes.
    pub(super) async fn count_gas(&self) -> Result<(), ProviderError> {
        let spent = self.store.settlement_gas().await?;
        *self.tally.gas_spent.lock() = spent;
        Ok(())
    }

    pub(super) async fn wallet_lately(&self) -> Option<Neuron> {
        let known = *self.tally.wallet.lock();
        if let Some((at, amount)) = known
            && at.elapsed() < WALLET_FOR
        {
            return Some(amount);
        }
        let asked = tokio::time::timeout(WALLET_WAIT, self.chain.native_balance(self.me)).await;
        let amount = Neuron::new(asked.ok()?.ok()?);
        *self.tally.wallet.lock() = Some((Instant::now(), amount));
        Some(amount)
    }
}

impl ProviderBroker {
    /// Figures beside the snapshot's, at this moment.
    pub async fn overview(&self) -> Result<Overview, ProviderError> {
        let core = &self.core;
        let now = Timestamp::now();
        let totals = core.book.totals(core.book.chain_now(now));
        let mut settling = Vec::new();
        for id in core.settling.running() {
            settling.extend(core.store.operations().get(id).await?);
        }
        let gas_spent = *core.tally.gas_spent.lock();
        Ok(Overview {
            claimable: totals.claimable,
            debtors: totals.debtors,
            in_danger: totals.in_danger,
            gas_spent,
            today: core.tally.today(now),
            wallet: core.wallet_lately().await,
            settling,
            decisions: core.settling.record.counts(),
        })
    }

    /// The contract's lock time in seconds.
    pub fn lock_time(&self) -> u64 {
        self.core.chain.lock_time()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight() {
        let tally = Tally::default();
        let fee = |neuron| Fee { input: Neuron::new(neuron), output: Neuron::ZERO };
        let at = Timestamp::from_seconds;
        tally.booked(fee(5), at(86_400 * 9 - 1));
        tally.booked(Fee::NONE, at(86_400 * 9 - 1));
        assert_eq!(tally.today(at(86_400 * 9 - 1)), Day { day: 8, requests: 1, fee: Neuron::new(5) });
        assert_eq!(tally.today(at(86_400 * 9)), Day { day: 9, requests: 0, fee: Neuron::ZERO });
        tally.booked(fee(7), at(86_400 * 9));
        assert_eq!(tally.today(at(86_400 * 9)), Day { day: 9, requests: 1, fee: Neuron::new(7) });
    }
}
