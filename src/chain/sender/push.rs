//! What keeps transactions moving: gaps closed, the same bytes again, the same nonce at a higher fee.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::slot::{Order, Slot};
use super::verdict::{Verdict, verdict};
use super::{SendError, Worker};
use crate::chain::ChainError;
use crate::chain::bid::{Bid, Hurry};
use crate::chain::fees::{Fees, GasPrice};
use crate::chain::journal::TxState;
use crate::chain::line;
use crate::chain::rpc::At;
use crate::crash_point::{self, Point};
use crate::domain::{Neuron, OperationId, Timestamp};

/// Nonces that one sweep fills.
const MOST_FILLED: usize = 8;

impl Worker {
    /// Nonces below our open ones that nobody uses would block those for ever.
    pub(super) async fn close_gaps(&mut self, count: u64) -> Result<(), ChainError> {
        let Some(top) = self.slots.iter().filter(|slot| slot.is_open()).map(|slot| slot.nonce).max() else {
            return Ok(());
        };
        let missing: Vec<u64> = (count..top)
            .filter(|nonce| self.slots.iter().all(|slot| slot.nonce != *nonce))
            .take(256)
            .collect();
        if missing.is_empty() {
            self.gap_since = None;
            return Ok(());
        }
        let since = *self.gap_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.settings.gap_after {
            return Ok(());
        }
        // What waits in the pool under these nonces is somebody's and will be mined.
        let pending = self.chain.transaction_count(self.signer.address(), At::Pending).await?;
        for nonce in missing.into_iter().filter(|nonce| *nonce >= pending).take(MOST_FILLED) {
            let order = Order::gap(self.signer.address());
            let price = self.chain.gas_price().await?;
            let cap = self.settings.max_fee_per_gas;
            let Some(fees) = Fees::offer(price, cap) else { return Ok(()) };
            let Ok(attempt) = self.sign(&order, nonce, 21_000, fees) else { return Ok(()) };
            if self.journal.record(attempt.clone()).await.is_err() {
                return Ok(());
            }
            let said = verdict(&self.chain.broadcast(&attempt).await);
            tracing::warn!(nonce, ?said, "closing a gap between nonces with a transfer to ourselves");
            if matches!(said, Verdict::Accepted | Verdict::Uncertain) {
                let (state, _) = watch::channel(TxState::Sent { hashes: Vec::new() });
                let mut slot = Slot::new(order, 21_000, vec![attempt], state);
                slot.again_at = Instant::now() + self.settings.rebroadcast_after;
                self.insert(slot);
            }
        }
        Ok(())
    }

    /// Broadcasts again what nodes may have dropped, and raises the fee of what is stuck.
    pub(super) async fn push(&mut self, count: u64) -> Result<(), ChainError> {
        let now = Instant::now();
        let mut last = None;
        for at in 0..self.slots.len() {
            let slot = &mut self.slots[at];
            // Of two orders with one nonce only the first is pushed.
            if !slot.is_open() || slot.nonce < count || last == Some(slot.nonce) {
                continue;
            }
            last = Some(slot.nonce);
            // Whoever waits behind another nonce is not stuck for its own fee.
            if slot.nonce == count && !slot.next_in_line {
                slot.next_in_line = true;
                slot.since = now;
            }
            // The journal has to know first that it is under way again.
            if slot.reopened {
                continue;
            }
            let slot = &self.slots[at];
            let stuck = slot.next_in_line && slot.since.elapsed() >= self.patience(self.pressing(at));
            if stuck && self.replace(at).await? {
                continue;
            }
            let slot = &mut self.slots[at];
            if slot.again_at <= now
                && let Some(attempt) = slot.newest().cloned()
            {
                slot.again_at = now + self.settings.rebroadcast_after;
                let said = verdict(&self.chain.broadcast(&attempt).await);
                tracing::debug!(nonce = attempt.nonce, hash = %attempt.hash, ?said, "broadcast again");
                // After a restart nobody remembers what was refused.
                self.slots[at].heard(&attempt, &said);
            }
        }
        Ok(())
    }

