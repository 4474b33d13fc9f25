//! What keeps transactions moving: gaps closed, the same bytes again, the same nonce at a higher fee.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::slot::{Order, Slot};
use super::verdict::{Verdict, verdict};
use super::{SenderSettings, Worker};
use crate::chain::ChainError;
use crate::chain::fees::Fees;
use crate::chain::journal::TxState;
use crate::chain::rpc::At;
use crate::domain::Timestamp;

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
            if slot.reopened {
                if let Some(attempt) = slot.attempts.last().cloned().filter(|attempt| attempt.op.is_some())
                    && self.journal.record(attempt).await.is_err()
                {
                    continue;
                }
                self.slots[at].reopened = false;
            }
            let slot = &self.slots[at];
            let stuck = slot.next_in_line
                && slot.bumps < self.settings.max_bumps
                && slot.since.elapsed() >= slot.patience(&self.settings);
            if stuck && self.replace(at).await? {
                continue;
            }
            let slot = &mut self.slots[at];
            if slot.again_at <= now
                && let Some(attempt) = slot.attempts.last().cloned()
            {
                slot.again_at = now + self.settings.rebroadcast_after;
                let said = verdict(&self.chain.broadcast(&attempt).await);
                tracing::debug!(nonce = attempt.nonce, hash = %attempt.hash, ?said, "broadcast again");
            }
        }
        Ok(())
    }

    /// Sends the same order under the same nonce at a higher fee. Says whether it did.
    async fn replace(&mut self, at: usize) -> Result<bool, ChainError> {
        let price = self.chain.gas_price().await?;
        let slot = &mut self.slots[at];
        slot.since = Instant::now();
        let Some(fees) = slot.fees().raised(price, self.settings.max_fee_per_gas) else { return Ok(false) };
        let (order, nonce, gas_limit) = (slot.order.clone(), slot.nonce, slot.gas_limit);
        let Ok(attempt) = self.sign(&order, nonce, gas_limit, fees) else { return Ok(false) };
        if let Err(error) = self.journal.record(attempt.clone()).await {
            tracing::error!(%error, nonce, "a replacement is not sent");
            return Ok(false);
        }
        let slot = &mut self.slots[at];
        slot.bumps += 1;
        slot.again_at = Instant::now() + self.settings.rebroadcast_after;
        slot.add(attempt.clone());
        let said = verdict(&self.chain.broadcast(&attempt).await);
        tracing::info!(op = ?order.op, nonce, hash = %attempt.hash, max_fee = fees.max_fee, ?said, "replaced a stuck transaction");
        Ok(true)
    }
}

impl Slot {
    /// How long it may be next in line before its fee is raised: shorter as its deadline comes near, so that the
    /// raises that are left fit into the time that is left.
    fn patience(&self, settings: &SenderSettings) -> Duration {
        let Some(deadline) = self.order.deadline else { return settings.replace_after };
        let left = Duration::from_secs(deadline.seconds_since(Timestamp::now()));
        let raises = settings.max_bumps.saturating_sub(self.bumps) + 1;
        (left / raises).clamp(Duration::from_secs(1).min(settings.replace_after), settings.replace_after)
    }
}