    /// Sends the same order under the same nonce at a higher fee, if somebody pays for that. Says whether a node may
    /// have it now.
    async fn replace(&mut self, at: usize) -> Result<bool, ChainError> {
        let price = self.chain.gas_price().await?;
        let funds = self.funds(at).await?;
        self.slots[at].since = Instant::now();
        let (fees, step) = (self.slots[at].fees(), self.slots[at].step());
        let (late, payer) = self.urgency(at, Bid::is_late);
        // An offer beyond the address's money is in nobody's block, and nodes refuse it. What there is is offered.
        let funds = funds.min(step);
        let late = late.min(funds);
        let (ceiling, payer) = match fees.all_of(price, late) {
            Some(_) => (late, payer),
            None => self.ceiling(at, price),
        };
        let ceiling = ceiling.min(funds);
        let fees = fees.all_of(price, late).or_else(|| fees.raised(price, ceiling));
        let Some(fees) = fees else {
            self.slots[at].forget_too_high();
            return Ok(false);
        };
        let slot = &self.slots[at];
        let (order, nonce, gas_limit) = (slot.order.clone(), slot.nonce, slot.gas_limit);
        let Ok(attempt) = self.sign(&order, nonce, gas_limit, fees) else { return Ok(false) };
        if let Err(error) = self.journal.record(attempt.clone()).await {
            tracing::error!(%error, nonce, "a replacement is not sent");
            return Ok(false);
        }
        crash_point::pass(Point::ReplacementRecorded);
        let slot = &mut self.slots[at];
        slot.bumps += 1;
        slot.pushed_for = payer.filter(|payer| slot.order.op != Some(*payer));
        let said = verdict(&self.chain.broadcast(&attempt).await);
        let slot = &mut self.slots[at];
        slot.add(attempt.clone(), &said);
        // One that is refused is no broadcast: the one before it may have been forgotten meanwhile.
        let taken = slot.newest().is_some_and(|newest| newest.hash == attempt.hash);
        if taken {
            slot.again_at = Instant::now() + self.settings.rebroadcast_after;
        }
        if let Verdict::AboveNodeCap(message) = &said {
            let error = SendError::NodeCap { message: message.clone() };
            tracing::warn!(op = ?order.op, nonce, %error, "a transaction cannot be raised so high");
        }
        tracing::info!(op = ?order.op, nonce, hash = %attempt.hash, max_fee = fees.max_fee, ?said, "replaced a stuck transaction");
        Ok(taken)
    }

    /// The most that the address can pay for one unit of gas of the order at `at`, beside what else is under way.
    async fn funds(&self, at: usize) -> Result<u128, ChainError> {
        let slot = &self.slots[at];
        let balance = self.chain.native_balance(self.signer.address()).await?;
        let others = self.slots.iter().filter(|other| other.is_open() && other.nonce != slot.nonce);
        let held = others.fold(slot.value(), |sum, other| sum.saturating_add(other.cost()));
        Ok(balance.saturating_sub(held) / u128::from(slot.gas_limit.max(1)))
    }

    /// The most that one unit of gas may cost the order at `at` now, and who pays for it if that is an order behind it.
    ///
    /// An order follows its own bid for as many raises as the settings allow, and after those still up to the market:
    /// an offer below the base fee is in nobody's block, and in everybody's way. Whatever has been ordered without a
    /// bid takes what stands before it along to the market, and one in a hurry pays more than that.
    fn ceiling(&self, at: usize, price: GasPrice) -> (u128, Option<OperationId>) {
        let slot = &self.slots[at];
        let market = price.max_fee.min(self.settings.max_fee_per_gas);
        let own = match self.left_of(slot) {
            left if slot.bumps < self.settings.max_bumps => left,
            left if slot.fees().max_fee < price.base => left.min(market),
            _ => 0,
        };
        let behind = self.behind(at).any(|later| later.order.bid.is_none() && later.order.op.is_some());
        let own = if behind && slot.fees().max_fee < price.base { own.max(market) } else { own };
        let (pressed, payer) = self.urgency(at, Bid::presses);
        if pressed > own { (pressed, payer) } else { (own, None) }
    }

    /// What those in a hurry would have one unit of gas cost at `at`: the order there and every later one, each with what
    /// it may spend shared over all that must be mined before it. What stands in a nonce's way is its business too.
    fn urgency(&self, at: usize, counts: fn(&Bid, Timestamp) -> bool) -> (u128, Option<OperationId>) {
        let now = self.now();
        let (mut most, mut payer, mut gas) = (0, None, 0u128);
        for slot in std::iter::once(&self.slots[at]).chain(self.behind(at)) {
            gas = gas.saturating_add(slot.gas_limit.into());
            if slot.order.bid.is_some_and(|bid| counts(&bid, now)) {
                let share = self.left_of(slot).saturating_mul(slot.gas_limit.into()) / gas.max(1);
                if share > most {
                    (most, payer) = (share, slot.order.op);
                }
            }
        }
        (most, payer)
    }

    /// Open orders that wait behind the one at `at`.
    fn behind(&self, at: usize) -> impl Iterator<Item = &Slot> {
        let nonce = self.slots[at].nonce;
        self.slots[at + 1..].iter().filter(move |slot| slot.is_open() && slot.nonce > nonce)
    }

    /// The most that one unit of gas may cost an order now, less what it has paid for those before it.
    fn left_of(&self, slot: &Slot) -> u128 {
        let paid = self.slots.iter().filter(|before| before.order.op != slot.order.op);
        let paid = paid.filter(|before| before.pushed_for.is_some() && before.pushed_for == slot.order.op);
        let paid = paid.fold(0u128, |sum, before| sum.saturating_add(before.paid()));
        let bid = slot.order.bid.map(|bid| bid.less(Neuron::new(paid)));
        self.cap(bid, slot.gas_limit)
    }

    /// The nearest deadline that presses on the order at `at`: its own, or that of an order behind it.
    fn pressing(&self, at: usize) -> Option<Hurry> {
        let waiting = self.slots[at..].iter().filter(|slot| slot.is_open());
        line::pressing(waiting.filter_map(|slot| slot.order.bid), self.now())
    }

    /// How long a transaction may be next in line before its fee is raised.
    fn patience(&self, pressing: Option<Hurry>) -> Duration {
        line::patience(pressing, self.settings.replace_after, self.now())
    }
}
